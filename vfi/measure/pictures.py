"""Where the entrants differ most, and sheets that show it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..frames import from_planar, to_planar
from ..visualize import draw_crops
from .contest import BLEND, BLOCK, Entrant, Scores, Setting, make_frame, with_blend
from .quality import psnr
from .report import rank
from .sample import Triplet

MOST_SHEETS = 4
_MOST_SHOWN = 11  # entrants; with the real frame they fill three rows of four
_MOST_COLUMNS = 4
_SMALLEST, _LARGEST = 64, 256  # px, side of a crop
_SHARE = 4  # a crop has 1 / this of the frame's shorter side


@dataclass(frozen=True)
class Place:
    """A part of a frame where entrants differ.

    Attributes:
        index: of the triplet, from 0.
        top: of the part, px.
        left: px.
        height: px.
        width: px.
        spread: the largest mean square error there, less the smallest.
    """

    index: int
    top: int
    left: int
    height: int
    width: int
    spread: float

    def crop(self, image: Tensor) -> Tensor:
        """[1, 3, H, W] -> [1, 3, height, width]."""
        rows = slice(self.top, self.top + self.height)
        return image[..., rows, self.left : self.left + self.width]


def in_sheets(scores: Sequence[Scores]) -> set[Setting]:
    """Return which entrants are shown: all, or the best of many."""
    return {each.setting for each in rank(scores)[:_MOST_SHOWN]}


def find_places(
    scores: Sequence[Scores], triplets: Sequence[Triplet], count: int = MOST_SHEETS
) -> list[Place]:
    """Find where the entrants that are shown differ most, one place in a frame.

    A single network is compared with the blend.

    Args:
        scores: of all entrants.
        triplets: what they were given.
        count: how many places are wanted.

    Returns:
        The places, the largest difference first.
    """
    shown = [each for each in scores if each.setting in in_sheets(scores)]
    networks = [each for each in shown if each.setting != BLEND]
    compared = networks if len(networks) > 1 else scores
    places = [
        _find_place(index, torch.stack([each.each[index].errors for each in compared]), triplet)
        for index, triplet in enumerate(triplets)
    ]
    return sorted(places, key=lambda place: -place.spread)[:count]


def _find_place(index: int, errors: Tensor, triplet: Triplet) -> Place:
    """Find the part of a frame where errors [entrants, rows, columns] differ most."""
    height, width, _ = triplet.real.shape
    side = min(max(min(height, width) // _SHARE, _SMALLEST), _LARGEST)
    blocks = min(side // BLOCK, *errors.shape[1:])
    means = F.avg_pool2d(errors[None], blocks, stride=1)[0]  # [entrants, tops, lefts]
    spread = means.amax(0) - means.amin(0)
    top, left = divmod(int(spread.argmax()), spread.shape[1])
    # Blocks at the lower and right edge may be smaller than the others.
    return Place(
        index,
        top=max(0, min(top * BLOCK, height - side)),
        left=max(0, min(left * BLOCK, width - side)),
        height=min(side, height),
        width=min(side, width),
        spread=spread.max().item(),
    )


def draw_sheets(
    entrants: Iterable[Entrant],
    scores: Sequence[Scores],
    triplets: Sequence[Triplet],
    places: Sequence[Place],
    on_frame: Callable[[Setting], object] = lambda _: None,
) -> list[Tensor]:
    """Draw a sheet for each place: the real frame, then what each entrant made of it, the best first.

    Args:
        entrants: those of ``in_sheets``, to make these frames again: keeping all that were made would
            take gigabytes.
        scores: of all entrants.
        triplets: what they were given.
        places: to show.
        on_frame: called for each made frame; what it raises ends the work.

    Returns:
        [H, W, 3] float32 in [0, 1] for each place.
    """
    crops: dict[Setting, list[Tensor]] = {}
    for entrant in with_blend(entrants):
        crops[entrant.setting] = made = []
        for place in places:
            made.append(place.crop(make_frame(entrant.interpolator, triplets[place.index])[0]))
            on_frame(entrant.setting)
    shown = [each.setting for each in rank(scores) if each.setting in in_sheets(scores)]
    return [
        _draw_sheet(place, triplets[place.index], [(name, crops[name][number]) for name in shown])
        for number, place in enumerate(places)
    ]


def _draw_sheet(place: Place, triplet: Triplet, made: Sequence[tuple[Setting, Tensor]]) -> Tensor:
    real = place.crop(to_planar(triplet.real, torch.device("cpu")))
    tiles = [("the real frame", real)]
    tiles += [(f"{name}: {psnr(crop, real):.2f} dB", crop) for name, crop in made]
    title = (
        f"frame {triplet.number}, {place.width}x{place.height} px from column {place.left}, "
        f"row {place.top}"
    )
    crops = [(caption, from_planar(crop, torch.uint8)) for caption, crop in tiles]
    num_rows = -(-len(tiles) // _MOST_COLUMNS)
    return draw_crops(crops, -(-len(tiles) // num_rows), title)
