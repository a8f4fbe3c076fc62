"""Read a video: what it is, then its frames with exact times.

Life of a frame: packet -> decoder -> RGB by the right matrix -> rotated for display -> exact time.
Three functions do it all: :func:`probe_video`, :func:`trim_video` and :func:`read_video`.
"""

from __future__ import annotations

import logging
import stat
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from pathlib import Path

from ..errors import InputError
from ..frames import Frame
from ..tracks import Chapter
from .probe import probe_container
from .seek import read_container_before
from .timestamps import DecodedFrame, exact_duration, with_exact_timestamps
from .video_info import VideoInfo
from .webp import describe_animation, is_webp, read_animation

logger = logging.getLogger(__name__)


def probe_video(path: Path, *, may_refer: bool = False) -> VideoInfo:
    """Open a video, decode its first frame, and tell what it is.

    Args:
        path: the file.
        may_refer: it may be a list of other files, such as a playlist; otherwise none but this one is
            ever opened.

    Raises:
        InputError: there is no such file, it is a folder, or it may not be read.
        DecodeError: it is not a video, has no video stream, no frame rate, or does not decode.
    """
    path = Path(path)
    _require_readable_file(path)
    if is_webp(path):
        return describe_animation(path)
    return probe_container(path, may_refer=may_refer)


def read_video(info: VideoInfo, *, alpha: bool = False) -> Generator[Frame, None, None]:
    """Decode the frames of a video, or of its trim, in order.

    The first frame is at time 0. Containers round timestamps to their time base (33, 67, 100 ms); one
    within a time base of ``k / info.rate`` is taken as exactly that, any other as it is (variable
    frame rate). A frame without timestamp follows the one before by ``1 / info.rate``. A frame
    whose time is not after the one before is dropped with a warning.

    One frame is alive at a time, besides a few in the decoder's threads. The file is
    closed when the iterator ends or is closed.

    Args:
        info: from :func:`probe_video` or :func:`trim_video`.
        alpha: keep alpha if there is any; otherwise it is dropped, with a note in the log.

    Yields:
        Frames of [H, W, 3] RGB, rotated for display: uint8, or float32 in [0, 1] if
        ``info.bit_depth`` is above 8. With ``alpha`` and ``info.has_alpha`` all of them are
        [H, W, 4] RGBA; alpha is straight, not premultiplied.

    Raises:
        DecodeError: a frame does not decode or changes size, or there is none.
    """
    if info.has_alpha and not alpha:
        logger.info("%s: transparency is dropped", info.path)
    with closing(_decode(info, alpha=alpha and info.has_alpha)) as frames:
        for time, frame in with_exact_timestamps(frames, info):
            if info.end_time is not None and time >= info.end_time:
                break
            if time >= info.first_time:
                duration = exact_duration(frame, time, info)
                yield Frame(frame.load(), time - info.first_time, duration=duration)


@dataclass(frozen=True)
class FrameTime:
    """When a frame is shown.

    Attributes:
        time: as :func:`read_video` has it.
        duration: likewise.
        stamp: the frame's own timestamp in the file, s; None if it has none.
        next_stamp: that of the frame after it, which may be outside the trim; None if there is
            none.
    """

    time: Fraction
    duration: Fraction | None
    stamp: Fraction | None
    next_stamp: Fraction | None = None


def read_times(info: VideoInfo) -> Generator[FrameTime, None, None]:
    """Decode a video, or its trim, for nothing but the times of the frames :func:`read_video` gives.

    Raises:
        DecodeError: a frame does not decode, or there is none.
    """
    held: FrameTime | None = None
    with closing(_decode(info, alpha=False)) as frames:
        for time, frame in with_exact_timestamps(frames, info):
            stamp = None if frame.pts is None else frame.pts * frame.time_base
            if held is not None:
                yield replace(held, next_stamp=stamp)
                held = None
            if info.end_time is not None and time >= info.end_time:
                return
            if time >= info.first_time:
                held = FrameTime(time - info.first_time, exact_duration(frame, time, info), stamp)
    if held is not None:
        yield held


def trim_video(info: VideoInfo, start: Fraction, end: Fraction | None = None) -> VideoInfo:
    """Restrict a video to the frames with ``start <= time < end``.

    :func:`read_video` then yields them with the pixels and the intervals they have in the whole
    video, the first at 0. Containers that list key frames (mp4, mov, mkv, webm) are not decoded
    from the start.

    Args:
        info: from :func:`probe_video`, or trimmed already.
        start: seconds, as :func:`read_video` gives times for ``info``.
        end: seconds, exclusive; None for all the rest.

    Raises:
        InputError: there is no frame between ``start`` and ``end``.
        DecodeError: a frame before them does not decode.
    """
    if start < 0 or (end is not None and end <= start):
        raise InputError(
            f"{info.path}: cannot trim to {_seconds(start)} to "
            f"{'the end' if end is None else _seconds(end)}. The start must be at least 0 s, and the "
            "end after it."
        )
    end_time = info.end_time
    if end is not None:
        end_time = (
            info.first_time + end if end_time is None else min(end_time, info.first_time + end)
        )
    trimmed = replace(info, first_time=info.first_time + start, end_time=end_time)
    first_time = _find_first(trimmed, info)
    offset = first_time - info.first_time
    return replace(
        trimmed,
        first_time=first_time,
        start=info.start + offset,
        num_frames=_trimmed_count(info, trimmed, offset),
        duration=_trimmed_duration(info, trimmed, offset),
        longest_gap=_trimmed_gap(info, trimmed, offset),
        chapters=tuple(_trimmed_chapters(info, trimmed, offset)),
    )


def _find_first(trimmed: VideoInfo, whole: VideoInfo) -> Fraction:
    """Return when the first frame of a trim is shown, in the file's time."""
    before = after = None
    with closing(_decode(trimmed, alpha=False)) as frames:
        for time, _ in with_exact_timestamps(frames, trimmed):
            if time >= trimmed.first_time:
                after = time
                break
            before = time
    start = _seconds(trimmed.first_time - whole.first_time)
    if after is None or (whole.end_time is not None and after >= whole.end_time):
        assert before is not None, "a clip without frames is refused before"
        length = _seconds(before + 1 / whole.rate - whole.first_time)
        raise InputError(
            f"{whole.path} has no frames from {start} on: it is {length} long. Choose an earlier "
            "start."
        )
    if trimmed.end_time is not None and after >= trimmed.end_time:
        end = _seconds(trimmed.end_time - whole.first_time)
        raise InputError(
            f"{whole.path} has no frame between {start} and {end}; the next one is at "
            f"{_seconds(after - whole.first_time)}. Choose a later end."
        )
    return after


def _trimmed_count(whole: VideoInfo, trimmed: VideoInfo, offset: Fraction) -> int | None:
    counts: list[int] = []
    if whole.num_frames is not None:
        counts.append(whole.num_frames - round(offset * whole.rate))
    if trimmed.end_time is not None:
        counts.append(ceil((trimmed.end_time - whole.first_time - offset) * whole.rate))
    return max(1, min(counts)) if counts else None


def _trimmed_duration(whole: VideoInfo, trimmed: VideoInfo, offset: Fraction) -> Fraction | None:
    if whole.duration is None:
        return None
    duration = whole.duration - offset
    if trimmed.end_time is not None:
        duration = min(duration, trimmed.end_time - whole.first_time - offset)
    return max(duration, 1 / whole.rate)


def _trimmed_gap(
    whole: VideoInfo, trimmed: VideoInfo, offset: Fraction
) -> tuple[Fraction, Fraction]:
    length, begin = whole.longest_gap
    begin -= offset
    end = begin + length
    if trimmed.end_time is not None:
        end = min(end, trimmed.end_time - whole.first_time - offset)
    begin = max(begin, Fraction(0))
    return max(end - begin, Fraction(0)), begin


def _trimmed_chapters(whole: VideoInfo, trimmed: VideoInfo, offset: Fraction) -> Iterator[Chapter]:
    for chapter in whole.chapters:
        start, end = max(chapter.start - offset, Fraction(0)), chapter.end - offset
        if trimmed.end_time is not None:
            end = min(end, trimmed.end_time - whole.first_time - offset)
        if start < end:
            yield replace(chapter, start=start, end=end)


def _seconds(time: Fraction) -> str:
    return f"{float(time):.3f} s"


def _decode(info: VideoInfo, *, alpha: bool) -> Generator[DecodedFrame, None, None]:
    read = read_animation if is_webp(info.path) else read_container_before
    return read(info, alpha=alpha)


def _require_readable_file(path: Path) -> None:
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):  # to open a pipe takes as long as nobody writes to it
            path.open("rb").close()
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file. Check the path.") from error
    except (OSError, ValueError) as error:  # a ValueError for a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"{path} cannot be read ({reason}). Check the permissions of the file and of its folder."
        ) from error
    if stat.S_ISDIR(mode):
        raise InputError(
            f"{path} is a folder, not a video file. Name the file; a folder of images is read as an "
            "image folder."
        )
    if not stat.S_ISREG(mode):
        raise InputError(
            f"{path} is a pipe or a device, not a video file. Save the video to a file, and name that."
        )
