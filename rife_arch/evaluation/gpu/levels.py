"""The weights of each block as the kernels need them, for one flow scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...networks import ActivatedConv, FlowBlock, IFNet
from ..enlarged_stem import EnlargedStem
from ..layout import Layout, averaging_head, block_head, reordered_stem
from .loops import Cells, Loops, Update


class Convolution:
    """A convolution whose bias and activation are one loop; torch passes over its output twice."""

    def __init__(self, conv: ActivatedConv, loops: Loops) -> None:
        layer, activation = conv.layer, conv.activation
        self._layer, self._loops = layer, loops
        self._bias = cast("Tensor", layer.bias)
        if isinstance(activation, nn.LeakyReLU):
            self._slopes = torch.full_like(self._bias, activation.negative_slope)
        else:
            self._slopes = cast("nn.PReLU", activation).weight

    def __call__(self, x: Tensor) -> Tensor:
        """Map [B, I, H, W] to [B, O, ...], both channels last."""
        layer = self._layer
        out = F.conv2d(x, layer.weight, None, layer.stride, 1, groups=layer.groups)
        out = out.contiguous(memory_format=torch.channels_last)  # as it is already
        self._loops.activate(out, self._bias, self._slopes)
        return out


Stem = Convolution | EnlargedStem
Head = tuple[Tensor, Tensor]
"""Weight and bias of a convolution."""


@dataclass(frozen=True, slots=True)
class Level:
    """One block: its weights as they are used here, and what its input and its update look like.

    Attributes:
        block: for what is taken as it is.
        cells: of its input.
        stem: the first convolution, reading pixels as ``kernels`` writes them.
        swapped_stem: the same, reading a pixel as the swapped pair's.
        convolutions: those between stem and head.
        head: weight and bias of the last, returning flow in px of the frame.
        averaging_head: of the last block, for the trunks of a pair and of the swapped pair.
        factor: frame size over the size of its update.
        side: px of the squares of its update.
    """

    block: FlowBlock
    cells: Cells
    stem: Stem
    swapped_stem: Stem
    convolutions: list[nn.Module | Convolution]
    head: Head
    averaging_head: Head | None
    factor: int
    side: int

    def trunk(self, x: Tensor, stem: Stem) -> Tensor:
        """Run all but the head: [B, P, h, w] -> [B, W, h / 4, w / 4]."""
        x = stem(x, is_top=True) if isinstance(stem, EnlargedStem) else stem(x)
        second, *units = self.convolutions
        out = halved = second(x)
        for unit in units:
            out = unit(out)
        return out + halved if self.block.config.residual == "trunk" else out

    def update(self, trunk: Tensor, head: Head) -> Update:
        """Run a head."""
        out = F.conv2d(trunk.float(), *head, padding=1)
        return Update(out.contiguous(memory_format=torch.channels_last), self.factor, self.side)


def make_levels(network: IFNet, layout: Layout, loops: Loops, flow_scale: float) -> list[Level]:
    """Prepare all blocks; nothing depends on the size of frames."""
    levels: list[Level] = []
    positions = layout.input_positions(network.config)
    scales = network.config.block_scales
    for block, full_scale in zip(network.flow_blocks(), scales, strict=True):
        scale = full_scale / flow_scale
        is_last = len(levels) == len(scales) - 1
        # Of the last block only flow and mask are needed.
        channels = 5 if is_last else 5 + network.config.hidden_features
        factor = block.enlargement(scale)
        head, side = block_head(block, channels, factor)
        between = [block.halvings[1], *block.convblock]
        levels.append(
            Level(
                block,
                Cells.of(scale),
                _stem(block, positions, layout, loops, scale),
                _swapped_stem(block, positions, layout, loops, scale),
                [Convolution(c, loops) if isinstance(c, ActivatedConv) else c for c in between],
                head,
                averaging_head(*head) if is_last else None,
                max(
                    1, int(factor)
                ),  # an update above the frame's resolution is reduced by the head
                side,
            )
        )
    return levels


def _stem(
    block: FlowBlock, positions: Sequence[int], layout: Layout, loops: Loops, scale: float
) -> Stem:
    conv = reordered_stem(block.halvings[0], positions, layout.pixel)
    return EnlargedStem(conv) if scale < 1 else Convolution(conv, loops)


def _swapped_stem(
    block: FlowBlock, positions: Sequence[int], layout: Layout, loops: Loops, scale: float
) -> Stem:
    """Make a stem that sees, in the pixels of a pair, those of the swapped pair."""
    swapped = layout.swapped(positions)
    mask = -5 - block.config.hidden_features
    swapped[mask - 1] = layout.pixel - 2  # 1 - timestep
    conv = reordered_stem(block.halvings[0], swapped, layout.pixel)
    with torch.no_grad():
        conv.layer.weight[:, positions[mask]] *= -1
    return EnlargedStem(conv) if scale < 1 else Convolution(conv, loops)
