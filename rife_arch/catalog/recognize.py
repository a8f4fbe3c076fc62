"""Which release a file is: by its name, else by its hash."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path, PurePath

from ..checkpoints import is_checkpoint_name, read_tuning, sha256_of_file
from .entries import CHECKPOINT_SUFFIXES, CatalogEntry, PageSource

# Bytes. The largest release has 87 MB, and what is larger is not worth hashing.
_LARGEST = 128 << 20


def version_key(name: str) -> str:
    """Reduce a version to what all its spellings share.

    "RIFE_v4.25-lite" gives "425lite", "SAFA v0.5" gives "safa05".
    """
    key = re.sub(r"^(rife|flownet)?v?", "", _squash(name))
    return re.sub("^safav", "safa", key)


def release_of(path: Path, catalog: Sequence[CatalogEntry]) -> CatalogEntry | None:
    """Tell which release a file is: by its name, else by its hash.

    The hash of a file is remembered until the file changes. A fine-tuned network is none, whatever it
    is called.
    """
    if read_tuning(path) is not None:
        return None
    named = find_by_file_name(path.name, catalog)
    return named or next((entry for entry in catalog if has_its_weights(path, entry)), None)


def find_by_file_name(name: str, catalog: Sequence[CatalogEntry]) -> CatalogEntry | None:
    """Tell which release a file of this name is taken for, without looking at the file."""
    for entry in catalog:
        if any(source.file == name for source in entry.sources):
            return entry
    return next((entry for entry in catalog if is_named_like(entry, name)), None)


def is_named_like(entry: CatalogEntry, name: str) -> bool:
    """Whether a file is named after this version: ``rife426.pth``, ``safa_v0.5.zip``."""
    file = PurePath(name)
    # The prefix is required: a file called 40.pth may be anybody's fortieth epoch.
    has_prefix = _squash(file.stem).startswith(("rife", "flownet", "safa"))
    is_checkpoint = is_checkpoint_name(file, CHECKPOINT_SUFFIXES)
    return is_checkpoint and has_prefix and version_key(file.stem) == version_key(entry.name)


def has_its_weights(path: Path, entry: CatalogEntry) -> bool:
    """Whether a file has the hash of one of the files in which this version is published."""
    published = {
        source.sha256 for source in entry.sources if not isinstance(source, PageSource)
    } | {entry.canonical_sha256}
    published.discard(None)
    if not published or not is_checkpoint_name(path, CHECKPOINT_SUFFIXES):
        return False
    try:
        stat = path.stat()
        return (
            stat.st_size <= _LARGEST and _sha256(path, stat.st_mtime_ns, stat.st_size) in published
        )
    except OSError:  # unreadable, or just deleted: whoever wants to load it is told so
        return False


@lru_cache(maxsize=256)
def _sha256(path: Path, _mtime_ns: int, _size: int) -> str:
    """Hash a file; time and size make the answer out of date when the file is replaced."""
    return sha256_of_file(path)


def _squash(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
