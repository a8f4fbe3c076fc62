"""The command lines with ``--ray``: two workers make what one process makes, and failures are told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from tests.helpers.clips import (
    Picture,
    moving_pictures,
    write_clip,
)
from tests.helpers.clusters import ROOT, Run, own_run
from tests.helpers.results import Content, contents_of

if sys.platform != "linux":
    pytest.skip("processes of a run are found in /proc", allow_module_level=True)
pytest.importorskip("ray", reason="Ray is an extra: pip install -r requirements-ray.txt")

LOCAL = ("--ray", "local", "--workers", "2")
LOSSLESS = ("--preset", "lossless")
# A worker computes with its share of the cores, and pixels may depend on the number by a rounding.
THREADS = str(max(1, (os.cpu_count() or 2) // 2))
BOUNDARY = 125  # source frame that is the first one of the second segment, at twice the rate


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Processes of their own; nothing stays of them."""
    with own_run() as run:
        yield run
        run.wait_until_over()
        assert not list(run.temporary.iterdir())


@dataclass(frozen=True)
class Made:
    """What one process made, and what two workers did: name of a result -> what it holds."""

    by_one: dict[str, Content]
    by_two: dict[str, Content]
    reports: list[dict[str, Any]]


def make_both(
    run: Run, folder: Path, program: Sequence[object], commands: dict[str, list[str]]
) -> Made:
    """Run a program on commands in one process, and with two workers."""
    environment = {**run.environment, "OMP_NUM_THREADS": THREADS}
    for name, added in (("one", ()), ("two", LOCAL)):
        ended = subprocess.run(
            [sys.executable, *map(str, program), folder / name, *added],
            input=json.dumps(commands),
            text=True,
            capture_output=True,
            env=environment,
            check=False,
            cwd=ROOT,
        )
        assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stdout.splitlines()[-1])
    return Made(contents_of(folder / "one"), contents_of(folder / "two"), said["results"])


# --- two workers against one process -------------------------------------------------------------


def pictures_with_cut(count: int, cut: int) -> list[Picture]:
    """Waves that wander, and from ``cut`` on spots that do."""
    y, x = np.mgrid[:48, :64]
    waves = [60 + 40 * np.sin((x + number) / 11 + y / 17) for number in range(cut)]
    dark = [np.stack([wave, wave / 2, wave / 3], 2).astype(np.uint8) for wave in waves]
    return [*dark, *(128 + picture // 2 for picture in moving_pictures(count - cut))]


def write_variable_rate(path: Path) -> Path:
    """Frames that last 40, 80, 120 and 160 ms in turn, 6 s in all."""
    steady = write_clip(path.with_name("steady.mkv"), moving_pictures(60))
    delayed = "setpts=(floor(N/4)*0.4+0.02*mod(N\\,4)*(mod(N\\,4)+1))/TB"
    command = [get_ffmpeg_exe(), "-v", "error", "-i", str(steady), "-vf", delayed]
    command += ["-c:v", "ffv1", "-pix_fmt", "bgr0", "-fps_mode", "passthrough", str(path)]
    subprocess.run(command, check=True)
    steady.unlink()
    return path


@pytest.fixture(scope="module")
def interpolated(run: Run, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """All of these are one run, as a cluster takes seconds to start."""
    folder = tmp_path_factory.mktemp("interpolated")
    talkie = write_clip(folder / "talkie.mp4", moving_pictures(190), sound="aac")
    variable = write_variable_rate(folder / "variable.mkv")
    cuts = [
        write_clip(folder / f"cut{number}.mkv", pictures_with_cut(BOUNDARY + 5, number))
        for number in (BOUNDARY - 1, BOUNDARY, BOUNDARY + 1)
    ]
    plain = write_clip(folder / "plain.mkv", moving_pictures(BOUNDARY + 5))
    threes = write_clip(folder / "threes.mkv", [p for p in moving_pictures(45) for _ in range(3)])
    commands = {
        "sound": [talkie],
        "variable": [variable, "--target-fps", 50],
        "cuts": cuts,
        "loop": [plain, "--loop"],
        "duplicates": [threes, "--duplicates", "smooth"],
        "ramp": [plain, "--ramp", "0:1 2:0.5 4:2"],
        "png-only": [plain, "--png-only"],
        "keep-pngs": [plain, "--keep-pngs"],
    }
    fixed = [*LOSSLESS, "--model", checkpoint, "--device", "cpu"]
    listed = {
        name: ["--video", *map(str, [*arguments, *fixed])] for name, arguments in commands.items()
    }
    return make_both(run, folder, ["-m", "tests.helpers.one_run"], listed)


@pytest.mark.slow  # the first of them starts Ray and two workers
@pytest.mark.parametrize(
    ("name", "num_frames"),
    [
        ("sound/talkie_2X_48fps.mkv", 380),
        ("variable/variable_50fps.mkv", 294),
        (f"cuts/cut{BOUNDARY - 1}_2X_48fps.mkv", 260),
        (f"cuts/cut{BOUNDARY}_2X_48fps.mkv", 260),
        (f"cuts/cut{BOUNDARY + 1}_2X_48fps.mkv", 260),
        ("loop/plain_2X_48fps.mkv", 260),
        ("duplicates/threes_2X_48fps.mkv", 270),
        ("ramp/plain_2X_48fps.mkv", 239),
        ("png-only/vid_out", 260),
        ("keep-pngs/vid_out", 260),
        ("keep-pngs/plain_2X_48fps.mkv", 260),
    ],
)
def test_two_workers_make_what_one_process_makes(
    interpolated: Made, name: str, num_frames: int
) -> None:
    assert interpolated.by_one.keys() == interpolated.by_two.keys()
    assert len(interpolated.by_one[name]["pictures"]) == num_frames
    assert interpolated.by_two[name] == interpolated.by_one[name]


@pytest.mark.slow  # as above
def test_sound_and_cuts_are_among_what_is_compared(interpolated: Made) -> None:
    sound = interpolated.by_two["sound/talkie_2X_48fps.mkv"]
    assert len(sound["packets"]) > 100
    assert len(sound["samples"]) > 100
    cuts = {Path(report["input"]).stem: report["cuts"] for report in interpolated.reports}
    for number in (BOUNDARY - 1, BOUNDARY, BOUNDARY + 1):
        assert cuts[f"cut{number}"] == [number]
