"""The catalogue of checkpoints: which versions can be had, from where, and what is on disk.

``ckpts/catalog.json`` lists RIFE and ``ckpts/enhancers.json`` SAFA; ckpts/README.md documents the
fields. Entries are in order of preference. One version is published in several encodings, so the
file name, size and hash belong to a source, and the entry has the hash of the tensors, which all
encodings share.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..checkpoints import list_checkpoints, read_tuning
from ..errors import CatalogError
from .entries import (
    CHECKPOINT_SUFFIXES,
    CatalogEntry,
    HttpsSource,
    PageSource,
    VerifiedBy,
    WheelSource,
    as_list,
    invalid,
    parse_entry,
)
from .recognize import (
    find_by_file_name,
    has_its_weights,
    is_named_like,
    release_of,
    version_key,
)
from .verify import check_on_disk

How = Literal["https", "pip", "by hand"]
MODEL_FOLDERS = ("frame_interpolation", "rife")
"""Folders among ComfyUI's models where users keep checkpoints; the first is ComfyUI's own."""
_CKPTS = Path(__file__).parents[2] / "ckpts"


@dataclass(frozen=True)
class CatalogRow:
    """One line of the list of models."""

    name: str
    network: str
    """Label of its network: versions with the same label differ in their weights alone."""
    size: int | None
    """Bytes: of the file on disk, else of the first source that states it; None if unknown."""
    note: str
    path: Path | None
    """The file on disk, or None."""
    how: How
    """How it is downloaded: directly, by pip only, or by a person only."""
    verified_by: VerifiedBy


def load_catalog(path: Path | None = None) -> tuple[CatalogEntry, ...]:
    """Read and check a catalogue.

    Args:
        path: a JSON file; None means ``ckpts/catalog.json`` beside the package.

    Returns:
        The entries, best first.

    Raises:
        CatalogError: the file is missing, not JSON, or a field of an entry is wrong.
    """
    path = path or _CKPTS / "catalog.json"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CatalogError(
            f"{path}: this catalogue cannot be read ({error}). Restore it."
        ) from error
    entries = tuple(
        parse_entry(item, f"{path.name}, entry {number}")
        for number, item in enumerate(as_list(raw), start=1)
    )
    if not entries:
        raise CatalogError(f"{path}: this catalogue is empty or not a list. Restore it.")
    _require_unique("name", (version_key(entry.name) for entry in entries), path)
    # Each source has a file name of its own, so a partial download can only be its own.
    _require_unique("file", (source.file for entry in entries for source in entry.sources), path)
    return entries


def load_enhancers() -> tuple[CatalogEntry, ...]:
    """Read the catalogue of networks that enhance; see ``load_catalog``."""
    return load_catalog(_CKPTS / "enhancers.json")


def _require_unique(name: str, values: Iterable[str], path: Path) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise invalid(path.name, name, f"{value} appears twice")
        seen.add(value)


def find_entry(catalog: Sequence[CatalogEntry], name: str) -> CatalogEntry:
    """Return the entry of a version, however it is spelled ("4.26", "v4.26", "RIFE4.26").

    Raises:
        CatalogError: no entry has this name; the message lists the names there are.
    """
    for entry in catalog:
        if version_key(entry.name) == version_key(name):
            return entry
    known = ", ".join(entry.name for entry in catalog)
    raise CatalogError(
        f'model "{name}": there is no such version. Known are {known}; or give the path of a '
        "checkpoint."
    )


def find_on_disk(entry: CatalogEntry, folders: Sequence[Path]) -> Path | None:
    """Look for a file of this version, by its name, else by its hash.

    The names under which the sources save it come first, then any file named after this
    version: ``flownet_v4.26.pkl``, ``rife426.pth``, ``rife_v4.26.safetensors``, ``safa05.pkl``.
    If there is none, any checkpoint that has the hash of one of the sources is the version.

    Args:
        entry: the version to look for.
        folders: where to look, in this order; missing folders are skipped.

    Returns:
        The first match, or None. Subfolders are searched after the files of a folder.

    Raises:
        CheckpointError: the match was trusted on first use (see ``verify``) and is another file now,
            or it was saved by hand and is not this version.
    """
    files = _list_files(folders)
    path = _find_by_name(entry, files) or _find_by_hash(entry, files)
    if path is not None:
        check_on_disk(path, entry)
    return path


def files_by_name(folders: Sequence[Path]) -> dict[str, Path]:
    """Find every checkpoint by its path in its folder, ``rife/mine.pkl``, with forward slashes.

    Of two with the same name, the one in the earlier folder, which is the one that is loaded.
    """
    files: dict[str, Path] = {}
    for folder, listed in zip(folders, _list_files(folders), strict=True):
        for path in listed:
            files.setdefault(path.relative_to(folder).as_posix(), path)
    return files


def checkpoints_at_hand(folders: Sequence[Path]) -> dict[str, Path]:
    """Find every RIFE checkpoint on disk.

    Files that hold something else, and are not named after a release, are among them: none is opened.

    Returns:
        Releases by version, best first, then other files by their name as in :func:`files_by_name`.
    """
    catalog = load_catalog()
    known = [*catalog, *load_enhancers()]
    releases = {row.name: row.path for row in catalog_rows(folders, catalog) if row.path}
    others = {
        name: path
        for name, path in sorted(files_by_name(folders).items())
        if release_of(path, known) is None
    }
    return releases | others


def _list_files(folders: Sequence[Path]) -> list[list[Path]]:
    return [list_checkpoints(folder, CHECKPOINT_SUFFIXES) for folder in folders]


def _find_by_name(entry: CatalogEntry, files_by_folder: Sequence[list[Path]]) -> Path | None:
    known = [source.file for source in entry.sources]
    for files in files_by_folder:
        by_name = {path.name: path for path in files}
        candidates = [by_name[name] for name in known if name in by_name]
        candidates += [path for path in files if is_named_like(entry, path.name)]
        untuned = (path for path in candidates if read_tuning(path) is None)
        if (path := next(untuned, None)) is not None:
            return path
    return None


def _find_by_hash(entry: CatalogEntry, files_by_folder: Sequence[list[Path]]) -> Path | None:
    files = (path for files in files_by_folder for path in files)
    return next((path for path in files if has_its_weights(path, entry)), None)


def catalog_rows(
    folders: Sequence[Path], catalog: Sequence[CatalogEntry] | None = None
) -> list[CatalogRow]:
    """List the catalogue with what is on disk, best first.

    Hashes, once, the checkpoints that are not named after a version; opens none.

    Args:
        folders: where checkpoints may lie, searched in this order.
        catalog: the entries to list; None means the shipped catalogue.
    """
    catalog = load_catalog() if catalog is None else catalog
    files = _list_files(folders)  # once: ComfyUI asks for its choices again and again
    others = [
        [path for path in folder if find_by_file_name(path.name, catalog) is None]
        for folder in files
    ]
    return [
        _make_row(entry, _find_by_name(entry, files) or _find_by_hash(entry, others))
        for entry in catalog
    ]


def _make_row(entry: CatalogEntry, path: Path | None) -> CatalogRow:
    sizes = [None if isinstance(source, PageSource) else source.size for source in entry.sources]
    size = path.stat().st_size if path else next(filter(None, sizes), None)
    return CatalogRow(
        entry.name, entry.network, size, entry.note, path, _how(entry), entry.verified_by
    )


def _how(entry: CatalogEntry) -> How:
    kinds = {type(source) for source in entry.sources}
    if HttpsSource in kinds:
        return "https"
    return "pip" if WheelSource in kinds else "by hand"
