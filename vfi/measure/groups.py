"""A contest on many clips: each entrant makes the frames of all, which are read as they are needed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain

import torch

from ..errors import DecodeError, VfiError
from ..preprocess import apparent_motion
from .contest import (
    BLEND,
    Entrant,
    Perceptual,
    Score,
    Scores,
    Setting,
    blend_entrant,
    score_frame,
)
from .sample import Triplet

_NO_ERRORS = torch.empty(0, 0)
_UNREADABLE = (VfiError, OSError)


@dataclass(frozen=True)
class Group:
    """Frames of one clip that are made again.

    Attributes:
        clip: its name. Groups of one clip have the same: their frames are not independent.
        category: what a data set calls it, such as "easy"; "" for none.
        count: of its triplets.
        read: reads the triplets, in order, a few at a time.
    """

    clip: str
    category: str
    count: int
    read: Callable[[], Generator[Triplet, None, None]]

    def __str__(self) -> str:
        return f"{self.clip} ({self.category})" if self.category else self.clip


@dataclass(frozen=True)
class Item:
    """What a made frame is, without its pixels.

    Attributes:
        clip: of the group.
        category: of the group.
        number: of the frame, as in the triplet.
        time: s, likewise.
        timestep: likewise.
        motion: px of apparent motion from the frame before to the frame after, see
            ``preprocess.apparent_motion``.
    """

    clip: str
    category: str
    number: int
    time: Fraction
    timestep: float
    motion: float


@dataclass(frozen=True)
class Contest:
    """What came out.

    Attributes:
        items: the frames that every entrant has made.
        scores: of each entrant, the blend's first; ``each`` is in the order of the items.
        left_out: groups that could not be read, and why.
    """

    items: Sequence[Item]
    scores: Sequence[Scores]
    left_out: Sequence[tuple[Group, Exception]]


@dataclass(frozen=True)
class Judge:
    """How made frames are compared with the real ones.

    Attributes:
        perceptual: measures the LPIPS of two pictures; None for none.
        keeps_errors: the scores have maps of errors, for pictures; else ``errors`` is [0, 0].
        on_frame: called for each made frame; what it raises ends the work.
        on_left_out: called for a group that cannot be read, with the reason.
    """

    perceptual: Perceptual | None = None
    keeps_errors: bool = False
    on_frame: Callable[[Setting], object] = lambda _: None
    on_left_out: Callable[[Group, Exception], object] = lambda _group, _error: None

    def score(self, entrant: Entrant, triplet: Triplet) -> Score:
        """Let an entrant make a frame."""
        score = score_frame(entrant.interpolator, triplet, self.perceptual)
        self.on_frame(entrant.setting)
        return score if self.keeps_errors else replace(score, errors=_NO_ERRORS)


def compete_in_groups(
    entrants: Iterable[Entrant], groups: Sequence[Group], judge: Judge | None = None
) -> Contest:
    """Let each entrant make all frames of all groups; one entrant, and one group, is alive at a time.

    The blend goes first, so that what cannot be read is known before a network is loaded. A group that
    cannot be read, or not any more, is left out for all.

    Args:
        entrants: taken one by one, so that their networks can be loaded one by one.
        groups: at least one.
        judge: how frames are compared.

    Raises:
        DecodeError: no group can be read.
    """
    judge = judge or Judge()
    left_out: dict[int, Exception] = {}
    items: dict[int, list[Item]] = {}
    made: dict[Setting, dict[int, list[Score]]] = {}
    for entrant in chain([blend_entrant()], entrants):
        own = made.setdefault(entrant.setting, {})
        for index, group in enumerate(groups):
            if index in left_out:
                continue
            try:
                own[index] = _score_group(entrant, group, judge, items.setdefault(index, []))
            except _UNREADABLE as error:
                left_out[index] = error
                judge.on_left_out(group, error)
                if len(left_out) == len(groups):
                    raise DecodeError(
                        f"None of the {len(groups)} clips could be read, see above."
                    ) from error
    kept = [index for index in range(len(groups)) if index not in left_out]
    return Contest(
        [item for index in kept for item in items[index]],
        [
            Scores(setting, [s for index in kept for s in own[index]])
            for setting, own in made.items()
        ],
        [(groups[index], error) for index, error in left_out.items()],
    )


def _score_group(entrant: Entrant, group: Group, judge: Judge, items: list[Item]) -> list[Score]:
    """Score the frames of a group; the blend, which is the first, says what they are as well."""
    scores: list[Score] = []
    with closing(group.read()) as triplets:
        for triplet in triplets:
            if entrant.setting == BLEND:
                items.append(_item(group, triplet))
            scores.append(judge.score(entrant, triplet))
    if len(scores) != len(items):
        raise DecodeError(f"{group} was changed meanwhile. Start again.")
    return scores


def _item(group: Group, triplet: Triplet) -> Item:
    return Item(
        group.clip,
        group.category,
        triplet.number,
        triplet.time,
        triplet.timestep,
        apparent_motion(triplet.before, triplet.after),
    )
