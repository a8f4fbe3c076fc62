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
from functools import partial
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
from tests.helpers.running import running, script
from tests.helpers.running import wait_until as wait_briefly

if sys.platform != "linux":
    pytest.skip("processes of a run are found in /proc", allow_module_level=True)
if find_spec("ray") is None:
    pytest.skip("Ray is an extra: pip install -r requirements-ray.txt", allow_module_level=True)

pytestmark = [pytest.mark.faults, pytest.mark.slow]

wait_until = partial(wait_briefly, seconds=300)  # more than a segment, on a busy machine
LOSSLESS = ("--preset", "lossless")
LOCAL = ("--ray", "local", "--workers", "2")
NUM_FRAMES = 1500  # six segments
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
        arguments, capture_output=True, text=True, env=run.environment, check=False, timeout=600
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
        wait_until(lambda: len(run.workers()) >= 2, process)
        time.sleep(chance.uniform(0, 8))
        workers = run.workers()
        print(f"{len(workers)} workers")  # noqa: T201
        if workers:  # else it has ended
            kill(chance.choice(workers))
        out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert json.loads(out.splitlines()[-1])["results"][0]["frames"] == NUM_FRAMES
    require_result(run, folder, undisturbed)


@pytest.mark.parametrize("seed", MOMENTS)
@pytest.mark.parametrize("victims", ["driver", "driver and workers"])
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
        wait_until(lambda: len(run.workers()) >= 2, process)
        time.sleep(chance.uniform(0, 8))
        if victims != "driver":
            for worker in run.workers():
                kill(worker)
        process.kill()
        process.wait()
    if not (folder / "out.mkv").exists():
        finished = sum(path.stat().st_size > 0 for path in folder.glob("*.segments/*-*.mkv"))
        ended = run_again(run, arguments)  # at once: workers of the first run may live still
        resumed = json.loads(ended.stdout.splitlines()[-1])["results"][0]["resumed_at"]
        assert resumed >= 250 * finished
    else:  # whatever the first run has left is swept by the next
        shutil.rmtree(folder / "out.mkv.segments", ignore_errors=True)
        subprocess.run(
            [*arguments, "--overwrite"], env=run.environment, check=True, capture_output=True
        )
    require_result(run, folder, undisturbed)


# --- many clips ----------------------------------------------------------------------------------

NUM_GOOD = 195
MOST_GROWTH = 30  # megabytes, from the middle of the run to its end


def write_many(folder: Path) -> dict[str, str]:
    """Write 195 clips and five broken ones; return what is said of each of these."""
    folder.mkdir()
    good = write_clip(folder / "good000.mp4", moving_pictures(24), sound="aac")
    for number in range(1, NUM_GOOD):
        shutil.copy(good, folder / f"good{number:03}.mp4")
    (folder / "bad-empty.mp4").touch()
    (folder / "bad-text.mp4").write_text("This is not a video.\n" * 100)
    (folder / "good050-bad-cut.mp4").write_bytes(good.read_bytes()[:-2000])  # the index is gone
    write_clip_without_frames(folder / "good100-bad-frames.avi", good)
    write_damaged_clip(folder / "good150-bad-frame.avi", num_frames=24, damaged=20)
    return {
        "bad-empty.mp4": "bad-empty.mp4",
        "bad-text.mp4": "FFmpeg cannot read this file",
        "good050-bad-cut.mp4": "FFmpeg cannot read this file",
        "good100-bad-frames.avi": "good100-bad-frames.avi",
        "good150-bad-frame.avi": "frame 20 does not decode",
    }


class Sampled(Thread):
    """Memory in megabytes and number of open files of a process, every half second."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.samples: list[tuple[float, int]] = []
        self._pid = pid
        self._is_over = Event()

    def run(self) -> None:
        while not self._is_over.wait(0.5):
            try:
                status = Path(f"/proc/{self._pid}/status").read_text()
                files = len(list(Path(f"/proc/{self._pid}/fd").iterdir()))
            except OSError:
                return
            (line,) = [line for line in status.splitlines() if line.startswith("VmRSS")] or ["0 0"]
            self.samples.append((int(line.split()[1]) / 1024, files))

    def stop(self) -> None:
        self._is_over.set()
        self.join()

    def between(self, first: float, last: float) -> tuple[float, float]:
        """Return the means of a part, from 0, the start, to 1, the end."""
        count = len(self.samples)
        chosen = self.samples[int(first * count) : int(last * count)]
        return mean(memory for memory, _ in chosen), mean(files for _, files in chosen)


def test_two_hundred_clips_of_which_five_are_broken(
    run: Run, folder: Path, checkpoint: Path
) -> None:
    broken = write_many(folder / "clips")
    arguments = script(
        checkpoint, "--video", "clips", "--out-dir", "out", *LOSSLESS, "--json", *LOCAL
    )
    with (folder / "errors.txt").open("w") as errors, (folder / "out.txt").open("w") as said:
        process = subprocess.Popen(arguments, env=run.environment, stdout=said, stderr=errors)
        wait_until(lambda: len(list((folder / "out").glob("*.mkv"))) >= 20, process)
        watched = [Sampled(pid) for pid in (process.pid, *run.workers())]
        for sampled in watched:
            sampled.start()
        wait_until(lambda: len(list((folder / "out").glob("*.mkv"))) >= NUM_GOOD - 2, process)
        for sampled in watched:
            sampled.stop()
        assert process.wait(300) == 1
    err = (folder / "errors.txt").read_text()
    report = json.loads((folder / "out.txt").read_text().splitlines()[-1])
    failed = {
        Path(result["input"]).name: result["error"]
        for result in report["results"]
        if "error" in result
    }
    assert failed.keys() == broken.keys()
    for name, message in broken.items():
        assert message in failed[name]
        assert name in failed[name]
        assert failed[name] in err
    assert "error: 5 of 200 clips failed, see above." in err
    assert len(report["results"]) == 200
    results = sorted((folder / "out").iterdir())
    assert len(results) == NUM_GOOD
    first = content_of(results[0])
    assert len(first["pictures"]) == 48
    assert all(content_of(result) == first for result in results)
    for sampled in watched:
        (memory, files), (memory_then, files_then) = (
            sampled.between(0.4, 0.6),
            sampled.between(0.8, 1),
        )
        print(f"{memory:.0f} -> {memory_then:.0f} MB, {files:.0f} -> {files_then:.0f} files")  # noqa: T201
        assert memory_then - memory < MOST_GROWTH
        assert files_then - files < 5
    run.wait_until_over()
    assert not list(run.temporary.iterdir())


# --- two machines --------------------------------------------------------------------------------


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with ExitStack() as stack:
        yield Cluster(stack)


def on_cluster(run: Run, cluster: Cluster) -> dict[str, str]:
    """Return the environment of a driver."""
    return {**run.environment, **cluster.token}


def elsewhere(*commands: str) -> tuple[str, ...]:
    """Return a command that gives what follows it other files in some folders, as another machine."""
    script = "; ".join([*commands, 'exec "$@"'])
    return ("unshare", "--mount", "sh", "-ec", script, "sh")


needs_mounts = pytest.mark.skipif(
    subprocess.run([*elsewhere("true"), "true"], check=False, capture_output=True).returncode != 0,
    reason="no file system can be mounted here",
)


def spread(run: Run, cluster: Cluster, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    arguments = [*arguments, "--ray", cluster.address, "--workers", "2"]
    return subprocess.run(
        arguments,
        capture_output=True,
        text=True,
        env=on_cluster(run, cluster),
        check=False,
        timeout=600,
    )


def test_two_nodes_with_a_shared_path(
    run: Run, folder: Path, checkpoint: Path, undisturbed: Undisturbed, cluster: Cluster
) -> None:
    nodes = [cluster.start(num_cpus=1), cluster.start(num_cpus=1)]
    arguments = command(checkpoint, undisturbed)
    arguments += ["--ray", cluster.address, "--workers", "2"]
    with running(arguments, on_cluster(run, cluster), stdout=subprocess.PIPE) as process:
        wait_until(lambda: all(node.workers() for node in nodes), process)
        out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    assert "cluster 2 workers on 2 machines" in out
    require_result(run, folder, undisturbed)
    assert not [left for node in nodes for left in node.temporary.glob("practical-rife-*")]
    assert not [pid for node in nodes for pid in node.workers()]


@needs_mounts
@pytest.mark.parametrize("pictures", [False, True], ids=["video", "pictures"])
def test_nodes_that_see_neither_sources_nor_results(
    run: Run,
    folder: Path,
    checkpoint: Path,
    undisturbed: Undisturbed,
    cluster: Cluster,
    pictures: bool,
) -> None:
    hidden = [undisturbed.clip.parent, folder, checkpoint.parent]
    hide = elsewhere(*(f"mount -t tmpfs tmpfs {path}" for path in hidden))
    cluster.start(num_cpus=0)  # where the driver is; no worker has room there
    nodes = [cluster.start(num_cpus=1, before=hide), cluster.start(num_cpus=1, before=hide)]
    options = ("--png-only", "--output", "made") if pictures else ()
    arguments = command(checkpoint, undisturbed, *options)
    refused = spread(run, cluster, arguments)
    assert refused.returncode == 2
    assert "does not see" in refused.stderr
    assert "or add --ship, which sends the files" in refused.stderr

    arguments += ["--ship", "--ray", cluster.address, "--workers", "2"]
    with running(arguments, on_cluster(run, cluster), stdout=subprocess.PIPE) as process:
        wait_until(
            lambda: all(list(node.temporary.glob("practical-rife-*")) for node in nodes), process
        )
        _, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    if pictures:
        assert content_of(folder / "made") == undisturbed.pictures
        assert [path.name for path in folder.iterdir()] == ["made"]
    else:
        require_result(run, folder, undisturbed)
    assert not [left for node in nodes for left in node.temporary.glob("practical-rife-*")]


@pytest.mark.parametrize("seed", range(3))
def test_killed_machine_costs_its_segment_only(
    run: Run,
    folder: Path,
    checkpoint: Path,
    undisturbed: Undisturbed,
    cluster: Cluster,
    seed: int,
) -> None:
    cluster.start(num_cpus=1)
    doomed = cluster.start(num_cpus=1)
    arguments = command(checkpoint, undisturbed, "--ray", cluster.address, "--workers", "2")
    with running(arguments, on_cluster(run, cluster), stdout=subprocess.PIPE) as process:
        wait_until(lambda: list(folder.glob("out.mkv.segments/*")), process)
        time.sleep(random.Random(seed).uniform(0, 3))
        doomed.kill()
        _, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    require_result(run, folder, undisturbed)


@needs_mounts
def test_node_with_another_version_is_refused(
    run: Run, folder: Path, checkpoint: Path, undisturbed: Undisturbed, cluster: Cluster
) -> None:
    other = folder / "other"
    other.mkdir()
    for package in ("cli", "vfi", "rife_arch", "ckpts"):
        shutil.copytree(ROOT / package, other / package, symlinks=True)
    with (other / "vfi" / "files.py").open("a") as changed:
        changed.write("# another version\n")
    cluster.start(num_cpus=1)
    cluster.start(num_cpus=1, before=elsewhere(f"mount --bind {other} {ROOT}"))
    ended = spread(run, cluster, command(checkpoint, undisturbed))
    assert ended.returncode == 2
    assert "install the same version on all machines" in ended.stderr
    assert " has pack " in ended.stderr
    assert not (folder / "out.mkv").exists()
