"""Download a file from a web server.

Resuming is a plain Range request from the end of the partial file. No ETag is kept: no two sources
share a file name and every download is verified, so the worst a changed file on the server can do
is to fail that, which deletes the partial file.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO

from ..errors import DownloadError

ByteProgress = Callable[[int, int | None], None]
"""Called with (bytes done, bytes in total or None if unknown)."""

HTTP_TIMEOUT = 20.0
"""Seconds without a response or a byte before giving up on a server."""

FETCH_ERRORS = (
    DownloadError,
    OSError,
    http.client.HTTPException,
)
"""What ``fetch`` raises when a server or a disk fails."""

_CHUNK = 1 << 18  # bytes; about ten progress reports a second at 20 Mbit/s
_USER_AGENT = "practical-rife"


def fetch(url: str, partial: Path, progress: ByteProgress) -> None:
    """Download ``url`` to ``partial``, resuming where it ends if the server can.

    Raises:
        One of FETCH_ERRORS, or whatever ``progress`` raises; ``partial`` keeps what has arrived.
    """
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
