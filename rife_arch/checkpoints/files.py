"""Which files are checkpoints: one rule for nodes, folders, archives and the search for releases.

It is ComfyUI's, so that whoever switches finds the same files: subfolders too, links followed,
endings in any case. Left out are AppleDouble files (``._x.pkl``, which macOS writes beside files on
foreign disks) and folders that are named like files.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePath

SUFFIXES = (".safetensors", ".pkl", ".pth", ".pt", ".ckpt", ".bin", ".sft", ".pt2")
"""Endings that ComfyUI lists among models. What is in a file is read from its content."""
ARCHIVES = (".zip",)
"""Ending of what upstream publishes: a folder with a checkpoint in it."""
_LEFT_OUT = ("__MACOSX", ".git")  # AppleDouble files of an archive; ComfyUI leaves out the second
_MOST_FOLDERS = 1000
_CHUNK = 1 << 20  # bytes


def is_checkpoint_name(name: str | PurePath, suffixes: tuple[str, ...] = SUFFIXES) -> bool:
    """Whether a file of this name is offered as a checkpoint."""
    path = PurePath(name)
    return path.suffix.lower() in suffixes and not path.name.startswith("._")


def list_checkpoints(
    folder: Path, suffixes: tuple[str, ...] = SUFFIXES, *, deep: bool = True
) -> list[Path]:
    """List the checkpoints in a folder: those in it by name, then those in its subfolders.

    What cannot be listed, such as a folder without permission, is left out. A link back to a folder
    that was seen is not followed, and a folder of more than 1000 subfolders, which is no folder of
    checkpoints, is not searched to its end.

    Args:
        folder: may be missing.
        suffixes: the endings that count.
        deep: whether to look into subfolders.
    """
    found = (os.path.join(*parts) for parts in _walk(folder, suffixes, deep))  # noqa: PTH118
    # Unlike Path.is_file this is false, and no error, for what may not be looked at.
    files = [Path(name) for name in found if os.path.isfile(name)]  # noqa: PTH113
    return sorted(files, key=lambda path: (len(path.parts), path))


def _walk(folder: Path, suffixes: tuple[str, ...], deep: bool) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for place, subfolders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        is_new = real not in seen and len(seen) < _MOST_FOLDERS
        seen.add(real)
        wanted = sorted(name for name in subfolders if name not in _LEFT_OUT)
        subfolders[:] = wanted if is_new and deep else []
        if is_new:
            yield from ((place, name) for name in names if is_checkpoint_name(name, suffixes))


def is_left_out(member: PurePath) -> bool:
    """Whether a member of an archive lies in a folder that is never looked into."""
    return any(part in _LEFT_OUT for part in member.parts)


def sha256_of_file(path: Path) -> str:
    """Hash a file of any size in little memory.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
