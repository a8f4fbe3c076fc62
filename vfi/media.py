"""Read a video: what it is, then its frames with exact times.

Life of a frame: packet -> decoder -> RGB by the right matrix -> turned as the display matrix says
-> exact time. Two functions do it all: :func:`probe_video` and :func:`read_video`.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from .animation import describe_animation, is_webp, read_animation
from .decode import read_container
from .describe import probe_container
from .errors import InputError
from .frame_times import with_exact_times
from .frames import Frame
from .video_info import AudioStream as AudioStream
from .video_info import VideoInfo as VideoInfo

logger = logging.getLogger(__name__)


def probe_video(path: Path) -> VideoInfo:
    """Open a video, decode its first frame, and tell what it is.

    Raises:
        InputError: there is no such file, it is a folder, or it may not be read.
        DecodeError: it is not a video, has no picture, no frame rate, or does not decode.
    """
    path = Path(path)
    _require_readable_file(path)
    return describe_animation(path) if is_webp(path) else probe_container(path)


def read_video(info: VideoInfo, *, alpha: bool = False) -> Generator[Frame, None, None]:
    """Decode a video from its first frame to its last.

    The first frame is at time 0. A container rounds timestamps to its ticks (33, 67, 100 ms); one
    within a tick of ``k / info.rate`` is taken as exactly that, any other as it stands (variable
    frame rate). A frame without timestamp follows the one before by ``1 / info.rate``. A frame
    whose time is not after the one before is dropped with a warning.

    One frame is alive at a time, besides the few that the decoder's threads keep. The file is
    closed when the iterator ends or is closed.

    Args:
        info: from :func:`probe_video`.
        alpha: keep transparency if there is any; otherwise it is dropped, with a note in the log.

    Yields:
        Frames of [H, W, 3] RGB, turned for display: uint8, or float32 in [0, 1] with the precision
        of 16 bits if ``info.is_deep``. With ``alpha`` and ``info.has_alpha`` all of them are
        [H, W, 4] RGBA; alpha is straight, not premultiplied.

    Raises:
        DecodeError: a frame does not decode or changes size, or there is none.
    """
    if info.has_alpha and not alpha:
        logger.info("%s: transparency is dropped", info.path)
    read = read_animation if is_webp(info.path) else read_container
    pictures = read(info, alpha=alpha and info.has_alpha)
    with closing(pictures):
        yield from with_exact_times(pictures, info)


def _require_readable_file(path: Path) -> None:
    if path.is_dir():
        raise InputError(
            f"{path}: expected a video file, got a folder. "
            "Name the file; a folder of pictures is read as an image folder."
        )
    try:
        path.open("rb").close()
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: expected a video file, got nothing of that name. Check the path."
        ) from error
    except OSError as error:
        raise InputError(
            f"{path}: expected a readable file, got {error.strerror}. "
            "Check the permissions of the file and of its folder."
        ) from error
