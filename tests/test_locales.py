"""Texts of the nodes in other languages, and their help pages: complete, and of today's nodes.

English is compared with the nodes themselves by ``tests/comfyui/test_locales.py``; here the other
languages and the help pages are compared with English, which needs no ComfyUI.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
LANGUAGES = sorted(path.name for path in (ROOT / "locales").iterdir() if path.name != "en")
PAGES = sorted((ROOT / "web" / "docs").glob("*.md"))
# Languages told apart by their script: the text that matters has letters of it.
SCRIPTS = {"zh": r"[\u4e00-\u9fff]", "ja": r"[\u3040-\u30ff]"}


def read(language: str) -> dict[str, Any]:
    return json.loads((ROOT / "locales" / language / "nodeDefs.json").read_text(encoding="utf-8"))


def texts(branch: dict[str, Any], key: str = "") -> Iterator[tuple[str, str]]:
    """Each text with its key, as a.b.c."""
    for name, value in branch.items():
        if isinstance(value, dict):
            yield from texts(value, f"{key}{name}.")
        else:
            yield f"{key}{name}", value


ENGLISH = dict(texts(read("en")))


def node_ids() -> set[str]:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "nodes").rglob("*.py"))
    return set(re.findall(r'node_id="(\w+)"', code))


def test_there_are_the_languages_promised() -> None:
    assert LANGUAGES == ["ja", "zh"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(language: str) -> None:
    missing = {key: text for key, text in ENGLISH.items() if key not in dict(texts(read(language)))}
    assert not missing, f"add to locales/{language}/nodeDefs.json:\n{as_json(missing)}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_translated_that_is_gone(language: str) -> None:
    gone = sorted(set(dict(texts(read(language)))) - set(ENGLISH))
    assert not gone, f"take out of locales/{language}/nodeDefs.json: {gone}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_are_in_their_language(language: str) -> None:
    sentences = {
        key: text
        for key, text in texts(read(language))
        if key.endswith(("tooltip", "description", "display_name"))
    }
    foreign = {key: text for key, text in sentences.items() if not has_script(text, language)}
    assert not foreign, as_json(foreign)


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_keep_the_numbers(language: str) -> None:
    """A default or limit that changes in English has to change everywhere."""
    lost = {
        key: text
        for key, text in texts(read(language))
        if not numbers(ENGLISH.get(key, "")) <= numbers(text)
    }
    assert not lost, as_json(lost)


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_texts_hold_nothing_that_the_front_end_takes_for_a_message_format(language: str) -> None:
    # vue-i18n compiles names and descriptions, where these characters have a meaning.
    special = {key: text for key, text in texts(read(language)) if re.search(r"[{}@|]", text)}
    assert not special, as_json(special)


def test_every_node_has_a_help_page() -> None:
    assert {page.stem for page in PAGES} == node_ids()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_help_page_explains_every_input_and_output(page: Path) -> None:
    node = read("en")[page.stem]
    assert page.read_text(encoding="utf-8").startswith(f"# {node['display_name']}\n")
    for group in ("inputs", "outputs"):
        names = [entry["name"] for entry in node[group].values()]
        assert list(explained(page, group.capitalize())) == names


def test_document_of_the_nodes_lists_every_id_in_its_order() -> None:
    document = (ROOT / "docs" / "nodes.md").read_text(encoding="utf-8")
    (options,) = re.findall(r"^\*options\* are ((?:`\w+`(?:, )?)+)", document, re.MULTILINE)
    rows = re.findall(
        r"^\| `((?:RIFE|SAFA)\w+|\w+RIFE)` \| (.*) \| (.*) \|$", document, re.MULTILINE
    )
    listed = {
        node: (quoted(gets.replace("*options*", options)), quoted(gives))
        for node, gets, gives in rows
    }
    assert listed == {
        node: (
            [name for name in texts["inputs"] if not name.startswith(("mode_", "show_"))],
            [output["name"] for output in texts["outputs"].values()],
        )
        for node, texts in read("en").items()
    }


def quoted(text: str) -> list[str]:
    return re.findall(r"`(\w+)`", text)


def explained(page: Path, title: str) -> dict[str, str]:
    """The list under a title of a help page: name -> what is said of it."""
    section = page.read_text(encoding="utf-8").split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    entries = re.findall(r"^- `(\w+)`: (.*(?:\n  .*)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}


def as_json(found: dict[str, str]) -> str:
    return json.dumps(found, indent=2, ensure_ascii=False)


def has_script(text: str, language: str) -> bool:
    return re.search(SCRIPTS[language], text) is not None


def numbers(text: str) -> set[str]:
    return set(re.findall(r"\d+(?:\.\d+)?", text))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_no_line_of_a_paragraph_begins_a_list(path: Path) -> None:
    lines = ["", *path.read_text(encoding="utf-8").splitlines()]
    listed = re.compile(r" *([-*+]|[0-9]+\.) |  ")  # a list, or its second line
    wrong = [
        line
        for before, line in pairwise(lines)
        if re.match(r"([-*+]|[0-9]+\.) ", line) and before and not listed.match(before)
    ]
    assert wrong == []
