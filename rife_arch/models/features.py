"""What ``RifeModel`` takes and gives besides frames: encoded frames, and the motion between two."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..networks import Averaging, Pair
from ..torch_threads import torch_threads


@dataclass(frozen=True, slots=True)
class Features:
    """A frame as the network reads it: encode once, use for both its pairs and every timestep.

    Attributes:
        padded: [B, 3 + C, H, W] float32, colours and encoder features, padded right and bottom.
        alpha: [B, 1, H, W] float32, padded likewise; None for a frame without.
        height: of the frame without padding, px.
        width: of the frame without padding, px.
        flow_scale: the resolution of flow estimation this was padded for.
        averaging: which steps of flow estimation are averaged with those for the swapped pair.
    """

    padded: Tensor
    alpha: Tensor | None
    height: int
    width: int
    flow_scale: float
    averaging: Averaging = "none"

    def cropped(self, x: Tensor) -> Tensor:
        """Take the padding off [B, C, H, W]."""
        return x[:, :, : self.height, : self.width]

    def __str__(self) -> str:
        return f"{len(self.padded)} x {self.width}x{self.height} at scale {self.flow_scale}"


@dataclass(frozen=True, slots=True)
class MotionBetween:
    """How two frames move towards a timestep between them.

    Attributes:
        flow: [B, 4, H, W] float32, px; channels 0:2 say where in the earlier frame a pixel comes
            from, (dx, dy), 2:4 where in the later one.
        mask: [B, 1, H, W] in [0, 1], weight of the earlier frame.
        warped0: [B, 3 or 4, H, W] in [0, 1], the earlier frame warped to that timestep.
        warped1: likewise the later one.
    """

    flow: Tensor
    mask: Tensor
    warped0: Tensor
    warped1: Tensor


def pair_of(features0: Features, features1: Features) -> Pair:
    """Return two frames as a network takes them.

    Raises:
        ValueError: they differ in size or scale, or only one of them has alpha.
    """
    scale = features0.flow_scale
    if features0.padded.shape != features1.padded.shape or scale != features1.flow_scale:
        raise ValueError(
            f"both frames must have one size and scale, got {features0} and {features1}"
        )
    if (features0.alpha is None) != (features1.alpha is None):
        raise ValueError("both frames must have alpha or neither; only one of them has it")
    alphas = None
    if features0.alpha is not None and features1.alpha is not None:
        alphas = Pair(features0.alpha, features1.alpha)
    return Pair(features0.padded, features1.padded, alphas)


def clamped_and_padded(img: Tensor, device: torch.device, multiple: int) -> Tensor:
    """Bring a frame into the form that networks read.

    Args:
        img: [B, C, H, W] in [0, 1], any float dtype; not modified.
        device: of the network.
        multiple: of height and width, px.

    Returns:
        [B, C, H', W'] float32, clamped, its last row and column repeated below and to the right.
    """
    height, width = img.shape[2:]
    missing = -width % multiple, -height % multiple
    with torch_threads(1):
        img = img.to(device, torch.float32).clamp(0, 1)
        return F.pad(img, (0, missing[0], 0, missing[1]), mode="replicate") if any(missing) else img
