"""Launches the kernels: from tensors to addresses and sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import NamedTuple, Protocol, cast

import torch
from torch import Tensor

from ...networks import Pair
from ..layout import Layout

_BLOCK = 128
"""Pixels per program: one for each thread of the four warps that Triton starts by default."""


class Update(NamedTuple):
    """What a block's head returns; see ``kernels``.

    Attributes:
        data: float32, [B, ``side`` ``side`` C, h / ``side`` + 1, w / ``side`` + 1], channels last.
        factor: frame size over h and w.
        side: px of the squares that its pixels lie in.
    """

    data: Tensor
    factor: int
    side: int

    @property
    def channels(self) -> int:
        """Of one pixel."""
        return self.data.shape[1] // self.side**2


@dataclass(frozen=True, slots=True)
class Cells:
    """What a block's input is reduced by.

    Attributes:
        scale: of the block; flow is divided by it.
        reduction: frame size over the size of the input, without its border.
        samples: how many rows, and columns, in the middle of each cell are averaged, 1 or 2.
        border: px by which the input is larger on each side.
    """

    scale: float
    reduction: int
    samples: int
    border: int

    @staticmethod
    def of(scale: float) -> Cells:
        """Choose for a block's scale; below 1 the first convolution enlarges, and reads a border."""
        return Cells(scale, max(1, int(scale)), 1 if scale <= 1 else 2, int(scale < 1))

    def size_of(self, frame: Tensor) -> tuple[int, int]:
        """Height and width of the input for ``frame`` [B, C, H, W]."""
        height, width = (length // self.reduction for length in frame.shape[2:])
        return height + 2 * self.border, width + 2 * self.border


class Loops(Protocol):
    """The loops around the convolutions. All write to their first argument."""

    def interleave(self, out: Tensor, img: Tensor, features: Tensor | None) -> None:
        """Write frames [B, H, W, F] from ``img`` [B, 3, H, W] and their features, in squares of 2."""
        ...

    def block_input(
        self, out: Tensor, pair: Pair, timestep: Tensor, updates: Sequence[Update], cells: Cells
    ) -> None:
        """Write a block's input [B, h, w, P] for a pair of interleaved frames."""
        ...

    def activate(self, x: Tensor, bias: Tensor, slopes: Tensor) -> None:
        """Add ``bias`` to ``x`` [B, C, h, w], channels last, and scale negative numbers."""
        ...

    def blend(
        self, out: Tensor, pair: Pair, updates: Sequence[Update], planes: Tensor | None
    ) -> None:
        """Write new frames [B, H, W, 3], and flow and mask logits to ``planes`` [B, 5, H, W]."""
        ...


class TritonLoops:
    """The loops as Triton kernels, for one layout of pixels.

    Raises:
        ImportError: without Triton.
    """

    def __init__(self, layout: Layout, *, sums_mask: bool) -> None:
        try:
            from . import kernels
        except ImportError as error:
            raise ImportError(
                'the loops for GPUs need the package "triton" ("triton-windows" on Windows), which '
                'could not be imported: install it, or use the evaluation "exact"'
            ) from error
        self._kernels = kernels
        self._layout = layout
        self._summed = 5 if sums_mask else 4

    def interleave(self, out: Tensor, img: Tensor, features: Tensor | None) -> None:
        """See ``Loops``."""
        batch, height, width, frame = out.shape
        self._launch(
            self._kernels.interleave,
            (height * width, batch),
            (out, img, out if features is None else features, *img.stride(), height, width),
            NUM_FEATURES=0 if features is None else self._layout.num_features,
            FRAME=frame,
            FRAME_TILE=power_of_two_from(frame),
        )

    def block_input(
        self, out: Tensor, pair: Pair, timestep: Tensor, updates: Sequence[Update], cells: Cells
    ) -> None:
        """See ``Loops``."""
        batch, height, width, _ = out.shape
        frame, rest = self._layout.frame, self._layout.summed + self._layout.carried
        tensors, factors = _unzipped(updates)
        self._launch(
            self._kernels.block_input,
            (height * width, batch),
            (out, *_addresses(pair), timestep, tensors, factors, *pair.frame0.shape[2:]),
            reduction=cells.reduction,
            scale=cells.scale,
            NUM=len(updates),
            SAMPLES=cells.samples,
            BORDER=cells.border,
            SUMMED=self._summed,
            FRAME=frame,
            FRAME_TILE=power_of_two_from(frame),
            REST=rest,
            REST_TILE=power_of_two_from(rest),
            SIDE=updates[0].side if updates else 2,
            CHANNELS=updates[0].channels if updates else 5,
        )

    def activate(self, x: Tensor, bias: Tensor, slopes: Tensor) -> None:
        """See ``Loops``."""
        arguments = x, bias, slopes, x.numel()
        self._launch(
            self._kernels.add_bias_and_activate, (x.numel(), 1), arguments, CHANNELS=x.shape[1]
        )

    def blend(
        self, out: Tensor, pair: Pair, updates: Sequence[Update], planes: Tensor | None
    ) -> None:
        """See ``Loops``."""
        batch, height, width, _ = out.shape
        *earlier, last = updates
        tensors, factors = _unzipped(earlier)
        self._launch(
            self._kernels.blend,
            (height * width, batch),
            (
                *(out, out if planes is None else planes, *_addresses(pair), tensors, factors),
                *(last.data, last.factor, height, width),
            ),
            NUM=len(earlier),
            SUMMED=self._summed,
            FRAME=self._layout.frame,
            SIDE=earlier[0].side if earlier else 2,
            CHANNELS=earlier[0].channels if earlier else 5,
            LAST_SIDE=last.side,
            WRITES_MOTION=planes is not None,
        )

    def _launch(
        self,
        kernel: object,
        work: tuple[int, int],
        arguments: Sequence[object],
        **constants: float,
    ) -> None:
        """Start a kernel for ``work``: pixels, and items of a batch."""
        (pixels, batch), out = work, cast("Tensor", arguments[0])
        largest = pixels * max(self._layout.pixel, out.shape[-1])
        launch = cast("dict[tuple[int, int], Callable[..., object]]", kernel)
        with _device_of(out):  # Triton starts kernels on the current one
            launch[-(-pixels // _BLOCK), batch](
                *arguments,
                **constants,
                INDEX=self._kernels.index_type(largest),
                BLOCK=_BLOCK,
            )


def power_of_two_from(number: int) -> int:
    """Return the least power of 2 that is no less: the lengths that Triton knows."""
    return 1 << (number - 1).bit_length()


def _addresses(pair: Pair) -> tuple[Tensor, Tensor, int, int]:
    first, second = pair.frame0, pair.frame1
    return first, second, first.stride(0), second.stride(0)


def _unzipped(updates: Sequence[Update]) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    return tuple(u.data for u in updates), tuple(u.factor for u in updates)


def _device_of(x: Tensor) -> AbstractContextManager[object]:
    return torch.cuda.device(x.device) if x.is_cuda else nullcontext()
