"""Workers, drivers and machines of a cluster that are killed, and clips that are broken: nothing is lost.

All of it takes half an hour: ``pytest -m faults tests/cli/test_cluster_faults.py -s`` shows the figures.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import mean
from threading import Event, Thread

import pytest

from tests.helpers.clips import (
    moving_pictures,
    write_clip,
    write_clip_without_frames,
    write_damaged_clip,
)
from tests.helpers.clusters import ROOT, Cluster, Run, kill, own_run
from tests.helpers.results import Content, content_of
from tests.helpers.running import running, script, wait_until

if sys.platform != "linux":
    pytest.skip("processes of a run are found in /proc", allow_module_level=True)
if find_spec("ray") is None:
    pytest.skip("Ray is an extra: pip install -r requirements-ray.txt", allow_module_level=True)

pytestmark = [pytest.mark.faults, pytest.mark.slow]

LOSSLESS = ("--preset", "lossless")
LOCAL = ("--ray", "local", "--workers", "2")
NUM_FRAMES = 2400  # ten segments
MOMENTS = range(10)


@pytest.fixture
def run() -> Iterator[Run]:
    with own_run() as run:
        yield run


@dataclass(frozen=True)
class Undisturbed:
    """A clip with sound, and what one process makes of it."""

    clip: Path
    video: Content
    pictures: Content


@pytest.fixture(scope="module")
def undisturbed(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    clip = write_clip(folder / "clip.mkv", moving_pictures(NUM_FRAMES // 2), sound="aac")
    command = script(checkpoint, "--video", clip, "--keep-pngs", *LOSSLESS)
    with own_run() as run:
        subprocess.run(command, check=True, env=run.environment, cwd=folder, capture_output=True)
    (video,) = folder.glob("*_2X_*.mkv")
    pictures = folder / "vid_out"
    made = Undisturbed(clip, content_of(video), content_of(pictures))
    shutil.rmtree(pictures)
    return made


def command(checkpoint: Path, undisturbed: Undisturbed, *more: object) -> list[str]:
    options = ("--video", undisturbed.clip, *LOSSLESS, "--output", "out.mkv")
    return script(checkpoint, *options, "--json", *more)


def run_again(run: Run, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    ended = subprocess.run(
        arguments, capture_output=True, text=True, env=run.environment, check=False, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    return ended


def require_result(run: Run, folder: Path, undisturbed: Undisturbed) -> None:
    """It is what one process makes, and nothing else is left: no file, no folder, no process."""
    assert [path.name for path in folder.iterdir()] == ["out.mkv"]
    assert content_of(folder / "out.mkv") == undisturbed.video
    assert not list(run.temporary.glob("practical-rife-*"))
    run.wait_until_over()


# --- processes that are killed -------------------------------------------------------------------


@pytest.mark.parametrize("seed", MOMENTS)
def test_killed_worker_costs_its_segment_only(
    run: Run, folder: Path, checkpoint: Path, undisturbed: Undisturbed, seed: int
) -> None:
    chance = random.Random(seed)
    arguments = command(checkpoint, undisturbed, *LOCAL)
    with running(arguments, run.environment, stdout=subprocess.PIPE) as process:
        wait_until(lambda: len(run.processes("ray::Worker")) == 2, process)
        time.sleep(chance.uniform(0, 8))
        workers = run.processes("ray::Worker")
        if workers:  # else it has ended
            kill(chance.choice(workers))
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert json.loads(out.splitlines()[-1])["results"][0]["frames"] == NUM_FRAMES
    require_result(run, folder, undisturbed)


@pytest.mark.parametrize("seed", MOMENTS)
@pytest.mark.parametrize("victims", ["driver", "driver and worker"])
def test_killed_driver_goes_on_with_the_same_command(
    run: Run,
    folder: Path,
    checkpoint: Path,
    undisturbed: Undisturbed,
    victims: str,
    seed: int,
) -> None:
    chance = random.Random(seed)
    arguments = command(checkpoint, undisturbed, *LOCAL)
    with running(arguments, run.environment) as process:
        wait_until(lambda: len(run.processes("ray::Worker")) == 2, process)
        time.sleep(chance.uniform(0, 8))
        if victims != "driver":
            for worker in run.processes("ray::Worker")[:1]:
                kill(worker)
        process.kill()
        process.wait()
    if not (folder / "out.mkv").exists():
        finished = sum(path.stat().st_size > 0 for path in folder.glob("*.segments/*-*.mkv"))
        ended = run_again(run, arguments)  # at once: workers of the first run may live still
        resumed = json.loads(ended.stdout.splitlines()[-1])["results"][0]["resumed_at"]
        assert resumed >= finished * (NUM_FRAMES // 10 - 1) or finished == 10
    else:  # whatever the first run has left is swept by the next
        shutil.rmtree(folder / "out.mkv.segments", ignore_errors=True)
        subprocess.run(
            [*arguments, "--overwrite"], env=run.environment, check=True, capture_output=True
        )
    require_result(run, folder, undisturbed)
