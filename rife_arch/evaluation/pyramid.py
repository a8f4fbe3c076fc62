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
)
from .level import Level, pixels_per_strip
from .orientation import average_of_both, oriented
from .tables import Tables


class Pyramid:
    """Evaluates one network; keeps tables for the last sizes and scales of frames."""

    def __init__(self, network: IFNet, *, saves_memory: bool = False) -> None:
        """Prepare nothing yet.

        Args:
            network: any for which ``supports_pyramid`` is true.
            saves_memory: work in strips of rows on any device, not only on a CPU.
        """
        self._network = network
        self._saves_memory = saves_memory
        self._tables = Tables[list[Level]]()

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
    ) -> tuple[Level, list[Tensor]]:
        """Run all blocks; returns the geometry of the whole frame and each block's update."""
        *levels, frame_level = self._levels_for(pair.frame0, flow_scale)
        updates: list[Tensor] = []
        for block, level in zip(self._network.flow_blocks(), levels, strict=True):
            is_last = len(updates) == len(levels) - 1
            both_ways = averages and is_last
            stems = _stems(block, level, pair, timestep, updates, both_ways)
            num_rows = level.height // (2 if level.enlarged_stem is None else 1)
            joined = _joined(stems, num_rows)
            updates.append(_run_block(block, joined, level.scale, is_last=is_last))
        return frame_level, updates

    def _levels_for(self, frame: Tensor, flow_scale: float) -> list[Level]:
        key = (*frame.shape[2:], flow_scale, frame.device, self._network.dtype)
        return self._tables.get(key, lambda: self._make_levels(frame, flow_scale))

    def _make_levels(self, frame: Tensor, flow_scale: float) -> list[Level]:
        scales = [scale / flow_scale for scale in self._network.config.block_scales]
        blocks = self._network.flow_blocks()
        reductions = [  # frame size over update size; an update above the frame is reduced
            max(1, int(block.enlargement(scale)))
            for block, scale in zip(blocks, scales, strict=True)
        ]
        most = pixels_per_strip(frame.device, saves_memory=self._saves_memory)
        levels = [
            Level(frame, scale, reductions[:index], block.halvings[0], num_sampled=most)
            for index, (block, scale) in enumerate(zip(blocks, scales, strict=True))
        ]
        return [*levels, Level(frame, 1, reductions, num_sampled=most)]


def _stems(
    block: FlowBlock,
    level: Level,
    pair: Pair,
    timestep: Tensor,
    updates: Sequence[Tensor],
    both_ways: bool,
) -> Iterator[list[Tensor]]:
    """Yield what a block's first convolution returns, in strips of rows; see ``oriented``."""
    inputs = pair, timestep, updates, block.config
    if level.enlarged_stem is not None:
        for rows in level.strips(level.height):
            x = _bordered_input(level, rows, *inputs)
            is_top = rows.start == 0
            yield [
                level.enlarged_stem(each.to(block.dtype), is_top=is_top)
                for each in oriented(x, block.config, both_ways)
            ]
        return
    # The first convolution halves: its row i reads rows 2i - 1, 2i and 2i + 1.
    for out_rows in level.strips(level.height // 2):
        rows = slice(max(2 * out_rows.start - 1, 0), 2 * out_rows.stop)
        x = _block_input(level, rows, *inputs)
        pad = (0, 0, int(rows.start == 0), 0)
        yield [
            block.first_convolution(F.pad(each, pad).to(block.dtype), pad_rows=0)
            for each in oriented(x, block.config, both_ways)
        ]


def _bordered_input(
    level: Level,
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
    level: Level,
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


def _joined(strips: Iterable[list[Tensor]], num_rows: int) -> list[Tensor]:
    """Put strips of rows together, each of the parts [B, C, n, w] to [B, C, ``num_rows``, w]."""
    whole: list[Tensor] = []
    row = 0
    for parts in strips:
        if parts[0].shape[2] == num_rows:
            whole = parts  # not returned here: until the next strip is asked for, its input is kept
            continue
        whole = whole or [_empty_like(part, num_rows) for part in parts]
        end = row + parts[0].shape[2]
        for out, part in zip(whole, parts, strict=True):
            out[:, :, row:end] = part
        row = end
    return whole


def _empty_like(part: Tensor, num_rows: int) -> Tensor:
    batch, channels, _, width = part.shape
    is_interleaved = not part.is_contiguous() and part.is_contiguous(
        memory_format=torch.channels_last
    )
    layout = torch.channels_last if is_interleaved else torch.contiguous_format
    shape = batch, channels, num_rows, width
    return torch.empty(shape, dtype=part.dtype, device=part.device, memory_format=layout)


def _run_block(block: FlowBlock, stems: list[Tensor], scale: float, *, is_last: bool) -> Tensor:
    """Run a block on what its first convolution returns; gives its update at its own resolution.

    Flow is in px of the frame.

    Where ``stems`` are of both orientations, the update is the average of both.
    """
    num_channels = 5 if is_last else 5 + block.config.hidden_features
    factor = block.enlargement(scale)
    outs: list[Tensor] = []
    while stems:
        x = block.trunk(stems.pop(0))
        outs.append(block.head(x, num_channels, halves=factor < 1).float().contiguous())
    out = outs[0] if len(outs) == 1 else average_of_both(*outs)
    out[:, :4] *= factor
    return out


def _blend(
    level: Level,
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
    for rows in level.strips(height):
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
