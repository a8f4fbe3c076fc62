"""Download a file from a web server, over https only.

Resuming is a plain Range request from the end of the partial file. No ETag is kept: no two sources
share a file name and every download is verified, so the worst a changed file on the server can do
is to fail that, which deletes the partial file.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import requests
from requests.adapters import BaseAdapter

from ..errors import DownloadError

ByteProgress = Callable[[int, int | None], None]
"""Called with (bytes done, bytes in total or None if unknown)."""

HTTP_TIMEOUT = 20.0
"""Seconds without a response or a byte before giving up on a server."""

_ALLOWED = ("https://",)  # what every address begins with, those of redirects too
_CHUNK = 1 << 18  # bytes; about ten progress reports a second at 20 Mbit/s
_HEADERS = {"User-Agent": "practical-rife", "Accept-Encoding": "identity"}


class _Session(requests.Session):
    """Heeds proxies and certificates of the environment, but sends nobody's password."""

    def __init__(self) -> None:
        super().__init__()
        self.auth = _send_no_password  # else requests looks for one in ~/.netrc

    def rebuild_auth(self, prepared_request: Any, response: Any) -> None:
        """Look for no password after a redirect either."""

    def get_adapter(self, url: Any) -> BaseAdapter:
        """Refuse what is not encrypted; called for each address before anything is sent to it."""
        address = str(url)
        if not address.lower().startswith(_ALLOWED):
            raise DownloadError(f"it leads to {address.split('?')[0]}, which is not https")
        return super().get_adapter(url)


def _send_no_password(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def fetch(url: str, partial: Path, progress: ByteProgress) -> None:
    """Download ``url`` to ``partial``, resuming where it ends if the server can.

    Raises:
        DownloadError: the server cannot be reached, or does not send the whole file.
        OSError: ``partial`` cannot be written.
        Whatever ``progress`` raises. In any case ``partial`` keeps what has arrived.
    """
    start = partial.stat().st_size if partial.exists() else 0
    try:
        with _Session() as session, _ask(session, url, start) as response:
            _save(response, partial, start, progress)
    except requests.exceptions.ChunkedEncodingError as error:
        raise DownloadError("the connection was cut") from error
    except requests.RequestException as error:
        raise DownloadError(_reason(error)) from error


def _ask(session: requests.Session, url: str, start: int) -> requests.Response:
    headers = _HEADERS | ({"Range": f"bytes={start}-"} if start else {})
    try:
        return session.get(url, headers=headers, stream=True, timeout=HTTP_TIMEOUT)
    except ValueError as error:  # of requests or of what it parses addresses with
        raise DownloadError(f"it leads to an address that is none ({error})") from error


def _save(response: requests.Response, partial: Path, start: int, progress: ByteProgress) -> None:
    status = response.status_code
    if start and status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return  # complete already; the caller verifies that it is the right file
    if status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        raise DownloadError(f"HTTP Error {status}: {response.reason}")
    if status == HTTPStatus.OK:
        start = 0  # the server ignored the range and sends the whole file
    # With it, urllib3 throws away the last chunk of a connection that was cut.
    response.raw.enforce_content_length = False
    length: int | None = response.raw.length_remaining
    done, total = start, None if length is None else start + length
    with partial.open("ab" if start else "wb") as file:
        for chunk in response.iter_content(_CHUNK):
            file.write(chunk)
            done += len(chunk)
            progress(done, total)
    if total is not None and done < total:
        raise DownloadError(f"the connection was cut after {done} of {total} bytes")


def _reason(error: BaseException) -> str:
    """Say what went wrong first: requests and urllib3 wrap it in long messages of their own."""
    while (cause := error.__cause__ or error.__context__) is not None:
        if isinstance(cause, TypeError):
            break  # how urllib3 1.26 finds out what Python can do
        error = cause
    return str(error) or type(error).__name__
