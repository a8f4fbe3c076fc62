"""A picture that shows cuts: for each, the last frame before it and the first after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

from ..alpha import premultiply
from ..frames import to_uint8

MOST_CUTS = 32

_SIDE = 240  # px, the longer side of a shown frame
_GAP = 8  # px
_CAPTION = 16  # px, height of a line of Pillow's default font with some air
_COLUMNS = 2  # cuts beside each other
_BACKGROUND, _TEXT = (24, 24, 24), (230, 230, 230)


@dataclass(frozen=True, slots=True)
class ShownCut:
    """Two small frames and what is written above them.

    Attributes:
        before: [h, w, 3] uint8, from :func:`shrink`.
        after: the same size.
        caption: one line of ASCII.
    """

    before: Tensor
    after: Tensor
    caption: str


def shrink(pixels: Tensor) -> Tensor:
    """Make a frame small enough for a sheet: [H, W, C] -> [h, w, 3] uint8, at most 240 px a side.

    What is transparent becomes black.
    """
    height, width, _ = pixels.shape
    scale = min(1.0, _SIDE / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    planes = premultiply(to_uint8(pixels))[..., :3].permute(2, 0, 1)[None]
    small = F.interpolate(planes, size, mode="area")[0].permute(1, 2, 0)
    return small.round().to(torch.uint8).cpu()


def draw_sheet(cuts: Sequence[ShownCut], title: str) -> Tensor:
    """Draw cuts, at most ``MOST_CUTS``, two beside each other.

    Args:
        cuts: in order, frames of one size.
        title: one line of ASCII.

    Returns:
        [H, W, 3] float32 in [0, 1]; at most 1000 px wide and 4250 high.
    """
    shown = cuts[:MOST_CUTS]
    height, width = shown[0].before.shape[:2] if shown else (0, 0)
    tile_width, tile_height = 2 * width + _GAP, _CAPTION + height + _GAP
    num_columns = min(_COLUMNS, max(1, len(shown)))
    num_rows = -(-len(shown) // _COLUMNS)
    sheet = Image.new(
        "RGB",
        (
            max(num_columns * (tile_width + _GAP) + _GAP, 2 * _SIDE),
            _GAP + _CAPTION + num_rows * tile_height + _GAP,
        ),
        _BACKGROUND,
    )
    pen = ImageDraw.Draw(sheet)
    pen.text((_GAP, _GAP), title, fill=_TEXT)
    for index, cut in enumerate(shown):
        row, column = divmod(index, _COLUMNS)
        left = _GAP + column * (tile_width + _GAP)
        top = _GAP + _CAPTION + row * tile_height
        pen.text((left, top), cut.caption, fill=_TEXT)
        sheet.paste(Image.fromarray(cut.before.numpy()), (left, top + _CAPTION))
        sheet.paste(Image.fromarray(cut.after.numpy()), (left + width + _GAP, top + _CAPTION))
    return torch.from_numpy(np.array(sheet)).float() / 255
