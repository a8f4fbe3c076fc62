"""What happens where clips are joined: which frames the next one repeats, and whether it goes on.

Found before any frame is passed on, so that the length of the result is known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice, pairwise

from torch import Tensor

from ..errors import InputError
from ..frames import Frame
from .color_match import UNNOTICED, Correction, Match, Statistics, find_correction
from .scene_detection import mark_cuts
from .similarity import block_change

# Measured on four real clips cut in two, both halves encoded by x264: the repeated frame changes by 3
# to 4 of 255 levels at CRF 18 and by 5 to 8 at CRF 28, the frames around it by 15 to 70. So there is
# no fixed limit: a frame is a repeat if it changes less than half as much as its neighbours do.
_REPEAT = 0.5
_STEP_IF_UNKNOWN = 8 / 255  # of a clip of one frame
_NEIGHBOURS = 2  # frames on either side
_CONTEXT = 4  # frames on either side that the scene detector sees


@dataclass(frozen=True)
class Edges:
    """What is looked at of a clip: its first and its last frames, [H, W, C].

    Attributes:
        beginning: the first ones; all, if the clip has no more.
        ending: the last ones, likewise.
        num_frames: of the clip.
    """

    beginning: Sequence[Tensor]
    ending: Sequence[Tensor]
    num_frames: int


@dataclass(frozen=True)
class Seam:
    """How a clip follows the one before.

    Attributes:
        num_repeated: how many frames at the end of the clip before it begins with.
        is_faded: these are cross-faded; otherwise those of the clip before are shown.
        is_cut: another scene begins, so that colours cannot be compared.
    """

    num_repeated: int = 0
    is_faded: bool = False
    is_cut: bool = False


def num_edge_frames(overlap: int) -> int:
    """Return how many frames :class:`Edges` needs at either end."""
    return overlap + _CONTEXT


def read_edges(frames: Iterable[Tensor], overlap: int) -> Edges:
    """Read a clip to its end; a few frames more than ``overlap`` are alive at a time."""
    held = num_edge_frames(overlap)
    iterator = iter(frames)
    beginning = list(islice(iterator, held))
    ending = deque(beginning, maxlen=held)
    num_frames = len(beginning)
    for frame in iterator:
        ending.append(frame)
        num_frames += 1
    return Edges(beginning, list(ending), num_frames)


def find_seams(clips: Iterable[Edges], overlap: int = 0, match: Match | None = None) -> list[Seam]:
    """Find out how each clip follows the one before.

    Args:
        clips: in order; consumed lazily.
        overlap: how many frames at the end of a clip the next one repeats; they are cross-faded.
            0: a single one is detected, and not shown again.
        match: how colours are matched. Where they are, a repeated frame is found in other colours
            too, and cuts are searched for.

    Returns:
        One for each clip; the first one's is that of a clip that follows none.

    Raises:
        InputError: a clip is too short for the overlap, or its frames differ in size from those of
            the clip before.
    """
    match = match or Match()
    seams: list[Seam] = []
    before: list[Tensor] = []  # the last frames of the result so far
    for number, clip in enumerate(clips, 1):
        _require_fitting(before, clip, overlap, number)
        seam = _seam(before, clip.beginning, overlap, match) if before else Seam()
        seams.append(seam)
        own = min(clip.num_frames - seam.num_repeated, len(clip.ending))
        before += clip.ending[len(clip.ending) - own :]
        before = before[-num_edge_frames(overlap) :]
    return seams


def _seam(
    before: Sequence[Tensor], beginning: Sequence[Tensor], overlap: int, match: Match
) -> Seam:
    if overlap:
        is_cut = match.is_on and _is_cut(before, beginning, overlap)
        return Seam(overlap, is_faded=True, is_cut=is_cut)
    ending, beginning = before[-_NEIGHBOURS:], beginning[:_NEIGHBOURS]
    if begins_with_repeat(ending, beginning):
        return Seam(1)
    if not match.is_on:
        return Seam()
    if _is_cut(before, beginning, 0):
        return Seam(is_cut=True)
    return Seam(int(begins_with_repeat(ending, beginning, in_any_colour=True)))


def describe_seams(seams: Sequence[Seam]) -> list[str]:
    """Say which parts begin with a repeated frame, and which are not matched; parts count from 1."""
    repeats = [number for number, s in enumerate(seams, 1) if s.num_repeated and not s.is_faded]
    cuts = [number for number, seam in enumerate(seams, 1) if seam.is_cut]
    found = (
        ("a frame of the part before is not shown again", repeats),
        ("not matched, because another scene begins", cuts),
    )
    return [
        f"{what}: part{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"
        for what, numbers in found
        if numbers
    ]


def begins_with_repeat(
    ending: Sequence[Tensor], beginning: Sequence[Tensor], *, in_any_colour: bool = False
) -> bool:
    """Tell whether a clip begins with the last frame of the clip before.

    Args:
        ending: the last two frames of the clip before, [H, W, C]; one will do.
        beginning: the first two frames of the clip; one will do.
        in_any_colour: differences of brightness, contrast and tint between two frames do not count.
    """
    measure = _shape_change if in_any_colour else block_change
    change = measure(ending[-1], beginning[0])
    steps = [measure(*pair[:2]) for pair in (ending, beginning) if len(pair) > 1]
    return change == 0 or change < _REPEAT * min(steps, default=_STEP_IF_UNKNOWN)


def _shape_change(pixels0: Tensor, pixels1: Tensor) -> float:
    alike = find_correction([pixels1], [pixels0], Statistics.HISTOGRAM)
    return block_change(pixels0, alike.apply(pixels1))


def _is_cut(before: Sequence[Tensor], beginning: Sequence[Tensor], num_repeated: int) -> bool:
    """Tell whether two sides show different scenes, whatever their colours."""
    sides = before[-_CONTEXT:], beginning[max(0, num_repeated - 1) :][:_CONTEXT]
    frames = (Frame(pixels, Fraction(number)) for number, pixels in enumerate(chain(*sides)))
    return [begins_scene for _, begins_scene in mark_cuts(frames)][len(sides[0])]


def correction_at(
    ending: Sequence[Tensor], beginning: Sequence[Tensor], seam: Seam, match: Match
) -> Correction | None:
    """Find what gives a clip the colours of the clip before; None if nothing is to be changed.

    Frames on both sides that show the same tell exactly. Otherwise the last frame is compared with the
    first one, which is a good guess: then nothing is corrected unless it changes more than from frame
    to frame beside the seam.

    Args:
        ending: the last frames of the clip before, as they are shown: two, and no less than are repeated.
        beginning: the first ones of the clip, likewise.
        seam: between them.
        match: what is made equal.
    """
    if not match.is_on or seam.is_cut:
        return None
    num_pairs = max(1, seam.num_repeated)
    found = find_correction(beginning[:num_pairs], ending[-num_pairs:], match.statistics)
    changes = [0.0]
    if not seam.num_repeated:
        sides = (ending[-_NEIGHBOURS:], beginning[:_NEIGHBOURS])
        pairs = [pair for side in sides for pair in pairwise(side)]
        changes += [find_correction([b], [a], match.statistics).change for a, b in pairs]
    return found if found.change > max(changes) + UNNOTICED else None


def _require_fitting(before: Sequence[Tensor], clip: Edges, overlap: int, number: int) -> None:
    needed = max(1, overlap)
    for frames, which in ((before, number - 1), (clip.beginning, number)):
        if len(frames) < needed and which:
            raise _too_short(which, len(frames), overlap)
    sizes = [tuple(frames[0].shape) for frames in (before, clip.beginning) if frames]
    if len(set(sizes)) > 1:
        wanted, found = (
            f"{width}x{height} with {channels} channels" for height, width, channels in sizes
        )
        raise InputError(
            f"Clip {number} is {found}, not {wanted} like the clip before. "
            "Scale or convert one of them."
        )


def _too_short(number: int, num_frames: int, overlap: int) -> InputError:
    if not num_frames:
        return InputError(
            f"Clip {number} has no frames. Leave it out, or check where it comes from."
        )
    return InputError(
        f"Clip {number} is too short for an overlap of {overlap} frames: it has {num_frames}. "
        "Use a longer clip or a smaller overlap."
    )
