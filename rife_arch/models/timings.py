"""What was measured on this machine before, in a small file.

It lies in ``__pycache__`` beside this module, as Python's own compiled files and those of numba do: it can
be deleted at any time, and goes when the pack goes.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)
_FORMAT = 1
_MOST = 200  # entries; the oldest go first


@dataclass(frozen=True)
class Measured:
    """The outcome of a measurement.

    Attributes:
        choice: name of the fastest evaluation.
        speeds: by name, relative to the plain forward.
    """

    choice: str
    speeds: Mapping[str, float]


class Timings:
    """A JSON file of outcomes. One that cannot be read or written is as good as none."""

    def __init__(self, path: Path | None = None) -> None:
        """Use the file ``path``; None for the usual one."""
        self._path = path or Path(__file__).parent / "__pycache__" / "evaluations.json"

    def find(self, key: str) -> Measured | None:
        """Return what was measured in the situation ``key``, if anything was."""
        try:
            entry = self._entries().get(key)
            if entry is None:
                return None
            speeds = {str(name): float(speed) for name, speed in entry["speeds"].items()}
            return Measured(str(entry["choice"]), speeds)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            _log.debug("%s: an entry is damaged and ignored: %s", self._path, error)
            return None

    def record(self, key: str, measured: Measured) -> None:
        """Remember an outcome. Of two processes that write at a time, one may be forgotten."""
        entries = self._entries()
        entries.pop(key, None)
        entries[key] = asdict(measured)
        kept = dict(list(entries.items())[-_MOST:])
        partial = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(exist_ok=True)
            text = json.dumps({"format": _FORMAT, "measured": kept}, indent=1)
            partial.write_text(text + "\n", encoding="utf-8")
            partial.replace(self._path)
        except OSError as error:  # such as a folder without write access, or a full disk
            _log.debug("%s: what was measured is not remembered: %s", self._path, error)
            with suppress(OSError):
                partial.unlink()

    def _entries(self) -> dict[str, Any]:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            if content["format"] != _FORMAT:
                return {}
            return dict(content["measured"])
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            _log.debug("%s: cannot be read and is ignored: %s", self._path, error)
            return {}
