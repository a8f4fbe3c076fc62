"""A sheet of scene cuts: for each, the last frame before it and the first after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..alpha import premultiply
from ..frames import to_uint8
from .grid import BACKGROUND, GAP, draw_grid, shrunk_size

MOST_CUTS = 32

_SIDE = 240  # px, the longer side of a shown frame
_COLUMNS = 2  # cuts beside each other


@dataclass(frozen=True, slots=True)
class ShownCut:
    """The two frames of a scene cut, made small, and their caption.

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

    Transparent parts become black.
    """
    height, width, _ = pixels.shape
    planes = premultiply(to_uint8(pixels))[..., :3].permute(2, 0, 1)[None]
    small = F.interpolate(planes, shrunk_size(height, width, _SIDE), mode="area")
    return small[0].permute(1, 2, 0).round().to(torch.uint8).cpu()


def draw_sheet(cuts: Sequence[ShownCut], title: str) -> Tensor:
    """Draw cuts, two beside each other.

    Args:
        cuts: in order, frames of one size; only the first ``MOST_CUTS`` are drawn.
        title: one line of ASCII.

    Returns:
        [H, W, 3] float32 in [0, 1]; at most 1000 px wide and 4250 high.
    """
    tiles = [(cut.caption, _side_by_side(cut)) for cut in cuts[:MOST_CUTS]]
    num_columns = min(_COLUMNS, max(1, len(tiles)))
    return draw_grid(tiles, num_columns, title=title, min_width=2 * _SIDE)


def _side_by_side(cut: ShownCut) -> Tensor:
    gap = torch.tensor(BACKGROUND, dtype=torch.uint8).expand(len(cut.before), GAP, 3)
    return torch.cat((cut.before, gap, cut.after), dim=1)
