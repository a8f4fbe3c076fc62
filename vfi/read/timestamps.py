"""When each frame of a file is shown: the exact times that rounded timestamps stand for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from torch import Tensor

from ..errors import DecodeError
from .video_info import VideoInfo

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Attributes:
        stamp: its timestamp as the file has it, in ticks; None if it has none.
        tick: s.
        duration: how long it is shown, in ticks; 0 if the file does not say.
        load: converts it to [H, W, C]; only what is shown is worth it.
    """

    stamp: int | None
    tick: Fraction
    duration: int
    load: Callable[[], Tensor]


def with_exact_times(
    pictures: Iterable[Picture], info: VideoInfo
) -> Iterator[tuple[Fraction, Picture]]:
    """Give pictures their times, seconds from the file's first one; see ``media.read_video``."""
    origin = info.origin
    previous: Fraction | None = None
    expected = Fraction(0)
    for picture in pictures:
        time = expected
        if picture.stamp is not None:
            seconds = picture.stamp * picture.tick
            origin = seconds - expected if origin is None else origin
            time = _snap(seconds - origin, picture.tick, info.rate)
        if previous is not None and time <= previous:
            logger.warning(
                "%s: dropped a frame at %.3f s, it does not come after the one at %.3f s",
                info.path,
                time,
                previous,
            )
            continue
        yield time, picture
        previous, expected = time, time + 1 / info.rate
    if previous is None:
        raise no_frames(info.path)


def _snap(time: Fraction, tick: Fraction, rate: Fraction) -> Fraction:
    """Return the nearest multiple of ``1 / rate`` if it is within a tick, else ``time``.

    A whole tick, not half of one: the first frame's timestamp, the origin, is rounded as well.
    """
    on_grid = round(time * rate) / rate
    return on_grid if abs(time - on_grid) <= tick else time


def exact_duration(picture: Picture, time: Fraction, info: VideoInfo) -> Fraction | None:
    """Return for how many seconds a picture is shown; None if its file does not say.

    One tick says nothing: programs write it that do not know how long the last picture of a
    recording is to be shown. Where a window ends, the picture ends; but not before the time of one
    frame, so that N frames of a constant rate stay N frames.

    Args:
        picture: the picture.
        time: its exact time, seconds from the file's first one.
        info: the file, and the window.
    """
    if picture.duration <= 1:
        return None
    end = time + picture.duration * picture.tick
    is_constant = info.duration is None
    if is_constant:
        end = _snap(end, picture.tick, info.rate)
    if info.end_time is not None:
        end = min(end, max(info.end_time, time + 1 / info.rate) if is_constant else info.end_time)
    return end - time


def is_constant_rate(times: Sequence[Fraction], tick: Fraction, rate: Fraction) -> bool:
    """Tell whether every time, in seconds from 0, is within a tick of its place at ``rate``."""
    return all(abs(time - index / rate) <= tick for index, time in enumerate(times))


def no_frames(path: Path) -> DecodeError:
    """Make the error for a file without a single picture."""
    return DecodeError(
        f"{path}: expected a video with frames, got none. "
        "The recording was probably cut off: record or download it again."
    )
