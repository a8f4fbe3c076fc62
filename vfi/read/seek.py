"""Start in the middle of a file, with the frames that reading from its start would give.

Where a seek ends depends on FFmpeg, the container and the encoder, so the result is checked: the
decoder starts at a key frame, frames shown before that key frame are dropped (they may refer to
frames that were not read), and the first frame must come before the trim. If it does not, an earlier
start is tried, and in the end the start of the file, which is always right.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from fractions import Fraction

from ..errors import DecodeError
from .decode import read_container
from .timestamps import DecodedFrame, tolerance_of
from .video_info import VideoInfo

# Seconds ahead of the trim. Encoders put key frames 1 to 10 s apart.
_MARGINS = tuple(map(Fraction, (0, 1, 4, 16)))


def read_container_before(info: VideoInfo, *, alpha: bool) -> Generator[DecodedFrame, None, None]:
    """Decode the frames of a file in order, from some point before ``info.first_time`` on."""
    for margin in _MARGINS:
        if info.origin is None or info.first_time <= margin:
            break
        frames = read_container(info, alpha=alpha, begin=info.origin + info.first_time - margin)
        with closing(frames):
            first = _first_frame(frames)
            if first is not None and _is_before_trim(first, info):
                yield first
                yield from frames
                return
    yield from read_container(info, alpha=alpha)


def _first_frame(frames: Generator[DecodedFrame, None, None]) -> DecodedFrame | None:
    try:
        return next(frames, None)
    except DecodeError:  # some decoders cannot start here
        return None


def _is_before_trim(frame: DecodedFrame, info: VideoInfo) -> bool:
    """Tell whether a frame's exact time, which may be a little later, is before the trim."""
    if frame.pts is None or info.origin is None:
        return False
    time = frame.pts * frame.time_base - info.origin
    return time + tolerance_of(frame, info) < info.first_time
