"""What is installed for development has hashes, and its licence is known."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rife_arch.catalog.index import load_catalog, load_enhancers

ROOT = Path(__file__).resolve().parents[1]
LOCKED = "pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock"
REST = "pip install --quiet --disable-pip-version-check -r requirements-dev.txt"


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def required(name: str) -> set[str]:
    """Names of packages in a list that people edit."""
    lines = (line.partition("#")[0].strip() for line in read(name).splitlines())
    return {re.split(r"[<>=; ]", line)[0].lower() for line in lines if line and line[0] != "-"}


def locked() -> dict[str, list[str]]:
    """Pin -> its hashes."""
    pins: dict[str, list[str]] = {}
    for line in read("requirements-dev.lock").splitlines():
        if found := re.match(r"([\w.-]+)==\S+", line):
            hashes = pins.setdefault(line, [])
            assert found[1] == found[1].lower()
        elif found := re.fullmatch(r"    --hash=sha256:([0-9a-f]{64})( \\)?", line):
            hashes.append(found[1])
        else:
            pytest.fail(f"unexpected: {line}")
    return pins


def names() -> set[str]:
    return {pin.partition("==")[0] for pin in locked()}


def test_everything_but_torch_is_locked() -> None:
    wanted = required("requirements.txt") | required("requirements-dev.txt")
    assert wanted - names() == {"torch"}
    assert not {name for name in names() if name.startswith(("torch", "nvidia", "cuda", "triton"))}


def test_every_pin_has_hashes() -> None:
    assert [pin for pin, hashes in locked().items() if not hashes] == []


@pytest.mark.parametrize("name", [".ci/run", ".github/workflows/tests.yml", "Makefile"])
def test_hashes_are_required_before_the_rest_is_installed(name: str) -> None:
    text = read(name)
    assert 0 < text.index(LOCKED) < text.index(REST)


def test_licence_of_every_package_is_listed() -> None:
    page = read("docs/licences.md").lower()
    cells = {
        cell.strip() for row in re.findall(r"^\| ([^|]+) \|", page, re.M) for cell in row.split(",")
    }
    listed = {re.sub(r" \(.*", "", cell) for cell in cells}
    assert (names() | {"torch"}) - listed == set()


def test_licences_of_checkpoints_are_those_of_the_page() -> None:
    assert {entry.licence for entry in (*load_catalog(), *load_enhancers())} == {"MIT"}
