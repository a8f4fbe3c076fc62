"""Runs of frames that follow each other: no scene ends in them, nothing repeats, nothing stands still."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from math import ceil
from pathlib import Path

from vfi.errors import InputError
from vfi.frames import Frame, finite, to_uint8
from vfi.preprocess import Duplicates, Preparation, apparent_motion
from vfi.read import Clip, open_folder, open_video
from vfi.timing import Schedule

from .options import LEAST_SIDE, SIDE_STEP

LEAST_MOTION = 0.2
"""px of apparent motion; less is a repeated frame, or noise. See ``vfi.preprocess.duplicates``."""
LEAST_FRAMES = 3
_PICTURE_RATE = Fraction(24)  # of folders of pictures, which tell none; only ratios of times count
# Frames for which one is shown. A longer hold is a pause: when it ends, nobody knows when the motion
# that follows has begun. The same limit as in ``vfi.preprocess.duplicates``.
_LONGEST_HOLD = 5


def open_clip(path: Path) -> Clip:
    """Look at a clip, HDR as SDR.

    Raises:
        InputError, DecodeError: it cannot be used.
    """
    clip = open_folder(path, _PICTURE_RATE) if path.is_dir() else open_video(path)
    if min(clip.width, clip.height) < LEAST_SIDE:
        raise InputError(
            f"{path} is {clip.width}x{clip.height} px; {LEAST_SIDE} px is the least that can be trained "
            "on. Take the clip in its original size."
        )
    return clip.tone_mapped() if clip.color.is_hdr else clip


def side_of(clip: Clip, size: int) -> int:
    """Return the side of the crops of a clip, px: what was asked for, or what fits."""
    return min(size, min(clip.width, clip.height) // SIDE_STEP * SIDE_STEP)


class Windows:
    """The runs of a clip, in one pass."""

    def __init__(self, clip: Clip, span: int) -> None:
        """Read nothing yet.

        Args:
            clip: from :func:`open_clip`.
            span: frames from the first of a run to its last.
        """
        self._clip, self._span = clip, span
        self._num_frames = 0

    @property
    def expected(self) -> int | None:
        """How many there are at most, an estimate; None if nothing tells."""
        return None if self._clip.num_frames is None else ceil(self._clip.num_frames / self._span)

    def __iter__(self) -> Iterator[list[Frame]]:
        """Yield runs of 3 to ``span + 1`` frames of the same shape; one ends with the frame with which the next begins.

        A frame is [H, W, 3] uint8. Its time is that of its first showing; where repeats come in cycles,
        as of 24 frames per second in 30, the times are evened out. About 40 frames are alive.

        Raises:
            DecodeError, InputError: a frame cannot be read.
        """
        interval = 1 / self._clip.rate
        with closing(self._clip.frames()) as source:
            prepared, _ = Preparation(duplicates=Duplicates.SMOOTH).apply(
                self._converted(source), Schedule(self._clip.rate, interval), lambda _: None
            )
            yield from split(prepared, self._span, _LONGEST_HOLD * interval)

    def _converted(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Convert frames to 8 bits first of all, as many of them are alive afterwards."""
        for frame in finite(frames, self._clip.name):
            self._num_frames += 1
            yield replace(frame, pixels=to_uint8(frame.pixels)[..., :3])

    def why_none(self) -> str:
        """Say why a clip that was read to its end has given no sample."""
        if self._num_frames < LEAST_FRAMES:
            count = f"{self._num_frames} frame" + "s" * (self._num_frames != 1)
            return (
                f"{self._clip.name} has {count}; three are needed to leave one out and make it again. "
                "Take a longer clip."
            )
        return (
            f"{self._clip.name}: in its {self._num_frames} frames there are no three in a row that move "
            "and belong to one scene. Take a clip with more motion."
        )


def split(frames: Iterable[Frame], span: int, longest: Fraction) -> Iterator[list[Frame]]:
    """Split a clip into runs of 3 to ``span + 1`` frames, of which each moves against the one before.

    Args:
        frames: marked where scenes begin; times strictly increasing.
        span: frames from the first of a run to its last.
        longest: seconds for which one frame of a run may be shown.
    """
    window: list[Frame] = []
    for frame in frames:
        if window and _continues(window[-1], frame):
            if _is_repeat(window[-1], frame):
                continue
            if frame.time - window[-1].time <= longest:
                window.append(frame)
                if len(window) > span:
                    yield window
                    window = window[-1:]
                continue
        if len(window) >= LEAST_FRAMES:
            yield window
        window = [frame]
    if len(window) >= LEAST_FRAMES:
        yield window


def _continues(before: Frame, frame: Frame) -> bool:
    return not frame.begins_scene and frame.pixels.shape == before.pixels.shape


def _is_repeat(before: Frame, frame: Frame) -> bool:
    motion = apparent_motion(before.pixels, frame.pixels, enough=LEAST_MOTION)
    return motion < LEAST_MOTION
