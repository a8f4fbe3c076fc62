"""Run a function in a child of its own, under limits: ``python -m tests.helpers.run_apart FOLDER``.

The module's program loads each checkpoint of a folder and prints one line of JSON for each: what
came of it, its CPU time in seconds and its memory in bytes above that of a child that does nothing.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

SECONDS = 30
ADDRESS_SPACE = 6 << 30


def run_apart(work: Callable[[], str]) -> tuple[str, float, int]:
    """Return what ``work`` returned or how it ended, its CPU time, and its largest memory."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        signal.alarm(20 * SECONDS)  # of a busy machine
        try:
            said = work()
        except BaseException as error:  # noqa: BLE001  which is what is looked for
            said = f"raised {type(error).__name__}: {str(error)[:200]}"
        os.write(writing, said.encode(errors="replace")[:4000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    _, status, used = os.wait4(child, 0)
    if os.WIFSIGNALED(status):
        said = f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
    return said, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024


def main(folder: Path) -> None:
    """Load everything in a folder."""
    import torch

    from rife_arch import CheckpointError, load_checkpoint

    torch.set_num_threads(1)

    def load(path: Path) -> str:
        try:
            load_checkpoint(path)
        except CheckpointError as error:
            return f"refused {error}"
        return "loaded"

    names = json.loads((folder / "names.json").read_text())
    _, idle, base = run_apart(lambda: "")
    for name, path in names.items():
        said, seconds, memory = run_apart(lambda path=path: load(Path(path)))
        row = [name, said, round(seconds - idle, 2), max(0, memory - base)]
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
