"""What a process takes of the machine, under Linux."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Footprint:
    """What a process takes.

    Attributes:
        memory: what is in main memory, bytes.
        handles: open files, pipes and sockets.
        threads: of the process.
    """

    memory: int
    handles: int
    threads: int

    def __str__(self) -> str:
        return f"{self.memory / 1e6:.0f} MB, {self.handles} handles, {self.threads} threads"


def footprint(process: int | None = None) -> Footprint:
    """Look at a process; None: at this one."""
    folder = Path(f"/proc/{process or os.getpid()}")
    pages = int((folder / "statm").read_text().split()[1])
    return Footprint(
        pages * os.sysconf("SC_PAGE_SIZE"),
        len(list((folder / "fd").iterdir())),
        len(list((folder / "task").iterdir())),
    )
