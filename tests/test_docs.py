"""The documentation against the code: names, links and commands in it are real."""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import inference_video
from cli.options import build_enhance_parser
from rife_arch.catalog import load_catalog
from vfi.scene import DEFAULT_THRESHOLD

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SOURCES = [
    path
    for pattern in ("*.py", "cli/*.py", "migrate/*.py", "nodes/*.py", "rife_arch/*.py", "vfi/*.py")
    for path in ROOT.glob(pattern)
]
DOCUMENTS = [
    path
    for path in sorted(ROOT.rglob("*.md"))
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
    and "venv" not in path.parts
]


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def options(*, hidden: bool, parser: argparse.ArgumentParser | None = None) -> set[str]:
    return {
        option
        for action in (parser or inference_video.build_parser())._actions
        for option in action.option_strings
        if option.startswith("--") and (hidden or action.help is not argparse.SUPPRESS)
    }


def texts_in(path: Path) -> Iterator[str]:
    """Every piece of text in a module, with what an f-string inserts cut out."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def section(title: str) -> str:
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def code_spans(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", text)


def requirements() -> list[str]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_every_option_in_readme_exists() -> None:
    assert set(re.findall(r"(?<![\w-])--[A-Za-z][\w-]*", README)) <= options(hidden=True)


def test_every_option_is_in_the_reference_of_readme() -> None:
    reference = README.split("\n### Reference\n", 1)[1].split("\n### ", 1)[0]
    rows = set(re.findall(r"^\| `(--[\w-]+)", reference, re.MULTILINE))
    assert rows == options(hidden=False) - {"--help"}


def test_every_option_that_enhances_is_in_its_section_of_readme() -> None:
    found = options(hidden=False, parser=build_enhance_parser()) - {"--help"}
    text = re.sub(r"^python .*$", "", section("Video enhancement"), flags=re.MULTILINE)
    assert set(re.findall(r"`(--[\w-]+)", text)) == found


@pytest.mark.parametrize("name", ["--scene-threshold T", "scene_threshold"])
def test_readme_states_the_default_of_the_cut_detector(name: str) -> None:
    (row,) = re.findall(rf"^\| `{name}` \|.*$", README, re.MULTILINE)
    assert row.endswith(f"| {DEFAULT_THRESHOLD} |")


def test_readme_names_exactly_the_nodes_there_are() -> None:
    nodes = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("nodes/*.py"))
    ids = set(re.findall(r'node_id="(\w+)"', nodes))
    assert ids
    assert set(re.findall(r"\bRIFE[A-Z]\w+", README)) == ids


def test_readme_names_nodes_as_they_are_displayed() -> None:
    nodes = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("nodes/*.py"))
    pairs = re.findall(r'node_id="(\w+)",\s+display_name="([^"]+)"', nodes)
    assert pairs
    for node_id, name in pairs:
        assert f"| **{name}** | `{node_id}` |" in README


def test_readme_recommends_checkpoints_of_the_catalogue_best_first() -> None:
    rows = re.findall(r"^\| `([\d.]\S*)` \|", section("Checkpoints"), re.MULTILINE)
    assert rows
    assert rows == [entry.name for entry in load_catalog() if entry.name in rows]


@pytest.mark.parametrize(
    "message",
    [
        span
        for row in re.findall(r"^\| (`.+?) \| ", section("Troubleshooting"), re.MULTILINE)
        for span in code_spans(row)
    ],
)
def test_message_in_troubleshooting_is_in_the_code(message: str) -> None:
    assert any(message in text for path in SOURCES for text in texts_in(path))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8"))
    for target in targets:
        assert "://" in target or (document.parent / target).exists(), target


def test_architecture_names_every_module() -> None:
    named = code_spans((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))
    modules = {
        path.name
        for package in ("cli", "migrate", "nodes", "rife_arch", "vfi")
        for path in ROOT.glob(f"{package}/*.py")
        if path.name != "__init__.py"
    }
    assert not modules - set(named)


def test_version_is_the_same_everywhere() -> None:
    assert inference_video.__version__ == pyproject()["version"]


def test_continuous_integration_runs_the_test_command_of_readme() -> None:
    (line,) = re.findall(r"^.*-m pytest$", README, re.MULTILINE)
    command = line.split(" && ")[-1]
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_requirements_are_those_of_pyproject() -> None:
    assert requirements() == pyproject()["dependencies"]


def test_requirements_never_bring_a_torch_of_their_own() -> None:
    assert not any(re.match(r"torch\b", requirement) for requirement in requirements())
