"""What can go wrong in training itself."""

from __future__ import annotations

from vfi.errors import VfiError


class TrainingError(VfiError):
    """The training cannot go on; the message says why, and what to try."""
