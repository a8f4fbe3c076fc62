"""Clips below a folder: videos, and folders of numbered pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError
from ..files import IMAGE_SUFFIXES, VIDEO_SUFFIXES, list_media
from ..image_files import PILLOW_ERRORS, open_image

_EITHER = IMAGE_SUFFIXES & VIDEO_SUFFIXES  # a WebP is a still or an animation


def is_clip_of_pictures(folder: Path) -> bool:
    """Tell whether a folder itself is a clip: it holds pictures and no videos.

    Raises:
        InputError: it cannot be read.
    """
    return not _videos_in(folder) and bool(list_media(folder, IMAGE_SUFFIXES))


def find_clips(folder: Path) -> list[Path]:
    """Find the videos and the folders of pictures below a folder, whatever their depth, by name.

    Pictures beside videos are taken for thumbnails. A folder that cannot be read is listed as if it were a
    clip, so that opening it says why. A link to a folder is followed once.
    """
    return list(_clips_in(folder, set()))


def _clips_in(folder: Path, seen: set[Path]) -> Iterator[Path]:
    real = folder.resolve()
    if real in seen:
        return
    seen.add(real)
    try:
        videos = _videos_in(folder)
        clips = videos or [folder] * bool(list_media(folder, IMAGE_SUFFIXES))
        below = sorted(each for each in folder.iterdir() if each.is_dir())
    except (InputError, OSError):
        yield folder
        return
    yield from clips
    for each in below:
        if not each.name.startswith("."):
            yield from _clips_in(each, seen)


def _videos_in(folder: Path) -> list[Path]:
    return [
        path
        for path in list_media(folder, VIDEO_SUFFIXES)
        if path.suffix.lower() not in _EITHER or not _is_still(path)
    ]


def _is_still(path: Path) -> bool:
    try:
        with open_image(path) as image:
            return not getattr(image, "is_animated", False)
    except PILLOW_ERRORS:
        return False  # opening it as a clip says what is wrong
