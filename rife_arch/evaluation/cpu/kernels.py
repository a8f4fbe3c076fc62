"""Compiled loops for CPUs: enlarge, warp, assemble and blend without tensors in between.

Optional: importing this needs numba. Every function works on some rows of a frame and releases the
GIL, so that threads run in parallel. All memory is flat and float32:

- a frame is [H, W, ``frame``]: colours, features, zeros;
- an update, the output of a block, has ``summed`` floats that add up over blocks (flow, in some
  networks the mask), then ``carried`` floats that only the next block reads (mask and features).
  Both are rounded up, so the last of them may belong to the next pixel and are ignored. Where a
  pixel begins is looked up by row and by column, so pixels may lie in any order;
- a block's input is [h, w, 2 ``frame`` + ``summed`` + ``carried``]: both warped frames, the sums,
  the carried floats; the last float of each pixel is the timestep.
"""

# pyright: basic
# numba compiles these functions from the types of their arguments.

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numba import njit

from .simd import add_bilinear, add_lerp, put_copy, put_lerp, put_rounded

# Without nnan: a NaN position must be caught, not turned into an address.
_FAST = {"contract", "reassoc", "nsz", "arcp", "afn"}
_Loop = Callable[..., None]
_inlined: Callable[[Callable], Callable] = njit(nogil=True, fastmath=_FAST, inline="always")


def _compiled(loop: _Loop) -> _Loop:
    """Compile at first use, or load from numba's cache on disk.

    A cached loop refers to this module by its name, which differs inside ComfyUI, and its file is
    named after the function: hence the checksum of the module's name in there.
    """
    loop.__qualname__ = f"{loop.__name__}_{crc32(__name__.encode()):08x}"
    return njit(nogil=True, fastmath=_FAST, cache=True)(loop)


class Enlargement(NamedTuple):
    """Bilinear enlargement of an update, at some rows and columns.

    Attributes:
        above: [n] offset of the upper source row.
        below: [n] offset of the lower source row.
        row_weight: [n] float32, weight of the lower row.
        col_at: [w] offset of each source column within its row.
        left: [m] index of the left source column.
        right: [m] index of the right source column.
        col_weight: [m] float32, weight of the right column.
    """

    above: np.ndarray
    below: np.ndarray
    row_weight: np.ndarray
    col_at: np.ndarray
    left: np.ndarray
    right: np.ndarray
    col_weight: np.ndarray

    def rows(self, start: int, stop: int) -> Enlargement:
        """Keep some rows of the result."""
        here = slice(start, stop)
        return self._replace(
            above=self.above[here], below=self.below[here], row_weight=self.row_weight[here]
        )


class Frames(NamedTuple):
    """Two flat frames and their size in px."""

    first: np.ndarray
    second: np.ndarray
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Kernels:
    """The loops for one pixel layout; their arguments are documented at their definitions."""

    interleave: _Loop
    add_enlarged: _Loop
    block_input: _Loop
    blend: _Loop


@cache  # LLVM never gives back what it compiled: without this, every model that is loaded adds to it
def make_kernels(frame: int, features: int, summed: int, carried: int, *, rounds: bool) -> Kernels:
    """Make the loops for a pixel layout; compiled at first use, then kept on disk by numba.

    Args:
        frame: floats per pixel of a frame, a multiple of 4.
        features: floats of it that are encoder features, after the three colours.
        summed: floats that add up over blocks, 4 or 8.
        carried: floats of an update that only the next block reads, 0 or a multiple of 4.
        rounds: block inputs are bfloat16, as uint16, not float32.
    """
    return Kernels(
        _make_interleave(frame, features),
        _make_add_enlarged(summed),
        _make_block_input(frame, summed, carried, rounds),
        _make_blend(frame, summed, carried),
    )


# The loops below take the layout as compile-time constants, hence a function per layout: the channels
# of a pixel become one or two vector instructions.


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
        """Add rows of an enlarged update to ``total`` [n, m, ``summed``].

        The first update overwrites it. ``line`` is a buffer for a row of the source.
        """
        above, below, row_weight, col_at, left, right, col_weight = enlargement
        width = left.shape[0]
        for i in range(above.shape[0]):
            for x in range(col_at.shape[0]):
                a, b = above[i] + col_at[x], below[i] + col_at[x]
                put_lerp(line, summed * x, source, a, b, row_weight[i], summed)
            for j in range(width):
                a, b = summed * left[j], summed * right[j]
                if is_first:
                    put_lerp(total, (i * width + j) * summed, line, a, b, col_weight[j], summed)
                else:
                    add_lerp(total, (i * width + j) * summed, line, a, b, col_weight[j], summed)

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
            samples: rows [n] and columns [m] of the frame that are sampled, and how many
                neighbours of each are averaged to a pixel of the input: 1, or 2 for 2 x 2.
            carry: the previous block's update, and its enlargement to these rows.
            numbers: the block's scale, and the timestep.
            buffers: for a row of the source's carried floats, and for one pixel of the input.
        """
        rows, cols, num_samples = samples
        scale, timestep = numbers
        line, pixel_buffer = buffers
        left, right, col_weight = carry[1].left, carry[1].right, carry[1].col_weight
        num_cols = cols.shape[0]
        for i in range(rows.shape[0] // num_samples):
            if carried:
                _carry_line(line, carry, i, summed, carried)
            for j in range(num_cols // num_samples):
                for c in range(pixel):
                    pixel_buffer[c] = 0
                for k in range(i * num_samples, (i + 1) * num_samples):
                    for m in range(j * num_samples, (j + 1) * num_samples):
                        sums = total[(k * num_cols + m) * summed :]
                        position = (rows[k], cols[m])
                        _add_sample(pixel_buffer, frames, position, sums, num_samples, scale, sizes)
                if carried:
                    a, b = carried * left[j], carried * right[j]
                    put_lerp(pixel_buffer, pixel - carried, line, a, b, col_weight[j], carried)
                pixel_buffer[pixel - 1] = timestep
                begin = (i * (num_cols // num_samples) + j) * pixel
                if rounds:
                    put_rounded(out, begin, pixel_buffer, 0, pixel)
                else:
                    put_copy(out, begin, pixel_buffer, 0, pixel)

    return block_input


def _make_blend(frame: int, summed: int, carried: int) -> _Loop:
    @_compiled
    def blend(out, frames, total, first_row, carry, buffers):
        """Write rows of the result, [H, W, 3] from ``first_row`` on; see ``block_input``."""
        line, pixel_buffer = buffers
        left, right, col_weight = carry[1].left, carry[1].right, carry[1].col_weight
        width = frames.width
        for i in range(carry[1].above.shape[0]):
            if carried:
                _carry_line(line, carry, i, summed, 1)
            for j in range(width):
                t = (i * width + j) * summed
                logit = total[t + 4] if not carried else np.float32(0)
                if carried:
                    logit = line[left[j]] + col_weight[j] * (line[right[j]] - line[left[j]])
                for c in range(8):
                    pixel_buffer[c] = 0
                row, col = np.float32(first_row + i), np.float32(j)
                x, y = col + total[t], row + total[t + 1]
                _add_warped(pixel_buffer, 0, frames.first, frames, x, y, np.float32(1), 4, frame)
                x, y = col + total[t + 2], row + total[t + 3]
                _add_warped(pixel_buffer, 4, frames.second, frames, x, y, np.float32(1), 4, frame)
                weight = np.float32(1) / (np.float32(1) + math.exp(-logit))
                to = ((first_row + i) * width + j) * 3
                for c in range(3):
                    out[to + c] = pixel_buffer[4 + c] + weight * (
                        pixel_buffer[c] - pixel_buffer[4 + c]
                    )

    return blend


@_inlined
def _carry_line(line, carry, i, begin, lanes):
    """Enlarge one row of the carried floats, in height only; they start at ``begin``."""
    update, (above, below, row_weight, col_at, _left, _right, _col_weight) = carry
    for x in range(col_at.shape[0]):
        a, b = above[i] + col_at[x] + begin, below[i] + col_at[x] + begin
        put_lerp(line, lanes * x, update, a, b, row_weight[i], lanes)


@_inlined
def _add_sample(pixel_buffer, frames, position, total, num_samples, scale, sizes):
    """Add one of the averaged samples to a pixel: the warped frames, and the sums."""
    (row, col), (frame, summed) = position, sizes
    share = np.float32(1.0 / (num_samples * num_samples))
    x, y = col + total[0], row + total[1]
    _add_warped(pixel_buffer, 0, frames.first, frames, x, y, share, frame, frame)
    x, y = col + total[2], row + total[3]
    _add_warped(pixel_buffer, frame, frames.second, frames, x, y, share, frame, frame)
    for c in range(summed):
        part = share / scale if c < 4 else share  # flow is a length, the mask is not
        pixel_buffer[2 * frame + c] += part * total[c]


@_inlined
def _add_warped(out, at, image, frames, x, y, share, lanes, stride):  # noqa: PLR0913
    """Add an image sampled at a position, times ``share``; outside it reads the border."""
    x, y = _clamped(x, frames.width), _clamped(y, frames.height)
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
def _clamped(position, length):
    """Clamp a position to a frame; NaN becomes 0."""
    return min(position, np.float32(length - 1)) if position > 0 else np.float32(0)
