"""What goes to the process of a device, and what comes back.

Each message is pickled by itself: torch would hand tensors over in shared memory, of which containers have
little, and which would have to outlive whoever is killed.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from vfi.jobs import Piece
from vfi.write import RunStore

from ..loaded import LoadableNetwork
from ..plan import Plan
from ..spread.outcome import Failure, Made, Stopped

STOP = b""
"""Instead of a message: leave what you are at, and end."""


@dataclass(frozen=True)
class Load:
    """Build a network; the answer is what the process is."""

    network: LoadableNetwork


@dataclass(frozen=True)
class MakePiece:
    """Make a piece of a result.

    Attributes:
        unit: number of the unit of work.
        job: of the clip.
        piece: the piece.
        stores: where it goes.
    """

    unit: int
    job: Any
    piece: Piece
    stores: Sequence[RunStore]


@dataclass(frozen=True)
class MakeClip:
    """Make all of a result."""

    unit: int
    plan: Plan[Any]


@dataclass(frozen=True)
class Progress:
    """So many frames of a unit have been made."""

    unit: int
    num_made: int


@dataclass(frozen=True)
class Answer:
    """What came of a request."""

    outcome: Made[Any] | Failure | Stopped


def send(connection: Connection, message: object) -> None:
    """Send a message.

    Raises:
        OSError: nobody is there any more.
    """
    connection.send_bytes(pickle.dumps(message))


def receive(connection: Connection) -> Any:
    """Wait for a message.

    Raises:
        EOFError: nobody is there any more.
        OSError: likewise.
    """
    return pickle.loads(connection.recv_bytes())
