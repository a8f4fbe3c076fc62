"""What a model must offer to interpolate or enhance frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import torch
from torch import Tensor

FeaturesT = TypeVar("FeaturesT")


class Draft(Protocol):
    """A new frame that a device may still be working on."""

    @property
    def image(self) -> Tensor:
        """[1, C, H, W] in [0, 1], unless ``mended`` gives another one."""
        ...

    @property
    def mended(self) -> Callable[[], Tensor | None]:
        """Waits until it is made; None where ``image`` is right, else what takes its place."""
        ...

    @property
    def batch(self) -> object:
        """The same object for frames that are computed together."""
        ...


@dataclass(frozen=True, slots=True)
class Interpolator(Generic[FeaturesT]):
    """A model that makes frames between two, split where its work can be shared between pairs.

    Attributes:
        encode: [1, C, H, W] float32 in [0, 1], C 3 or 4 (RGBA premultiplied) ->
            features of one frame.
        interpolate: features of the earlier and the later frame and increasing timesteps in
            (0, 1) -> [1, C, H, W] in [0, 1] for each, lazily.
        device: of the input of ``encode``.
        draft: the same as ``interpolate``, for who looks at frames only once those of the next pair were
            started; None where nothing is gained by that.
    """

    encode: Callable[[Tensor], FeaturesT]
    interpolate: Callable[[FeaturesT, FeaturesT, Sequence[float]], Iterator[Tensor]]
    device: torch.device
    draft: Callable[[FeaturesT, FeaturesT, Sequence[float]], Iterator[Draft]] | None = None


@dataclass(frozen=True, slots=True)
class FrameEnhancer(Generic[FeaturesT]):
    """A model that enhances frames, split where its work can be shared between neighbours.

    Attributes:
        encode: [1, 3, H, W] float32 in [0, 1] -> features of one frame.
        enhance: features of the frame and of its reference frame, which may be the same ->
            [1, 3, H, W] in [0, 1].
        device: of the input of ``encode``.
    """

    encode: Callable[[Tensor], FeaturesT]
    enhance: Callable[[FeaturesT, FeaturesT], Tensor]
    device: torch.device
