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
from cli.enhance_arguments import build_enhance_parser
from cli.evaluate_arguments import build_evaluate_parser
from cli.interpolate_arguments import build_parser
from rife_arch.catalog.index import load_catalog
from training.arguments import build_parser as build_training_parser
from vfi.encode.presets import PRESETS
from vfi.preprocess.scene_detection import DEFAULT_THRESHOLD
from vfi.timing.schedule import EndRule, Schedule

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAX_WORDS = 1300  # of README; what is more goes to a page of its own
NUM_COMMON_ERRORS = 6  # in README; the others are in TROUBLESHOOTING
PAGES = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")}
CHECKPOINTS = PAGES["checkpoints.md"]
COMMAND_LINE = PAGES["command_line.md"]
ENHANCEMENT = PAGES["enhancement.md"]
GENERATORS = PAGES["generators.md"]
NODES_PAGE = PAGES["nodes.md"]
TROUBLESHOOTING = PAGES["troubleshooting.md"]
FOR_USERS = {"README.md": README} | PAGES
NODES = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "nodes").rglob("*.py"))
DISPLAYED = dict(re.findall(r'node_id="(\w+)",\s+display_name="([^"]+)"', NODES))
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir()} - {"ckpts"}
NODE_ID = r"\b(?:(?:RIFE|SAFA)[A-Z]\w+|[A-Z]\w+RIFE)\b"
OF_OTHERS = {"RIFE VFI"}  # a node of ComfyUI-Frame-Interpolation
SOURCES = [
    *ROOT.glob("*.py"),
    *(
        path
        for package in ("cli", "migrate", "nodes", "rife_arch", "training", "vfi")
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
        for action in (parser or build_parser())._actions
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


def section(document: str, title: str) -> str:
    return document.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows_of(document: str, head: str) -> list[list[str]]:
    """The cells of the table whose first line begins with ``head``, without that line."""
    table = document.split(f"\n{head}", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    assert rows, head
    return rows


def messages(document: str) -> list[str]:
    """What errors say, of the tables of messages in a document."""
    tables = document.split("\n| message | what to do |\n|---|---|\n")[1:]
    rows = [row for table in tables for row in table.split("\n\n", 1)[0].splitlines()]
    return [span for row in rows for span in code_spans(row.split(" | ", 1)[0])]


def named_options(document: str) -> set[str]:
    text = re.sub(r'--ffmpeg-options "[^"]*"', "", document)
    return set(re.findall(r"(?<![\w-])--[A-Za-z][\w-]*", text))


def named_nodes(document: str) -> set[str]:
    """The names of nodes, in bold or italics, with the blanks that a line break makes."""
    named = re.findall(r"[*]{1,2}((?:Load )?(?:RIFE|SAFA)\s[^*]+|[^*\n]+\s\(RIFE\))[*]", document)
    return {" ".join(name.split()) for name in named}


def broken_links(document: Path) -> list[str]:
    """The relative links, of pictures as well, whose file or heading there is not."""
    links = re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)", document.read_text(encoding="utf-8"))
    broken: list[str] = []
    for target, anchor in links:
        path = document.parent / target if target else document
        if "://" in target:
            continue
        if not path.exists():
            broken.append(target)
        elif anchor and anchor not in headings(path.read_text(encoding="utf-8")):
            broken.append(f"{target}#{anchor}")
    return broken


def headings(document: str) -> set[str]:
    """The anchors of a document, made of its headings as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", document, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def code_spans(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", text)


def requirements() -> list[str]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "checkpoints.md",
        "command_line.md",
        "comparison.md",
        "enhancement.md",
        "troubleshooting.md",
    ],
)
def test_every_option_exists(page: str) -> None:
    named = named_options(FOR_USERS[page])
    assert named
    others = (build_evaluate_parser(), build_training_parser())
    assert named <= options(hidden=True).union(
        *(options(hidden=True, parser=each) for each in others)
    )


def test_every_option_is_in_the_reference() -> None:
    reference = section(COMMAND_LINE, "Options")
    rows = set(re.findall(r"^\| `(--[\w-]+)", reference, re.MULTILINE))
    assert rows == options(hidden=False) - {"--help"}


def test_every_option_that_evaluates_is_in_its_section() -> None:
    found = options(hidden=False, parser=build_evaluate_parser()) - {"--help", "--debug", "--fp16"}
    rows = rows_of(section(COMMAND_LINE, "Which checkpoint"), "| option | what it does |")
    assert named_options(" ".join(names for names, *_ in rows)) == found


def test_every_option_that_trains_is_on_its_page() -> None:
    found = options(hidden=False, parser=build_training_parser()) - {"--help", "--debug"}
    rows = rows_of(section(PAGES["training.md"], "Options"), "| option | what it does |")
    assert named_options(" ".join(names for names, *_ in rows)) == found


def test_every_option_that_enhances_is_on_its_page() -> None:
    found = options(hidden=False, parser=build_enhance_parser()) - {"--help"}
    assert set(re.findall(r"`(--[\w-]+)", section(ENHANCEMENT, "Options"))) == found


@pytest.mark.parametrize(
    ("document", "name"),
    [(COMMAND_LINE, "--scene-threshold T"), (NODES_PAGE, "scene_threshold")],
    ids=["command line", "nodes"],
)
def test_default_of_the_cut_detector_is_stated(document: str, name: str) -> None:
    (row,) = re.findall(rf"^\| `{name}` \|.*$", document, re.MULTILINE)
    assert row.endswith(f"| {DEFAULT_THRESHOLD} |")


def test_readme_has_a_line_for_each_node() -> None:
    rows = [name for name, _ in rows_of(README, "| node | what it does |")]
    assert sorted(rows) == sorted(f"**{name}**" for name in DISPLAYED.values())


def test_page_on_nodes_names_exactly_the_nodes_there_are() -> None:
    rows = {(row[0], row[1]) for row in rows_of(NODES_PAGE, "| node | id |")}
    assert rows == {(f"**{name}**", f"`{node_id}`") for node_id, name in DISPLAYED.items()}
    present = NODES_PAGE.replace(section(NODES_PAGE, "Old ids and inputs"), "")
    assert set(re.findall(NODE_ID, present)) == set(DISPLAYED)


def test_pages_name_no_other_nodes() -> None:
    old = ("migration.md", "nodes.md")  # they also name ids that are gone; see above for the latter
    pages = {name: page for name, page in FOR_USERS.items() if name not in old}
    named = {name for page in pages.values() for name in re.findall(NODE_ID, page)}
    assert named <= set(DISPLAYED)


def test_every_node_is_displayed_under_a_name() -> None:
    assert set(re.findall(r'node_id="(\w+)"', NODES)) == set(DISPLAYED)


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "command_line.md",
        "comparison.md",
        "enhancement.md",
        "export_comparison.md",
        "generators.md",
        "migration.md",
        "nodes.md",
        "troubleshooting.md",
    ],
)
def test_nodes_are_named_as_they_are_displayed(page: str) -> None:
    named = named_nodes(FOR_USERS[page])
    assert named
    assert named <= set(DISPLAYED.values()) | OF_OTHERS


def test_page_on_generators_names_inputs_and_outputs_there_are() -> None:
    ids = set(re.findall(r'(?:Input\(|_input\(|display_name=)\s*"(\w+)"', NODES))
    ids |= {argument for path in (ROOT / "nodes").rglob("*.py") for argument in executed_with(path)}
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


def test_readme_says_what_every_preset_is_for() -> None:
    rows = rows_of(README, "| preset | choose it for |")
    assert sorted(name for row in rows for name in code_spans(row[0])) == sorted(PRESETS)


def test_page_on_the_command_line_describes_every_preset() -> None:
    rows = rows_of(COMMAND_LINE, "| preset | what for |")
    assert {name for row in rows for name in code_spans(row[0])} == set(PRESETS)
    for names, _, _, suffixes, _ in rows:
        if suffixes.endswith("as above"):  # those of graphics cards
            continue
        (name,) = code_spans(names)
        assert [f".{suffix}" for suffix in suffixes.split(", ")] == list(PRESETS[name].suffixes)


def test_recommended_checkpoints_are_those_of_the_catalogue_best_first() -> None:
    rows = re.findall(r"^\| `([\d.]\S*)` \|", section(CHECKPOINTS, "Which one"), re.MULTILINE)
    assert rows
    assert rows == [entry.name for entry in load_catalog() if entry.name in rows]


@pytest.mark.parametrize("message", [*messages(README), *messages(TROUBLESHOOTING)])
def test_message_in_the_documentation_is_in_the_code(message: str) -> None:
    assert any(message in text for path in SOURCES for text in texts_in(path))


def test_messages_are_in_readme_or_in_troubleshooting() -> None:
    common = rows_of(README, "| message | what to do |")
    assert len(common) == NUM_COMMON_ERRORS
    assert messages(README)
    assert messages(TROUBLESHOOTING)
    assert not set(messages(README)) & set(messages(TROUBLESHOOTING))


def test_files_that_are_named_are_there() -> None:
    documents = {"CONTRIBUTING.md": CONTRIBUTING} | FOR_USERS
    named = {(name, span) for name, text in documents.items() for span in code_spans(text)}
    paths = {(name, span) for name, span in named if _is_path(span)}
    assert {"CONTRIBUTING.md", "checkpoints.md"} <= {name for name, _ in paths}
    assert not {(name, path) for name, path in paths if not (ROOT / path).exists()}


def test_contributing_says_where_to_go() -> None:
    rows = rows_of(CONTRIBUTING, "| you want to | go to |")
    assert all(any(map(_is_path, code_spans(go_to))) for _, go_to, _ in rows)


def _is_path(span: str) -> bool:
    """Whether it is a path in the repository; `ckpts` is where users put files of their own."""
    return re.fullmatch(r"[\w-]+/[\w./-]*", span) is not None and span.split("/")[0] in FOLDERS


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(document: Path) -> None:
    assert not broken_links(document)


def test_readme_is_short_and_leads_to_every_page_for_users() -> None:
    assert len(README.split()) <= MAX_WORDS
    assert not broken_links(ROOT / "README.md")
    linked = set(re.findall(r"\]\(docs/([\w]+\.md)", README))
    # architecture.md and SECURITY.md lead to the others.
    assert linked >= set(PAGES) - {"pyramid.md", "threat_model.md"}


def test_architecture_names_every_room_and_every_class_in_it_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(code_spans(text))
    rooms = {f"{path.parent.name}/" for package in ("vfi", "rife_arch")
             for path in (ROOT / package).glob("*/__init__.py")}  # fmt: skip
    root = {path.name for package in ("vfi", "rife_arch") for path in (ROOT / package).glob("*.py")}
    assert rooms
    assert not rooms - named
    assert not root - named - {"__init__.py"}
    sources = "".join(path.read_text(encoding="utf-8") for path in SOURCES)
    classes = [name for name in named if re.fullmatch(r"[A-Z][a-z]+[A-Za-z]+", name)]
    assert classes
    assert [name for name in classes if f"class {name}" not in sources] == []


def test_version_is_the_same_everywhere() -> None:
    assert inference_video.__version__ == pyproject()["version"]


def test_continuous_integration_runs_the_test_command_of_readme() -> None:
    (line,) = re.findall(r"^.*-m pytest -n 2$", README, re.MULTILINE)
    command = line.split(" && ")[-1]
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_requirements_are_those_of_pyproject() -> None:
    assert requirements() == pyproject()["dependencies"]


def test_requirements_never_bring_a_torch_of_their_own() -> None:
    assert not any(re.match(r"torch\b", requirement) for requirement in requirements())
