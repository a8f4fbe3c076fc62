"""Frames, and the one place where their layouts and number ranges change.

A frame travels as [H, W, C], the layout of files and of ComfyUI's IMAGE: uint8 in [0, 255] from a
file, float32 in [0, 1] from ComfyUI. A model sees [1, C, H, W] float32 in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import torch
from einops import rearrange
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture, the moment at which it is shown, and what is known of it.

    Attributes:
        pixels: [H, W, C] RGB, uint8 in [0, 255] or floating point in [0, 1].
        time: seconds from the start of the clip.
        begins_scene: there is a cut between the frame before and this one.
        mask: [H, W] floating point in [0, 1], 1 where the picture is protected from interpolation
            (text, logos); None protects nothing.
    """

    pixels: Tensor
    time: Fraction
    begins_scene: bool = False
    mask: Tensor | None = None


def to_planar(pixels: Tensor, device: torch.device) -> Tensor:
    """Convert a frame to what a model takes: [H, W, C] -> [1, C, H, W] float32 in [0, 1].

    Args:
        pixels: [H, W, C] uint8 or floating point; never modified.
        device: where the result lives.
    """
    planar = rearrange(pixels.to(device), "h w c -> 1 c h w")
    if pixels.dtype == torch.uint8:
        return planar.float().div_(255)
    return planar.float().contiguous()


def from_planar(image: Tensor, dtype: torch.dtype) -> Tensor:
    """Convert a model's picture to a frame on the CPU: [1, C, H, W] -> [H, W, C] of ``dtype``."""
    pixels = rearrange(image, "1 c h w -> h w c")
    pixels = to_uint8(pixels) if dtype == torch.uint8 else pixels.clamp(0, 1).to(dtype)
    return pixels.cpu().contiguous()


def to_uint8(pixels: Tensor) -> Tensor:
    """Convert to uint8: clamped to [0, 1], rounded to the nearest code value, never truncated."""
    if pixels.dtype == torch.uint8:
        return pixels
    return pixels.float().clamp(0, 1).mul_(255).round_().to(torch.uint8)
