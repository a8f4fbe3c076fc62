"""Running the command line in tests, in this process and in one of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import inference_video
from tests.helpers.clips import Picture, moving_pictures

SCRIPT = Path(inference_video.__file__)
PICTURES = moving_pictures(4)
# Pixels may depend on the number of threads by a rounding, and the tiny network is slower on many.
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Ended:
    """How a run ended: its exit code and what it said."""

    code: int
    out: str
    err: str


RunCli = Callable[..., Ended]


def same(pictures: list[Picture], others: list[Picture]) -> bool:
    return np.array_equal(np.stack(pictures), np.stack(others))


def snapshot(folder: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def script(checkpoint: Path, *arguments: object) -> list[str]:
    """Return the command for a run of the script."""
    fixed = ["--model", str(checkpoint), "--device", "cpu"]
    return [sys.executable, str(SCRIPT), *fixed, *map(str, arguments)]


@contextmanager
def running(
    command: list[str], environment: Mapping[str, str] = ONE_THREAD, *, stdout: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command, stdout=stdout, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def stopped_at(
    command: list[str], pattern: Path, count: int = 1
) -> Iterator[subprocess.Popen[str]]:
    """Run a script until ``count`` files match ``pattern``; it stands still then, as by SIGSTOP.

    A run that one only waits for may end, on a busy machine, before the wait sees that it began.
    """
    stopping = [str(Path(__file__).with_name("stopping.py")), str(pattern), str(count)]
    with running([command[0], *stopping, *command[1:]]) as process:
        found = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert found
        assert found.si_code == os.CLD_STOPPED, f"ended too early: {process.communicate()[1]}"
        yield process


def end(process: subprocess.Popen[str], number: signal.Signals) -> str:
    """Send a signal to a run that stands still, and let it end; returns what it said."""
    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    return process.communicate(timeout=60)[1]


def wait_until(
    condition: Callable[[], object], process: subprocess.Popen[str], seconds: float = 60
) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, f"ended too early, with exit code {process.returncode}"
        assert time.monotonic() < deadline
        time.sleep(0.01)
