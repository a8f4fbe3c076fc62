"""Pictures of what a network finds between two frames: motion as colours, masks, differences."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

from ..frames import to_uint8

_SIDE = 480  # px, the longer side of a tile
_GAP = 8  # px
_CAPTION = 16  # px, height of a line of Pillow's default font with some air
_BACKGROUND, _TEXT = (24, 24, 24), (230, 230, 230)


def longest_motion(flow: Tensor) -> float:
    """Return how far nearly all pixels move at most: the 99.5th percentile, px.

    Args:
        flow: [H, W, 2] or more of them behind each other, px.
    """
    lengths = flow.reshape(-1, 2).norm(dim=1)
    kept = lengths.numel() * 995 // 1000
    return float(lengths.kthvalue(max(1, kept)).values)


def colour_motion(flow: Tensor, longest: float) -> Tensor:
    """Show motion as colours: the hue is its direction, white is none, full colour ``longest``.

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
    """Show where two pictures differ: black where they do not, brighter by ``gain`` elsewhere.

    Args:
        pixels0: [H, W, C] in [0, 1].
        pixels1: the same.
        gain: what a difference is multiplied with.

    Returns:
        [H, W, C] in [0, 1].
    """
    return (pixels1 - pixels0).abs().mul(gain).clamp(max=1)


def draw_tiles(tiles: Sequence[tuple[str, Tensor]], num_columns: int) -> Tensor:
    """Draw pictures with a line of text above each, row by row.

    Args:
        tiles: caption in ASCII, and [H, W, 1 or 3] in [0, 1]; of one size.
        num_columns: how many are beside each other.

    Returns:
        [H, W, 3] float32 in [0, 1].
    """
    small = [(caption, _shrink(pixels)) for caption, pixels in tiles]
    height, width, _ = small[0][1].shape
    num_rows = -(-len(small) // num_columns)
    tile_width, tile_height = width + _GAP, _CAPTION + height + _GAP
    size = num_columns * tile_width + _GAP, num_rows * tile_height + _GAP
    sheet = Image.new("RGB", size, _BACKGROUND)
    pen = ImageDraw.Draw(sheet)
    for index, (caption, pixels) in enumerate(small):
        row, column = divmod(index, num_columns)
        corner = _GAP + column * tile_width, _GAP + row * tile_height
        pen.text(corner, caption, fill=_TEXT)
        sheet.paste(Image.fromarray(pixels.numpy()), (corner[0], corner[1] + _CAPTION))
    return torch.from_numpy(np.array(sheet)).float() / 255


def _shrink(pixels: Tensor) -> Tensor:
    """[H, W, 1 or 3] in [0, 1] -> [h, w, 3] uint8, at most 480 px a side."""
    height, width, _ = pixels.shape
    scale = min(1.0, _SIDE / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    planes = pixels.cpu().float().permute(2, 0, 1)[None]
    planes = F.interpolate(planes, size, mode="area").expand(1, 3, *size)
    return to_uint8(planes[0].permute(1, 2, 0)).contiguous()
