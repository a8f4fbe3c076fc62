"""A sheet of crops: the same small part of several pictures, enlarged."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from .grid import draw_grid

_SIDE = 256  # px, the least that a crop is enlarged to
_LONGEST = 46  # characters of a caption that fit above it


def draw_crops(tiles: Sequence[tuple[str, Tensor]], num_columns: int, title: str) -> Tensor:
    """Draw crops row by row, enlarged by a whole number so that each pixel stays what it is.

    Args:
        tiles: caption, and [H, W, 3] uint8 on the CPU; all of one size, at least one.
        num_columns: tiles in a row.
        title: one line of ASCII.

    Returns:
        [H, W, 3] float32 in [0, 1].
    """
    zoom = -(-_SIDE // max(tiles[0][1].shape[:2]))
    enlarged = [(_fitted(caption), _enlarge(crop, zoom)) for caption, crop in tiles]
    return draw_grid(enlarged, num_columns, title=title)


def _enlarge(crop: Tensor, zoom: int) -> Tensor:
    return crop.repeat_interleave(zoom, 0).repeat_interleave(zoom, 1).contiguous()


def _fitted(caption: str) -> str:
    """Make a text fit, its end kept, in letters that the font has."""
    text = caption.encode("ascii", "replace").decode()
    return text if len(text) <= _LONGEST else f"...{text[3 - _LONGEST :]}"
