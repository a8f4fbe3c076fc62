"""Captioned images in rows: what sheets of cuts and of motion are drawn with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

GAP = 8  # px, around each tile
BACKGROUND = (24, 24, 24)

_TEXT = (230, 230, 230)
_LINE = 16  # px, height of a line of Pillow's default font with some air


def shrunk_size(height: int, width: int, longest: int) -> tuple[int, int]:
    """Return the size (height, width) of an image whose longer side is ``longest`` px at most."""
    scale = min(1.0, longest / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def draw_grid(
    tiles: Sequence[tuple[str, Tensor]],
    num_columns: int,
    *,
    title: str | None = None,
    min_width: int = 0,
) -> Tensor:
    """Draw tiles row by row, each with a caption above it.

    Args:
        tiles: caption in ASCII and [H, W, 3] uint8 on the CPU, all of one size; may be none.
        num_columns: tiles in a row.
        title: one line of ASCII above all tiles.
        min_width: of the result, px.

    Returns:
        [H, W, 3] float32 in [0, 1].
    """
    height, width = tiles[0][1].shape[:2] if tiles else (0, 0)
    num_rows = -(-len(tiles) // num_columns)
    tile_height, tile_width = _LINE + height + GAP, width + GAP
    above, below = (GAP, 0) if title is None else (GAP + _LINE, GAP)
    size = (
        max(num_columns * tile_width + GAP, min_width),
        above + num_rows * tile_height + below,
    )
    sheet = Image.new("RGB", size, BACKGROUND)
    pen = ImageDraw.Draw(sheet)
    if title is not None:
        pen.text((GAP, GAP), title, fill=_TEXT)
    for index, (caption, pixels) in enumerate(tiles):
        row, column = divmod(index, num_columns)
        x, y = GAP + column * tile_width, above + row * tile_height
        pen.text((x, y), caption, fill=_TEXT)
        sheet.paste(Image.fromarray(pixels.numpy()), (x, y + _LINE))
    return torch.from_numpy(np.array(sheet)).float() / 255
