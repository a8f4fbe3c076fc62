"""Messages that cannot be shown, signals, and errors nobody planned for: one clear message at most."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from av.error import BlockingIOError as NoThreadError

import inference_video
import migrate_workflow
from cli import program
from cli.terminal import MessageStream
from tests.helpers.clips import moving_pictures, write_clip
from tests.helpers.running import ONE_THREAD, RunCli, running, script, wait_until
from vfi.write import fit_name


class Broken(io.StringIO):
    """A stream into a full disk, or to a program that has ended."""

    def __init__(self, error: Exception, writes: int = 0) -> None:
        super().__init__()
        self.error = error
        self.writes = writes

    def write(self, text: str, /) -> int:
        if self.writes == 0:
            raise self.error
        self.writes -= 1
        return super().write(text)


FAULTS = {
    "none": None,
    "full": Broken(OSError(errno.ENOSPC, "No space left on device")),
    "closed": Broken(ValueError("I/O operation on closed file.")),
    "pipe": Broken(BrokenPipeError(errno.EPIPE, "Broken pipe"), writes=2),
    "code page": io.TextIOWrapper(io.BytesIO(), encoding="cp437"),
}


@pytest.mark.parametrize("name", ["stdout", "stderr"])
@pytest.mark.parametrize("stream", FAULTS.values(), ids=FAULTS.keys())
def test_messages_that_cannot_be_shown_do_not_end_a_job(
    cli: RunCli, clip: Path, monkeypatch: pytest.MonkeyPatch, name: str, stream: io.StringIO | None
) -> None:
    named = clip.rename("日本🎬é.mkv")
    monkeypatch.setattr(sys, name, stream)
    assert cli("--video", named, "--preset", "lossless").code == 0
    assert Path("日本🎬é_2X_48fps.mkv").exists()


def test_report_that_is_lost_is_a_failure(
    cli: RunCli, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", Broken(OSError(errno.ENOSPC, "full")))
    assert cli("--video", clip, "--json", "--preset", "lossless").code == 1


def test_letters_outside_of_the_code_page_become_escapes() -> None:
    raw = io.BytesIO()
    stream = MessageStream(io.TextIOWrapper(raw, encoding="cp437"))
    print("é 🎬 \udcff", file=stream, flush=True)
    assert raw.getvalue() == "é \\U0001f3ac \\udcff\n".encode("cp437")


def test_stream_that_was_closed_is_no_terminal() -> None:
    closed = io.TextIOWrapper(io.BytesIO())
    closed.close()
    assert not MessageStream(closed).isatty()  # as libraries ask when the process ends


UNPLANNED = {
    "disk": (
        OSError(errno.ENOSPC, "No space left on device", "x"),
        "x: No space left on device. M",
    ),
    "handles": (OSError(errno.EMFILE, "Too many open files", "x"), "close other programs"),
    "memory": (MemoryError(), "not enough memory (none is left). Try --scale 0.5"),
    "cpu": (RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 GB"), "Try --scale 0.5"),
    "mps": (RuntimeError("MPS backend out of memory (9 GB)"), "Try --scale 0.5"),
    "threads": (RuntimeError("can't start new thread"), "not enough memory"),
    "threads of FFmpeg": (NoThreadError(11, "Resource temporarily unavailable"), "enough memory"),
    "a fault here": (ZeroDivisionError("by zero"), "ZeroDivisionError: by zero. This should not"),
}


@pytest.mark.parametrize(("error", "message"), UNPLANNED.values(), ids=UNPLANNED.keys())
def test_error_nobody_planned_for_is_one_message(
    cli: RunCli, clip: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise error

    monkeypatch.setattr("cli.rendering.render", fail)
    ended = cli("--video", clip)
    assert (ended.code, "Traceback" in ended.err) == (1, False)
    assert message in ended.err
    with pytest.raises(type(error)):
        cli("--video", clip, "--debug")


def test_error_nobody_planned_for_does_not_stop_the_other_clips(
    cli: RunCli, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("b.mkv").write_bytes(clip.read_bytes())
    render, errors = program.render_clip, [OSError(errno.EIO, "Input/output error", "x")]

    def fail_once(*args: object) -> object:
        if errors:
            raise errors.pop()
        return render(*args)  # type: ignore[arg-type]

    monkeypatch.setattr("cli.program.render_clip", fail_once)
    ended = cli("--video", clip, "b.mkv", "--preset", "lossless")
    assert ended.code == 1
    assert "error: 1 of 2 clips failed" in ended.err
    assert Path("b_2X_48fps.mkv").exists()


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("letter", ["x", "é", "長", "🎬"])
def test_default_name_leaves_room_for_the_files_beside_it(letter: str) -> None:
    name = fit_name(letter * 255, "_2X_48fps.mp4")
    assert name.endswith(f"{letter}_2X_48fps.mp4")
    assert 255 - len(letter.encode()) < len(os.fsencode(name)) + len(".segments") <= 255
    assert fit_name("short", "_2X.mp4") == "short_2X.mp4"


@pytest.mark.parametrize("name", ["x" * 251, "長" * 83], ids=["ASCII", "others"])
def test_clip_with_the_longest_name_gets_a_result(cli: RunCli, clip: Path, name: str) -> None:
    named = clip.rename(f"{name}.mkv")
    other = named.with_name("b.mkv")
    other.write_bytes(named.read_bytes())
    options = ("--preset", "lossless", "--keep-pngs")
    assert cli("--video", named, *options).code == 0
    assert cli("--video", named, other, *options, "--overwrite").code == 0
    assert len(list(Path().glob(f"{name[0]}*_2X_48fps.mkv"))) == 1


LONG = {
    "name of the input": ("--video", "x" * 300),
    "folder of the input": ("--video", f"{'x' * 300}/clip.mkv"),
    "name of the result": ("--video", "clip.mkv", "--output", f"{'x' * 300}.mp4"),
    "name without room": ("--video", "clip.mkv", "--output", f"{'x' * 247}.mp4"),
    "path of the result": ("--video", "clip.mkv", "--output", "xxxxxxxxx/" * 500),
    "folder of images": ("--video", "clip.mkv", "--png-only", "--output", "x" * 252),
    "folder of results": ("--video", "clip.mkv", "--out-dir", "x" * 300),
}


@pytest.mark.parametrize("arguments", LONG.values(), ids=LONG.keys())
def test_name_that_is_too_long_is_one_message(
    cli: RunCli, clip: Path, arguments: tuple[str, ...]
) -> None:
    ended = cli(*arguments)
    assert ended.code in (1, 2)
    assert ended.err.endswith("Choose a shorter name.\n")
    assert list(Path().iterdir()) == [clip.relative_to(Path.cwd())]


# --- files that are written beside the job -------------------------------------------------------


def no_room(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_demo_that_cannot_be_written_leaves_nothing(
    cli: RunCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vfi.write.finished.give_name", no_room)
    ended = cli("--demo")
    assert (ended.code, list(Path().iterdir())) == (1, [])
    assert "demo.mp4: the demo clip could not be written (No space left on device). M" in ended.err


def test_workflow_that_cannot_be_written_keeps_the_old_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    node = {"class_type": "RIFE VFI", "inputs": {"ckpt_name": "rife47.pth", "multiplier": 2}}
    Path("a.json").write_text(str({"1": node}).replace("'", '"'))
    Path("b.json").write_text("old")
    monkeypatch.setattr("vfi.write.finished.give_name", no_room)
    assert migrate_workflow.main(["a.json", "--output", "b.json", "--overwrite"]) == 2
    assert "b.json: cannot be written (No space left on device)" in capsys.readouterr().err
    assert Path("b.json").read_text() == "old"
    assert {path.name for path in Path().iterdir()} == {"a.json", "b.json"}


# --- as a process --------------------------------------------------------------------------------


_OPEN = """
import os, sys
from cli.terminal import prepare_process
prepare_process()
with open("a.mp4", "wb") as file:
    try:
        os.write(1, b"frame")
    except OSError as error:
        file.write(b"%d, " % error.errno)
    file.write(b"%d" % file.fileno())
"""


@pytest.mark.skipif(os.name != "posix", reason="the shell closes them")
def test_closed_streams_get_into_no_file() -> None:
    # Encoders print to number 2, whatever file has it; frames may go to number 1.
    shell = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", _OPEN]
    environment = {**ONE_THREAD, "PYTHONPATH": str(Path(inference_video.__file__).parent)}
    assert subprocess.run(shell, env=environment, check=False).returncode == 0
    assert Path("a.mp4").read_text() == f"{errno.EBADF}, 3"


@pytest.mark.skipif(os.name != "posix", reason="a folder in use can be removed")
@pytest.mark.parametrize("name", ["inference_video", "inference_video_enhance"])
def test_current_folder_that_is_gone_is_one_message(folder: Path, name: str) -> None:
    gone = folder / "gone"
    gone.mkdir()
    path = Path(inference_video.__file__).with_name(f"{name}.py")
    shell = ["sh", "-c", 'rmdir "$PWD" && exec "$@"', "sh", sys.executable, str(path), "--demo"]
    ended = subprocess.run(shell, cwd=gone, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: The current folder cannot be used")
    assert ended.stderr.count("\n") == 1


@pytest.fixture
def heard_hangups() -> Iterator[None]:
    """Let child processes hear SIGHUP, also where these tests run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no such signal")
@pytest.mark.usefixtures("heard_hangups")
@pytest.mark.parametrize("is_ignored", [False, True], ids=["closed terminal", "nohup"])
def test_terminal_that_is_closed_ends_a_job_cleanly(
    folder: Path, checkpoint: Path, is_ignored: bool
) -> None:
    clip = write_clip(folder / "clip.mkv", moving_pictures(24 if is_ignored else 200))
    command = script(checkpoint, "--video", clip, "--multi", 4, "--output", "a.mp4", "--no-resume")
    if is_ignored:
        command = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *command]
    with running(command) as process:
        wait_until((folder / "a.mp4.segments").exists, process)
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=60)
    assert process.returncode == (0 if is_ignored else 130)
    assert {path.name for path in folder.iterdir()} == (
        {"clip.mkv"} | ({"a.mp4"} if is_ignored else set())
    )
