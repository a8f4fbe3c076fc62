"""One run at a time writes a result, and a run that was killed keeps nobody out."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.writers import video_writer
from vfi.errors import InputError
from vfi.write import ImageSequenceWriter, VideoWriter
from vfi.write.lock import only_writer, require_writable

ROOT = Path(__file__).parents[3]
GREY = np.full((48, 64, 3), 128, np.uint8)
HOLD = """
import sys, time
from pathlib import Path
from vfi.write.lock import only_writer
with only_writer(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def another_run(target: Path) -> Iterator[subprocess.Popen[str]]:
    """Let another process write a result."""
    command = [sys.executable, "-c", HOLD, str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def make(path: Path) -> VideoWriter | ImageSequenceWriter:
    if not path.suffix:
        return ImageSequenceWriter(path)
    preset = "gif" if path.suffix == ".gif" else "share"
    return video_writer(path, width=64, height=48, preset=preset)


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "pngs"])
def test_second_run_is_told_and_touches_nothing(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    with another_run(target):
        (tmp_path / f"{name}.partial").mkdir()
        with pytest.raises(InputError, match=f"{name}: another run is writing it. Wait"):
            make(target).__enter__()
        assert (tmp_path / f"{name}.partial").exists()


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "pngs"])
def test_run_that_was_killed_keeps_nobody_out(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    with another_run(target) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (tmp_path / f"{name}.lock").exists()
    with make(target) as writer:
        writer.write(GREY)
        with pytest.raises(InputError, match="another run is writing it"):
            require_writable(target)

    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.mp4", "pngs"])
def test_run_that_fails_lets_the_next_one_in(tmp_path: Path, name: str) -> None:
    writer = make(tmp_path / name)
    with pytest.raises(RuntimeError), writer:
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with make(tmp_path / name) as writer:
        writer.write(GREY)


def test_segments_that_two_results_share_are_written_by_one_run(tmp_path: Path) -> None:
    shared = tmp_path / "same.segments"

    def writer(name: str) -> VideoWriter:
        return video_writer(tmp_path / name, width=64, height=48, segments_folder=shared)

    with writer("a.mp4") as first:
        first.write(GREY)
        with pytest.raises(InputError, match=r"same\.segments: another run"):
            writer("b.mp4").validate()


def test_lock_that_the_run_before_removes_meanwhile_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vfi.write import lock

    calls: list[bool] = []

    def removed_once(*_: object) -> bool:
        calls.append(True)
        return len(calls) > 1

    monkeypatch.setattr(lock, "_is_at", removed_once)
    with only_writer(tmp_path / "a.mp4"), pytest.raises(InputError):
        require_writable(tmp_path / "a.mp4")
    assert len(calls) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="has no flock")
def test_where_there_are_no_locks_the_work_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with only_writer(tmp_path / "a.mp4"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_name_without_room_for_those_beside_it_is_refused_before_the_work(tmp_path: Path) -> None:
    require_writable(tmp_path / ("y" * 242 + ".mp4"))
    with pytest.raises(InputError, match=r"File name too long .* Choose a shorter name"):
        require_writable(tmp_path / ("y" * 244 + ".mp4"))
    assert list(tmp_path.iterdir()) == []
