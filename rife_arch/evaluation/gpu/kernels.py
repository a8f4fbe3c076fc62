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

# pyright: basic, reportMissingImports=false
# Triton compiles these functions from the types of their arguments.
# Constants are upper case. A kernel can only be given arguments one by one, and an Args section lists
# those that need a word.
# ruff: noqa: D417, N803, PLR0913

from __future__ import annotations

import triton
import triton.language as tl


def index_type(largest: int) -> tl.dtype:
    """Choose the type in which kernels count, for the largest number of elements in an item."""
    return tl.int32 if largest < 1 << 31 else tl.int64


@triton.jit
def _clamped(position, length):
    """Clamp a position to 0 ... length - 1; NaN becomes 0, as in torch's ``grid_sample``."""
    return tl.where(position > 0, tl.minimum(position, length - 1.0), 0.0)


@triton.jit
def _row_at(y, width, SIDE: tl.constexpr):
    """Return where a row of an update begins, in pixels; see above."""
    y += SIDE // 2
    return ((y // SIDE) * (width // SIDE + 1) * SIDE + y % SIDE) * SIDE


@triton.jit
def _col_at(x, SIDE: tl.constexpr):
    """Return where a column begins in its row, in pixels."""
    x += SIDE // 2
    return (x // SIDE) * (SIDE * SIDE) + x % SIDE


@triton.jit
def _corners(y, x, factor, height, width, SIDE: tl.constexpr, CHANNELS: tl.constexpr):
    """Find what enlarging an update by ``factor`` reads for pixel (y, x) of the result.

    ``height`` and ``width`` are those of the result. Returns the addresses of four source pixels, and the
    weights of the lower and of the right ones.
    """
    height, width = height // factor, width // factor
    v = tl.minimum(tl.maximum((y + 0.5) / factor - 0.5, 0.0), height - 1.0)
    u = tl.minimum(tl.maximum((x + 0.5) / factor - 0.5, 0.0), width - 1.0)
    top, left = v.to(y.dtype), u.to(x.dtype)
    v, u = v - top.to(tl.float32), u - left.to(tl.float32)
    # What has no weight is not read: it may be NaN, or beyond the border.
    bottom, right = top + (v > 0).to(y.dtype), left + (u > 0).to(x.dtype)
    above, below = _row_at(top, width, SIDE) * CHANNELS, _row_at(bottom, width, SIDE) * CHANNELS
    before, behind = _col_at(left, SIDE) * CHANNELS, _col_at(right, SIDE) * CHANNELS
    return above + before, above + behind, below + before, below + behind, v, u


@triton.jit
def _mixed(source, a, b, c, d, down, right, mask):
    """Mix four values, in the order of ``_corners``."""
    top_left, top_right = tl.load(source + a, mask, 0.0), tl.load(source + b, mask, 0.0)
    bottom_left, bottom_right = tl.load(source + c, mask, 0.0), tl.load(source + d, mask, 0.0)
    top = top_left + right * (top_right - top_left)
    bottom = bottom_left + right * (bottom_right - bottom_left)
    return top + down * (bottom - top)


@triton.jit
def _add_update(
    sums, update, place, SUMMED: tl.constexpr, SIDE: tl.constexpr, CHANNELS: tl.constexpr
):
    """Add an update, enlarged by its factor, to ``sums``: flow, and mask if ``SUMMED`` is 5."""
    x0, y0, x1, y1, logit = sums
    source, factor = update
    y, x, height, width, mask = place
    a, b, c, d, down, right = _corners(y, x, factor, height, width, SIDE, CHANNELS)
    x0 += _mixed(source, a, b, c, d, down, right, mask)
    y0 += _mixed(source + 1, a, b, c, d, down, right, mask)
    x1 += _mixed(source + 2, a, b, c, d, down, right, mask)
    y1 += _mixed(source + 3, a, b, c, d, down, right, mask)
    if SUMMED == 5:
        logit += _mixed(source + 4, a, b, c, d, down, right, mask)
    return x0, y0, x1, y1, logit


@triton.jit
def _item_of(source, batch, height, width, factor, SIDE: tl.constexpr, CHANNELS: tl.constexpr):
    """Return where an item of a batch of updates begins."""
    height, width = height // factor + SIDE, width // factor + SIDE
    return source + batch * height * width * CHANNELS


@triton.jit
def _sum_of(
    updates, factors, batch, place, NUM: tl.constexpr, SUMMED: tl.constexpr, SIDE: tl.constexpr,
    CHANNELS: tl.constexpr,
):  # fmt: skip
    """Add up the first ``NUM`` updates: flow and mask, at the pixels of ``place``; 0 for no update."""
    y, _, height, width, _ = place
    zero = y.to(tl.float32) * 0
    sums = zero, zero, zero, zero, zero
    for i in tl.static_range(NUM):
        source = _item_of(updates[i], batch, height, width, factors[i], SIDE, CHANNELS)
        sums = _add_update(sums, (source, factors[i]), place, SUMMED, SIDE, CHANNELS)
    return sums


@triton.jit
def _warped(frame, x, y, place, channel, mask, FRAME: tl.constexpr):
    """Sample a frame at positions [n], all channels [1, c] at once; outside it reads the border."""
    row, _, height, width, _ = place
    x, y = _clamped(x, width), _clamped(y, height)
    left, top = x.to(row.dtype), y.to(row.dtype)
    right, bottom = tl.minimum(left + 1, width - 1), tl.minimum(top + 1, height - 1)
    u, v = (x - left.to(tl.float32))[:, None], (y - top.to(tl.float32))[:, None]
    above, below = top * width, bottom * width
    a = (above + left)[:, None] * FRAME + channel
    b = (above + right)[:, None] * FRAME + channel
    c = (below + left)[:, None] * FRAME + channel
    d = (below + right)[:, None] * FRAME + channel
    return _mixed(frame, a, b, c, d, v, u, mask)


@triton.jit
def block_input(
    out, frame0, frame1, stride0, stride1, timestep, updates, factors, height, width, reduction, scale,
    NUM: tl.constexpr, SAMPLES: tl.constexpr, BORDER: tl.constexpr, SUMMED: tl.constexpr,
    FRAME: tl.constexpr, FRAME_TILE: tl.constexpr, REST: tl.constexpr, REST_TILE: tl.constexpr,
    SIDE: tl.constexpr, CHANNELS: tl.constexpr, INDEX: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Write a block's input.

    Args:
        out: [B, h + 2 ``BORDER``, w + 2 ``BORDER``, 2 ``FRAME`` + ``REST``].
        frame0: the earlier frames.
        frame1: the later frames.
        stride0: of ``frame0`` from item to item, 0 where all items share one.
        stride1: likewise.
        timestep: [B] float32.
        updates: of all earlier blocks.
        factors: frame size over the size of each of them.
        height: of the frame, px.
        width: of the frame, px.
        reduction: frame size over the size of the input, h x w.
        scale: of the block, by which flow is divided.
        NUM: how many updates there are.
        SAMPLES: how many rows, and columns, in the middle of each cell are averaged, 1 or 2.
        BORDER: how often border pixels are repeated, 0 or 1.
        SUMMED: channels of an update that add up; the others are those of the last update.
        FRAME: floats per pixel of a frame; ``FRAME_TILE`` is the power of 2 above it.
        REST: numbers behind both frames; ``REST_TILE`` likewise.
        SIDE: of the squares of an update, px.
        CHANNELS: of an update.
    """
    pixel = tl.program_id(0).to(INDEX) * BLOCK + tl.arange(0, BLOCK)
    batch = tl.program_id(1).to(tl.int64)
    rows, cols = height // reduction, width // reduction
    size = (rows + 2 * BORDER) * (cols + 2 * BORDER)
    mask = pixel < size
    row = tl.minimum(tl.maximum(pixel // (cols + 2 * BORDER) - BORDER, 0), rows - 1)
    col = tl.minimum(tl.maximum(pixel % (cols + 2 * BORDER) - BORDER, 0), cols - 1)
    channel = tl.arange(0, FRAME_TILE)[None, :]
    in_frame = mask[:, None] & (channel < FRAME)
    first = tl.zeros((BLOCK, FRAME_TILE), tl.float32)
    second = tl.zeros((BLOCK, FRAME_TILE), tl.float32)
    total = _sum_of(
        updates, factors, batch, (row, col, height, width, mask), 0, SUMMED, SIDE, CHANNELS
    )
    for k in range(SAMPLES * SAMPLES):  # not unrolled: a quarter of the code to compile
        y, x = row * reduction, col * reduction
        if SAMPLES == 2:
            y += reduction // 2 - 1 + k // 2
            x += reduction // 2 - 1 + k % 2
        place = y, x, height, width, mask
        sums = _sum_of(updates, factors, batch, place, NUM, SUMMED, SIDE, CHANNELS)
        image = frame0 + batch * stride0
        first += _warped(image, x + sums[0], y + sums[1], place, channel, in_frame, FRAME)
        image = frame1 + batch * stride1
        second += _warped(image, x + sums[2], y + sums[3], place, channel, in_frame, FRAME)
        total = _added(total, sums)
    share: tl.constexpr = 1.0 / (SAMPLES * SAMPLES)
    at = out + (batch * size + pixel)[:, None] * (2 * FRAME + REST)
    _store(at + channel, first * share, in_frame)
    _store(at + FRAME + channel, second * share, in_frame)
    place = row, col, rows, cols, mask
    rest = _carried(
        updates, factors, batch, place, reduction, NUM, SUMMED, REST_TILE, SIDE, CHANNELS
    )
    rest = _with_sums(rest, total, share, scale, SUMMED, REST_TILE)
    channel = tl.arange(0, REST_TILE)[None, :]
    time = tl.load(timestep + batch)
    rest = tl.where(channel == REST - 1, time, tl.where(channel == REST - 2, 1 - time, rest))
    _store(at + 2 * FRAME + channel, rest, mask[:, None] & (channel < REST))


@triton.jit
def _added(a, b):
    return a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4]


@triton.jit
def _store(at, values, mask):
    tl.store(at, values.to(at.dtype.element_ty), mask)


@triton.jit
def _carried(
    updates, factors, batch, place, reduction, NUM: tl.constexpr, SUMMED: tl.constexpr,
    TILE: tl.constexpr, SIDE: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Enlarge those channels of the last update that do not add up, [n, ``TILE``], the others 0."""
    y, x, height, width, mask = place
    channel = tl.arange(0, TILE)[None, :]
    out = y.to(tl.float32)[:, None] * 0 + channel * 0
    if NUM > 0 and CHANNELS > SUMMED:
        factor = factors[NUM - 1]
        source = _item_of(
            updates[NUM - 1], batch, height * reduction, width * reduction, factor, SIDE, CHANNELS
        )
        a, b, c, d, down, right = _corners(y, x, factor // reduction, height, width, SIDE, CHANNELS)
        a, b, c, d = a[:, None], b[:, None], c[:, None], d[:, None]
        is_carried = mask[:, None] & (channel >= SUMMED) & (channel < CHANNELS)
        out = _mixed(source + channel, a, b, c, d, down[:, None], right[:, None], is_carried)
    return out


@triton.jit
def _with_sums(rest, sums, share, scale, SUMMED: tl.constexpr, TILE: tl.constexpr):
    """Put the mean flow, in px of the input, and the mean mask if it adds up, before ``rest``."""
    channel = tl.arange(0, TILE)[None, :]
    for i in tl.static_range(4):
        rest = tl.where(channel == i, (sums[i] * share / scale)[:, None], rest)
    if SUMMED == 5:
        rest = tl.where(channel == 4, (sums[4] * share)[:, None], rest)
    return rest


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
    sums = _sum_of(updates, factors, batch, place, NUM, SUMMED, SIDE, CHANNELS)
    update = _sum_of((last,), (last_factor,), batch, place, 1, 5, LAST_SIDE, 5)
    x0, y0, x1, y1, logit = _added(sums, update)
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
    first = _warped(frame0 + batch * stride0, x + x0, y + y0, place, channel, is_read, FRAME)
    second = _warped(frame1 + batch * stride1, x + x1, y + y1, place, channel, is_read, FRAME)
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
        source = _item_of(features, batch, height, width, 1, 2, NUM_FEATURES)
        at = ((_row_at(y, width, 2) + _col_at(x, 2)) * NUM_FEATURES)[:, None] + channel - 3
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
