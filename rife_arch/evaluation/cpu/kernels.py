"""Compiled loops for CPUs: enlarge, warp, assemble and blend without tensors in between.

Optional: importing this needs numba. Every function works on some rows of a picture and holds no
lock, so that threads can share it. All memory is flat and float32:

- a frame is [H, W, ``frame``]: colours, features, zeros;
- an update, what a block returns, has ``summed`` floats that add up over blocks (flow, perhaps the
  mask), then ``carried`` ones that it hands to the next (mask and features), the last of either
  perhaps belonging to the next pixel and of no use. Where a pixel begins is looked up by row and by
  column, so its pixels may lie in any order;
- a block's input is [h, w, 2 ``frame`` + ``summed`` + ``carried``]: both warped frames, what adds
  up, what was handed on; the last float of each pixel is the timestep.
"""

# pyright: basic
# numba compiles these functions from the types of their arguments.

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numba import njit

from .simd import add_bilinear, add_lerp, put_copy, put_lerp, put_rounded

# NaN stays NaN, so that a position that is none is caught, not turned into an address.
_FAST = {"contract", "reassoc", "nsz", "arcp", "afn"}
_Loop = Callable[..., None]
_inlined: Callable[[Callable], Callable] = njit(nogil=True, fastmath=_FAST, inline="always")


def _compiled(loop: _Loop) -> _Loop:
    """Compile at first use, or take what numba keeps on disk.

    That refers to this module by its name, which is another one inside ComfyUI, and lies in a file
    called after the function: hence the name's checksum in there.
    """
    loop.__qualname__ = f"{loop.__name__}_{crc32(__name__.encode()):08x}"
    return njit(nogil=True, fastmath=_FAST, cache=True)(loop)


class Enlargement(NamedTuple):
    """Bilinear enlargement of an update, at some rows and columns.

    Attributes:
        above: [n] where the upper source row begins.
        below: [n] where the lower one begins.
        down: [n] float32, weight of the lower one.
        at: [w] where each column of the source begins within its row.
        left: [m] index of the left source column.
        right: [m] index of the right one.
        along: [m] float32, weight of the right one.
    """

    above: np.ndarray
    below: np.ndarray
    down: np.ndarray
    at: np.ndarray
    left: np.ndarray
    right: np.ndarray
    along: np.ndarray

    def rows(self, start: int, stop: int) -> Enlargement:
        """Keep some rows of the result."""
        here = slice(start, stop)
        return self._replace(above=self.above[here], below=self.below[here], down=self.down[here])


class Frames(NamedTuple):
    """Two flat frames and their size in px."""

    first: np.ndarray
    second: np.ndarray
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Kernels:
    """The loops for one kind of network; their arguments stand at their definitions."""

    interleave: _Loop
    add_enlarged: _Loop
    block_input: _Loop
    blend: _Loop


def make_kernels(frame: int, features: int, summed: int, carried: int, *, rounds: bool) -> Kernels:
    """Make the loops for a pixel layout; compiled at first use, then kept on disk by numba.

    Args:
        frame: floats per pixel of a frame, a multiple of 4.
        features: floats of it that the encoder made, behind the three colours.
        summed: floats that add up over blocks, 4 or 8.
        carried: floats that one block hands to the next, 0 or a multiple of 4.
        rounds: block inputs are bfloat16, as uint16, not float32.
    """
    return Kernels(
        _make_interleave(frame, features),
        _make_add_enlarged(summed),
        _make_block_input(frame, summed, carried, rounds),
        _make_blend(frame, summed, carried),
    )


# What follows takes the layout as numbers that the compiler knows, hence a function per layout:
# that turns the channels of a pixel into one or two vector instructions.


def _make_interleave(frame: int, features: int) -> _Loop:
    @_compiled
    def interleave(out, colours, encoded, row_at, col_at):
        """Write rows of a frame: [3, n, W] colours, and features found by row and column."""
        width = col_at.shape[0]
        for y in range(row_at.shape[0]):
            for x in range(width):
                to = (y * width + x) * frame
                for c in range(3):
                    out[to + c] = colours[c, y, x]
                if features:
                    put_copy(out, to + 3, encoded, row_at[y] + col_at[x], features)
                for c in range(3 + features, frame):
                    out[to + c] = 0

    return interleave


def _make_add_enlarged(summed: int) -> _Loop:
    @_compiled
    def add_enlarged(total, source, enlargement, line, is_first):
        """Add rows of an enlarged update to ``total`` [n, m, ``summed``]; the first begins it.

        ``line`` has room for a row of the source.
        """
        above, below, down, at, left, right, along = enlargement
        width = left.shape[0]
        for i in range(above.shape[0]):
            for x in range(at.shape[0]):
                a, b = above[i] + at[x], below[i] + at[x]
                put_lerp(line, summed * x, source, a, b, down[i], summed)
            for j in range(width):
                a, b = summed * left[j], summed * right[j]
                if is_first:
                    put_lerp(total, (i * width + j) * summed, line, a, b, along[j], summed)
                else:
                    add_lerp(total, (i * width + j) * summed, line, a, b, along[j], summed)

    return add_enlarged


def _make_block_input(frame: int, summed: int, carried: int, rounds: bool) -> _Loop:
    pixel = 2 * frame + summed + carried
    sizes = (frame, summed)

    @_compiled
    def block_input(out, frames, total, samples, carry, numbers, buffers):
        """Write rows of a block's input.

        Args:
            out: the rows.
            frames: the encoded pair.
            total: [n, m, ``summed``] at the sampled pixels.
            samples: rows [n] and columns [m] of the frame that are sampled, and how many of them
                in a row make one pixel of the input: 1, or 2 to average 2 x 2.
            carry: the previous block's update, and its enlargement to these rows.
            numbers: the block's scale, and the timestep.
            buffers: a row of the source's carried floats, and one pixel of the input.
        """
        rows, cols, many = samples
        scale, timestep = numbers
        line, one = buffers
        left, right, along = carry[1].left, carry[1].right, carry[1].along
        wide = cols.shape[0]
        for i in range(rows.shape[0] // many):
            if carried:
                _carry_line(line, carry, i, summed, carried)
            for j in range(wide // many):
                for c in range(pixel):
                    one[c] = 0
                for k in range(i * many, i * many + many):
                    for m in range(j * many, j * many + many):
                        found = total[(k * wide + m) * summed :]
                        _add_sample(one, frames, (rows[k], cols[m]), found, many, scale, sizes)
                if carried:
                    a, b = carried * left[j], carried * right[j]
                    put_lerp(one, pixel - carried, line, a, b, along[j], carried)
                one[pixel - 1] = timestep
                begin = (i * (wide // many) + j) * pixel
                if rounds:
                    put_rounded(out, begin, one, 0, pixel)
                else:
                    put_copy(out, begin, one, 0, pixel)

    return block_input


def _make_blend(frame: int, summed: int, carried: int) -> _Loop:
    @_compiled
    def blend(out, frames, total, first_row, carry, buffers):
        """Write rows of the result, [H, W, 3] from ``first_row`` on; see ``block_input``."""
        line, one = buffers
        left, right, along = carry[1].left, carry[1].right, carry[1].along
        width = frames.width
        for i in range(carry[1].above.shape[0]):
            if carried:
                _carry_line(line, carry, i, summed, 1)
            for j in range(width):
                t = (i * width + j) * summed
                logit = total[t + 4] if not carried else np.float32(0)
                if carried:
                    logit = line[left[j]] + along[j] * (line[right[j]] - line[left[j]])
                for c in range(8):
                    one[c] = 0
                row, col = np.float32(first_row + i), np.float32(j)
                x, y = col + total[t], row + total[t + 1]
                _add_warped(one, 0, frames.first, frames, x, y, np.float32(1), 4, frame)
                x, y = col + total[t + 2], row + total[t + 3]
                _add_warped(one, 4, frames.second, frames, x, y, np.float32(1), 4, frame)
                weight = np.float32(1) / (np.float32(1) + math.exp(-logit))
                to = ((first_row + i) * width + j) * 3
                for c in range(3):
                    out[to + c] = one[4 + c] + weight * (one[c] - one[4 + c])

    return blend


@_inlined
def _carry_line(line, carry, i, begin, lanes):
    """Enlarge one row of what is handed on, in height only; it begins behind what adds up."""
    handed, (above, below, down, at, _left, _right, _along) = carry
    for x in range(at.shape[0]):
        a, b = above[i] + at[x] + begin, below[i] + at[x] + begin
        put_lerp(line, lanes * x, handed, a, b, down[i], lanes)


@_inlined
def _add_sample(one, frames, place, total, many, scale, sizes):
    """Add one of ``many`` x ``many`` samples to a pixel: the warped frames, and what adds up."""
    (row, col), (frame, summed) = place, sizes
    share = np.float32(1.0 / (many * many))
    x, y = col + total[0], row + total[1]
    _add_warped(one, 0, frames.first, frames, x, y, share, frame, frame)
    x, y = col + total[2], row + total[3]
    _add_warped(one, frame, frames.second, frames, x, y, share, frame, frame)
    for c in range(summed):
        part = share / scale if c < 4 else share  # the mask, behind the flow, is no length
        one[2 * frame + c] += part * total[c]


@_inlined
def _add_warped(out, at, image, frames, x, y, share, lanes, stride):  # noqa: PLR0913
    """Add a share of an image at a position; beyond its border lies its border."""
    x, y = _inside(x, frames.width), _inside(y, frames.height)
    left, top = np.int64(x), np.int64(y)
    right, bottom = min(left + 1, frames.width - 1), min(top + 1, frames.height - 1)
    above, below = top * frames.width, bottom * frames.width
    corners = (
        (above + left) * stride,
        (above + right) * stride,
        (below + left) * stride,
        (below + right) * stride,
    )
    u, v = x - np.float32(left), y - np.float32(top)
    add_bilinear(out, at, image, corners, u, v, share, lanes)


@_inlined
def _inside(position, length):
    """Keep a position within a frame; one that is no number becomes 0."""
    return min(position, np.float32(length - 1)) if position > 0 else np.float32(0)
