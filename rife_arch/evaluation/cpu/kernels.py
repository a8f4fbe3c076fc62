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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numba import njit

from .sampling_simd import put_blend, put_samples
from .simd import add_lerp, put_copy, put_lerp, put_rounded

# Without nnan: a NaN position must be caught, not turned into an address.
_FAST = {"contract", "reassoc", "nsz", "arcp", "afn"}
Loop = Callable[..., None]
inlined: Callable[[Callable], Callable] = njit(nogil=True, fastmath=_FAST, inline="always")


def compiled(loop: Loop) -> Loop:
    """Compile at first use, or load from numba's cache on disk.

    A cached loop refers to its module by name, which differs inside ComfyUI, and is kept until the file it
    is defined in changes, though it is made of others as well. Its file is named after the function: hence the
    checksum in there.
    """
    loop.__qualname__ = f"{loop.__name__}_{_checksum():08x}"
    return njit(nogil=True, fastmath=_FAST, cache=True)(loop)


@cache
def _checksum() -> int:
    """Return a number that changes with the name of this module and with all that loops are made of."""
    room = Path(__file__).parent
    checksum = crc32(__name__.encode())
    for path in (
        *sorted(room.glob("*kernels.py")),
        *sorted(room.glob("*simd.py")),
        room / "winograd.py",
    ):
        checksum = crc32(path.read_bytes(), checksum)
    return checksum


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


class Updates(NamedTuple):
    """Updates of blocks, and where their pixels are wanted.

    Attributes:
        arrays: as many as a network has, for the compiler; those behind the first ``count`` are not read.
        enlargements: of each.
        count: of updates.
    """

    arrays: tuple[np.ndarray, ...]
    enlargements: tuple[Enlargement, ...]
    count: int

    @staticmethod
    def of(
        arrays: Sequence[np.ndarray], enlargements: Sequence[Enlargement], number: int
    ) -> Updates:
        """Fill up to ``number``; at least one has to be there."""
        missing = number - len(arrays)
        return Updates(
            (*arrays, *[arrays[-1]] * missing),
            (*enlargements, *[enlargements[-1]] * missing),
            len(arrays),
        )

    def none(self) -> Updates:
        """Read none of them."""
        return self._replace(count=0)


@dataclass(frozen=True, slots=True)
class Kernels:
    """The loops for one pixel layout; their arguments are documented at their definitions.

    ``block_input`` reads one pixel of the frame for each of the input, ``averaged_input`` 2 x 2.
    """

    interleave: Loop
    block_input: Loop
    averaged_input: Loop
    blend: Loop


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
        _make_block_input(frame, summed, carried, 1, rounds=rounds),
        _make_block_input(frame, summed, carried, 2, rounds=rounds),
        _make_blend(frame, summed, carried),
    )


# The loops below take the layout as compile-time constants, hence a function per layout: the channels
# of a pixel become one or two vector instructions.


def _make_interleave(frame: int, features: int) -> Loop:
    @compiled
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


def _make_block_input(frame: int, summed: int, carried: int, side: int, *, rounds: bool) -> Loop:
    pixel = 2 * frame + summed + carried
    share = np.float32(1 / side**2)

    @compiled
    def block_input(out, frames, updates, samples, carry, numbers, buffers):
        """Write rows of a block's input.

        Args:
            out: the rows.
            frames: the encoded pair.
            updates: all earlier ones, enlarged to the sampled pixels.
            samples: rows [n] and columns [m] of the frame that are sampled; squares of
                ``side`` x ``side`` are averaged to a pixel of the input.
            carry: the previous block's update, and its enlargement to these rows.
            numbers: the block's scale, and the timestep.
            buffers: for sums at some sampled rows, for a row of an update, and for one pixel of the
                input.
        """
        rows, cols = samples
        total, line, pixel_buffer = buffers
        num_cols, num_rows = cols.shape[0], rows.shape[0] // side
        at_once = max(1, total.shape[0] // (num_cols * summed * side))
        shares = share, share / numbers[0]
        for i in range(num_rows):
            if i % at_once == 0:
                stop = min(i + at_once, num_rows) * side
                _sum(total, updates, i * side, stop, num_cols, line, summed)
            if carried:
                _carry_line(line, carry, i, summed, carried)
            for j in range(num_cols // side):
                to = (i * (num_cols // side) + j) * pixel
                target, begin = (pixel_buffer, 0) if rounds else (out, to)
                at = ((i % at_once) * num_cols + j) * side * summed
                sums, places = (total, at, num_cols * summed), (rows, i * side, cols, j * side)
                _put_samples(target, begin, frames, sums, places, shares, frame, summed, side)
                if carried:
                    _put_carried(target, begin + pixel - carried, line, carry[1], j, carried)
                target[begin + pixel - 1] = numbers[1]
                if rounds:
                    put_rounded(out, to, pixel_buffer, 0, pixel)

    return block_input


def _make_blend(frame: int, summed: int, carried: int) -> Loop:
    @compiled
    def blend(out, planes, frames, updates, first_row, buffers):
        """Write rows of the result, [H, W, 3] from ``first_row`` on.

        ``updates`` are those of all blocks; the last of them has the mask if that is carried. Flow and mask logits
        go to ``planes`` [5, H, W] if these are not empty. See ``block_input`` for the rest.
        """
        total, line = buffers
        last = (
            updates.arrays[len(updates.arrays) - 1],
            updates.enlargements[len(updates.arrays) - 1],
        )
        left, right, col_weight = last[1].left, last[1].right, last[1].col_weight
        pair, size, width = (
            (frames.first, frames.second),
            (frames.width, frames.height),
            frames.width,
        )
        num_rows, plane = last[1].above.shape[0], frames.width * frames.height
        at_once = max(1, total.shape[0] // (width * summed))
        for i in range(num_rows):
            if i % at_once == 0:
                _sum(total, updates, i, min(i + at_once, num_rows), width, line, summed)
            if carried:
                _carry_line(line, last, i, summed, 1)
            for j in range(width):
                t = ((i % at_once) * width + j) * summed
                logit = total[t + 4] if not carried else np.float32(0)
                if carried:
                    logit = line[left[j]] + col_weight[j] * (line[right[j]] - line[left[j]])
                weight = np.float32(np.float32(1) / (np.float32(1) + math.exp(-logit)))
                row, col = np.float32(first_row + i), np.float32(j)
                to = (first_row + i) * width + j
                put_blend(out, to * 3, pair, size, total, t, row, col, weight, frame)
                if len(planes):
                    for c in range(4):
                        planes[c * plane + to] = total[t + c]
                    planes[4 * plane + to] = logit

    return blend


@inlined
def _sum(total, updates, first, stop, num_cols, line, summed):
    """Add up enlarged updates at rows ``first`` to ``stop``, into [n, ``num_cols``, ``summed``].

    ``line`` is a buffer for a row of an update.
    """
    if updates.count == 0:
        total[: (stop - first) * num_cols * summed] = 0
    for u in range(updates.count):
        source = updates.arrays[u]
        above, below, row_weight, col_at, left, right, col_weight = updates.enlargements[u]
        for i in range(first, stop):
            for x in range(col_at.shape[0]):
                a, b = above[i] + col_at[x], below[i] + col_at[x]
                put_lerp(line, summed * x, source, a, b, row_weight[i], summed)
            for j in range(num_cols):
                a, b = summed * left[j], summed * right[j]
                to = ((i - first) * num_cols + j) * summed
                if u == 0:
                    put_lerp(total, to, line, a, b, col_weight[j], summed)
                else:
                    add_lerp(total, to, line, a, b, col_weight[j], summed)


@inlined
def _put_samples(target, begin, frames, sums, places, shares, frame, summed, num_samples):  # noqa: PLR0913
    pair, size = (frames.first, frames.second), (frames.width, frames.height)
    put_samples(target, begin, pair, size, sums, places, shares, frame, summed, num_samples)


@inlined
def _put_carried(target, at, line, enlargement, j, carried):
    """Enlarge one pixel of a line, in width."""
    a, b = carried * enlargement.left[j], carried * enlargement.right[j]
    put_lerp(target, at, line, a, b, enlargement.col_weight[j], carried)


@inlined
def _carry_line(line, carry, i, begin, lanes):
    """Enlarge one row of the carried floats, in height only; they start at ``begin``."""
    update, (above, below, row_weight, col_at, _left, _right, _col_weight) = carry
    for x in range(col_at.shape[0]):
        a, b = above[i] + col_at[x] + begin, below[i] + col_at[x] + begin
        put_lerp(line, lanes * x, update, a, b, row_weight[i], lanes)
