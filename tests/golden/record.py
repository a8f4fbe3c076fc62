"""Record what a fixed set of runs makes, to show that a change of the code changed no result.

::

    python -m tests.golden.record before.json     # on the commit before
    python -m tests.golden.record after.json      # on the commit after
    python -m tests.golden.record --compare before.json after.json

The runs cover every flag of both command lines and, where a ComfyUI is found, every node. What is
recorded of a result is what it decodes to: hashes of pixels and sound packets, times, tags. The
hashes hold for one machine and one set of libraries; they are not kept in the repository.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import torch

import inference_video
import inference_video_enhance
from tests.golden.contents import describe_folder
from tests.golden.material import make_material
from tests.golden.runs import ENHANCE_RUNS, INTERPOLATE_RUNS
from tests.golden.workflows import run_workflows

_UNSTABLE = ("seconds", "input", "output", "pngs", "error")


def record() -> dict[str, Any]:
    """Do all runs in an empty folder; returns what each of them made."""
    torch.set_num_threads(1)  # several threads may round otherwise from run to run
    with tempfile.TemporaryDirectory() as name:
        material = make_material(Path(name) / "material")
        return {
            **_run_all("interpolate", inference_video.main, INTERPOLATE_RUNS, material),
            **_run_all("enhance", inference_video_enhance.main, ENHANCE_RUNS, material),
            **run_workflows(material, Path(name) / "comfyui"),
        }


def _run_all(
    kind: str, main: Callable[[list[str]], int], runs: dict[str, str], material: Path
) -> dict[str, Any]:
    model = "enhancer.pkl" if kind == "enhance" else "tiny.pth"
    return {
        f"{kind}: {name}": dict(_run(main, options, material, model))
        for name, options in runs.items()
    }


def _run(
    main: Callable[[list[str]], int], options: str, material: Path, model: str
) -> Iterator[tuple[str, Any]]:
    fixed = ["--device", "cpu", "--json"]
    if "--model " not in options:
        fixed += ["--model", str(material / model)]
    if "--precision" not in options and "--fp16" not in options:
        fixed += ["--precision", "fp32"]
    words = shlex.split(options)
    said = StringIO()
    with tempfile.TemporaryDirectory() as folder, _inside(folder):
        for source in material.iterdir():
            Path(source.name).symlink_to(source)
        before = set(Path().iterdir())
        with redirect_stdout(said), redirect_stderr(StringIO()):
            try:
                code = main([*fixed, *words])
            except SystemExit as stop:
                code = int(stop.code or 0)
        yield "code", code
        yield "files", describe_folder(Path(), before)
    lines = said.getvalue().splitlines()
    if lines and lines[-1].startswith("{"):
        results = json.loads(lines[-1])["results"]
        yield "json", [{k: v for k, v in r.items() if k not in _UNSTABLE} for r in results]


@contextmanager
def _inside(folder: str) -> Generator[None, None, None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def compare(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """List the runs whose results differ, or that one side lacks."""
    return [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="tests.golden.record", description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", help="where to write what was made")
    parser.add_argument("--compare", type=Path, nargs=2, metavar=("BEFORE", "AFTER"))
    args = parser.parse_args()
    if args.compare:
        before, after = (json.loads(path.read_text()) for path in args.compare)
        different = compare(before, after)
        print(*different, f"{len(different)} of {len({*before, *after})} runs differ", sep="\n")
        return 1 if different else 0
    made = record()
    args.file.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")
    failed = [name for name, result in made.items() if result.get("code", 0)]
    print(f"{len(made)} runs, {len(failed)} refused: {', '.join(failed)}")
    return 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
