"""What the kernels are made of: reading updates and frames between their pixels; see ``kernels``.

A ``place`` is the row and column of each pixel, the height and width of what they lie in, and a mask of those
that do.
"""

# pyright: basic, reportMissingImports=false, reportArgumentType=false, reportGeneralTypeIssues=false
# Triton compiles these functions from the types of their arguments. Constants are upper case.
# ruff: noqa: N803, PLR0913

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def clamped(position, length):
    """Clamp a position to 0 ... length - 1; NaN becomes 0, as in torch's ``grid_sample``."""
    return tl.where(position > 0, tl.minimum(position, length - 1.0), 0.0)


@triton.jit
def row_at(y, width, SIDE: tl.constexpr):
    """Return where a row of an update begins, in pixels; see above."""
    y += SIDE // 2
    return ((y // SIDE) * (width // SIDE + 1) * SIDE + y % SIDE) * SIDE


@triton.jit
def col_at(x, SIDE: tl.constexpr):
    """Return where a column begins in its row, in pixels."""
    x += SIDE // 2
    return (x // SIDE) * (SIDE * SIDE) + x % SIDE


@triton.jit
def corners(y, x, factor, height, width, SIDE: tl.constexpr, CHANNELS: tl.constexpr):
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
    above, below = row_at(top, width, SIDE) * CHANNELS, row_at(bottom, width, SIDE) * CHANNELS
    before, behind = col_at(left, SIDE) * CHANNELS, col_at(right, SIDE) * CHANNELS
    return above + before, above + behind, below + before, below + behind, v, u


@triton.jit
def mixed(source, a, b, c, d, down, right, mask):
    """Mix four values, in the order of ``corners``."""
    top_left, top_right = tl.load(source + a, mask, 0.0), tl.load(source + b, mask, 0.0)
    bottom_left, bottom_right = tl.load(source + c, mask, 0.0), tl.load(source + d, mask, 0.0)
    top = top_left + right * (top_right - top_left)
    bottom = bottom_left + right * (bottom_right - bottom_left)
    return top + down * (bottom - top)


@triton.jit
def add_update(
    sums, update, place, SUMMED: tl.constexpr, SIDE: tl.constexpr, CHANNELS: tl.constexpr
):
    """Add an update, enlarged by its factor, to ``sums``: flow, and mask if ``SUMMED`` is 5."""
    x0, y0, x1, y1, logit = sums
    source, factor = update
    y, x, height, width, mask = place
    a, b, c, d, down, right = corners(y, x, factor, height, width, SIDE, CHANNELS)
    x0 += mixed(source, a, b, c, d, down, right, mask)
    y0 += mixed(source + 1, a, b, c, d, down, right, mask)
    x1 += mixed(source + 2, a, b, c, d, down, right, mask)
    y1 += mixed(source + 3, a, b, c, d, down, right, mask)
    if SUMMED == 5:
        logit += mixed(source + 4, a, b, c, d, down, right, mask)
    return x0, y0, x1, y1, logit


@triton.jit
def item_of(source, batch, height, width, factor, SIDE: tl.constexpr, CHANNELS: tl.constexpr):
    """Return where an item of a batch of updates begins."""
    height, width = height // factor + SIDE, width // factor + SIDE
    return source + batch * height * width * CHANNELS


@triton.jit
def sum_of(
    updates, factors, batch, place, NUM: tl.constexpr, SUMMED: tl.constexpr, SIDE: tl.constexpr,
    CHANNELS: tl.constexpr,
):  # fmt: skip
    """Add up the first ``NUM`` updates: flow and mask, at the pixels of ``place``; 0 for no update."""
    y, _, height, width, _ = place
    zero = y.to(tl.float32) * 0
    sums = zero, zero, zero, zero, zero
    for i in tl.static_range(NUM):
        source = item_of(updates[i], batch, height, width, factors[i], SIDE, CHANNELS)
        sums = add_update(sums, (source, factors[i]), place, SUMMED, SIDE, CHANNELS)
    return sums


@triton.jit
def warped(frame, x, y, place, channel, mask, FRAME: tl.constexpr):
    """Sample a frame at positions [n], all channels [1, c] at once; outside it reads the border."""
    row, _, height, width, _ = place
    x, y = clamped(x, width), clamped(y, height)
    left, top = x.to(row.dtype), y.to(row.dtype)
    right, bottom = tl.minimum(left + 1, width - 1), tl.minimum(top + 1, height - 1)
    u, v = (x - left.to(tl.float32))[:, None], (y - top.to(tl.float32))[:, None]
    above, below = top * width, bottom * width
    a = (above + left)[:, None] * FRAME + channel
    b = (above + right)[:, None] * FRAME + channel
    c = (below + left)[:, None] * FRAME + channel
    d = (below + right)[:, None] * FRAME + channel
    return mixed(frame, a, b, c, d, v, u, mask)


@triton.jit
def added(a, b):
    """Add two sums of updates."""
    return a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4]


@triton.jit
def carried(
    updates, factors, batch, place, reduction, NUM: tl.constexpr, SUMMED: tl.constexpr,
    TILE: tl.constexpr, SIDE: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Enlarge those channels of the last update that do not add up, [n, ``TILE``], the others 0."""
    y, x, height, width, mask = place
    channel = tl.arange(0, TILE)[None, :]
    out = y.to(tl.float32)[:, None] * 0 + channel * 0
    if NUM > 0 and CHANNELS > SUMMED:
        factor = factors[NUM - 1]
        source = item_of(
            updates[NUM - 1], batch, height * reduction, width * reduction, factor, SIDE, CHANNELS
        )
        a, b, c, d, down, right = corners(y, x, factor // reduction, height, width, SIDE, CHANNELS)
        a, b, c, d = a[:, None], b[:, None], c[:, None], d[:, None]
        is_carried = mask[:, None] & (channel >= SUMMED) & (channel < CHANNELS)
        out = mixed(source + channel, a, b, c, d, down[:, None], right[:, None], is_carried)
    return out


@triton.jit
def with_sums(rest, sums, share, scale, SUMMED: tl.constexpr, TILE: tl.constexpr):
    """Put the mean flow, in px of the input, and the mean mask if it adds up, before ``rest``."""
    channel = tl.arange(0, TILE)[None, :]
    for i in tl.static_range(4):
        rest = tl.where(channel == i, (sums[i] * share / scale)[:, None], rest)
    if SUMMED == 5:
        rest = tl.where(channel == 4, (sums[4] * share)[:, None], rest)
    return rest
