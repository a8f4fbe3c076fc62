"""A sheet of what a network finds between two frames: motion as colours, masks, differences."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi

import torch
import torch.nn.functional as F
from torch import Tensor

from ..frames import to_uint8
from .grid import draw_grid, shrunk_size

_SIDE = 480  # px, the longer side of a tile


def longest_motion(flow: Tensor) -> float:
    """Return how far nearly all pixels move at most: the 99.5th percentile, px.

    Args:
        flow: [..., H, W, 2], px.
    """
    lengths = flow.reshape(-1, 2).norm(dim=1)
    kept = lengths.numel() * 995 // 1000
    return float(lengths.kthvalue(max(1, kept)).values)


def colour_motion(flow: Tensor, longest: float) -> Tensor:
    """Show motion as colours: the hue is its direction, white no motion, full colour ``longest``.

    Right is red, down yellow-green, left cyan, up violet: the hues of the circle, clockwise as
    seen on the screen.

    Args:
        flow: [H, W, 2], (dx, dy) px, y downwards.
        longest: motion of full colour, px; above 0.

    Returns:
        [H, W, 3] in [0, 1].
    """
    hue = torch.atan2(flow[..., 1], flow[..., 0]).div(2 * pi).remainder(1)[..., None]
    # The three channels of a hue are one triangle wave, a third of the circle apart.
    offsets = torch.tensor([0.0, 2 / 3, 1 / 3])
    pure = ((hue + offsets).remainder(1).mul(6).sub(3).abs() - 1).clamp(0, 1)
    strength = (flow.norm(dim=-1, keepdim=True) / longest).clamp(max=1)
    return torch.lerp(torch.ones_like(pure), pure, strength)


def difference(pixels0: Tensor, pixels1: Tensor, gain: float = 4.0) -> Tensor:
    """Show where two frames differ: their absolute difference, ``gain`` times as bright.

    Args:
        pixels0: [H, W, C] in [0, 1].
        pixels1: the same.
        gain: factor of the difference.

    Returns:
        [H, W, C] in [0, 1].
    """
    return (pixels1 - pixels0).abs().mul(gain).clamp(max=1)


def draw_tiles(tiles: Sequence[tuple[str, Tensor]], num_columns: int, side: int = _SIDE) -> Tensor:
    """Draw images with a caption above each, row by row.

    Args:
        tiles: caption in ASCII, and [H, W, 1 or 3] in [0, 1]; of one size.
        num_columns: how many are beside each other.
        side: of an image, px, at most; the captions keep their size.

    Returns:
        [H, W, 3] float32 in [0, 1].
    """
    return draw_grid([(caption, _shrink(pixels, side)) for caption, pixels in tiles], num_columns)


def _shrink(pixels: Tensor, side: int) -> Tensor:
    """[H, W, 1 or 3] in [0, 1] -> [h, w, 3] uint8."""
    height, width, _ = pixels.shape
    size = shrunk_size(height, width, side)
    planes = pixels.cpu().float().permute(2, 0, 1)[None]
    planes = F.interpolate(planes, size, mode="area").expand(1, 3, *size)
    return to_uint8(planes[0].permute(1, 2, 0)).contiguous()
