"""Exact frame times from the rounded timestamps of a file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from pathlib import Path

from torch import Tensor

from ..errors import DecodeError
from .video_info import VideoInfo

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DecodedFrame:
    """A frame as it comes from the decoder.

    Attributes:
        pts: its timestamp in the file, in units of ``time_base``; None if it has none.
        time_base: seconds.
        duration: how long it is shown, in units of ``time_base``; 0 if the file does not say.
        load: converts it to [H, W, C]; called only for frames that are used.
    """

    pts: int | None
    time_base: Fraction
    duration: int
    load: Callable[[], Tensor]


def with_exact_timestamps(
    frames: Iterable[DecodedFrame], info: VideoInfo
) -> Iterator[tuple[Fraction, DecodedFrame]]:
    """Yield frames with their times, seconds from the file's first one; see ``read_video``."""
    origin = info.origin
    previous: Fraction | None = None
    expected = Fraction(0)
    num_dropped = 0
    for frame in frames:
        time = expected
        if frame.pts is not None:
            seconds = frame.pts * frame.time_base
            origin = seconds - expected if origin is None else origin
            time = _snap(seconds - origin, tolerance_of(frame, info), info.rate)
            if previous is not None and time <= previous:  # two frames may be close to one multiple
                time = seconds - origin
        if previous is not None and time <= previous:
            if not num_dropped:
                logger.warning(
                    "%s: dropped a frame at %.3f s, which does not come after the one at %.3f s",
                    info.path,
                    time,
                    previous,
                )
            num_dropped += 1
            continue
        yield time, frame
        previous, expected = time, time + 1 / info.rate
    if num_dropped > 1:
        logger.warning("%s: dropped %d frames like that", info.path, num_dropped)
    if previous is None:
        raise no_frames(info.path)


def tolerance_of(frame: DecodedFrame, info: VideoInfo) -> Fraction:
    """Return by how many seconds a frame's time may be off a multiple of ``1 / info.rate``."""
    return frame.time_base if info.tolerance is None else info.tolerance


def _snap(time: Fraction, tolerance: Fraction, rate: Fraction) -> Fraction:
    """Return the nearest multiple of ``1 / rate`` if it is within ``tolerance``, else ``time``.

    That is a whole time base, not half of one: the first frame's timestamp, the origin, is rounded as
    well.
    """
    on_grid = round(time * rate) / rate
    return on_grid if abs(time - on_grid) <= tolerance else time


def exact_duration(frame: DecodedFrame, time: Fraction, info: VideoInfo) -> Fraction | None:
    """Return for how many seconds a frame is shown; None if its file does not say.

    A duration of 1 says nothing: programs write it that do not know how long the last frame of a
    recording is shown. A frame ends where a trim ends, but not before one frame interval has
    passed, so that N frames of a constant rate stay N frames.

    Args:
        frame: the frame.
        time: its exact time, seconds from the file's first one.
        info: the file, and the trim.
    """
    if frame.duration <= 1:
        return None
    end = time + frame.duration * frame.time_base
    is_constant = info.duration is None
    if is_constant:
        end = _snap(end, tolerance_of(frame, info), info.rate)
    if info.end_time is not None:
        end = min(end, max(info.end_time, time + 1 / info.rate) if is_constant else info.end_time)
    return end - time


def is_constant_rate(
    ticks: Iterable[int], time_base: Fraction, rate: Fraction, tolerance: Fraction | None = None
) -> bool:
    """Tell whether every frame is shown when it is due at a rate.

    Args:
        ticks: when, in units of ``time_base``, from 0.
        time_base: seconds.
        rate: frames per second.
        tolerance: seconds; None: ``time_base``, but not more than half a frame.
    """
    # In whole numbers, as a film has hundreds of thousands of frames.
    step = rate * time_base
    unit, num_frames = step.numerator, step.denominator
    within = min(time_base, 1 / (2 * rate)) if tolerance is None else tolerance
    most = floor(within * rate * num_frames)
    return all(abs(tick * unit - index * num_frames) <= most for index, tick in enumerate(ticks))


def no_frames(path: Path) -> DecodeError:
    """Make the error for a file without a single frame."""
    return DecodeError(
        f"{path}: this video has no frames. The recording was probably cut off: record or "
        "download it again."
    )
