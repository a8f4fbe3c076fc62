"""The v4 network without full-resolution intermediates: the same result, less memory moved.

The plain forward (``ifnet``) warps whole frames before each block, shrinks them, and enlarges each
block's output to the whole frame again. None of that is needed, and the result is the same (docs/pyramid.md):

- Reducing by an even s reads only the 2x2 centre pixels of each s x s cell, so only those are
  warped: 1/16 of a frame at s = 8.
- Reducing by s what was enlarged by r s is enlarging by r, so mask and features go from block to
  block without touching the full resolution. The flow found by each block stays at its own
  resolution and is enlarged directly to where it is needed.
- The input of a block's first convolution is computed in strips of rows, so the 28 planes that the
  finest block reads never exist for a whole frame, and temporaries stay in the cache.
- A block that works above the frame's resolution, at scale 2, enlarges its input by 2: that is a
  part of its first convolution, and the enlarged input never exists (``enlarged_stem``).
- Of the last block only flow and mask are computed, not the unused features.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..networks import (
    FlowBlock,
    IFNet,
    IFNetConfig,
    Interpolated,
    Motion,
    Pair,
    resize,
    sample,
)
from .enlarged_stem import EnlargedStem
from .orientation import average_of_both, oriented
from .resampling import neighbours, read_positions

_STRIP_PIXELS = 1 << 16
"""Sampled pixels per strip on a CPU: 14 float32 planes of it are 4 MB."""


class Pyramid:
    """Evaluates one network; keeps tables for the last frame size."""

    def __init__(self, network: IFNet) -> None:
        self._network = network
        self._levels: list[_Level] = []
        self._key: tuple[object, ...] = ()

    def encode_frame(self, img: Tensor) -> Tensor:
        """Attach its features to a frame; see ``IFNet``."""
        return self._network.encode_frame(img)

    def __call__(
        self, pair: Pair, timestep: Tensor, flow_scale: float, averages: bool = False
    ) -> Tensor:
        """Interpolate, to rounding the same as ``IFNet.forward``.

        Args:
            pair: the encoded frames, of the batch size of ``timestep``.
            timestep: [B, 1, 1, 1] float32 in (0, 1).
            flow_scale: see ``supports_pyramid``.
            averages: the last block is averaged with its output for the swapped pair.

        Returns:
            [B, 3, H, W] float32 in [0, 1].
        """
        frame_level, updates = self._updates(pair, timestep, flow_scale, averages)
        return _blend(frame_level, pair, updates, self._network.config)

    def with_motion(
        self, pair: Pair, timestep: Tensor, flow_scale: float, averages: bool = False
    ) -> Interpolated:
        """Interpolate, and return the motion as well, which takes five planes of memory."""
        frame_level, updates = self._updates(pair, timestep, flow_scale, averages)
        batch, _, height, width = pair.frame0.shape
        planes = pair.frame0.new_empty(batch, 5, height, width)
        frame = _blend(frame_level, pair, updates, self._network.config, planes)
        return Interpolated(frame, Motion(planes[:, :4], planes[:, 4:], planes[:, 5:]))

    def _updates(
        self, pair: Pair, timestep: Tensor, flow_scale: float, averages: bool
    ) -> tuple[_Level, list[Tensor]]:
        """Run all blocks; returns the geometry of the whole frame and each block's update."""
        *levels, frame_level = self._levels_for(pair.frame0, flow_scale)
        updates: list[Tensor] = []
        for block, level in zip(self._network.flow_blocks(), levels, strict=True):
            is_last = len(updates) == len(levels) - 1
            both_ways = averages and is_last
            stems = _stems(block, level, pair, timestep, updates, both_ways)
            updates.append(_run_block(block, stems, level.scale, is_last=is_last))
        return frame_level, updates

    def _levels_for(self, frame: Tensor, flow_scale: float) -> list[_Level]:
        key = (*frame.shape[2:], flow_scale, frame.device)
        if key != self._key:
            scales = [scale / flow_scale for scale in self._network.config.block_scales]
            blocks = self._network.flow_blocks()
            reductions = [  # frame size over update size; an update above the frame is reduced
                max(1, int(block.enlargement(scale)))
                for block, scale in zip(blocks, scales, strict=True)
            ]
            self._levels = [
                _Level(frame, scale, reductions[:index]) for index, scale in enumerate(scales)
            ]
            self._levels.append(_Level(frame, 1, reductions))
            self._key = key
        return self._levels


class _Level:
    """The geometry of one block's input: the frame reduced by ``scale``, or itself below 1.

    Attributes:
        scale: the block's scale.
        height: of the reduced frame, px.
        width: of the reduced frame, px.
        rows: [n] px of the frame, the rows that the reduction reads.
        cols: [m] px of the frame, the columns that it reads.
    """

    def __init__(self, frame: Tensor, scale: float, update_reductions: Sequence[int]) -> None:
        height, width = frame.shape[2:]
        self.scale = scale
        reduction = max(1, int(scale))  # enlarging is left to the first convolution
        self.height, self.width = height // reduction, width // reduction
        rows, cols = read_positions(height, reduction), read_positions(width, reduction)
        self.rows, self.cols = rows.to(frame.device), cols.to(frame.device)
        self._samplers = [
            _Enlargement((height // factor, width // factor), factor, rows, cols, frame.device)
            for factor in update_reductions
        ]
        self._rows_per_row = len(rows) // self.height
        if update_reductions:
            last = update_reductions[-1]
            size = height // last, width // last
            all_rows, all_cols = torch.arange(self.height), torch.arange(self.width)
            self._carry = _Enlargement(size, last // reduction, all_rows, all_cols, frame.device)

    def strips(self, num_rows: int, device: torch.device) -> Iterator[slice]:
        """Cut ``num_rows`` rows of the reduced frame into strips; one strip unless on a CPU."""
        pixels_per_row = len(self.cols) * self._rows_per_row
        step = max(2, _STRIP_PIXELS // pixels_per_row) if device.type == "cpu" else num_rows
        for start in range(0, num_rows, step):
            yield slice(start, min(start + step, num_rows))

    def sampled(self, updates: Sequence[Tensor], strip: slice) -> Tensor:
        """Add up the updates of all blocks, [B, C, n, m] at the pixels read for ``strip``."""
        rows = self._read_rows(strip)
        parts = (
            enlarge(update, rows) for enlarge, update in zip(self._samplers, updates, strict=True)
        )
        total = next(parts)
        for part in parts:
            total = total + part
        return total

    def carried(self, features: Tensor, strip: slice) -> Tensor:
        """Enlarge the previous block's mask and features to this resolution."""
        return self._carry(features, strip)

    def read(self, frame: Tensor, strip: slice) -> Tensor:
        """Reduce ``frame`` [B, C, H, W] to this resolution, unwarped."""
        rows = self.rows[self._read_rows(strip)]
        return self.reduced(frame[:, :, rows[:, None], self.cols])

    def warped(self, frame: Tensor, flow: Tensor, strip: slice) -> Tensor:
        """Warp ``frame`` [B, C, H, W] by sampled ``flow``, reduced to this resolution."""
        return self.reduced(sample(frame, flow, self.rows[self._read_rows(strip)], self.cols))

    def _read_rows(self, strip: slice) -> slice:
        """Return which of ``rows`` belong to rows of the reduced frame."""
        return slice(strip.start * self._rows_per_row, strip.stop * self._rows_per_row)

    def reduced(self, sampled: Tensor) -> Tensor:
        """Average the four pixels read for each pixel of the reduced frame."""
        return sampled if self.scale <= 1 else resize(sampled, 0.5)


class _Enlargement:
    """Bilinear enlargement by a factor, evaluated at some rows and columns only."""

    def __init__(
        self,
        size: tuple[int, int],
        factor: int,
        rows: Tensor,
        cols: Tensor,
        device: torch.device,
    ) -> None:
        height, width = size
        self._factor = factor
        self._above, self._below, weight = (x.to(device) for x in neighbours(rows, factor, height))
        self._weight = weight[:, None]
        self._columns = None
        self._width = factor * width
        if len(cols) < self._width:
            left, right, weight = neighbours(cols, factor, width)
            index = torch.arange(len(cols))
            columns = torch.zeros(width, len(cols))
            columns[left, index] += 1 - weight
            columns[right, index] += weight
            self._columns = columns.to(device)

    def __call__(self, x: Tensor, rows: slice) -> Tensor:
        """Return [B, C, n, m] for the chosen ``rows`` of [B, C, h, w]."""
        if self._factor == 1:
            return x[:, :, rows]
        above = x.index_select(2, self._above[rows])
        below = x.index_select(2, self._below[rows])
        lines = torch.lerp(above, below, self._weight[rows])
        if self._columns is not None:
            return lines @ self._columns
        size = (lines.shape[2], self._width)
        return F.interpolate(lines, size, mode="bilinear", align_corners=False)


def _stems(
    block: FlowBlock,
    level: _Level,
    pair: Pair,
    timestep: Tensor,
    updates: Sequence[Tensor],
    both_ways: bool,
) -> Iterator[list[Tensor]]:
    """Yield what a block's first convolution returns, in strips of rows; see ``oriented``."""
    device, inputs = pair.frame0.device, (pair, timestep, updates, block.config)
    if level.scale < 1:
        enlarged = EnlargedStem(block.halvings[0])
        for rows in level.strips(level.height, device):
            x = _bordered_input(level, rows, *inputs)
            is_top = rows.start == 0
            yield [
                enlarged(each.to(block.dtype), is_top=is_top)
                for each in oriented(x, block.config, both_ways)
            ]
        return
    # The first convolution halves: its row i reads rows 2i - 1, 2i and 2i + 1.
    for out_rows in level.strips(level.height // 2, device):
        rows = slice(max(2 * out_rows.start - 1, 0), 2 * out_rows.stop)
        x = _block_input(level, rows, *inputs)
        pad = (0, 0, int(rows.start == 0), 0)
        yield [
            block.first_convolution(F.pad(each, pad).to(block.dtype), pad_rows=0)
            for each in oriented(x, block.config, both_ways)
        ]


def _bordered_input(
    level: _Level,
    rows: slice,
    pair: Pair,
    timestep: Tensor,
    updates: Sequence[Tensor],
    config: IFNetConfig,
) -> Tensor:
    """Assemble rows of a block's input with one more on each side; borders repeat."""
    inside = slice(max(rows.start - 1, 0), min(rows.stop + 1, level.height))
    x = _block_input(level, inside, pair, timestep, updates, config)
    above, below = inside.start - rows.start + 1, rows.stop + 1 - inside.stop
    return F.pad(x, (1, 1, above, below), mode="replicate")


def _block_input(
    level: _Level,
    rows: slice,
    pair: Pair,
    timestep: Tensor,
    updates: Sequence[Tensor],
    config: IFNetConfig,
) -> Tensor:
    """Assemble [B, C, n, w] in the order of ``IFNet``: frames, timestep, mask, features, flow."""
    if not updates:
        frames = Pair(level.read(pair.frame0, rows), level.read(pair.frame1, rows))
        motion: list[Tensor] = []
    else:
        summed = level.sampled(_summed_parts(updates, config), rows)
        frames = Pair(
            level.warped(pair.frame0, summed[:, :2], rows),
            level.warped(pair.frame1, summed[:, 2:4], rows),
        )
        reduced = level.reduced(summed)
        mask = reduced[:, 4:]
        if not config.accumulates_mask:
            mask = level.carried(updates[-1][:, 4:], rows)  # and the features behind it
        motion = [mask, reduced[:, :4] / level.scale]
    x = frames.as_input()
    times = timestep.expand(-1, 1, *x.shape[2:])
    return torch.cat((x, times, *motion), 1)


def _summed_parts(updates: Sequence[Tensor], config: IFNetConfig) -> list[Tensor]:
    """Take the channels that add up over blocks: the flow, and the mask where it accumulates."""
    num_summed = 5 if config.accumulates_mask else 4
    return [update[:, :num_summed] for update in updates]


def _run_block(
    block: FlowBlock, stems: Iterable[list[Tensor]], scale: float, *, is_last: bool
) -> Tensor:
    """Run a block; returns its update at its own resolution, flow in px of the frame.

    Where ``stems`` are of both orientations, the update is the average of both.
    """
    num_channels = 5 if is_last else 5 + block.config.hidden_features
    factor = block.enlargement(scale)
    outs: list[Tensor] = []
    for parts in zip(*stems, strict=True):
        x = block.trunk(parts[0] if len(parts) == 1 else torch.cat(parts, 2))
        outs.append(block.head(x, num_channels, halves=factor < 1).float().contiguous())
    out = outs[0] if len(outs) == 1 else average_of_both(*outs)
    out[:, :4] *= factor
    return out


def _blend(
    level: _Level,
    pair: Pair,
    updates: Sequence[Tensor],
    config: IFNetConfig,
    planes: Tensor | None = None,
) -> Tensor:
    """Warp the colours by the final flow and mix them by the final mask.

    Flow and mask logits are written to ``planes`` [B, 5, H, W] if given.
    """
    batch, _, height, width = pair.frame0.shape
    colours = pair.colours()
    parts = _summed_parts(updates, config)
    out = colours.frame0.new_empty(batch, 3, height, width)
    for rows in level.strips(height, out.device):
        summed = level.sampled(parts, rows)
        mask_logits = summed[:, 4:]
        if not config.accumulates_mask:
            mask_logits = level.carried(updates[-1][:, 4:5], rows)
        if planes is not None:
            planes[:, :4, rows], planes[:, 4:, rows] = summed[:, :4], mask_logits
        warped0 = level.warped(colours.frame0, summed[:, :2], rows)
        warped1 = level.warped(colours.frame1, summed[:, 2:4], rows)
        torch.lerp(warped1, warped0, torch.sigmoid(mask_logits), out=out[:, :, rows])
    return out
