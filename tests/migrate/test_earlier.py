"""Workflows of earlier versions of this pack, in both forms."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from migrate import Report, migrate_workflow
from migrate.earlier import (
    EARLIER,
    ENHANCE,
    LOAD_ENHANCER,
    OLD_COMPARE,
    OLD_DETECT_CUTS,
    OLD_EXPORT_VIDEO,
    OLD_INTERPOLATE,
    OLD_INTERPOLATE_VIDEO,
    RENAMED,
    RETIME,
    SPEED_RAMP,
)
from migrate.forms import INTERPOLATE, Form
from tests.helpers.saved_workflows import (
    LINK_FIELDS,
    NodeData,
    as_object,
    assert_sound,
    sources_of,
    ui_node,
    ui_workflow,
    values_of,
)

SAVED = {path.stem: path for path in sorted((Path(__file__).parent / "data").glob("*.json"))}
OPTIONS = {"quality": "fast", "loop": False, "scene_threshold": 0.2, "at_cut": "nearest"}
OPTIONS |= {"duplicates": "keep", "cuts": ""}


def saved(name: str) -> NodeData:
    return json.loads(SAVED[name].read_text(encoding="utf-8"))


def api(form: Form, **inputs: object) -> NodeData:
    """An API workflow with a node "2" of an earlier version, and what it is connected to."""
    sockets = {name: ["1", number] for number, (name, _) in enumerate(form.sockets)}
    node = {"class_type": form.type, "inputs": {**sockets, **form.complete(inputs), **inputs}}
    return {"1": {"class_type": "Somebody's", "inputs": {}}, "2": node}


def node_of(workflow: NodeData) -> tuple[str, dict[str, Any]]:
    """What became of node "2": its class, and its inputs."""
    node = migrate_workflow(workflow)[0]["2"]
    return node["class_type"], node["inputs"]


# --- by name -------------------------------------------------------------------------------------


def test_interpolate_gets_a_mode_and_keeps_the_rest() -> None:
    old = api(OLD_INTERPOLATE, multi=4, fps=24.0, scale="0.5", mask=["1", 2])
    assert node_of(old) == (
        "RIFEInterpolate",
        {
            "model": ["1", 0],
            "images": ["1", 1],
            "mask": ["1", 2],
            "source_fps": 24.0,
            "mode": "multiplier",
            "mode.multi": 4,
            "scale": "0.5",
            **OPTIONS,
            "end": "last-frame",
        },
    )


def test_what_was_left_out_becomes_what_the_old_node_took_for_it() -> None:
    old = api(OLD_INTERPOLATE)
    for name in OLD_INTERPOLATE.optional:
        del old["2"]["inputs"][name]
    _, inputs = node_of(old)
    assert (inputs["source_fps"], inputs["end"]) == (16.0, "last-frame")


def test_connections_follow_the_outputs_of_interpolate() -> None:
    old = api(OLD_INTERPOLATE, multi=["1", 5], fps=["1", 6])
    old["3"] = {"class_type": "Reader", "inputs": {"count": ["2", 1], "fps": ["2", 2]}}
    new = migrate_workflow(old)[0]
    assert new["3"]["inputs"] == {"count": ["2", 2], "fps": ["2", 1]}
    assert new["2"]["inputs"]["mode.multi"] == ["1", 5]
    assert new["2"]["inputs"]["source_fps"] == ["1", 6]


@pytest.mark.parametrize(
    ("speed", "target", "expected"),
    [
        (1.0, 60.0, {"mode": "target fps", "mode.target_fps": 60.0}),
        (0.5, 24.0, {"mode": "speed", "mode.speed": 0.5, "mode.target_fps": 24.0}),
        (["1", 7], 24.0, {"mode": "speed", "mode.speed": ["1", 7], "mode.target_fps": 24.0}),
        (1.0, ["1", 7], {"mode": "speed", "mode.speed": 1.0, "mode.target_fps": ["1", 7]}),
    ],
)
def test_retime_becomes_a_mode(speed: object, target: object, expected: dict[str, object]) -> None:
    kind, inputs = node_of(api(RETIME, speed=speed, target_fps=target, source_fps=16.0))
    assert kind == "RIFEInterpolate"
    assert {name: inputs[name] for name in inputs if name[:5] in ("mode", "mode.")} == expected
    assert (inputs["source_fps"], inputs["end"]) == (16.0, "full-duration")


def test_speed_ramp_becomes_a_mode_and_keeps_its_curve() -> None:
    kind, inputs = node_of(api(SPEED_RAMP, ramp="0:2", target_fps=30.0))
    assert kind == "RIFEInterpolate"
    assert (inputs["mode"], inputs["mode.ramp"], inputs["mode.target_fps"]) == (
        "speed ramp",
        "0:2",
        30.0,
    )
    assert inputs["curve"] == ["1", 3]


@pytest.mark.parametrize(
    ("mode", "old", "new"),
    [
        ("multiplier", {"mode.multi": 3}, {"mode.multi": 3}),
        ("target fps", {"mode.fps": 50.0}, {"mode.target_fps": 50.0}),
        (
            "speed",
            {"mode.speed": 2.0, "mode.fps": 0.0},
            {"mode.speed": 2.0, "mode.target_fps": 0.0},
        ),
        (
            "speed ramp",
            {"mode.ramp": "0:1", "mode.fps": 25.0},
            {"mode.ramp": "0:1", "mode.target_fps": 25.0},
        ),
    ],
)
def test_rate_of_a_video_is_called_target(
    mode: str, old: dict[str, object], new: dict[str, object]
) -> None:
    kind, inputs = node_of(api(OLD_INTERPOLATE_VIDEO, mode=mode, **old))
    assert kind == "RIFEInterpolateVideo"
    assert {name: inputs[name] for name in inputs if name.startswith("mode.")} == new
    assert (inputs["source_fps"], inputs["end"]) == (0.0, "full-duration")


def test_export_has_its_new_id_and_keeps_its_inputs() -> None:
    old = api(OLD_EXPORT_VIDEO, crf=17, preset="archive", fps=24.0)
    assert node_of(old) == ("ExportVideoRIFE", {**old["2"]["inputs"], "hdr": "tonemap"})


def test_export_without_a_preset_gets_the_one_it_used() -> None:
    old = api(OLD_EXPORT_VIDEO)
    del old["2"]["inputs"]["preset"]
    assert node_of(old)[1]["preset"] == "share"


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (-1, {"show": "largest difference"}),
        (5, {"show": "frame", "show.frame": 5}),
        (["1", 7], {"show": "frame", "show.frame": ["1", 7]}),
    ],
)
def test_frame_to_compare_becomes_a_choice(frame: object, expected: dict[str, object]) -> None:
    kind, inputs = node_of(api(OLD_COMPARE, frame=frame))
    assert kind == "CompareClipsRIFE"
    assert {name: inputs[name] for name in inputs if name.startswith("show")} == expected
    assert "frame" not in inputs


def test_connected_frame_to_compare_is_noted() -> None:
    (note,) = migrate_workflow(api(OLD_COMPARE, frame=["1", 7]))[1].notes
    assert "-1 no longer means the largest difference" in note


def test_threshold_of_cuts_is_called_as_elsewhere() -> None:
    kind, inputs = node_of(api(OLD_DETECT_CUTS, threshold=0.3))
    assert kind == "DetectCutsRIFE"
    assert inputs == {"images": ["1", 0], "scene_threshold": 0.3, "fps": 0.0}


def test_enhancer_is_called_safa() -> None:
    assert node_of(api(LOAD_ENHANCER))[0] == "SAFALoadModel"
    kind, inputs = node_of(api(ENHANCE, cuts="48"))
    assert kind == "SAFAEnhance"
    assert inputs == {
        "model": ["1", 0],
        "images": ["1", 1],
        "scene_threshold": 0.2,
        "cuts": "48",
    }


def test_title_of_a_node_stays() -> None:
    old = api(RETIME)
    old["2"]["_meta"] = {"title": "to 60"}
    assert migrate_workflow(old)[0]["2"]["_meta"] == {"title": "to 60"}


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_node_that_has_another_id_only_keeps_all_else(old: str, new: str) -> None:
    workflow = api(Form(old, (("images", "IMAGE"),), (), ()), anything=[1, 2])
    workflow["2"]["_meta"] = {"title": "mine"}
    switched, report = migrate_workflow(workflow)
    assert switched == workflow | {"2": workflow["2"] | {"class_type": new}}
    assert report == Report(done=[f"node 2: {old} is {new}"])
    assert migrate_workflow(switched) == (switched, Report())


def test_what_fits_no_version_is_left_and_explained() -> None:
    old = api(OLD_INTERPOLATE)
    del old["2"]["inputs"]["multi"]
    new, report = migrate_workflow(old)
    assert new == old
    assert "fit neither this version nor an earlier one" in report.left[0]


@pytest.mark.parametrize("form", EARLIER, ids=lambda form: form.type)
def test_switching_again_changes_nothing(form: Form) -> None:
    once, _ = migrate_workflow(api(form))
    twice, report = migrate_workflow(once)
    assert twice == once
    assert report == Report()


# --- by position ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAVED)
def test_saved_workflow_stays_sound(name: str) -> None:
    old = saved(name)
    assert_sound(old)
    new, report = migrate_workflow(old)
    assert_sound(new)
    assert not report.left
    assert old == saved(name)


@pytest.mark.parametrize("name", SAVED)
def test_switching_a_saved_workflow_again_changes_nothing(name: str) -> None:
    once, report = migrate_workflow(saved(name))
    assert report.done
    twice, report = migrate_workflow(once)
    assert twice == once
    assert report == Report()


def test_saved_speed_ramp_keeps_values_and_links() -> None:
    old = saved("speed_ramp")
    new = migrate_workflow(old)[0]
    values = values_of(new, 5)
    assert values == {
        "source_fps": 16,
        "mode": "speed ramp",
        "mode.ramp": "0:1 1:0.25 2:1",
        "mode.target_fps": 30,
        "scale": "1",
        **OPTIONS,
        "end": "full-duration",
    }
    assert sources_of(new, 5) == {"model": (4, 0), "images": (3, 0), "source_fps": (3, 2)}
    assert sources_of(new, 6) == sources_of(old, 6)  # images and fps
    ids = [as_object(link)["id"] for link in new["links"]]
    assert ids == [as_object(link)["id"] for link in old["links"]]


def test_saved_nodes_keep_their_place_size_and_title() -> None:
    old = saved("speed_ramp")
    (ramp,) = (node for node in old["nodes"] if node["id"] == 5)
    ramp |= {"title": "slow here", "color": "#432"}
    ramp["properties"] |= {"mine": 1, "ver": "0.1.0"}
    (new,) = (node for node in migrate_workflow(old)[0]["nodes"] if node["id"] == 5)
    for name in ("id", "pos", "size", "title", "color", "mode"):
        assert new[name] == ramp[name]
    assert new["properties"] == {
        "Node name for S&R": "RIFEInterpolate",
        "cnr_id": "practical-rife",
        "mine": 1,
    }


def test_saved_interpolate_compare_and_export_are_reordered() -> None:
    old = saved("compare")
    new = migrate_workflow(old)[0]
    assert list(values_of(new, 6).values())[:4] == [16, "multiplier", 2, "1"]
    assert sources_of(new, 6) == {"model": (4, 0), "images": (3, 0), "source_fps": (3, 2)}
    assert sources_of(new, 8)["before_fps"] == (6, 1)  # was output 2
    assert values_of(new, 10) == {
        "before_fps": 32,
        "after_fps": 32,
        "show": "largest difference",
    }
    values = values_of(new, 9)
    assert (values["preset"], values["crf"], values["hdr"]) == ("share", 20, "tonemap")


def test_saved_node_that_has_another_id_only_keeps_all_else() -> None:
    old = saved("compare")
    (before,) = (node for node in old["nodes"] if node["id"] == 8)
    before |= {"title": "A and B"}
    (after,) = (node for node in migrate_workflow(old)[0]["nodes"] if node["id"] == 8)
    named = {"cnr_id": "practical-rife", "Node name for S&R": "MontageRIFE"}
    assert after == before | {"type": "MontageRIFE", "properties": named}


def test_name_that_a_user_gave_for_texts_stays() -> None:
    node = ui_node(1, Form("RIFEExportPNG", (), (), ()), "shots/a")
    node["properties"] = {"Node name for S&R": "final"}
    (new,) = migrate_workflow(ui_workflow([node], []))[0]["nodes"]
    assert new == node | {"type": "ExportPNGRIFE"}


def test_node_in_a_subgraph_has_its_new_id_and_shows_the_same_widgets() -> None:
    old = in_subgraph(ui_node(1, Form("RIFEMontage", (), (), ()), 16), ["1", "layout"])
    new = migrate_workflow(old)[0]
    inside, around = new["definitions"]["subgraphs"]
    assert inside["nodes"][0]["type"] == "MontageRIFE"
    assert around["nodes"] == old["definitions"]["subgraphs"][1]["nodes"]


def test_saved_enhancer_is_connected_with_its_new_type() -> None:
    new = migrate_workflow(saved("enhance"))[0]
    assert sources_of(new, 8)["model"] == (7, 0)
    assert "RIFE_ENHANCER" not in json.dumps(new)


def test_subgraph_shows_the_widgets_under_their_new_names() -> None:
    new = migrate_workflow(saved("blueprint"))[0]
    (inside,) = new["definitions"]["subgraphs"]
    assert new["nodes"][0]["properties"]["proxyWidgets"][0] == ["3", "mode.target_fps"]
    assert sources_of(inside, 3)["mode.target_fps"] == (-10, 1)
    assert inside["links"][1]["type"] == "VIDEO"  # into a slot for IMAGE and VIDEO
    values = values_of(inside, 3)
    assert (values["source_fps"], values["mode"], values["mode.target_fps"]) == (
        0.0,
        "target fps",
        60,
    )


def in_subgraph(inside: NodeData, *shown: list[str]) -> NodeData:
    """A workflow with a node in a subgraph in a subgraph, which shows widgets of it outside."""
    subgraphs: list[NodeData] = []
    for number, node in enumerate([inside, ui_node(2, Form("level 0", (), (), ()))]):
        data = ui_workflow([node], [])
        subgraphs.append(data | {"id": f"level {number}", "links": [], "inputs": [], "outputs": []})
        subgraphs[-1]["inputNode"] = {"id": -10}
    subgraphs[1]["nodes"][0]["properties"] = {"proxyWidgets": [list(entry) for entry in shown]}
    outer = ui_node(3, Form("level 1", (), (), ()))
    outer["properties"] = {"proxyWidgets": [["2", name] for _, name in shown]}
    return {"nodes": [outer], "links": [], "definitions": {"subgraphs": subgraphs}}


def test_widgets_shown_two_levels_up_are_renamed_there() -> None:
    node = ui_node(1, OLD_DETECT_CUTS, 0.2, 0.0) | {"inputs": []}  # as far as they are connected
    old = in_subgraph(node, ["1", "threshold"])
    new = migrate_workflow(old)[0]
    inner = new["definitions"]["subgraphs"][1]["nodes"][0]
    assert inner["properties"]["proxyWidgets"] == [["1", "scene_threshold"]]
    assert new["nodes"][0]["properties"]["proxyWidgets"] == [["2", "scene_threshold"]]


def test_mode_has_the_widgets_that_a_subgraph_shows() -> None:
    old = in_subgraph(ui_node(1, RETIME, 16, 60, 1, "1"), ["1", "speed"], ["1", "target_fps"])
    new = migrate_workflow(old)[0]
    inside, around = new["definitions"]["subgraphs"]
    values = values_of(inside, 1)
    assert (values["mode"], values["mode.speed"], values["mode.target_fps"]) == ("speed", 1, 60)
    assert around["nodes"][0]["properties"]["proxyWidgets"] == [
        ["1", "mode.speed"],
        ["1", "mode.target_fps"],
    ]


def test_enhancer_that_comes_into_a_subgraph_has_its_new_type_at_the_border() -> None:
    node = ui_node(1, ENHANCE, 0.2, "", enhancer=1)
    inside = ui_workflow([node], [(1, -10, 0, 1, 0, "RIFE_ENHANCER")])
    inside["links"] = [dict(zip(LINK_FIELDS, link, strict=True)) for link in inside["links"]]
    inside |= {"id": "clean", "inputNode": {"id": -10}, "outputs": []}
    inside["inputs"] = [{"name": "enhancer", "type": "RIFE_ENHANCER", "linkIds": [1]}]
    host = Form("clean", (("enhancer", "RIFE_ENHANCER"),), (), ())
    nodes = [ui_node(1, LOAD_ENHANCER, "SAFA 0.5", "auto"), ui_node(2, host, enhancer=1)]
    outer = ui_workflow(nodes, [(1, 1, 0, 2, 0, "RIFE_ENHANCER")])
    new = migrate_workflow(outer | {"definitions": {"subgraphs": [inside]}})[0]
    assert_sound(new)
    assert "RIFE_ENHANCER" not in json.dumps(new)
    assert sources_of(new["definitions"]["subgraphs"][0], 1) == {"model": (-10, 0)}


def test_values_that_were_not_saved_yet_get_their_defaults() -> None:
    old = ui_workflow([ui_node(1, OLD_EXPORT_VIDEO, 24, "video/a", 17)], [(1, 1, 0, 9, 0, "VIDEO")])
    values = values_of(migrate_workflow(old)[0], 1)
    assert list(values.values()) == [24, "video/a", "share", 17, "", False, "normal", "tonemap"]


def test_connected_widget_keeps_the_value_it_had() -> None:
    nodes = [
        ui_node(1, Form("PrimitiveFloat", (), (), (("FLOAT", "FLOAT"),))),
        ui_node(2, OLD_INTERPOLATE, *[*OLD_INTERPOLATE.defaults.values()][:-1], 25.0, fps=1),
    ]
    new = migrate_workflow(ui_workflow(nodes, [(1, 1, 0, 2, 12, "FLOAT")]))[0]
    assert sources_of(new, 2) == {"source_fps": (1, 0)}
    assert values_of(new, 2)["source_fps"] == 25.0


def test_nodes_in_their_present_form_are_left_as_they_are() -> None:
    node = ui_node(1, INTERPOLATE, 16, "speed", 0.5, 0, "1", "fast", True)
    workflow = ui_workflow([node], [(1, 1, 0, 9, 0, "IMAGE")])
    before = copy.deepcopy(workflow)
    new, report = migrate_workflow(workflow)
    assert new == before
    assert report == Report()
