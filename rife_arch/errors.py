"""Errors of the network layer.

::

    RifeError
    ├── CheckpointError                     a file is not usable as a checkpoint
    │   ├── UnsupportedCheckpointError      no family matches; .nearest names the closest
    │   └── CheckpointMismatchError         a family matches, single keys do not
    ├── CatalogError                        a name or an entry of the catalogue is wrong
    │   └── DownloadError                   no source of an entry could be fetched and verified
    ├── EvaluationError                     the way asked for to evaluate a network cannot run here
    └── NotEnoughMemoryError                a frame does not fit into the memory of its device

A message begins with the file or option it is about, and says what is wrong and what to do next;
``expected <x>, got <y>`` only where that is clearest. Functions on tensors raise plain
``ValueError``.
"""

import torch


class RifeError(Exception):
    """Root of everything this package raises on purpose."""

    # Tracebacks and ComfyUI print this before the class. Python's own value would, in ComfyUI, put
    # the path of the pack's folder before every message.
    __module__ = "rife_arch"

    def __init_subclass__(cls) -> None:
        """Name every kind of error after the package."""
        cls.__module__ = RifeError.__module__

    def __str__(self) -> str:
        """Return the message; what no text file can hold, as of a name that is not UTF-8, is spelled out.

        ComfyUI writes errors to a log, and one that cannot be written ends its worker: no prompt is run
        any more.
        """
        return super().__str__().encode("utf-8", "backslashreplace").decode()


class CheckpointError(RifeError):
    """A file cannot be used as a checkpoint; the message says what it is instead."""


class UnsupportedCheckpointError(CheckpointError):
    """The weights belong to no network this package knows.

    Attributes:
        nearest: label of the network that comes closest, or None if nothing is similar.
    """

    def __init__(self, message: str, nearest: str | None = None) -> None:
        super().__init__(message)
        self.nearest = nearest


class CheckpointMismatchError(CheckpointError):
    """The network is known, but keys are missing, unexpected or of another shape."""


class CatalogError(RifeError):
    """A name is not in the catalogue, or an entry of it is malformed."""


class DownloadError(CatalogError):
    """No source of a catalogue entry could be fetched; the message lists every attempt."""


class EvaluationError(RifeError):
    """A network cannot be evaluated in the way that was asked for; the message says why."""


class NotEnoughMemoryError(RifeError, torch.OutOfMemoryError):
    """A single frame does not fit into a device's memory; the message says what would help.

    A ``torch.OutOfMemoryError`` too: programs such as ComfyUI make room where they see one.
    """
