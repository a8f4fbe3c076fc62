"""Weights and pixels as fused loops read them: channels last, no pixel shuffle.

Shared by the loops for CPUs and for GPUs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from einops import rearrange
from torch import Tensor, nn

from ..networks import ActivatedConv, FlowBlock, IFNetConfig


@dataclass(frozen=True, slots=True)
class Layout:
    """The parts of a pixel, in floats; see ``cpu/kernels.py`` and ``gpu/kernels.py``."""

    frame: int
    summed: int
    carried: int
    num_features: int

    @staticmethod
    def of(config: IFNetConfig) -> Layout:
        """Choose the layout for a network."""
        frame = _round_up_to_four(3 + config.num_features)
        if config.accumulates_mask:
            return Layout(frame, 8, 0, config.num_features)
        # Two more than mask and features, for the timestep and its reverse.
        return Layout(frame, 4, _round_up_to_four(3 + config.hidden_features), config.num_features)

    @property
    def pixel(self) -> int:
        """Floats of a pixel of a block's input."""
        return 2 * self.frame + self.summed + self.carried

    def input_positions(self, config: IFNetConfig) -> list[int]:
        """List where each channel of a block's input lies in its pixel, in the order of ``IFNet``."""
        feats = config.num_features
        first, second = range(self.frame), range(self.frame, 2 * self.frame)
        flow = 2 * self.frame
        return [
            *first[:3],
            *second[:3],
            *first[3 : 3 + feats],
            *second[3 : 3 + feats],
            self.pixel - 1,
            *range(flow + 4, flow + 5 + config.hidden_features),
            *range(flow, flow + 4),
        ]

    def swapped(self, positions: Sequence[int]) -> list[int]:
        """List where the channels lie that a block reads of the swapped pair; see there."""
        frames, flow = self.frame, 2 * self.frame
        exchanged = {flow + i: flow + (i + 2) % 4 for i in range(4)}
        for i in range(frames):
            exchanged[i], exchanged[frames + i] = frames + i, i
        return [exchanged.get(position, position) for position in positions]


def reordered_stem(conv: ActivatedConv, positions: Sequence[int], pixel: int) -> ActivatedConv:
    """Convert a block's first convolution to read ``pixel`` channels, its own at ``positions``."""
    layer = conv.layer
    shape = (layer.out_channels, pixel, 3, 3)
    weight = layer.weight.new_zeros(shape).to(memory_format=torch.channels_last)
    weight[:, list(positions[: layer.in_channels])] = layer.weight
    with torch.device("meta"):  # its weights are about to be replaced
        reordered = nn.Conv2d(pixel, layer.out_channels, 3, 2, 1)
    reordered.weight = nn.Parameter(weight, requires_grad=False)
    reordered.register_parameter("bias", cast("nn.Parameter", layer.bias))
    return ActivatedConv(reordered, conv.activation)


def block_head(
    block: FlowBlock, channels: int, enlargement: float
) -> tuple[tuple[Tensor, Tensor], int]:
    """Convert a block's head to return updates as ``kernels`` reads them.

    Returns:
        Weight and bias of a convolution, and the side, px, of the square of output pixels that
        one pixel of the trunk becomes.
    """
    *layer, shuffle = block.head_layer(channels, halves=enlargement < 1)
    weight, bias = as_convolution(*layer, shuffle=shuffle)
    side = 2 * shuffle
    rows = torch.cat((weight.flatten(1), bias[:, None]), 1).unflatten(0, (side**2, -1)).clone()
    rows[:, :4] *= enlargement
    out = rows.flatten(0, 1)
    weight = out[:, :-1].reshape(len(out), -1, 2, 2)
    weight = weight.contiguous(memory_format=torch.channels_last)
    return (weight, out[:, -1].contiguous()), side


def averaging_head(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Make the head of the trunks of a pair and of the swapped pair, which averages their updates.

    Args:
        weight: of the last block's head, [5 N, I, 2, 2]; the five channels are flow and mask.
        bias: [5 N].

    Returns:
        Weight [5 N, 2 I, 2, 2] and bias.
    """
    order = [2, 3, 0, 1, 4]
    sign = torch.tensor((1.0, 1.0, 1.0, 1.0, -1.0), device=weight.device)

    def swapped(x: Tensor) -> Tensor:
        parts = x.unflatten(0, (-1, 5))[:, order]
        return (parts * sign.view(-1, *[1] * (parts.ndim - 2))).flatten(0, 1)

    both = torch.cat((weight, swapped(weight)), 1) / 2
    both = both.contiguous(memory_format=torch.channels_last)
    return both, (bias + swapped(bias)) / 2


def _round_up_to_four(number: int) -> int:
    return -number % 4 + number


def as_convolution(weight: Tensor, bias: Tensor, *, shuffle: int) -> tuple[Tensor, Tensor]:
    """Turn a 4x4 deconvolution, and the pixel shuffle behind it, into a 2x2 convolution.

    With padding 1 it returns, at [j, i], the block of 2 ``shuffle`` x 2 ``shuffle`` output pixels
    that ends ``shuffle`` pixels into input pixel [j, i].

    Returns:
        weight [n n C, I, 2, 2] and bias, the outputs ordered by row and column in the block.
    """
    taps = "i (c a b) (p r) (q s) -> (r a) (s b) c i p q"
    weight = rearrange(weight, taps, a=shuffle, b=shuffle, r=2, s=2).flip(-1, -2)
    bias = rearrange(bias, "(c a b) -> a b c", a=shuffle, b=shuffle).repeat(2, 2, 1)
    return weight.flatten(0, 2), bias.flatten()
