"""What a folder of media holds for a person, whatever a file system or a program has put beside it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from .errors import InputError

# What is taken out of a folder; a file that is named is read whatever its extension.
VIDEO_SUFFIXES = frozenset(
    {
        *(".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"),
        *(".mts", ".ogv", ".ts", ".webm", ".webp", ".wmv"),
    }
)
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".exr"})


def is_left_by_macos(name: str) -> bool:
    """Tell a file that macOS puts into folders: "._a.mp4" beside each "a.mp4" on some drives."""
    return name.startswith("._") or name == ".DS_Store"


def list_media(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """List the files of a folder that have one of these extensions, by name; hidden ones are none.

    Args:
        folder: there is one.
        suffixes: in small letters; files may have them in capitals.

    Raises:
        InputError: the folder cannot be read.
    """
    try:
        return sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file()
        )
    except OSError as error:
        raise InputError(
            f"{folder} cannot be read ({error.strerror}). Check the permissions of the folder."
        ) from error


def is_taken(path: Path) -> bool:
    """Tell whether there is a file, or a folder with anything in it that a person has put there."""
    if not path.is_dir():
        return path.is_file()
    return not all(is_left_by_macos(entry.name) for entry in path.iterdir())
