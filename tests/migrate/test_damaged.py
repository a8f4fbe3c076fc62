"""Workflows that somebody damaged, or wrote by hand: each is switched over, or refused in one sentence."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import migrate_workflow as script
from migrate import migrate_workflow
from migrate.forms import CORE_INTERPOLATE, CORE_LOADER, RIFE_VFI, STATE_LIST
from vfi.errors import InputError

API = {
    "1": {"class_type": CORE_LOADER.type, "inputs": {"model_name": "rife_v4.26.safetensors"}},
    "2": {
        "class_type": CORE_INTERPOLATE.type,
        "inputs": {"interp_model": ["1", 0], "images": ["4", 0], "multiplier": 4},
    },
    "3": {
        "class_type": RIFE_VFI.type,
        "inputs": {
            **RIFE_VFI.defaults,
            "frames": ["4", 0],
            "optional_interpolation_states": ["6", 0],
        },
    },
    "4": {"class_type": "Reroute", "inputs": {"": ["5", 0]}},
    "5": {"class_type": "GetVideoComponents", "inputs": {}},
    "6": {"class_type": STATE_LIST.type, "inputs": STATE_LIST.defaults},
}
FOLDER = Path(__file__).parent / "data"
WORKFLOWS = [API, *(json.loads(path.read_bytes()) for path in sorted(FOLDER.glob("*.json")))]
KINDS = ("RIFE VFI", "FrameInterpolate", "RIFERetime", "RIFEInterpolate", "Reroute", "*", "IMAGE")
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from(KINDS)
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=9), inner)
)


def places_in(value: Any) -> list[tuple[Any, Any]]:
    """Container and key of everything inside."""
    found: list[tuple[Any, Any]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        found.append((value, key))
        if isinstance(inner, dict | list):
            found += places_in(inner)
    return found


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    workflow = copy.deepcopy(draw(st.sampled_from(WORKFLOWS)))
    for _ in range(draw(st.integers(1, 4))):
        places = places_in(workflow)
        if not places:
            break
        container, key = draw(st.sampled_from(places))
        if draw(st.booleans()):
            other_container, other_key = draw(st.sampled_from(places))
            value = draw(VALUES | st.just(other_container[other_key]))
            container[key] = copy.deepcopy(value)
        else:
            del container[key]
    return workflow


def switch(workflow: Any) -> None:
    try:
        migrated, _ = migrate_workflow(workflow)
    except InputError as error:
        assert str(error).startswith("workflow: ")  # noqa: PT017  nothing is raised where it is whole
    else:
        json.dumps(migrated)


@settings(max_examples=60)
@given(damaged())
def test_damaged_workflow_is_switched_or_refused(workflow: Any) -> None:
    switch(workflow)


@pytest.mark.faults
@settings(max_examples=3000)
@given(damaged())
def test_many_damaged_workflows_are_switched_or_refused(workflow: Any) -> None:
    switch(workflow)


@settings(max_examples=60)
@given(VALUES)
def test_any_json_is_no_workflow_or_one(value: Any) -> None:
    switch(value)


LOOPS = {
    "of reroutes before a node": {
        "2": {"class_type": "RIFE VFI", "inputs": {**RIFE_VFI.defaults, "frames": ["4", 0]}},
        "4": {"class_type": "Reroute", "inputs": {"": ["5", 0]}},
        "5": {"class_type": "Reroute", "inputs": {"": ["4", 0]}},
    },
    "of reroutes after a loader": {
        "1": {"class_type": CORE_LOADER.type, "inputs": {"model_name": "rife_v4.26.safetensors"}},
        "4": {"class_type": "Reroute", "inputs": {"": ["1", 0], "a": ["5", 0]}},
        "5": {"class_type": "Reroute", "inputs": {"": ["4", 0]}},
    },
}


@pytest.mark.parametrize("workflow", LOOPS.values(), ids=LOOPS)
def test_loop_of_links_has_an_end(workflow: Any) -> None:
    _, report = migrate_workflow(workflow)
    assert report.done
    assert not report.left


@pytest.mark.parametrize(
    ("field", "value"), [("scale_factor", 0.3), ("dtype", "int8"), ("scale_factor", "x")]
)
def test_value_that_there_is_not_leaves_the_node_and_names_it(field: str, value: object) -> None:
    node = {
        "class_type": "RIFE VFI",
        "inputs": {**RIFE_VFI.defaults, "frames": ["9", 0], field: value},
    }
    _, report = migrate_workflow({"2": node, "9": {"class_type": "LoadImage", "inputs": {}}})
    assert report.left == [
        f"node 2, RIFE VFI: {field} has a value that there is not. Choose another in the node."
    ]


@pytest.mark.parametrize(
    "text",
    ["", "[", "[" * 100_000, "{" + '"a":[' * 30_000, "\0", '{"nodes": [[]]}', "9" * 5000, "\ud800"],
    ids=[
        "empty",
        "torn",
        "deep",
        "deep and torn",
        "NUL",
        "no nodes",
        "a number",
        "half a character",
    ],
)
def test_file_that_is_no_workflow_is_refused_in_one_sentence(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "w.json"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert script.main([str(file)]) == script.EXIT_USAGE
    assert capsys.readouterr().err.startswith("error: ")
    assert [path.name for path in tmp_path.iterdir()] == ["w.json"]


def test_half_a_character_in_a_text_is_kept(tmp_path: Path) -> None:
    node = {**API["3"], "_meta": {"title": "RIFE"}}
    text = json.dumps(
        {
            "3": node,
            "5": API["5"],
            "6": API["6"],
            "7": {"class_type": "x", "inputs": {"t": "\ud83d"}},
        }
    )
    (tmp_path / "w.json").write_text(text)
    script.main([str(tmp_path / "w.json")])
    assert json.loads((tmp_path / "w_rife.json").read_bytes())["7"]["inputs"] == {"t": "\ud83d"}


def test_name_that_is_too_long_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / f"{'n' * 248}.json"
    file.write_text(json.dumps(API))
    assert script.main([str(file)]) == script.EXIT_USAGE
    assert (
        "cannot be written (File name too long). Choose a shorter name." in capsys.readouterr().err
    )
