"""The ffmpeg program: find it, and keep watch over it while it runs."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

from .errors import FFmpegNotFoundError

logger = logging.getLogger(__name__)

_NUM_LAST_LINES = 8
# SVT-AV1 and x265 talk past ffmpeg's -loglevel: of themselves, of small pictures, of how it went.
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
            f"ffmpeg: expected it on PATH or in the package imageio-ffmpeg, got neither ({error}). "
            'Install ffmpeg from your system, or run "pip install imageio-ffmpeg".'
        ) from error


class RunningFFmpeg:
    """ffmpeg at work: the process, its input, and what it says.

    Attributes:
        command: how it was started.
        process: the process.
        stdin: its standard input, a pipe.
    """

    def __init__(self, command: list[str], tags: Path | None) -> None:
        self.command = command
        self._tags = tags
        # A file, not a pipe: nobody need read it for ffmpeg to go on.
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed by stop()
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                **_own_process_group(),
            )
        except BaseException:
            self._stderr.close()
            raise
        assert self.process.stdin is not None, "Popen was asked for a pipe"
        self.stdin = self.process.stdin

    def last_words(self) -> str:
        """Return the last lines ffmpeg has written."""
        self._stderr.seek(0)
        return "\n".join(complaints_in(self._stderr.read())[-_NUM_LAST_LINES:])

    def stop(self) -> None:
        """Make sure that nothing is left: no process, no pipe, no temporary file."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        try:
            self.stdin.close()
        except OSError as error:  # bytes of a frame were left for a reader that is gone
            logger.debug("closing the pipe to ffmpeg: %s", error)
        self._stderr.close()
        remove_file(self._tags)


def _own_process_group() -> dict[str, Any]:
    # Ctrl-C in a terminal goes to the whole group. Alone in its own, ffmpeg is not killed behind
    # our back and Python decides.
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def complaints_in(stderr: bytes) -> list[str]:
    """Return the lines of what ffmpeg wrote, without those in which an encoder introduces itself."""
    lines = stderr.decode(errors="replace").splitlines()
    return [line for line in lines if line.strip() and not line.startswith(_CHATTER)]


def file_url(path: Path) -> str:
    """Return what ffmpeg takes for a file under any name."""
    # Without "file:", ffmpeg takes "a:b.mp4" for a protocol and "-x.mp4" for an option.
    return f"file:{path}"


def remove_file(path: Path | None) -> None:
    """Remove a temporary file, if there is one."""
    if path is not None:
        path.unlink(missing_ok=True)
