"""Runs of the script as a process, in bad circumstances: one clear error, nothing lost, and the next run works.

The matrix takes minutes: ``pytest -m faults tests/cli/test_faults.py``.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import av
import pytest

from tests.helpers.clips import moving_pictures, write_clip
from tests.helpers.running import ONE_THREAD, script

if sys.platform == "win32":
    pytest.skip("limits of processes", allow_module_level=True)
import resource

pytestmark = pytest.mark.faults

MEGABYTE = 1 << 20
LOSSLESS = ("--preset", "lossless", "--output", "out.mkv")
# Without these, threads of numpy and OpenBLAS take more address space than there are cores.
LEAN = {**ONE_THREAD, "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def undisturbed(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with forty lossless frames with sound, and the result of a run on them."""
    folder = tmp_path_factory.mktemp("undisturbed")
    clip = write_clip(folder / "clip.mkv", moving_pictures(40), sound="aac")
    subprocess.run(command(checkpoint, clip), check=True, env=LEAN, capture_output=True, cwd=folder)
    return folder


@pytest.fixture
def source(folder: Path, undisturbed: Path) -> Path:
    return Path(shutil.copy(undisturbed / "clip.mkv", folder))


@pytest.fixture
def expected(undisturbed: Path) -> bytes:
    """The frames of the result."""
    return frames_of(undisturbed / "out.mkv")


def command(checkpoint: Path, source: Path, *more: object) -> list[str]:
    return script(checkpoint, "--video", source, *LOSSLESS, *more)


def frames_of(path: Path) -> bytes:
    with av.open(str(path)) as container:
        return b"".join(
            frame.to_ndarray(format="rgb24").tobytes() for frame in container.decode(video=0)
        )


def run(
    arguments: Sequence[str],
    limits: Mapping[int, int] | None = None,
    environment: Mapping[str, str] | None = None,
    prepare: Callable[[], Any] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    def limit() -> None:
        for kind, value in (limits or {}).items():
            resource.setrlimit(kind, (value, value))
        if prepare:
            prepare()

    return subprocess.run(
        arguments,
        env={**LEAN, **(environment or {})},
        capture_output=True,
        check=False,
        timeout=120,
        preexec_fn=limit,
    )


def require_clean_end(ended: subprocess.CompletedProcess[bytes]) -> None:
    """One message at most, no half file under the final name."""
    assert b"Traceback" not in ended.stderr, ended.stderr.decode()
    assert ended.returncode in (0, 1, 2, 130), ended.stderr.decode()
    if ended.returncode in (1, 2):
        assert ended.stderr.count(b"error:") == 1, ended.stderr.decode()
    assert Path("out.mkv").exists() == (ended.returncode == 0)


def require_next_run_works(checkpoint: Path, source: Path, expected: bytes) -> None:
    if not Path("out.mkv").exists():
        ended = run(command(checkpoint, source))
        assert ended.returncode == 0, ended.stderr.decode()
    assert frames_of(Path("out.mkv")) == expected
    assert {path.name for path in Path().iterdir()} == {"clip.mkv", "out.mkv"}


FILE_SIZES = [0, 1, 100, 1_000, 10_000, 50_000, 100_000, 200_000, 400_000, 800_000]


@pytest.mark.parametrize("size", FILE_SIZES)
def test_disk_with_room_for_so_many_bytes(
    checkpoint: Path, source: Path, expected: bytes, size: int
) -> None:
    require_clean_end(run(command(checkpoint, source), {resource.RLIMIT_FSIZE: size}))
    require_next_run_works(checkpoint, source, expected)


# With less, Python or numpy cannot start.
@pytest.mark.parametrize("megabytes", [800, 900, 1000, 1200, 1400, 1700, 2000, 2500])
def test_machine_with_so_much_memory(
    checkpoint: Path, source: Path, expected: bytes, megabytes: int
) -> None:
    ended = run(command(checkpoint, source), {resource.RLIMIT_AS: megabytes * MEGABYTE})
    if ended.returncode < 0:  # FFmpeg crashes where it cannot start a thread
        assert megabytes < 1000
        assert not Path("out.mkv").exists()
    else:
        require_clean_end(ended)
    require_next_run_works(checkpoint, source, expected)


@pytest.mark.parametrize("count", [8, 9, 10, 11, 12, 14, 16, 20, 32])
def test_process_with_so_many_open_files(
    checkpoint: Path, source: Path, expected: bytes, count: int
) -> None:
    require_clean_end(run(command(checkpoint, source), {resource.RLIMIT_NOFILE: count}))
    require_next_run_works(checkpoint, source, expected)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    "number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name
)
def test_signal_at_any_moment(
    checkpoint: Path, source: Path, expected: bytes, number: signal.Signals, seed: int
) -> None:
    arguments = command(checkpoint, source)
    with subprocess.Popen(
        arguments,
        env=LEAN,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert process.stdout
        process.stdout.readline()  # it has begun
        time.sleep(random.Random(seed).uniform(0, 1.2))
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert b"Traceback" not in err
    if process.returncode == 0:
        assert Path("out.mkv").exists()
    # A signal that comes when the result has its name already, or while Python ends, changes only the
    # exit code: whatever has the final name is whole.
    require_next_run_works(checkpoint, source, expected)


def require_change_is_survived(
    checkpoint: Path, source: Path, change: Callable[[], object]
) -> None:
    """Change the source while it is read, and put it back: a result, or one message."""
    whole = source.read_bytes()
    with subprocess.Popen(
        command(checkpoint, source), env=LEAN, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        change()
        _, err = process.communicate(timeout=60)
    assert b"Traceback" not in err
    assert (process.returncode == 0) == Path("out.mkv").exists()
    source.write_bytes(whole)
    Path("out.mkv").unlink(missing_ok=True)


@pytest.mark.parametrize("part", [0, 0.2, 0.5, 0.9])
def test_source_that_is_cut_while_it_is_read(
    checkpoint: Path, source: Path, expected: bytes, part: float
) -> None:
    size = int(part * source.stat().st_size)
    require_change_is_survived(checkpoint, source, lambda: os.truncate(source, size))
    require_next_run_works(checkpoint, source, expected)


def test_source_that_vanishes_or_grows(checkpoint: Path, source: Path, expected: bytes) -> None:
    whole = source.read_bytes()
    for change in (source.unlink, lambda: source.write_bytes(whole + whole)):
        require_change_is_survived(checkpoint, source, change)
    require_next_run_works(checkpoint, source, expected)


def test_two_jobs_on_one_target(checkpoint: Path, source: Path, expected: bytes) -> None:
    processes = [
        subprocess.Popen(command(checkpoint, source), env=LEAN, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    codes = sorted(process.returncode for process in processes)
    assert codes[0] == 0
    assert set(codes) <= {0, 2}
    assert not any(b"Traceback" in error for error in errors)
    require_next_run_works(checkpoint, source, expected)


ENVIRONMENTS: Mapping[str, dict[str, str]] = {
    "no HOME": {"HOME": ""},
    "HOME that is missing": {"HOME": "/nonexistent"},
    "TMPDIR that is missing": {"TMPDIR": "/nonexistent"},
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "Turkish": {"LC_ALL": "tr_TR.UTF-8"},
    "ASCII": {"PYTHONIOENCODING": "ascii"},
    "cp437": {"PYTHONIOENCODING": "cp437"},
    "utf-16": {"PYTHONIOENCODING": "utf-16"},
    "warnings": {"PYTHONWARNINGS": "error::UserWarning"},
    "optimised": {"PYTHONOPTIMIZE": "2"},
    "no terminal": {"TERM": "", "COLUMNS": "0"},
    "wide terminal": {"COLUMNS": "100000"},
    "numba cannot write": {"NUMBA_CACHE_DIR": "/proc/nonexistent"},
}


@pytest.mark.parametrize("environment", ENVIRONMENTS.values(), ids=ENVIRONMENTS.keys())
def test_environment(
    checkpoint: Path, source: Path, expected: bytes, environment: dict[str, str]
) -> None:
    ended = run(command(checkpoint, source), environment=environment)
    require_clean_end(ended)
    assert ended.returncode == 0, ended.stderr.decode()
    require_next_run_works(checkpoint, source, expected)


PREPARED: Mapping[str, Callable[[], Any]] = {
    "umask 0": lambda: os.umask(0),
    "umask 777": lambda: os.umask(0o777),
    "closed stdin": lambda: os.close(0),
    "closed streams": lambda: [os.close(number) for number in (0, 1, 2)],
    "full streams": lambda: [
        os.dup2(os.open("/dev/full", os.O_WRONLY), number) for number in (1, 2)
    ],
    "niced": lambda: os.nice(19),
}


@pytest.mark.parametrize("prepare", PREPARED.values(), ids=PREPARED.keys())
def test_process_as_it_was_started(
    checkpoint: Path, source: Path, expected: bytes, prepare: Callable[[], Any]
) -> None:
    ended = run(command(checkpoint, source), prepare=prepare)
    require_clean_end(ended)
    require_next_run_works(checkpoint, source, expected)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="it mounts a small disk")
@pytest.mark.parametrize("kilobytes", [0, 40, 100, 200, 400, 800, 1600, 3200])
def test_full_disk(
    folder: Path, checkpoint: Path, source: Path, expected: bytes, kilobytes: int
) -> None:
    small = folder / "small"
    small.mkdir()
    size = f"size={max(4, kilobytes)}k"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", small], check=False)
    if mounted.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        arguments = script(checkpoint, "--video", source, "--preset", "lossless")
        result = small / "out.mkv"
        ended = run([*arguments, "--output", str(result)])
        assert b"Traceback" not in ended.stderr
        assert (ended.returncode == 0) == result.exists()
        left = sorted(path.suffix for path in small.iterdir())
        assert left in ([], [".mkv"], [".segments"])
        if result.exists():
            assert frames_of(result) == expected
        else:
            assert b"Is the disk full?" in ended.stderr or b"Make room" in ended.stderr
            subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
            assert run([*arguments, "--output", str(result)]).returncode == 0
            assert frames_of(result) == expected
    finally:
        subprocess.run(["umount", small], check=True)
