"""The English texts of the nodes are those of their schemas; help pages are served."""

from __future__ import annotations

import json
import re
import urllib.request
from typing import Any

import pytest

from tests.helpers.comfy_server import PACK_FOLDER, Comfy
from tests.helpers.contract import CONTRACT, options
from tests.test_locales import LANGUAGES, ROOT, explained, read


def described(node: dict[str, Any]) -> dict[str, Any]:
    """The entry of a node in nodeDefs.json, from what ComfyUI says of the node."""
    outputs = zip(node["output_name"], node["output_tooltips"], strict=True)
    return {
        "display_name": node["display_name"],
        "description": node["description"],
        "inputs": described_inputs(node["input"]),
        "outputs": {
            str(number): {"name": name, "tooltip": tooltip}
            for number, (name, tooltip) in enumerate(outputs)
        },
    }


def described_inputs(groups: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The inputs, with those that a DynamicCombo shows for one of its choices.

    The front end calls the latter <combo>.<input> and looks them up with a _ for the dot. It shows
    their translated names, and the tooltips of sockets; tooltips of their widgets stay English. The
    sockets of an Autogrow keep their own names, whatever a translation says.
    """
    found: dict[str, Any] = {}
    for group in ("required", "optional"):
        for name, (kind, how) in groups.get(group, {}).items():
            entry = {"name": how.get("display_name") or name, "tooltip": how["tooltip"]}
            key = f"{prefix}{name}"
            assert found.setdefault(key, entry) == entry, f"{key} has two texts: one key, one text"
            if kind == "COMFY_DYNAMICCOMBO_V3":
                for choice in how["options"]:
                    for nested, text in described_inputs(choice["inputs"], f"{key}_").items():
                        assert found.setdefault(nested, text) == text, f"{nested} has two texts"
    return found


@pytest.mark.parametrize("node_id", CONTRACT)
def test_english_is_that_of_the_node(comfy: Comfy, node_id: str) -> None:
    expected = described(comfy.get(f"/object_info/{node_id}")[node_id])
    entry = json.dumps({node_id: expected}, indent=2, ensure_ascii=False)
    assert read("en").get(node_id) == expected, f"put into locales/en/nodeDefs.json:\n{entry}"


def test_english_has_no_other_nodes() -> None:
    assert set(read("en")) == set(CONTRACT)


def test_inputs_of_a_dynamic_combo_are_looked_up_under_the_combo() -> None:
    choices = [
        {"key": "off", "inputs": {}},
        {"key": "on", "inputs": {"required": {"frames": ["INT", {"tooltip": "How many."}]}}},
    ]
    combo = ["COMFY_DYNAMICCOMBO_V3", {"tooltip": "How.", "options": choices}]
    assert described_inputs({"optional": {"method": combo}}) == {
        "method": {"name": "method", "tooltip": "How."},
        "method_frames": {"name": "frames", "tooltip": "How many."},
    }


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_comfyui_gives_the_texts_to_its_front_end(comfy: Comfy, language: str) -> None:
    given = comfy.get("/i18n")[language]["nodeDefs"]
    assert {node: given[node] for node in CONTRACT} == read(language)


@pytest.mark.parametrize("node_id", CONTRACT)
def test_help_page_is_served(comfy: Comfy, node_id: str) -> None:
    page = comfy.address(f"/extensions/{PACK_FOLDER}/docs/{node_id}.md")
    with urllib.request.urlopen(page, timeout=10) as response:
        assert response.read().startswith(b"# ")


@pytest.mark.parametrize("node_id", CONTRACT)
def test_help_page_states_the_defaults(comfy: Comfy, node_id: str) -> None:
    inputs = options(comfy.get(f"/object_info/{node_id}")[node_id])
    expected = {name: shown(how["default"]) for name, how in inputs.items() if "default" in how}
    page = ROOT / "web" / "docs" / f"{node_id}.md"
    stated = {
        name: re.search(r"\*Default: (.*)\.\*$", text)
        for name, text in explained(page, "Inputs").items()
        if name in expected
    }
    assert {name: match and match[1] for name, match in stated.items()} == expected


def shown(default: object) -> str:
    """A default as the help pages write it."""
    if isinstance(default, bool):
        return "on" if default else "off"
    if isinstance(default, (int, float)):
        return f"{default:g}"
    return str(default) or "none"
