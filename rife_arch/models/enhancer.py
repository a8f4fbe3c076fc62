"""Enhancer: a network that cleans up frames of any size, each with the help of a neighbour.

Padding, precision and the choice of scales live here; the network itself sees padded tensors only.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..networks import SAFA, Router, SafaConfig
from .base import LoadedNetwork


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """A frame as the network reads it: encode once, use for itself and for its neighbours.

    Attributes:
        features: [B, C, H/2, W/2] float32, of the frame padded right and bottom.
        height: of the frame without padding, px.
        width: of the frame without padding, px.
    """

    features: Tensor
    height: int
    width: int


class Enhancer(LoadedNetwork[SAFA]):
    """Enhance frames with one loaded checkpoint.

    Attributes:
        network: the network; its device and precision are the enhancer's.
        name: the release, or what is known of it.
    """

    @property
    def config(self) -> SafaConfig:
        """What kind of network this is."""
        return self.network.config

    @torch.inference_mode()
    def encode(self, img: Tensor) -> EncodedFrame:
        """Prepare one frame for ``enhance``.

        Args:
            img: [B, 3, H, W] in [0, 1] (clamped), any float dtype and size; not modified.

        Raises:
            ValueError: for another shape.
        """
        if img.ndim != 4 or img.shape[1] != 3 or not img.is_floating_point():
            kind = f"{str(img.dtype).removeprefix('torch.')} {list(img.shape)}"
            raise ValueError(f"img must be floating point [B, 3, H, W], got {kind}")
        height, width = img.shape[2:]
        img = img.to(self.device, torch.float32).clamp(0, 1)
        padded = reflect_padded(img, self.config.pad_multiple)
        return EncodedFrame(self.network.encode_frame(padded), height, width)

    @torch.inference_mode()
    def enhance(self, own: EncodedFrame, other: EncodedFrame, *, seed: int | None = None) -> Tensor:
        """Enhance one encoded frame.

        Args:
            own: the frame to enhance.
            other: the one before or after it, of the same size; ``own`` itself where there is
                none in its scene.
            seed: None works at each scale that is at least as likely as not. Upstream draws
                the scales at random, so that no two runs are equal; a number does so too, the same
                draws for the same number.

        Returns:
            [B, 3, H, W] float32 in [0, 1].

        Raises:
            ValueError: the frames differ in size.
        """
        return self._enhance(own, other, _make_router(seed))

    @torch.inference_mode()
    def __call__(
        self, img0: Tensor, img1: Tensor, *, seed: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Enhance two neighbouring frames, each with the help of the other.

        See ``encode`` and ``enhance``.
        """
        frame0, frame1 = self.encode(img0), self.encode(img1)
        router = _make_router(seed)
        return self._enhance(frame0, frame1, router), self._enhance(frame1, frame0, router)

    def _enhance(self, own: EncodedFrame, other: EncodedFrame, router: Router) -> Tensor:
        if (own.height, own.width) != (other.height, other.width):
            raise ValueError(
                f"both frames must have one size, got {own.width}x{own.height} and "
                f"{other.width}x{other.height}"
            )
        out = self.network(own.features, other.features, router)
        if self._has_overflowed(out):
            out = self._in_float32(self.name)(own.features, other.features, router)
            if not bool(out.sum().isfinite()):
                raise self._damaged()
        return out[:, :, : own.height, : own.width].clamp(0, 1)


def _make_router(seed: int | None) -> Router:
    if seed is None:
        return lambda probabilities: probabilities >= 0.5
    draws = torch.Generator().manual_seed(seed)  # on the CPU: the same on every device
    return lambda probabilities: (
        torch.rand(probabilities.shape, generator=draws) < (probabilities.cpu())
    )


def reflect_padded(img: Tensor, multiple: int) -> Tensor:
    """Pad [B, C, H, W] at its right and bottom by reflection, up to multiples.

    The last row and column are not repeated. Unlike torch's ``reflect`` it takes any size: a frame
    smaller than its padding is reflected again and again.
    """
    rows, cols = (
        _reflected_positions(length, length + -length % multiple) for length in img.shape[2:]
    )
    return img[:, :, rows.to(img.device)][:, :, :, cols.to(img.device)]


def _reflected_positions(length: int, padded: int) -> Tensor:
    period = max(2 * length - 2, 1)
    positions = torch.arange(padded) % period
    return torch.minimum(positions, period - positions).clamp(max=length - 1)
