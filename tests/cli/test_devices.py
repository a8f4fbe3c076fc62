"""``--device`` with several devices: a process for each makes what one process makes, and failures are told.

Here all of them are the CPU, which can be named more than once.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import cli.program
import inference_video_enhance
from cli.checkpoints import require_devices
from cli.devices.dispatch import DeviceDispatcher
from cli.devices.process import DeviceProcess
from cli.spread.outcome import WorkerInfo, require_alike
from tests.helpers.clips import moving_pictures, write_clip
from tests.helpers.networks import save_enhancer
from tests.helpers.running import ONE_THREAD, RunCli, script
from vfi.errors import InputError

TWO = ("--device", "cpu,cpu")
LOSSLESS = ("--preset", "lossless")


@pytest.fixture
def long_clip(folder: Path) -> Path:
    """One whose result is made in two pieces at twice its rate, in three at four times."""
    return write_clip(folder / "long.mp4", moving_pictures(126, width=32, height=32), sound="aac")


def made_by_one(cli: RunCli, clip: Path, multi: int) -> bytes:
    """What one process makes of a clip."""
    made = clip.with_name("expected.mkv")
    ended = cli("--video", clip, "--multi", multi, "--output", made, *LOSSLESS)
    assert ended.code == 0, ended.err
    return made.read_bytes()


def processes_left() -> list[object]:
    return list(multiprocessing.active_children())


@pytest.mark.slow  # starts two processes
def test_two_processes_make_the_bytes_of_one(cli: RunCli, long_clip: Path, folder: Path) -> None:
    short = write_clip(folder / "short.mkv", moving_pictures(5))
    options = ("--video", long_clip, short, "--keep-pngs", *LOSSLESS)
    made: dict[str, dict[str, bytes]] = {}
    for name, devices in (("one", ()), ("two", TWO)):
        ended = cli(*options, "--out-dir", folder / name, *devices)
        assert ended.code == 0, ended.err
        files = (path for path in (folder / name).rglob("*") if path.is_file())
        made[name] = {str(path.relative_to(folder / name)): path.read_bytes() for path in files}
    assert made["one"] == made["two"]
    assert len(made["two"]) == 2 + 252 + 10
    assert "devices cpu, cpu\n" in ended.out
    assert "2 of 2 clips, 262 frames" in ended.out
    assert processes_left() == []


@pytest.mark.slow  # starts two processes
def test_two_processes_enhance_as_one(
    folder: Path, clip: Path, talkie: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fixed = ["--model", str(save_enhancer(folder / "safa.pkl")), *LOSSLESS]
    options = ["--video", str(clip), str(talkie), *fixed]
    for name, devices in (("one", "cpu"), ("two", "cpu,cpu")):
        argv = [*options, "--out-dir", str(folder / name), "--device", devices]
        assert inference_video_enhance.main(argv) == 0, capsys.readouterr().err
    for one in (folder / "one").iterdir():
        assert one.read_bytes() == (folder / "two" / one.name).read_bytes()


@pytest.mark.slow  # starts two processes, twice
def test_interrupted_run_is_continued_to_the_same_bytes(
    cli: RunCli, long_clip: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = DeviceDispatcher._take_made

    def interrupted(self: DeviceDispatcher, *made: Any) -> None:
        take(self, *made)
        raise KeyboardInterrupt  # as Ctrl-C would, once a segment is there

    options = ("--video", long_clip, "--multi", 4, "--output", "out.mkv", *LOSSLESS, *TWO)
    with monkeypatch.context() as patch:
        patch.setattr(DeviceDispatcher, "_take_made", interrupted)
        ended = cli(*options)
    assert ended.code == 130
    assert "run the same command again to resume" in ended.err
    assert processes_left() == []
    segments = [path.name for path in (folder / "out.mkv.segments").glob("*.mkv*")]
    assert len(segments) in (1, 2)  # of three
    assert not any(name.endswith(".partial") for name in segments)
    assert not (folder / "out.mkv").exists()
    ended = cli(*options, "--json")
    assert ended.code == 0, ended.err
    (result,) = json.loads(ended.out.splitlines()[-1])["results"]
    assert result["resumed_at"] >= 4
    assert (folder / "out.mkv").read_bytes() == made_by_one(cli, long_clip, 4)


@pytest.mark.slow  # starts two processes
@pytest.mark.skipif(sys.platform == "win32", reason="has no process groups that hear Ctrl-C")
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_in_a_terminal_ends_all_processes_quietly(
    checkpoint: Path, long_clip: Path, folder: Path
) -> None:
    command = script(checkpoint, "--video", long_clip, "--multi", 50, "--output", "out.mp4", *TWO)
    environment = {**ONE_THREAD, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    ) as process:
        assert process.stdout
        while "model   " not in process.stdout.readline():
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=60)[1]  # to its end, when no process writes to it
        assert process.returncode == 130
        assert "interrupted; nothing was written under the final name." in said
        assert "Traceback" not in said
    assert not (folder / "out.mp4").exists()


def kill_after_start(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let the first ``count`` units kill their processes."""
    start = DeviceDispatcher._start
    killed: list[DeviceProcess] = []

    def starting(self: DeviceDispatcher, unit: Any) -> None:
        process = self._idle[0]
        start(self, unit)
        if len(killed) < count:
            process._process.kill()
            killed.append(process)

    monkeypatch.setattr(DeviceDispatcher, "_start", starting)


@pytest.mark.slow  # starts two processes
def test_others_go_on_where_a_process_dies(
    cli: RunCli, long_clip: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_after_start(monkeypatch, 1)
    ended = cli("--video", long_clip, "--output", "out.mkv", *LOSSLESS, *TWO)
    assert ended.code == 0, ended.err
    assert (
        "WARNING: the process on cpu has ended while it made long.mp4 0-249 (killed by SIGKILL); "
        "going on with cpu." in ended.err
    )
    assert (folder / "out.mkv").read_bytes() == made_by_one(cli, long_clip, 2)


@pytest.mark.slow  # starts two processes
def test_last_process_that_dies_is_an_error_that_says_what_to_do(
    cli: RunCli, long_clip: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_after_start(monkeypatch, 2)
    ended = cli("--video", long_clip, "--output", "out.mkv", *LOSSLESS, *TWO)
    assert ended.code == 1
    assert "(killed by SIGKILL), and no other is left. Is there enough memory?" in ended.err
    assert "Traceback" not in ended.err
    assert processes_left() == []
    assert not (folder / "out.mkv").exists()


@pytest.mark.slow  # starts two processes
def test_network_that_cannot_run_on_a_device_is_one_message(cli: RunCli, clip: Path) -> None:
    ended = cli("--video", clip, "--evaluation", "triton", *TWO)
    assert ended.code == 2
    assert ended.err.count("error: evaluation triton cannot run here") == 1
    assert processes_left() == []


# --- what is refused before a process is started ---------------------------------------------------


@pytest.fixture
def starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def imported() -> object:
        raise AssertionError("processes would be started")

    monkeypatch.setattr(cli.program, "import_devices", imported)


@pytest.mark.usefixtures("starts_nothing")
@pytest.mark.parametrize("name", ["cuda:7", "banana", "cpu:1"])
def test_device_that_is_not_here_is_named(
    cli: RunCli, clip: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    ended = cli("--video", clip, "--device", f"cuda:0, {name}")
    assert ended.code == 2
    assert ended.err.startswith(f"error: --device cuda:0,{name}: {name} cannot be used here (")
    assert ended.err.endswith("). Choose among cpu, cuda:0, cuda:1.\n")


def test_each_gpu_that_is_here_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    require_devices(["cuda:1", "cuda:0", "cpu", "cuda"])
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(InputError, match="cuda cannot be used here"):
        require_devices(["cpu", "cuda"])


@pytest.mark.usefixtures("starts_nothing")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--output", "-"), "several devices cannot be used with --output -: name a file"),
        (("--device", "cpu,"), "of several devices each must be named, such as cuda:0,cuda:1"),
        (("--device", "cpu,auto"), "of several devices each must be named"),
        (("--ray", "local"), "--ray gives its workers a device each"),
    ],
)
def test_several_devices_are_refused_where_they_cannot_be_used(
    cli: RunCli, clip: Path, options: tuple[str, ...], message: str
) -> None:
    ended = cli("--video", clip, *TWO, *options)
    assert ended.code == 2
    assert message in ended.err


@pytest.mark.usefixtures("starts_nothing")
def test_several_devices_are_refused_with_join(cli: RunCli, clip: Path, talkie: Path) -> None:
    ended = cli("--join", clip, talkie, *TWO)
    assert ended.code == 2
    assert "several devices cannot be used with --join. Join the parts first" in ended.err


def test_devices_that_would_make_other_frames_are_refused() -> None:
    gpu = WorkerInfo("cuda:0", "4.25", ("fp16",), "RIFE 4.25, cuda:0, fp16")
    cpu = WorkerInfo("cpu", "4.25", ("fp32",), "RIFE 4.25, cpu, fp32")
    assert require_alike([gpu, gpu]) == gpu
    with pytest.raises(InputError, match=r"cpu has RIFE 4\.25, cpu, fp32, cuda:0 has RIFE"):
        require_alike([gpu, cpu])
