"""The convolutions of a block behind those that halve: eight that keep the resolution, and the head."""

from __future__ import annotations

from functools import cached_property
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...networks import ActivatedConv, FlowBlock
from ..layout import averaging_head
from .convolution import Size, WinogradConvolution, all_or_none
from .memory import Scratch, as_tensor, flattened
from .threads import Workers
from .winograd import HEAD_TILING


class Trunk:
    """The units of a block: by Winograd's loops in float32, else by torch."""

    def __init__(self, block: FlowBlock, workers: Workers) -> None:
        self._block = block
        self._workers = workers
        self.channels = block.halvings[1].layer.out_channels

    @cached_property
    def _convolutions(self) -> list[WinogradConvolution] | None:
        return all_or_none([_winograd(self._workers, unit) for unit in self._block.convblock])

    def __call__(self, x: Tensor, out: np.ndarray, step: int, scratch: Scratch) -> None:
        """Run all units.

        Args:
            x: [1, C, H, W] channels last, the block's input after both halvings.
            out: float32, flat [H, W, ``step``], of which the first C channels are written.
            step: floats from one pixel of ``out`` to the next.
            scratch: for what is in between.
        """
        _, channels, height, width = x.shape
        if x.dtype != torch.float32 or self._convolutions is None:
            with self._workers.giving_back():
                as_tensor(out, height, width, channels, step)[:] = self._block.units(x)
            return
        size, number = Size(height, width), channels * height * width
        here, stem = flattened(x), None
        if self._block.config.residual == "trunk":
            stem = x
        *inner, last = self._convolutions
        for index, convolution in enumerate(inner):
            there = scratch.get(f"unit {index % 2}", number)
            convolution.in_parallel(there, here, size, size)
            here = there
        last.in_parallel(out, here, size, size, step)
        if stem is not None:
            as_tensor(out, height, width, channels, step).add_(stem)


class Head:
    """The 2x2 convolution that ends a block: by Winograd's loops where it can be, else by torch."""

    def __init__(self, workers: Workers, weight: Tensor, bias: Tensor) -> None:
        self._workers = workers
        self._weight, self._bias = weight, bias
        self.inputs, self.outputs = weight.shape[1], weight.shape[0]
        self._is_supported = WinogradConvolution.supports(self.inputs, self.outputs)

    @cached_property
    def averaging(self) -> Head:
        """Reads the trunks of a pair and of the swapped pair; see ``averaging_head``."""
        return Head(self._workers, *averaging_head(self._weight, self._bias))

    @cached_property
    def _convolution(self) -> WinogradConvolution:
        return WinogradConvolution(self._workers, HEAD_TILING, self._weight, self._bias, 1)

    def in_parallel(self, x: np.ndarray, size: Size) -> np.ndarray:
        """Map flat [H, W, I] to flat [H + 1, W + 1, O], in all threads."""
        if not self._is_supported:
            with self._workers.giving_back():
                return self._by_torch(x, size)
        out, out_size = self._empty(size)
        self._convolution.in_parallel(out, x, size, out_size)
        return out

    def __call__(self, x: np.ndarray, size: Size) -> np.ndarray:
        """Do the same in this thread."""
        if not self._is_supported:
            return self._by_torch(x, size)
        out, out_size = self._empty(size)
        self._convolution(out, x, size, out_size)
        return out

    def _empty(self, size: Size) -> tuple[np.ndarray, Size]:
        out_size = Size(size.height + 1, size.width + 1)
        return np.empty(out_size.height * out_size.width * self.outputs, np.float32), out_size

    def _by_torch(self, x: np.ndarray, size: Size) -> np.ndarray:
        picture = as_tensor(x, size.height, size.width, self.inputs)
        return flattened(F.conv2d(picture, self._weight, self._bias, padding=1))


def _winograd(workers: Workers, unit: nn.Module) -> WinogradConvolution | None:
    if not isinstance(unit, ActivatedConv):  # a residual unit that was not folded
        return None
    activation = unit.activation
    if isinstance(activation, nn.PReLU):
        return WinogradConvolution.of(workers, unit.layer, activation.weight)
    return WinogradConvolution.of(
        workers, unit.layer, cast("nn.LeakyReLU", activation).negative_slope
    )
