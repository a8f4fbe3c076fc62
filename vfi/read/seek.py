"""Begin in the middle of a file, with the pictures that reading from its start would give.

Where a seek ends is up to FFmpeg, the container and the encoder, so it is looked at: the decoder is
fed from a key frame on, what it shows before that key frame is left out (it may refer to pictures
that were not read), and the first picture must come before the window. If not, another begin
further ahead is tried, and in the end the start of the file, which is right by definition.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from fractions import Fraction

from ..errors import DecodeError
from .decode import read_container
from .timestamps import Picture
from .video_info import VideoInfo

# s ahead of the window. Encoders put key frames 1 to 10 s apart.
_MARGINS = tuple(map(Fraction, (0, 1, 4, 16)))


def read_container_before(info: VideoInfo, *, alpha: bool) -> Generator[Picture, None, None]:
    """Decode the pictures of a file in order, from some point before ``info.first_time`` on."""
    for margin in _MARGINS:
        if info.origin is None or info.first_time <= margin:
            break
        pictures = read_container(info, alpha=alpha, begin=info.origin + info.first_time - margin)
        with closing(pictures):
            first = _first_picture(pictures)
            if first is not None and _is_before_window(first, info):
                yield first
                yield from pictures
                return
    yield from read_container(info, alpha=alpha)


def _first_picture(pictures: Generator[Picture, None, None]) -> Picture | None:
    try:
        return next(pictures, None)
    except DecodeError:  # a decoder may not bear to begin here
        return None


def _is_before_window(picture: Picture, info: VideoInfo) -> bool:
    """Tell whether a picture's exact time, which is up to a tick later, is before the window."""
    if picture.stamp is None or info.origin is None:
        return False
    return (picture.stamp + 1) * picture.tick - info.origin < info.first_time
