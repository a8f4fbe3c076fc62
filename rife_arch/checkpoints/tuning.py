"""What a fine-tuned checkpoint says of itself, in the metadata of its safetensors file."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from .safetensors_file import read_metadata
from .stored import shorten

_BASE, _BASE_HASH = "fine_tuned_from", "fine_tuned_from_sha256"
_DATA, _STEPS, _LICENCE = "training_data_sha256", "training_steps", "licence"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tuning:
    """Where the weights of a fine-tuned network come from.

    Attributes:
        base: the release that it was trained from, as 4.26.
        base_sha256: canonical hash of the weights that it was trained from.
        data_sha256: hash of what it was trained on: of the manifest of samples.
        steps: of the optimizer.
        licence: what its maker says of its use; may be empty.
    """

    base: str
    base_sha256: str
    data_sha256: str
    steps: int
    licence: str = ""

    def as_metadata(self) -> dict[str, str]:
        """Return what is written into the header of the file."""
        return {
            _BASE: self.base,
            _BASE_HASH: self.base_sha256,
            _DATA: self.data_sha256,
            _STEPS: str(self.steps),
            _LICENCE: self.licence,
        }


def parse_tuning(metadata: Mapping[str, str]) -> Tuning | None:
    """Read what a file says; None if it does not say that it is fine-tuned.

    Anybody can write anything there, so it is text to show, and decides nothing but a name.
    """
    base, steps = metadata.get(_BASE), metadata.get(_STEPS, "")
    if not base:
        return None
    is_number = steps.isascii() and steps.isdigit() and len(steps) < 12
    return Tuning(
        shorten(base),
        shorten(metadata.get(_BASE_HASH, "")),
        shorten(metadata.get(_DATA, "")),
        int(steps) if is_number else 0,
        shorten(metadata.get(_LICENCE, "")),
    )


def read_tuning(path: Path) -> Tuning | None:
    """Tell whether a file is a fine-tuned checkpoint, by its header alone.

    Remembered until the file changes. None for any other file, damaged ones among them: whoever loads
    such a file is told what is wrong with it.
    """
    if path.suffix != ".safetensors":
        return None
    try:
        stat = path.stat()
        return _read_tuning(path, stat.st_mtime_ns, stat.st_size)
    except (OSError, ValueError, RecursionError) as error:
        _log.debug("%s: no metadata: %s", path, error)
        return None


@lru_cache(maxsize=256)
def _read_tuning(path: Path, _mtime_ns: int, size: int) -> Tuning | None:
    with path.open("rb") as file:
        return parse_tuning(read_metadata(file, size))
