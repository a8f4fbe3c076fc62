"""The command lines with ``--ray``: two workers make what one process makes, and failures are told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe

import inference_video_enhance
from tests.helpers.clips import (
    Picture,
    moving_pictures,
    write_clip,
    write_damaged_clip,
)
from tests.helpers.clusters import ROOT, Run, own_run
from tests.helpers.networks import save_enhancer
from tests.helpers.results import Content, contents_of
from tests.helpers.running import RunCli, running, script, snapshot, wait_until

if sys.platform != "linux":
    pytest.skip("processes of a run are found in /proc", allow_module_level=True)
if find_spec("ray") is None:
    pytest.skip("Ray is an extra: pip install -r requirements-ray.txt", allow_module_level=True)

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
    listed = folder / "commands.json"
    listed.write_text(json.dumps(commands))
    with ExitStack() as stack:  # both at a time: a cluster takes seconds to start
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, *map(str, program), folder / name, *added],
                    stdin=stack.enter_context(listed.open()),
                    stdout=subprocess.PIPE,
                    stderr=stack.enter_context((folder / f"{name}.txt").open("w")),
                    text=True,
                    env=environment,
                    cwd=ROOT,
                )
            )
            for name, added in (("one", ()), ("two", LOCAL))
        ]
        said = [process.communicate()[0] for process in processes]
    for process, name in zip(processes, ("one", "two"), strict=True):
        assert process.returncode == 0, (folder / f"{name}.txt").read_text()
    reports = json.loads(said[1].splitlines()[-1])["results"]
    return Made(contents_of(folder / "one"), contents_of(folder / "two"), reports)


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
        "ramp": [plain, "--ramp", "0:1 3:0.8"],
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
        ("ramp/plain_2X_48fps.mkv", 305),
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


@pytest.mark.slow  # starts Ray and two workers
def test_two_workers_enhance_as_one_process_does(run: Run, folder: Path) -> None:
    clip = write_clip(folder / "clip.mkv", pictures_with_cut(260, cut=250), sound="aac")
    weights = save_enhancer(folder / "flownet.pkl")
    program = [inference_video_enhance.__file__, "--video", clip, "--model", weights]
    program += ["--device", "cpu", *LOSSLESS, "--json", "--out-dir"]
    made = make_both(run, folder, program, {})
    (result,) = made.by_one.values()
    assert len(result["pictures"]) == 260
    assert result["packets"]
    assert made.reports[0]["cuts"] == [250]
    assert made.by_two == made.by_one


# --- runs that are interrupted, and clips that fail ----------------------------------------------


@pytest.fixture
def three(folder: Path) -> Path:
    """A folder with a long clip, one with a frame that does not decode, and a text."""
    clips = folder / "clips"
    clips.mkdir()
    write_damaged_clip(clips / "bad.avi", num_frames=6, damaged=4)
    write_clip(clips / "long.mkv", moving_pictures(800), sound="aac")
    (clips / "text.mp4").write_text("This is not a video.\n" * 100)
    return clips


@pytest.mark.faults
@pytest.mark.slow  # starts Ray and two workers, twice
@pytest.mark.usefixtures("interruptible")
def test_interrupted_run_keeps_what_is_finished_and_goes_on(
    run: Run, folder: Path, three: Path, checkpoint: Path, cli: RunCli
) -> None:
    options = ("--video", three, "--out-dir", "out", *LOSSLESS)
    command = script(checkpoint, *options, *LOCAL, "--json")
    segments = folder / "out" / "long_2X_48fps.mkv.segments"
    with running(command, run.environment, stdout=subprocess.PIPE) as process:
        wait_until(lambda: list(segments.glob("*-*.mkv")), process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "Finished frames were kept; run the same command again to resume." in err
    assert err.endswith("interrupted; nothing was written under the final name.\n")
    assert "not finished; the same command goes on" in out
    assert [path.name for path in (folder / "out").iterdir()] == [segments.name]
    assert not [path.name for path in segments.iterdir() if ".partial" in path.name]

    ended = subprocess.run(
        command, capture_output=True, text=True, env=run.environment, check=False
    )
    require_three_results(ended)
    assert [path.name for path in (folder / "out").iterdir()] == ["long_2X_48fps.mkv"]
    before = snapshot(folder / "out")
    assert "long_2X_48fps.mkv exists already" in cli(*options).out
    assert snapshot(folder / "out") == before
    assert cli("--video", three / "long.mkv", *LOSSLESS, "--out-dir", "whole").code == 0
    by_two, by_one = (contents_of(folder / name) for name in ("out", "whole"))
    assert by_two == by_one


def require_three_results(ended: subprocess.CompletedProcess[str]) -> None:
    """One was made, and went on; of two it is said what is wrong with them."""
    assert ended.returncode == 1
    assert ".cc:" not in ended.stderr  # nor has Ray a word to say
    assert "bad.avi: frame 4 does not decode" in ended.stderr
    assert "error: 2 of 3 clips failed, see above." in ended.stderr
    *rows, last = ended.stdout.splitlines()[-5:-1]
    assert [row.split()[:2] for row in rows] == [
        ["long.mkv", "1600"],
        ["bad.avi", "failed,"],
        ["text.mp4", "failed,"],
    ]
    assert last == "1 of 3 clips, 1600 frames"
    results = json.loads(ended.stdout.splitlines()[-1])["results"]
    said = {Path(result["input"]).name: result for result in results}
    assert "FFmpeg cannot read this file" in said["text.mp4"]["error"]
    assert "frame 4 does not decode" in said["bad.avi"]["error"]
    assert said["long.mkv"]["resumed_at"] >= 250


@pytest.mark.faults
@pytest.mark.slow  # starts Ray and two workers
def test_no_resume_starts_over(run: Run, folder: Path, checkpoint: Path) -> None:
    clip = write_clip(folder / "clip.mkv", moving_pictures(300))
    command = script(checkpoint, "--video", clip, *LOSSLESS, "--output", "out.mkv")
    with running(command, run.environment) as process:
        wait_until(lambda: list(folder.glob("*.segments/*-*.mkv")), process)
        process.kill()
        process.wait()
    ended = subprocess.run(
        [*command, *LOCAL, "--no-resume", "--json"],
        capture_output=True,
        text=True,
        env=run.environment,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout.splitlines()[-1])["results"][0]["resumed_at"] == 0
    assert sorted(path.name for path in folder.iterdir()) == ["clip.mkv", "out.mkv"]


# --- what is refused -----------------------------------------------------------------------------


_WITHOUT_RAY = """
import sys
sys.modules["ray"] = None
import inference_video
sys.exit(inference_video.main(sys.argv[1:]))
"""


@pytest.mark.slow  # a process of its own
def test_ray_that_is_not_installed_is_asked_for(
    run: Run, folder: Path, clip: Path, checkpoint: Path
) -> None:
    _, _, *options = script(checkpoint, "--video", clip, "--output", "out.mkv", *LOCAL)
    ended = subprocess.run(
        [sys.executable, "-c", _WITHOUT_RAY, *options],
        capture_output=True,
        text=True,
        env=run.environment,
        check=False,
    )
    assert ended.returncode == 2
    assert "Install what requirements-ray.txt names" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert [path.name for path in folder.iterdir()] == ["clip.mkv"]


_ONE_AFTER_THE_OTHER = """
import json, sys
import inference_video
for argv in json.load(sys.stdin):
    print(inference_video.main(argv), file=sys.stderr, flush=True)
"""


@pytest.mark.slow  # starts Ray
def test_cluster_that_cannot_be_used_is_refused(
    run: Run, folder: Path, clip: Path, checkpoint: Path
) -> None:
    cases: list[tuple[tuple[str, ...], str]] = [  # the local one first: it makes a token
        ((*LOCAL, "--gpus-per-worker", "1"), "The cluster has 0 GPUs, room for 0 workers"),
        (("--ray", "nowhere"), "--ray nowhere: this is no address."),
        (("--ray", "127.0.0.1:1"), "there is no cluster to connect to (Connection refused)"),
        (("--ray", "127.0.0.1:99999"), "there is no cluster to connect to"),
    ]
    argvs = [
        script(checkpoint, "--video", clip, "--output", "out.mkv", *options)[2:]
        for options, _ in cases
    ]
    ended = subprocess.run(
        [sys.executable, "-c", _ONE_AFTER_THE_OTHER],
        input=json.dumps(argvs),
        capture_output=True,
        text=True,
        env={**run.environment, "CUDA_VISIBLE_DEVICES": ""},
        check=True,
    )
    said = ended.stderr.splitlines()
    assert said[1::2] == ["2"] * len(cases), ended.stderr
    for line, (_, message) in zip(said[::2], cases, strict=True):
        assert message in line
    assert [path.name for path in folder.iterdir()] == ["clip.mkv"]
