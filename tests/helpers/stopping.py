"""Run a script that stops itself, as by SIGSTOP: PATTERN COUNT SCRIPT [ARGUMENTS].

However busy the machine is, what follows then happens in the middle of the run.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from pathlib import Path


def main() -> None:
    """Stop as soon as COUNT files match PATTERN: where the next file is opened or renamed."""
    pattern, count, program = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    is_done = False

    def watch(event: str, _: tuple[object, ...]) -> None:
        nonlocal is_done
        if is_done or event not in {"open", "os.rename"}:
            return
        if len(list(pattern.parent.glob(pattern.name))) < count:
            return
        is_done = True
        os.kill(os.getpid(), signal.SIGSTOP)

    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # ignored by what runs in the background
    sys.argv = sys.argv[3:]
    sys.path[0] = str(Path(program).parent)
    sys.addaudithook(watch)
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
