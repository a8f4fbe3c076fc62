"""``python -m tests.fuzz TARGET --seconds N``: look for inputs that end in anything but one error.

Guided by coverage where atheris is installed (``pip install atheris``; Linux, CPython 3.11 to 3.13),
else by mutation alone, whose seed is printed. An input that fails is written to ``corpus/TARGET/``,
where every run of the tests looks at it from then on.
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import shutil
import signal
import sys
import tempfile
from hashlib import sha256
from itertools import count
from pathlib import Path
from time import monotonic, time
from typing import Any

_MEMORY = 6 << 30  # bytes that a run may take
_SECONDS = 10  # of computing, for one input
_LONGEST = 1 << 16  # bytes of an input


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=int(time()))
    args = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    if importlib.util.find_spec("atheris"):
        _guided(args.target, args.seconds, args.seed)
    else:
        print("atheris is not installed: mutation alone")
        _unguided(args.target, args.seconds, args.seed)


def _guided(name: str, seconds: int, seed: int) -> None:
    import atheris  # pyright: ignore[reportMissingImports]

    with atheris.instrument_imports(include=["vfi", "migrate"]):
        from . import targets
    target, found = targets.TARGETS[name], targets.CORPUS / name
    found.mkdir(exist_ok=True)
    corpus = Path(tempfile.mkdtemp(prefix="fuzz_"))
    for number, data in enumerate(targets.inputs_of(name)):
        (corpus / str(number)).write_bytes(data)
    options = [f"-max_total_time={seconds}", f"-seed={seed}", f"-timeout={_SECONDS}"]
    options += [
        f"-max_len={_LONGEST}",
        f"-artifact_prefix={found}/",
        "-rss_limit_mb=0",
        "-verbosity=1",
    ]
    try:
        atheris.Setup([sys.argv[0], str(corpus), *options], target.run)
        atheris.Fuzz()  # ends the process
    finally:
        shutil.rmtree(corpus)


def _unguided(name: str, seconds: int, seed: int) -> None:
    from .mutate import mutants
    from .targets import CORPUS, TARGETS, inputs_of

    signal.signal(signal.SIGVTALRM, _too_long)
    inputs, end, number = inputs_of(name), monotonic() + seconds, 0
    for batch in count(seed):
        for data in mutants(inputs, batch, 100):
            if monotonic() > end:
                print(f"{name}: {number} inputs from seed {seed}, none of them failed")
                return
            number += 1
            signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS)
            try:
                TARGETS[name].run(data)
            except BaseException:
                found = CORPUS / name / sha256(data).hexdigest()[:12]
                found.parent.mkdir(exist_ok=True)
                found.write_bytes(data)
                print(f"{name}: input {number} fails; it is in {found}")
                raise


def _too_long(*_: Any) -> None:
    raise TimeoutError(f"more than {_SECONDS} s of computing for one input")


main()
