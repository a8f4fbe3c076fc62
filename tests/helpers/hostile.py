"""Damaged files by the hundred, and what reading each of them comes to.

Run as a program, it reads the files named on its standard input, one a line, within limits of memory and
time, and says of each what came of it. A file that ends the process is the last that it names.
"""

from __future__ import annotations

import json
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 20  # for one file, on a machine that has more to do
MEMORY = 6 << 30  # bytes of address space, most of which is PyTorch's
_FRAMES = 60


@dataclass(frozen=True)
class Outcome:
    """What reading a file came to.

    Attributes:
        path: the file.
        kind: "frames", "refused", or what should not be: "raised", "hung", "crashed".
        text: the number of frames, or the message.
        seconds: that it took.
        memory: the most that the process has held so far, bytes.
    """

    path: str
    kind: str
    text: str = ""
    seconds: float = 0.0
    memory: int = 0

    @property
    def is_good(self) -> bool:
        """Whether it is frames, or one message that names the file."""
        is_told = (
            self.kind == "refused" and "\n" not in self.text and Path(self.path).name in self.text
        )
        return self.kind == "frames" or is_told


def damaged(data: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Yield ``count`` damaged copies: cut short, with flipped bits, with bytes overwritten."""
    generator = random.Random(seed)
    for number in range(count):
        changed = bytearray(data)
        match number % 4:
            case 0:
                del changed[generator.randrange(len(changed)) :]
            case 1:
                _flip(changed, generator, 1)
            case 2:
                _flip(changed, generator, 1 + len(changed) // 500)
            case _:  # headers are at the start, or, in mp4, at the end
                begin = generator.choice((0, max(0, len(changed) - 600)))
                for place in generator.sample(range(begin, min(begin + 600, len(changed))), 3):
                    changed[place] = generator.choice((0, 1, 0x7F, 0x80, 0xFF))
        yield bytes(changed)


def _flip(data: bytearray, generator: random.Random, count: int) -> None:
    for _ in range(count):
        data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)


def read_apart(paths: Sequence[Path]) -> list[Outcome]:
    """Read files in processes of their own; one that dies is followed by another."""
    outcomes: list[Outcome] = []
    while len(outcomes) < len(paths):
        left = paths[len(outcomes) :]
        child = subprocess.run(
            [sys.executable, "-m", "tests.helpers.hostile"],
            input="\n".join(map(str, left)),
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
            timeout=60 + (SECONDS + 5) * len(left),
        )
        found = [Outcome(**json.loads(line)) for line in child.stdout.splitlines()]
        outcomes += found
        if len(found) < len(left):
            reason = f"exit code {child.returncode}: {child.stderr[-500:]}"
            outcomes.append(Outcome(str(left[len(found)]), "crashed", reason))
    return outcomes


def _read(path: Path) -> int:
    """Read all that a job reads of a file; returns how many frames there are."""
    from vfi.read import open_video, read_audio

    clip = open_video(path)
    with closing(clip.frames()) as frames:
        count = sum(1 for _ in islice(frames, _FRAMES))
    if clip.tracks:
        read_audio(clip.tracks, Fraction(5))
    return count


def outcome_of(path: Path) -> Outcome:
    """Read a file in this process."""
    from vfi.errors import VfiError

    started = perf_counter()
    try:
        signal.alarm(SECONDS)
        kind, text = "frames", str(_read(path))
    except VfiError as error:
        kind, text = "refused", str(error)
    except _TooLongError:
        kind, text = "hung", ""
    except Exception as error:  # noqa: BLE001  whatever it is, it is what is looked for
        kind, text = "raised", repr(error)
    finally:
        signal.alarm(0)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Outcome(str(path), kind, text, round(perf_counter() - started, 3), memory)


class _TooLongError(BaseException):
    """A file takes too long."""


def _end(*_: object) -> NoReturn:
    raise _TooLongError


def _main(lines: Iterable[str]) -> None:
    import av.logging
    import torch

    av.logging.set_level(None)
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, _end)
    for line in lines:
        print(json.dumps(vars(outcome_of(Path(line.rstrip("\n"))))), flush=True)


if __name__ == "__main__":
    _main(sys.stdin)
