"""A short moving clip for a first try without any material."""

from __future__ import annotations

import subprocess
from pathlib import Path

from vfi.encode import find_ffmpeg
from vfi.errors import EncodeError, InputError

_PICTURE = "testsrc2=size=640x360:rate=12:duration=2"
_SOUND = "sine=frequency=440:duration=2"


def make_demo(path: Path, *, overwrite: bool) -> Path:
    """Write a short moving clip; returns its path.

    Raises:
        InputError: the file exists and may not be replaced.
    """
    if path.exists() and not overwrite:
        raise InputError(
            f"{path} exists already. Interpolate it with --video {path}, or replace it with "
            "--overwrite."
        )
    _make_test_clip(path)
    return path


def _make_test_clip(path: Path) -> None:
    """Write two seconds of ffmpeg's moving test picture, 640x360 at 12 fps, with a tone.

    Raises:
        FFmpegNotFoundError: there is no ffmpeg.
        EncodeError: ffmpeg could not write the file.
    """
    command = [find_ffmpeg(), "-y", "-hide_banner", "-loglevel", "error", "-nostdin"]
    for source in (_PICTURE, _SOUND):
        command += ["-f", "lavfi", "-i", source]
    command += ["-c:v", "libx264", "-crf", "18", "-pix_fmt", "yuv420p", "-c:a", "aac", str(path)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        raise EncodeError(f"{path}: the demo clip could not be written: {error.stderr}") from error
