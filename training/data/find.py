"""Which clips a folder holds, with all folders below it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from vfi.errors import InputError
from vfi.files import list_media

_VIDEOS = frozenset(
    {
        *(".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"),
        *(".mts", ".ogv", ".ts", ".webm", ".webp", ".wmv"),
    }
)
_PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".exr"})
_LEAST_PICTURES = 3
# Container: https://developers.google.com/speed/webp/docs/riff_container
_WEBP_HEADER, _WEBP_FLAGS, _IS_ANIMATED = 21, 20, 0x02


@dataclass
class Found:
    """What is in a folder.

    Attributes:
        clips: videos, and folders of numbered pictures, sorted.
        passed_over: what may have been meant as a clip, and why it is none.
    """

    clips: list[Path] = field(default_factory=list[Path])
    passed_over: list[tuple[Path, str]] = field(default_factory=list[tuple[Path, str]])


def find_clips(folder: Path, leave_out: Path | None = None) -> list[Path]:
    """List the clips of a folder and of all folders below it, sorted.

    A clip is a video, an animated GIF or WebP, or a folder of three or more numbered pictures that
    has no video in it: pictures beside videos are thumbnails. Hidden files and folders are left out,
    among them those that macOS adds. Links are followed; what two paths lead to counts once.

    Args:
        folder: of the user.
        leave_out: a folder that is not looked into.

    Raises:
        InputError: there is no such folder.
    """
    return search(folder, leave_out).clips


def search(folder: Path, leave_out: Path | None = None) -> Found:
    """Like :func:`find_clips`, with what is passed over.

    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(
            f"{folder}: there is no such folder. Name the folder that holds the clips to train on."
        )
    found = Found()
    seen = {os.path.realpath(leave_out)} if leave_out else set[str]()
    for each in _folders(folder, seen, found):
        _look_into(each, seen, found)
    found.clips.sort()
    return found


def _folders(folder: Path, seen: set[str], found: Found) -> Iterator[Path]:
    """Yield a folder and all below it, each once, however links lead to it."""
    real = os.path.realpath(folder)
    if real in seen:
        return
    seen.add(real)
    yield folder
    try:
        inner = sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:
        return  # said by the one that looks into it
    for each in inner:
        if not each.name.startswith("."):
            yield from _folders(each, seen, found)


def _look_into(folder: Path, seen: set[str], found: Found) -> None:
    try:
        videos = [path for path in list_media(folder, _VIDEOS) if _may_move(path)]
    except InputError as error:
        found.passed_over.append((folder, str(error)))
        return
    for path in videos:
        real = os.path.realpath(path)
        if real not in seen:
            seen.add(real)
            found.clips.append(path)
    pictures = [path for path in list_media(folder, _PICTURES) if path not in videos]
    if sum(1 for path in pictures if re.search(r"[0-9]", path.stem)) < _LEAST_PICTURES:
        return
    if not videos:
        found.clips.append(folder)
        return
    found.passed_over.append(
        (
            folder,
            f"{folder}: its {len(pictures)} pictures lie beside videos and are taken for their "
            "thumbnails. Move them to a folder of their own if they are the frames of a clip.",
        )
    )


def _may_move(path: Path) -> bool:
    """Tell a video from a still WebP; what cannot be read is left for the one who opens it."""
    if path.suffix.lower() != ".webp":
        return True
    try:
        with path.open("rb") as file:
            header = file.read(_WEBP_HEADER)
    except OSError:
        return True
    if header[12:16] in (b"VP8 ", b"VP8L"):
        return False
    has_flags = header[12:16] == b"VP8X" and len(header) == _WEBP_HEADER
    return not has_flags or bool(header[_WEBP_FLAGS] & _IS_ANIMATED)
