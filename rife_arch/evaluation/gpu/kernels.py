"""Triton kernels: enlarge, warp, assemble and blend without tensors in between.

Optional: importing this needs Triton. A program handles ``BLOCK`` pixels of one item of the batch. All
arithmetic is float32. In memory:

- a frame is [B, H, W, ``FRAME``] float32: colours, features, zeros;
- an update, the output of a block's head, is float32 and has ``CHANNELS`` per pixel: flow in px of the
  frame, mask, and features for the next block. Its pixels lie in squares of ``SIDE``, the first of
  which begins half a square outside the frame (``layout.as_convolution``). Where a pixel lies is
  computed, not looked up: an address is cheaper than a load;
- a block's input is [B, h, w, ``PIXEL``] in the type of its convolutions: both warped frames, the flow in
  px of the input, mask and features, zeros, 1 - timestep, timestep.

The flow that a block reads is the sum of all updates so far, each enlarged from its own resolution. It
is computed anew wherever it is read: the updates are at most half as high and wide as the frame and
take as much memory as their sum would, which would be written in addition.

Strides and sizes are in elements. Pixels are counted in ``INDEX``, int64 where int32 does not reach.
"""

# pyright: basic, reportMissingImports=false, reportArgumentType=false, reportGeneralTypeIssues=false
# Triton compiles these functions from the types of their arguments.
# Constants are upper case. A kernel can only be given arguments one by one, and an Args section lists
# those that need a word.
# ruff: noqa: D417, N803, PLR0913

from __future__ import annotations

import triton
import triton.language as tl

from .sampling import added, carried, col_at, item_of, row_at, sum_of, warped, with_sums


def index_type(largest: int) -> tl.dtype:
    """Choose the type in which kernels count, for the largest number of elements in an item."""
    return tl.int32 if largest < 1 << 31 else tl.int64


@triton.jit
def _cell_of(pixel, rows, cols, BORDER: tl.constexpr):
    """Return the row and column of a pixel, in an input whose border pixels are repeated."""
    row, col = pixel // (cols + 2 * BORDER) - BORDER, pixel % (cols + 2 * BORDER) - BORDER
    return tl.minimum(tl.maximum(row, 0), rows - 1), tl.minimum(tl.maximum(col, 0), cols - 1)


@triton.jit
def _sample_of(row, col, reduction, k, SAMPLES: tl.constexpr):
    """Return where in the frame sample ``k`` of a cell lies: one of four in its middle, or itself."""
    y, x = row * reduction, col * reduction
    if SAMPLES == 2:
        y += reduction // 2 - 1 + k // 2
        x += reduction // 2 - 1 + k % 2
    return y, x


@triton.jit
def block_input(
    out, frame0, frame1, stride0, stride1, timestep, updates, factors, height, width, reduction, scale,
    NUM: tl.constexpr, SAMPLES: tl.constexpr, BORDER: tl.constexpr, SUMMED: tl.constexpr,
    FRAME: tl.constexpr, FRAME_TILE: tl.constexpr, REST: tl.constexpr, REST_TILE: tl.constexpr,
    SIDE: tl.constexpr, CHANNELS: tl.constexpr, INDEX: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Write a block's input, ``out`` [B, h + 2 ``BORDER``, w + 2 ``BORDER``, 2 ``FRAME`` + ``REST``].

    Args:
        frame0: the earlier frames; ``stride0`` from item to item is 0 where all share one.
        timestep: [B] float32.
        updates: of all earlier blocks, ``NUM``; ``factors`` are frame size over their sizes.
        height: of the frame, px; ``reduction`` is frame size over h and w.
        scale: of the block, by which flow is divided.
        SAMPLES: how many rows, and columns, in the middle of each cell are averaged, 1 or 2.
        SUMMED: channels of an update that add up; the others are those of the last update.
        FRAME_TILE: the power of 2 from ``FRAME``; ``REST_TILE`` likewise.
    """
    pixel = tl.program_id(0).to(INDEX) * BLOCK + tl.arange(0, BLOCK)
    batch = tl.program_id(1).to(tl.int64)
    rows, cols = height // reduction, width // reduction
    size = (rows + 2 * BORDER) * (cols + 2 * BORDER)
    mask = pixel < size
    row, col = _cell_of(pixel, rows, cols, BORDER)
    channel = tl.arange(0, FRAME_TILE)[None, :]
    in_frame = mask[:, None] & (channel < FRAME)
    first = tl.zeros((BLOCK, FRAME_TILE), tl.float32)
    second = tl.zeros((BLOCK, FRAME_TILE), tl.float32)
    cell = row, col, rows, cols, mask
    total = sum_of(updates, factors, batch, cell, 0, SUMMED, SIDE, CHANNELS)
    frame0, frame1 = frame0 + batch * stride0, frame1 + batch * stride1
    for k in range(SAMPLES * SAMPLES):  # not unrolled: a quarter of the code to compile
        y, x = _sample_of(row, col, reduction, k, SAMPLES)
        place = y, x, height, width, mask
        sums = sum_of(updates, factors, batch, place, NUM, SUMMED, SIDE, CHANNELS)
        first += warped(frame0, x + sums[0], y + sums[1], place, channel, in_frame, FRAME)
        second += warped(frame1, x + sums[2], y + sums[3], place, channel, in_frame, FRAME)
        total = added(total, sums)
    share: tl.constexpr = 1.0 / (SAMPLES * SAMPLES)
    at = out + (batch * size + pixel)[:, None] * (2 * FRAME + REST)
    _store(at + channel, first * share, in_frame)
    _store(at + FRAME + channel, second * share, in_frame)
    rest = carried(updates, factors, batch, cell, reduction, NUM, SUMMED, REST_TILE, SIDE, CHANNELS)
    rest = with_sums(rest, total, share, scale, SUMMED, REST_TILE)
    channel, time = tl.arange(0, REST_TILE)[None, :], tl.load(timestep + batch)
    rest = tl.where(channel == REST - 1, time, tl.where(channel == REST - 2, 1 - time, rest))
    _store(at + 2 * FRAME + channel, rest, mask[:, None] & (channel < REST))


@triton.jit
def _store(at, values, mask):
    tl.store(at, values.to(at.dtype.element_ty), mask)


@triton.jit
def blend(
    out, planes, frame0, frame1, stride0, stride1, updates, factors, last, last_factor, height, width,
    NUM: tl.constexpr, SUMMED: tl.constexpr, FRAME: tl.constexpr, SIDE: tl.constexpr,
    CHANNELS: tl.constexpr, LAST_SIDE: tl.constexpr, WRITES_MOTION: tl.constexpr,
    INDEX: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Warp the colours by the final flow and mix them by the final mask; see ``block_input``.

    Args:
        out: [B, H, W, 3] float32.
        planes: [B, 5, H, W] float32, for flow and mask logits; not touched unless ``WRITES_MOTION``.
        frame0: the earlier frames.
        frame1: the later frames.
        stride0: of ``frame0`` from item to item.
        stride1: likewise.
        updates: of all blocks but the last.
        factors: frame size over the size of each of them.
        last: the last update, of five channels.
        last_factor: likewise.
        height: of the frame, px.
        width: of the frame, px.
        LAST_SIDE: of the squares of the last update, px.
    """
    pixel = tl.program_id(0).to(INDEX) * BLOCK + tl.arange(0, BLOCK)
    batch = tl.program_id(1).to(tl.int64)
    size = height.to(INDEX) * width
    mask = pixel < size
    y, x = pixel // width, pixel % width
    place = y, x, height, width, mask
    sums = sum_of(updates, factors, batch, place, NUM, SUMMED, SIDE, CHANNELS)
    update = sum_of((last,), (last_factor,), batch, place, 1, 5, LAST_SIDE, 5)
    x0, y0, x1, y1, logit = added(sums, update)
    if SUMMED == 4:  # the last block replaces the mask
        logit = update[4]
    if WRITES_MOTION:
        plane = planes + batch * 5 * size + pixel
        tl.store(plane, x0, mask)
        tl.store(plane + size, y0, mask)
        tl.store(plane + 2 * size, x1, mask)
        tl.store(plane + 3 * size, y1, mask)
        tl.store(plane + 4 * size, logit, mask)
    # Four floats are one load; a frame has at least so many per pixel.
    channel = tl.arange(0, 4)[None, :]
    is_read = mask[:, None] & (channel < 4)
    first = warped(frame0 + batch * stride0, x + x0, y + y0, place, channel, is_read, FRAME)
    second = warped(frame1 + batch * stride1, x + x1, y + y1, place, channel, is_read, FRAME)
    mixed = second + tl.sigmoid(logit)[:, None] * (first - second)
    at = out + (batch * size + pixel)[:, None] * 3 + channel
    tl.store(at, mixed, mask[:, None] & (channel < 3))


@triton.jit
def interleave(
    out, img, features, stride_b, stride_c, stride_y, stride_x, height, width,
    NUM_FEATURES: tl.constexpr, FRAME: tl.constexpr, FRAME_TILE: tl.constexpr,
    INDEX: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Write frames as the other kernels read them.

    Args:
        out: [B, H, W, ``FRAME``] float32.
        img: [B, 3, H, W] float32, with its strides.
        features: of the frames, as a head returns them in squares of 2 px; see above.
        height: of the frame, px.
        width: of the frame, px.
        NUM_FEATURES: channels of ``features``; without any they are not read.
    """
    pixel = tl.program_id(0).to(INDEX) * BLOCK + tl.arange(0, BLOCK)
    batch = tl.program_id(1).to(tl.int64)
    size = height.to(INDEX) * width
    mask = (pixel < size)[:, None]
    y, x = pixel // width, pixel % width
    channel = tl.arange(0, FRAME_TILE)[None, :]
    at = (y.to(tl.int64) * stride_y + x * stride_x)[:, None] + channel * stride_c
    values = tl.load(img + batch * stride_b + at, mask & (channel < 3), 0.0)
    if NUM_FEATURES > 0:
        source = item_of(features, batch, height, width, 1, 2, NUM_FEATURES)
        at = ((row_at(y, width, 2) + col_at(x, 2)) * NUM_FEATURES)[:, None] + channel - 3
        is_feature = mask & (channel >= 3) & (channel < 3 + NUM_FEATURES)
        values = tl.where(channel < 3, values, tl.load(source + at, is_feature, 0.0))
    at = (batch * size + pixel)[:, None] * FRAME + channel
    tl.store(out + at, values, mask & (channel < FRAME))


@triton.jit
def add_bias_and_activate(
    x, bias, slopes, size, CHANNELS: tl.constexpr, INDEX: tl.constexpr, BLOCK: tl.constexpr
):
    """Add a bias to ``x``, channels last, in place, and scale what is negative by a channel's slope."""
    i = tl.program_id(0).to(INDEX) * BLOCK + tl.arange(0, BLOCK)
    mask = i < size
    channel = i % CHANNELS
    value = tl.load(x + i, mask).to(tl.float32) + tl.load(bias + channel).to(tl.float32)
    value = tl.where(value > 0, value, value * tl.load(slopes + channel).to(tl.float32))
    _store(x + i, value, mask)
