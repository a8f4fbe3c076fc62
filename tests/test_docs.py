"""The documentation against the code: names, links and commands in it are real."""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import inference_video
from cli.options import build_enhance_parser
from rife_arch.catalog.index import load_catalog
from vfi.encode.presets import PRESETS
from vfi.preprocess.scene_detection import DEFAULT_THRESHOLD
from vfi.timing.schedule import EndRule, Schedule

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND_LINE = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
GENERATORS = (ROOT / "docs" / "generators.md").read_text(encoding="utf-8")
COMPARISON = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
NODES = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "nodes").rglob("*.py"))
FOR_USERS = {
    "README.md": README,
    "command_line.md": COMMAND_LINE,
    "generators.md": GENERATORS,
    "comparison.md": COMPARISON,
}
OF_OTHERS = {"RIFE VFI"}  # a node of ComfyUI-Frame-Interpolation
SOURCES = [
    *ROOT.glob("*.py"),
    *(
        path
        for package in ("cli", "migrate", "nodes", "rife_arch", "vfi")
        for path in (ROOT / package).rglob("*.py")
    ),
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


def executed_with(path: Path) -> Iterator[str]:
    """The inputs that the nodes of a module are run with, where they name them."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name == "execute":
            yield from (argument.arg for argument in node.args.args)


def section(title: str) -> str:
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows_of(document: str, head: str) -> list[list[str]]:
    """The cells of the table whose first line begins with ``head``, without that line."""
    table = document.split(f"\n{head}", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def headings(document: str) -> set[str]:
    """The anchors of a document, made of its headings as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", document, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def code_spans(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", text)


def requirements() -> list[str]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("document", FOR_USERS.values(), ids=FOR_USERS)
def test_every_option_exists(document: str) -> None:
    text = re.sub(r'--ffmpeg-options "[^"]*"', "", document)
    assert set(re.findall(r"(?<![\w-])--[A-Za-z][\w-]*", text)) <= options(hidden=True)


def test_every_option_is_in_the_reference() -> None:
    reference = COMMAND_LINE.split("\n## Options\n", 1)[1].split("\n## ", 1)[0]
    rows = set(re.findall(r"^\| `(--[\w-]+)", reference, re.MULTILINE))
    assert rows == options(hidden=False) - {"--help"}


def test_every_option_that_enhances_is_in_its_section_of_readme() -> None:
    found = options(hidden=False, parser=build_enhance_parser()) - {"--help"}
    text = re.sub(r"^python .*$", "", section("Video enhancement"), flags=re.MULTILINE)
    assert set(re.findall(r"`(--[\w-]+)", text)) == found


@pytest.mark.parametrize(
    ("document", "name"),
    [(COMMAND_LINE, "--scene-threshold T"), (README, "scene_threshold")],
    ids=["command line", "nodes"],
)
def test_default_of_the_cut_detector_is_stated(document: str, name: str) -> None:
    (row,) = re.findall(rf"^\| `{name}` \|.*$", document, re.MULTILINE)
    assert row.endswith(f"| {DEFAULT_THRESHOLD} |")


def test_readme_names_exactly_the_nodes_there_are() -> None:
    ids = set(re.findall(r'node_id="(\w+)"', NODES))
    assert ids
    assert set(re.findall(r"\bRIFE[A-Z]\w+", README)) == ids


def test_readme_names_nodes_as_they_are_displayed() -> None:
    pairs = re.findall(r'node_id="(\w+)",\s+display_name="([^"]+)"', NODES)
    assert pairs
    for node_id, name in pairs:
        assert f"| **{name}** | `{node_id}` |" in README


@pytest.mark.parametrize("document", FOR_USERS.values(), ids=FOR_USERS)
def test_nodes_are_named_as_they_are_displayed(document: str) -> None:
    displayed = set(re.findall(r'node_id="\w+",\s+display_name="([^"]+)"', NODES))
    named = re.findall(r"[*]{1,2}((?:Load )?RIFE\s[^*]+)[*]", document)
    assert {" ".join(name.split()) for name in named} <= displayed | OF_OTHERS


def test_page_on_generators_names_inputs_and_outputs_there_are() -> None:
    ids = set(re.findall(r'(?:Input\(|_input\(|display_name=)\s*"(\w+)"', NODES))
    ids |= {argument for path in ROOT.glob("nodes/*.py") for argument in executed_with(path)}
    named = {span for span in code_spans(GENERATORS) if re.fullmatch(r"[a-z_]+", span)}
    assert named
    assert not named - ids


def test_page_on_generators_counts_as_the_nodes_do() -> None:
    rows = rows_of(GENERATORS, "| frames | from fps |")
    assert rows
    for row in rows:
        num_frames, source, target, full, last, originals = row
        interval = 1 / Fraction(source)
        for end, shown in ((EndRule.FULL_DURATION, full), (EndRule.LAST_FRAME, last)):
            schedule = Schedule(Fraction(target), interval, end)
            assert schedule.count((int(num_frames) - 1) * interval) == int(shown), row
        assert originals == f"1 in {Fraction(int(target), int(source)).numerator}", row


def test_page_on_generators_states_the_memory_of_batches() -> None:
    rows = rows_of(GENERATORS, "| size | 81 frames |")
    assert rows
    for size, *shown in rows:
        width, height = map(int, size.split("x"))
        assert shown == [f"{n * width * height * 12 / 1e9:.2f} GB" for n in (81, 161, 321)]


def test_readme_describes_every_preset() -> None:
    rows = rows_of(README, "| preset | what for |")
    assert {name for row in rows for name in code_spans(row[0])} == set(PRESETS)
    for names, _, _, suffixes, _ in rows:
        if suffixes.endswith("as above"):  # those of graphics cards
            continue
        (name,) = code_spans(names)
        assert [f".{suffix}" for suffix in suffixes.split(", ")] == list(PRESETS[name].suffixes)


def test_readme_recommends_checkpoints_of_the_catalogue_best_first() -> None:
    rows = re.findall(r"^\| `([\d.]\S*)` \|", section("What to choose"), re.MULTILINE)
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
    links = re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)", document.read_text(encoding="utf-8"))
    for target, anchor in links:
        if "://" in target:
            continue
        path = document.parent / target if target else document
        assert path.exists(), target
        if anchor:
            assert anchor in headings(path.read_text(encoding="utf-8")), f"{target}#{anchor}"


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
