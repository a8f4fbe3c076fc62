"""What a process says of a piece of work, and of itself, to the one that handed it the work."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from vfi.errors import InputError

from ..explain import exit_code, explain

ValueT = TypeVar("ValueT")


@dataclass(frozen=True)
class Failure:
    """An error, explained where it happened.

    Attributes:
        message: for people.
        exit_code: of a command line that ends by it.
        details: where it comes from, for ``--debug``.
    """

    message: str
    exit_code: int
    details: str


@dataclass(frozen=True)
class Made(Generic[ValueT]):
    """What came of a piece of work.

    Attributes:
        value: the result.
        warnings: what the log said on the way.
    """

    value: ValueT
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stopped:
    """The work was ended because nobody wants it any more."""


@dataclass(frozen=True)
class WorkerInfo:
    """What a process says of itself.

    Attributes:
        host: name of its machine, or of its device.
        name: of the network.
        settings: all that decides the pixels beside a clip's own settings; equal in all processes.
        description: of network, device and precision, for people.
    """

    host: str
    name: str
    settings: tuple[str, ...]
    description: str


def failure_of(error: Exception, memory_advice: str = "") -> Failure:
    """Explain an error where it happened."""
    return Failure(explain(error, memory_advice), exit_code(error), traceback.format_exc())


def require_alike(infos: Iterable[WorkerInfo]) -> WorkerInfo:
    """Return what the first process says, once all have said the same.

    Raises:
        InputError: they would not make the same frames.
    """
    first: WorkerInfo | None = None
    for found in infos:
        first = first or found
        if found.settings != first.settings:
            raise InputError(
                f"Workers differ: {found.host} has {found.description}, {first.host} has "
                f"{first.description}. Frames would not be alike: use devices of one kind, and choose a "
                "--precision for all, such as --precision fp32."
            )
    assert first is not None, "there is at least one"
    return first
