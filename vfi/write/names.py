"""Names of results that leave room for those of the files beside them."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

_LONGEST = 255  # bytes, on nearly every file system
LONGEST_ENDING = ".segments"
"""Of what is written beside a result."""

UNFINISHED = ".part"


def unfinished_name(path: Path) -> Path:
    """Return a new name beside a file, to write it under; no two writers get the same."""
    return path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}{UNFINISHED}")


def fit_name(stem: str, ending: str) -> str:
    """Join the parts of a name; a stem that is too long loses its last letters.

    Args:
        stem: the name of a source.
        ending: what tells the result from it, with the extension.
    """
    room = _LONGEST - len(LONGEST_ENDING) - len(os.fsencode(ending))
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return stem + ending
