"""Whatever a catalogue, a record or a name says, it is understood or refused in one message."""

from __future__ import annotations

import contextlib
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rife_arch.catalog import (
    files_by_name,
    find_by_file_name,
    find_entry,
    load_catalog,
    version_key,
)
from rife_arch.catalog.entries import CatalogEntry, PageSource, parse_entry
from rife_arch.catalog.verify import check_recorded, record_path
from rife_arch.errors import CatalogError, CheckpointError

CATALOG = load_catalog()
SHIPPED: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[3] / "ckpts" / "catalog.json").read_text(encoding="utf-8")
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = sorted({key for entry in SHIPPED for key in entry})
SOURCE_FIELDS = sorted({key for entry in SHIPPED for source in entry["sources"] for key in source})


@given(JSON)
@example([[[]]])
def test_any_json_is_a_catalogue_or_refused(value: object) -> None:
    with contextlib.suppress(CatalogError):
        parse_entry(value, "catalog.json, entry 1")


@given(st.sampled_from(SHIPPED), st.sampled_from(FIELDS), JSON)
def test_any_field_of_an_entry_is_right_or_refused(
    entry: dict[str, Any], field: str, value: object
) -> None:
    with contextlib.suppress(CatalogError):
        check(parse_entry({**entry, field: value}, "catalog.json, entry 1"))


@given(st.sampled_from(SHIPPED), st.sampled_from(SOURCE_FIELDS), JSON)
def test_any_field_of_a_source_is_right_or_refused(
    entry: dict[str, Any], field: str, value: object
) -> None:
    changed = copy.deepcopy(entry)
    changed["sources"][0][field] = value
    with contextlib.suppress(CatalogError):
        check(parse_entry(changed, "catalog.json, entry 1"))


def check(entry: CatalogEntry) -> None:
    """What the rest relies on: names that stay in their folder, https, sizes and hashes."""
    assert entry.sources
    for source in entry.sources:
        assert Path(source.file).name == source.file
        assert not source.file.startswith(".")
        if not isinstance(source, PageSource):
            assert source.size is None or source.size > 0
            assert source.sha256 is None or len(source.sha256) == 64


@pytest.mark.parametrize("text", ["", "[", "{}", "[]", "[1]", "\x00", "[" * 100_000])
def test_file_that_is_no_catalogue_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "catalog.json").write_text(text)
    with pytest.raises(CatalogError, match=r"catalog\.json.*: "):
        load_catalog(tmp_path / "catalog.json")


@given(st.text(max_size=40))
@example("../../rife425.pkl")
@example("RIFE_v4.25\0.pkl")
def test_any_name_is_a_version_or_none(name: str) -> None:
    entry = find_by_file_name(name, CATALOG)
    assert entry is None or entry in CATALOG
    with contextlib.suppress(CatalogError):
        assert version_key(find_entry(CATALOG, name).name) == version_key(name)


@given(st.sampled_from(CATALOG), st.sampled_from(["rife", "RIFE_v", "flownet-", "rife "]))
def test_spellings_of_a_version_are_the_version(entry: CatalogEntry, prefix: str) -> None:
    if entry.name.startswith("RIFE"):
        return
    for name in (prefix + entry.name, prefix + entry.name.replace(".", "")):
        assert find_by_file_name(f"{name}.pth", CATALOG) == entry
        assert find_entry(CATALOG, name) == entry


@pytest.mark.parametrize("text", ["", "[" * 100_000, '{"sha256": 5}', "null", '"text"', "[1]"])
def test_record_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "rife425.pth"
    file.write_bytes(b"weights")
    record_path(file).write_text(text)
    with pytest.raises(CheckpointError, match="this record of a download cannot be read"):
        check_recorded(file)


def test_files_are_named_by_their_path_and_the_first_folder_wins(tmp_path: Path) -> None:
    for name in ("a/x.pkl", "a/sub/x.pkl", "b/x.pkl", "b/y.PTH", "b/._y.pkl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = files_by_name([tmp_path / "a", tmp_path / "b", tmp_path / "missing"])
    assert {name: path.relative_to(tmp_path).as_posix() for name, path in found.items()} == {
        "x.pkl": "a/x.pkl",
        "sub/x.pkl": "a/sub/x.pkl",
        "y.PTH": "b/y.PTH",
    }
