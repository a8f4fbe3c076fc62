"""The ffmpeg program: find it, feed it, wait for it, and read what it complains of."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from ..errors import EncodeError, FFmpegNotFoundError

logger = logging.getLogger(__name__)

# How every run begins: no questions, errors only, existing files replaced.
QUIET = ("-nostdin", "-hide_banner", "-loglevel", "error", "-y")

_NUM_LAST_LINES = 8
_LOOK_EVERY = 0.2  # seconds
# SVT-AV1 and x265 ignore ffmpeg's -loglevel.
_CHATTER = ("Svt[info]", "Svt[warn]", "x265 [info]", "x265 [warning]", "encoded ")


def find_ffmpeg() -> str:
    """Return the path of ffmpeg: the one on PATH, else the one that imageio-ffmpeg brings.

    Raises:
        FFmpegNotFoundError: there is neither.
    """
    found = shutil.which("ffmpeg")
    if found:
        return found
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        return get_ffmpeg_exe()
    except (ImportError, RuntimeError) as error:
        raise FFmpegNotFoundError(
            f"ffmpeg was found neither on PATH nor in the package imageio-ffmpeg ({error}). "
            'Install ffmpeg with your system, or run "pip install imageio-ffmpeg".'
        ) from error


def ffmpeg_version(ffmpeg: str) -> str:
    """Return what ffmpeg calls itself: its name and version."""
    ended = subprocess.run([ffmpeg, "-version"], capture_output=True, check=False)
    return ended.stdout.decode(errors="replace").partition("\n")[0]


class RunningFFmpeg:
    """An ffmpeg process with a pipe to its input, and its messages.

    Attributes:
        command: how it was started.
        process: the process.
        num_writes: how often its input was written to.
    """

    def __init__(self, command: Sequence[str], result: Path, folder: Path | None = None) -> None:
        """Start it.

        Args:
            command: the program and its arguments.
            result: the video being written, named in errors.
            folder: its working folder, None for the current one.
        """
        self.command = list(command)
        self.num_writes = 0
        self._result = result
        # A file, not a pipe: nobody need read it for ffmpeg to go on.
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed by stop()
        try:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                cwd=folder,
                **_own_process_group(),
            )
        except BaseException:
            self._stderr.close()
            raise
        assert self.process.stdin is not None, "Popen was asked for a pipe"
        self._stdin = self.process.stdin

    @property
    def has_ended(self) -> bool:
        """Whether the process has exited, successfully or not."""
        return self.process.poll() is not None

    def write(self, data: memoryview) -> None:
        """Write to its input; waits while it is busy.

        Raises:
            EncodeError: it has ended.
        """
        try:
            self._stdin.write(data)
        except OSError as error:  # a broken pipe; on Windows EINVAL
            raise self._failure() from error
        self.num_writes += 1

    def end_input(self) -> None:
        """Tell it that there is no more to come; it then ends by itself.

        Raises:
            EncodeError: it has ended before.
        """
        try:
            self._stdin.close()
        except OSError as error:
            raise self._failure() from error

    def finish(self, check: Callable[[], object] | None = None) -> None:
        """End its input and wait until it has ended.

        Args:
            check: called now and then meanwhile; what it raises ends the wait, but not ffmpeg.

        Raises:
            EncodeError: it did not succeed.
        """
        self.end_input()
        while check is not None:
            check()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(_LOOK_EVERY)
                break
        if self.process.wait() != 0:
            raise self._failure()
        complaints = self._last_messages()
        if complaints:
            logger.warning("%s: written, but ffmpeg warns: %s", self._result, complaints)

    def stop(self) -> None:
        """End the process if it still runs, and close what belongs to it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        try:
            self._stdin.close()
        except OSError as error:  # bytes of a frame were left for a reader that is gone
            logger.debug("closing the pipe to ffmpeg: %s", error)
        self._stderr.close()

    def _failure(self) -> EncodeError:
        code = self.process.wait()
        frames = f" after {self.num_writes} frames" if self.num_writes else ""
        return EncodeError(
            f"{self._result}: ffmpeg failed with exit code {code}{frames}. See its messages below; "
            f"is the disk full? Command: {subprocess.list2cmdline(self.command)}\n"
            f"{self._last_messages()}"
        )

    def _last_messages(self) -> str:
        self._stderr.seek(0)
        return "\n".join(complaints_in(self._stderr.read())[-_NUM_LAST_LINES:])


def _own_process_group() -> dict[str, Any]:
    # Ctrl-C in a terminal goes to the whole process group. In a group of its own, ffmpeg runs until
    # Python ends it.
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def complaints_in(stderr: bytes) -> list[str]:
    """Return the lines ffmpeg wrote, without the greetings and statistics of encoders."""
    lines = stderr.decode(errors="replace").splitlines()
    return [line for line in lines if line.strip() and not line.startswith(_CHATTER)]


def file_url(path: Path) -> str:
    """Return an address of a file that ffmpeg takes whatever its name, from any working folder."""
    # Without "file:", ffmpeg takes "a:b.mp4" for a protocol and "-x.mp4" for an option.
    return f"file:{path.absolute()}"
