"""A convolution by Winograd's loops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from .memory import Scratch, large_pages
from .threads import Workers
from .winograd import TRUNK_TILING, Tiling
from .winograd_kernels import host_registers, make_convolve

_CACHE_BYTES = 1 << 19
"""Of transformed inputs and sums at a time: half of what a core's second cache holds."""


@dataclass(frozen=True, slots=True)
class Size:
    """Of a picture, in px."""

    height: int
    width: int


@dataclass(frozen=True, slots=True)
class _Part:
    """Of a result: ranges of squares and of channels."""

    squares: tuple[int, int]
    channels: tuple[int, int]


class WinogradConvolution:
    """A convolution of stride 1 with one pixel of zeros around its input, a bias and an activation."""

    def __init__(
        self,
        workers: Workers,
        tiling: Tiling,
        weight: Tensor,
        bias: Tensor,
        slopes: Tensor | float,
    ) -> None:
        """Transform the weights.

        Args:
            workers: threads, and memory that all convolutions use in turn.
            tiling: for the size of the convolution.
            weight: [O, I, r, r].
            bias: [O].
            slopes: [O] or one for all, by which results below zero are multiplied.
        """
        self._workers = workers
        self._tiling = tiling
        self._registers = host_registers()
        self.outputs, self.inputs = weight.shape[:2]
        parts = tiling.transformed(weight).split(2 * self._registers.lanes, 2)
        pairs = torch.cat([part.flatten(1) for part in parts], 1)
        self._weights = large_pages(pairs.numel())
        self._weights[:] = pairs.flatten().numpy()
        slopes = torch.as_tensor(slopes).detach().float().expand(self.outputs)
        self._rest = bias.detach().float().contiguous().numpy(), slopes.contiguous().numpy()
        self._convolve = make_convolve(tiling, self._registers)

    @staticmethod
    def of(
        workers: Workers, layer: nn.Conv2d, slopes: Tensor | float
    ) -> WinogradConvolution | None:
        """Convert a 3x3 convolution; None if its channels do not fill vectors, or lie in groups."""
        if layer.groups > 1 or not WinogradConvolution.supports(
            layer.in_channels, layer.out_channels
        ):
            return None
        assert layer.bias is not None
        return WinogradConvolution(workers, TRUNK_TILING, layer.weight, layer.bias, slopes)

    @staticmethod
    def supports(*channels: int) -> bool:
        """Tell whether these numbers of channels fill vectors."""
        return all(number % host_registers().lanes == 0 for number in channels)

    def __call__(
        self, out: np.ndarray, x: np.ndarray, size: Size, out_size: Size, step: int | None = None
    ) -> None:
        """Convolve in this thread.

        Args:
            out: flat [h, w, ``step``], of which the first O channels are written.
            x: flat [H, W, I].
            size: H and W.
            out_size: h and w.
            step: floats from one pixel of ``out`` to the next; O by default.
        """
        part = _Part((0, self._num_squares(out_size)), (0, self.outputs))
        self._make(part, out, x, self._sizes(size, out_size, step))

    def in_parallel(
        self, out: np.ndarray, x: np.ndarray, size: Size, out_size: Size, step: int | None = None
    ) -> None:
        """Do the same in all threads."""
        sizes = self._sizes(size, out_size, step)
        parts = self._parts(self._num_squares(out_size))
        self._workers.map(lambda part: self._make(part, out, x, sizes), parts)

    def _parts(self, num_squares: int) -> list[_Part]:
        """Share the work out: the squares, or where these are few the channels.

        Each thread reads all weights of its channels. The weights of wide convolutions, on few squares, are
        most of what is read.
        """
        workers, pair = self._workers, 2 * self._registers.lanes
        num_pairs = -(-self.outputs // pair)
        if num_squares >= workers.count * self._at_once or num_pairs < workers.count:
            shares = workers.shares(num_squares, self._at_once)
            return [_Part(squares, (0, self.outputs)) for squares in shares]
        ends = [min(end * pair, self.outputs) for end in workers.ends(num_pairs)]
        return [_Part((0, num_squares), channels) for channels in pairwise((0, *ends))]

    def _num_squares(self, size: Size) -> int:
        side = self._tiling.outputs
        return -(-size.height // side) * -(-size.width // side)

    def _sizes(self, size: Size, out_size: Size, step: int | None) -> tuple[int, ...]:
        inside = size.height, size.width, self.inputs
        return (*inside, out_size.height, out_size.width, self.outputs, step or self.outputs)

    @property
    def _num_planes(self) -> int:
        return self._tiling.inputs**2

    @property
    def _at_once(self) -> int:
        """How many squares a core's cache holds."""
        fitting = _CACHE_BYTES // (8 * self._num_planes * max(self.inputs, self.outputs))
        return max(1, fitting // self._registers.rows) * self._registers.rows

    def _make(self, part: _Part, out: np.ndarray, x: np.ndarray, sizes: tuple[int, ...]) -> None:
        with self._workers.scratch.lend() as scratch:
            run = (*part.squares, *part.channels, self._at_once)
            self._convolve(out, x, run, sizes, self._weights, self._rest, self._buffers(scratch))

    def _buffers(self, scratch: Scratch) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        widest = max(self.inputs, self.outputs)
        # A step that is no multiple of a page, or all planes would share the same few lines of a cache.
        plane = -(-self._at_once * widest // 1024) * 1024 + 16
        transformed, sums = (
            scratch.get(name, self._num_planes * plane) for name in ("transformed", "sums")
        )
        return transformed, sums, scratch.get("edge", self._num_planes * widest), plane


def all_or_none(found: Sequence[WinogradConvolution | None]) -> list[WinogradConvolution] | None:
    """Return convolutions that follow each other, if each of them could be converted."""
    convolutions = [convolution for convolution in found if convolution]
    return convolutions if len(convolutions) == len(found) else None
