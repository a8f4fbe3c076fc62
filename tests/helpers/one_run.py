"""Several command lines with one network, made as one run: to start a cluster takes seconds.

It reads them as JSON, ``{name: arguments}``, on its standard input. Its own arguments are added to each,
and results go into a folder of that name.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cli.checkpoints import find_rife
from cli.loaded import RifeNetwork
from cli.parse import parse_interpolation
from cli.plan import plan_interpolation
from cli.program import Program, plan_clips, render_clips


def main(folder: Path, added: list[str]) -> int:
    commands: dict[str, list[str]] = json.load(sys.stdin)
    program = Program(["--json"], "")
    with program.reporting():
        parsed = [
            parse_interpolation([*arguments, *added, "--out-dir", str(folder / name)])
            for name, arguments in commands.items()
        ]
        plans = [
            plan for options in parsed for plan in plan_clips(program, options, plan_interpolation)
        ]
        network = RifeNetwork(find_rife(parsed[0].network), parsed[0].network)
        render_clips(program, plans, network, parsed[0].cluster)
    return program.exit_code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
