"""Switch a ComfyUI workflow to the nodes of this version of this pack.

Takes what ComfyUI saves (.json) or exports for its API, with nodes of an earlier version, RIFE VFI of
ComfyUI-Frame-Interpolation or ComfyUI's own FrameInterpolate in it, and says what it could not map.
See README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import cli.current_folder  # noqa: F401  # pyright: ignore[reportUnusedImport]  before torch
from cli.terminal import message_streams, prepare_process
from migrate import Report, migrate_workflow
from vfi.errors import InputError
from vfi.write import write_whole

EXIT_LEFT, EXIT_USAGE = 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 1 if something was left as it is."""
    with message_streams():
        args = _build_parser().parse_args(argv)
        try:
            report = _migrate(args)
        except InputError as error:
            print(f"error: {error}", file=sys.stderr)
            return EXIT_USAGE
        for heading, lines in (
            ("done", report.done),
            ("note", report.notes),
            ("LEFT", report.left),
        ):
            for line in lines:
                print(f"{heading}: {line}")
        return EXIT_LEFT if report.left else 0


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workflow", type=Path, help="a .json file; it is not changed")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="the new workflow (default <workflow>_rife.json)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    return parser


def _migrate(args: argparse.Namespace) -> Report:
    path: Path = args.workflow
    output: Path = args.output or path.with_name(f"{path.stem}_rife.json")
    migrated, report = migrate_workflow(_read(path))
    if not report.done:
        report.notes.append("nothing was written: there is no node here that could be switched.")
        return report
    if not args.overwrite and _is_there(output):
        raise InputError(
            f"{output} exists already. Choose another --output, or replace it with --overwrite."
        )
    write_whole(output, _encoded(migrated))
    report.notes.append(f"written to {output}")
    return report


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long, which is said when it is written
        return False


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path} is no workflow in JSON ({error}). Save it from ComfyUI's menu."
        ) from error


def _encoded(workflow: object) -> bytes:
    """Write letters as they are; half a character, which JSON can hold, only as an escape."""
    try:
        return json.dumps(workflow, indent=2, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(workflow, indent=2).encode()


if __name__ == "__main__":
    prepare_process()
    sys.exit(main())
