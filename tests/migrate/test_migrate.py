"""Workflows as people have them, in both forms, and what becomes of them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

import migrate_workflow as script
from migrate import Report, migrate_workflow
from migrate.forms import CORE_INTERPOLATE, CORE_LOADER, RIFE_VFI, STATE_LIST, Form
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
from vfi.errors import InputError


def rife_vfi(**changed: object) -> NodeData:
    """An API workflow: frames -> RIFE VFI -> save."""
    return {
        "1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
        "2": {
            "class_type": "RIFE VFI",
            "inputs": {**RIFE_VFI.defaults, "frames": ["1", 0], **changed},
        },
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0]}},
    }


def core(model: str = "rife_v4.26.safetensors") -> NodeData:
    """An API workflow with ComfyUI's own nodes."""
    return {
        "1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}},
        "2": {"class_type": "FrameInterpolationModelLoader", "inputs": {"model_name": model}},
        "3": {
            "class_type": "FrameInterpolate",
            "inputs": {"interp_model": ["2", 0], "images": ["1", 0], "multiplier": 4},
        },
        "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0]}},
    }


def migrated(workflow: NodeData) -> NodeData:
    return migrate_workflow(workflow)[0]


def report_on(workflow: NodeData) -> Report:
    return migrate_workflow(workflow)[1]


# --- RIFE VFI ------------------------------------------------------------------------------------


def test_rife_vfi_becomes_a_loader_and_a_node_with_its_settings() -> None:
    new = migrated(
        rife_vfi(ckpt_name="rife47.pth", multiplier=3, scale_factor=0.5, dtype="float16")
    )
    assert new["2"]["class_type"] == "RIFEInterpolate"
    assert (
        new["2"]["inputs"]
        | {
            "model": ["2_RIFELoadModel", 0],
            "images": ["1", 0],
            "mode": "multiplier",
            "mode.multi": 3,
            "scale": "0.5",
            "quality": "better",
        }
        == new["2"]["inputs"]
    )
    assert new["2_RIFELoadModel"]["inputs"] == {
        "model": "4.7",
        "precision": "fp16",
        "torch_compile": False,
        "evaluation": "auto",
        "device": "auto",
    }


def test_other_nodes_are_left_as_they_are() -> None:
    workflow = rife_vfi()
    before = copy.deepcopy(workflow)
    new = migrated(workflow)
    assert (new["1"], new["3"]) == (workflow["1"], workflow["3"])
    assert workflow == before


@pytest.mark.parametrize(
    ("file", "model"),
    [
        ("rife47.pth", "4.7"),
        ("rife49.pth", "4.9"),
        ("rife417.pth", "4.17"),
        ("rife426.pth", "4.26"),
        ("sudo_rife4_269.662_testV1_scale1.pth", "sudo_rife4_269.662_testV1_scale1.pth"),
    ],
)
def test_checkpoint_becomes_the_version_it_is_called_by(file: str, model: str) -> None:
    assert migrated(rife_vfi(ckpt_name=file))["2_RIFELoadModel"]["inputs"]["model"] == model


@pytest.mark.parametrize(
    ("file", "ensemble", "quality"),
    [
        ("rife49.pth", True, "better"),
        ("rife49.pth", False, "fast"),
        ("rife426.pth", True, "fast"),  # RIFE VFI turns it off itself
    ],
)
def test_ensemble_becomes_better_quality(file: str, ensemble: bool, quality: str) -> None:
    new = migrated(rife_vfi(ckpt_name=file, ensemble=ensemble))
    assert new["2"]["inputs"]["quality"] == quality


def test_two_nodes_with_one_checkpoint_share_a_loader() -> None:
    workflow = rife_vfi()
    workflow["4"] = copy.deepcopy(workflow["2"])
    new = migrated(workflow)
    assert new["2"]["inputs"]["model"] == new["4"]["inputs"]["model"]
    assert [node["class_type"] for node in new.values()].count("RIFELoadModel") == 1


def test_skipped_pairs_become_cuts_and_their_list_goes() -> None:
    workflow = rife_vfi(optional_interpolation_states=["5", 0])
    workflow["5"] = {
        "class_type": "Make Interpolation State List",
        "inputs": {"frame_indices": "3, 10", "is_skip_list": True},
    }
    new = migrated(workflow)
    assert (new["2"]["inputs"]["cuts"], new["2"]["inputs"]["at_cut"]) == ("4, 11", "hold")
    assert "5" not in new


def test_list_of_pairs_to_interpolate_is_left_and_explained() -> None:
    workflow = rife_vfi(optional_interpolation_states=["5", 0])
    workflow["5"] = {
        "class_type": "Make Interpolation State List",
        "inputs": {"frame_indices": "3", "is_skip_list": False},
    }
    new, report = migrate_workflow(workflow)
    assert new == workflow
    assert "List the pairs to skip instead" in report.left[0]


@pytest.mark.parametrize("multiplier", [1, 65, 2.5, "many", True, None, 1e400])
def test_multiplier_that_multi_cannot_be_is_left_and_explained(multiplier: int) -> None:
    new, report = migrate_workflow(rife_vfi(multiplier=multiplier))
    assert new["2"]["class_type"] == "RIFE VFI"
    assert f"multiplier is '{multiplier}', and multi goes from 2 to 64" in report.left[0]


def test_connected_multiplier_stays_connected() -> None:
    workflow = rife_vfi(multiplier=["9", 0])
    workflow["9"] = {"class_type": "VFI FloatToInt", "inputs": {"float": 2.0}}
    new, report = migrate_workflow(workflow)
    assert new["2"]["inputs"]["mode.multi"] == ["9", 0]
    assert any("VFI FloatToInt" in note and "mode speed ramp" in note for note in report.notes)


def test_list_of_multipliers_is_left_and_explained() -> None:
    workflow = rife_vfi(multiplier={"__value__": [1, 1, 4]})
    new, report = migrate_workflow(workflow)
    assert new == workflow
    assert "Use RIFE Interpolate in mode speed ramp" in report.left[0]


# --- ComfyUI's own -------------------------------------------------------------------------------


def test_core_nodes_become_ours() -> None:
    new = migrated(core())
    assert new["2"]["class_type"] == "RIFELoadModel"
    assert new["2"]["inputs"]["model"] == "4.26"
    assert new["3"]["class_type"] == "RIFEInterpolate"
    assert new["3"]["inputs"]["model"] == ["2", 0]
    assert new["3"]["inputs"]["images"] == ["1", 0]
    assert new["3"]["inputs"]["mode.multi"] == 4


def test_film_is_left_and_explained() -> None:
    workflow = core("film_net_fp16.safetensors")
    new, report = migrate_workflow(workflow)
    assert new == workflow
    assert ["FILM" in line for line in report.left] == [True, False]
    assert "does not come from a loader that was switched" in report.left[1]


def test_model_that_another_node_needs_is_left_and_explained() -> None:
    workflow = core()
    workflow["9"] = {"class_type": "Somebody's", "inputs": {"model": ["2", 0]}}
    new, report = migrate_workflow(workflow)
    assert new == workflow
    assert "its model also goes to Somebody's" in report.left[0]


def test_other_methods_are_named() -> None:
    workflow = {"1": {"class_type": "FILM VFI", "inputs": {}}}
    assert report_on(workflow).left == [
        "node 1, FILM VFI: another method, of which this pack has none."
    ]


# --- the rate of the source ----------------------------------------------------------------------


def with_source(kind: str, **inputs: object) -> NodeData:
    """RIFE VFI after a node "1" of a kind, and a clip "0" for it."""
    workflow = rife_vfi()
    workflow["0"] = {"class_type": "GetVideoComponents", "inputs": {"video": ["8", 0]}}
    workflow["1"] = {"class_type": kind, "inputs": inputs}
    return workflow


def test_rate_comes_from_the_video_that_the_images_are_of() -> None:
    new, report = migrate_workflow(with_source("GetVideoComponents", video=["8", 0]))
    assert new["2"]["inputs"]["source_fps"] == ["1", 2]
    assert not any("source_fps" in note for note in report.notes)


def test_rate_is_found_behind_a_node_that_scales() -> None:
    new = migrated(with_source("ImageScale", image=["0", 0], width=640))
    assert new["2"]["inputs"]["source_fps"] == ["0", 2]


@pytest.mark.parametrize("kind", ["LoadImage", "SelectEveryNth"])
def test_rate_that_is_not_known_is_asked_for(kind: str) -> None:
    new, report = migrate_workflow(with_source(kind, image=["0", 0], images=["0", 0]))
    assert new["2"]["inputs"]["source_fps"] == 0.0
    assert any("type the clip's rate in source_fps" in note for note in report.notes)


@pytest.mark.parametrize("first_comes_first", [True, False])
def test_second_of_two_nodes_gets_the_rate_that_the_first_gives(first_comes_first: bool) -> None:
    first = with_source("GetVideoComponents")
    second = {"9": copy.deepcopy(first["2"])}
    second["9"]["inputs"]["frames"] = ["2", 0]
    new = migrated(first | second if first_comes_first else second | first)
    assert new["2"]["inputs"]["source_fps"] == ["1", 2]
    assert new["9"]["inputs"]["source_fps"] == ["2", 1]


@pytest.mark.parametrize("data", [[], {}, {"a": 1}, "text", {"1": {"inputs": {}}}])
def test_what_is_no_workflow_is_refused(data: object) -> None:
    with pytest.raises(InputError, match="workflow: this is not one that ComfyUI saved"):
        migrate_workflow(data)


# --- the form of the front end -------------------------------------------------------------------


SOURCE = Form("LoadImage", (), (("image", "COMBO", "a.png"),), (("IMAGE", "IMAGE"),))
TARGET = Form("SaveImage", (("images", "IMAGE"),), (), ())
NUMBER = Form("PrimitiveInt", (), (("value", "INT", 2),), (("INT", "INT"),))


def ui_rife_vfi() -> NodeData:
    """Frames and a multiplier -> RIFE VFI of 2024, without its later widgets -> save."""
    nodes = [
        ui_node(1, SOURCE, "a.png"),
        ui_node(2, RIFE_VFI, "rife49.pth", 10, 2, True, False, 0.5, frames=1, multiplier=3),
        ui_node(3, TARGET, images=2),
        ui_node(4, NUMBER, 3),
    ]
    links = [(1, 1, 0, 2, 0, "IMAGE"), (2, 2, 0, 3, 0, "IMAGE"), (3, 4, 0, 2, 4, "INT")]
    return ui_workflow(nodes, links)


def test_saved_workflow_is_switched_with_its_links() -> None:
    new = migrated(ui_rife_vfi())
    assert_sound(ui_rife_vfi())
    assert_sound(new)
    assert [node["type"] for node in new["nodes"]] == [
        "LoadImage",
        "RIFEInterpolate",
        "SaveImage",
        "PrimitiveInt",
        "RIFELoadModel",
    ]
    assert sources_of(new, 2) == {"images": (1, 0), "model": (5, 0), "mode.multi": (4, 0)}
    assert sources_of(new, 3) == {"images": (2, 0)}
    assert values_of(new, 2)["scale"] == "0.5"
    assert values_of(new, 5) == {
        "model": "4.9",
        "precision": "fp32",
        "torch_compile": False,
        "evaluation": "auto",
        "device": "auto",
    }
    assert (new["last_node_id"], new["last_link_id"]) == (5, 4)


def test_new_loader_stands_left_of_the_node() -> None:
    new = migrated(ui_rife_vfi())
    assert new["nodes"][4]["pos"] == [190, 100]
    assert new["nodes"][1]["pos"] == [500, 100]


def test_skip_list_of_a_saved_workflow_becomes_cuts() -> None:
    nodes = [
        ui_node(1, SOURCE, "a.png"),
        ui_node(
            2,
            RIFE_VFI,
            *RIFE_VFI.defaults.values(),
            frames=1,
            optional_interpolation_states=2,
        ),
        ui_node(3, STATE_LIST, "1,2", True),
    ]
    links = [(1, 1, 0, 2, 0, "IMAGE"), (2, 3, 0, 2, 1, "INTERPOLATION_STATES")]
    new = migrated(ui_workflow(nodes, links))
    assert_sound(new)
    assert values_of(new, 2)["cuts"] == "2, 3"
    assert [node["id"] for node in new["nodes"]] == [1, 2, 4]


def ui_core(model: str) -> tuple[list[NodeData], list[tuple[Any, ...]]]:
    reroute = Form("Reroute", (("", "*"),), (), (("", "INTERP_MODEL"),))
    nodes = [
        ui_node(1, SOURCE, "a.png"),
        ui_node(2, CORE_LOADER, model),
        ui_node(3, reroute, **{"": 1}),
        ui_node(4, CORE_INTERPOLATE, 2, interp_model=2, images=3),
    ]
    links = [
        (1, 2, 0, 3, 0, "INTERP_MODEL"),
        (2, 3, 0, 4, 0, "INTERP_MODEL"),
        (3, 1, 0, 4, 1, "IMAGE"),
    ]
    return nodes, links


def test_core_nodes_are_found_behind_a_reroute() -> None:
    new = migrated(ui_workflow(*ui_core("flownet_v4.25.pkl")))
    assert [node["type"] for node in new["nodes"][1:]] == [
        "RIFELoadModel",
        "Reroute",
        "RIFEInterpolate",
    ]
    assert sources_of(new, 4) == {"model": (3, 0), "images": (1, 0)}
    assert as_object(new["links"][0]) == dict(
        zip(LINK_FIELDS, (1, 2, 0, 3, 0, "RIFE_MODEL"), strict=True)
    )
    assert values_of(new, 2)["model"] == "4.25"


def test_saved_rate_is_connected_behind_a_reroute() -> None:
    video = Form("GetVideoComponents", (), (), tuple((n, n) for n in ("IMAGE", "AUDIO", "FLOAT")))
    reroute = Form("Reroute", (("", "*"),), (), (("", "IMAGE"),))
    nodes = [
        ui_node(1, video),
        ui_node(2, reroute, **{"": 1}),
        ui_node(3, RIFE_VFI, *RIFE_VFI.defaults.values(), frames=2),
    ]
    links = [(1, 1, 0, 2, 0, "*"), (2, 2, 0, 3, 0, "IMAGE")]
    new = migrated(ui_workflow(nodes, links))
    assert sources_of(new, 3) == {"model": (4, 0), "images": (2, 0), "source_fps": (1, 2)}
    assert values_of(new, 3)["source_fps"] == 0.0


def subgraph(model: str) -> NodeData:
    """A workflow with one subgraph, whose input is the model's name and the multiplier."""
    nodes = [
        ui_node(1, CORE_LOADER, model, model_name=1),
        ui_node(2, CORE_INTERPOLATE, 5, interp_model=2, images=3, multiplier=4),
    ]
    links = [
        (1, -10, 0, 1, 0, "COMBO"),
        (2, 1, 0, 2, 0, "INTERP_MODEL"),
        (3, -10, 1, 2, 1, "IMAGE"),
        (4, -10, 2, 2, 2, "INT"),
        (5, 2, 0, -20, 0, "IMAGE"),
    ]
    inner = ui_workflow(nodes, links)
    inner["links"] = [dict(zip(LINK_FIELDS, link, strict=True)) for link in links]
    inner |= {"id": "smooth", "inputNode": {"id": -10}, "outputNode": {"id": -20}}
    inner["inputs"] = [
        {"name": name, "linkIds": [number]}
        for name, number in (("model_name", 1), ("images", 3), ("value", 4))
    ]
    inner["outputs"] = [{"name": "IMAGE", "linkIds": [5]}]
    inner["state"] = {"lastNodeId": 2, "lastLinkId": 5}
    used = Form("smooth", (("images", "IMAGE"),), (), (("IMAGE", "IMAGE"),))
    outer = ui_node(7, used)
    outer["properties"] = {"proxyWidgets": [["1", "model_name"], ["2", "multiplier"]]}
    return {"nodes": [outer], "links": [], "definitions": {"subgraphs": [inner]}}


def test_nodes_in_a_subgraph_are_switched_and_its_widgets_renamed() -> None:
    new = migrated(subgraph("rife_v4.25.safetensors"))
    assert_sound(new)
    inner = new["definitions"]["subgraphs"][0]
    assert values_of(inner, 1)["model"] == "4.25"  # what a subgraph's node shows is stored here
    assert values_of(inner, 2)["mode.multi"] == 5
    assert sources_of(inner, 1) == {"model": (-10, 0)}
    assert sources_of(inner, 2) == {"model": (1, 0), "images": (-10, 1), "mode.multi": (-10, 2)}
    for slot in inner["inputs"]:
        (number,) = slot["linkIds"]
        assert number in {link["id"] for link in inner["links"]}
    assert new["nodes"][0]["properties"]["proxyWidgets"] == [["1", "model"], ["2", "mode.multi"]]


def test_film_in_a_subgraph_is_left_and_explained() -> None:
    workflow = subgraph("film_net_fp16.safetensors")
    new, report = migrate_workflow(workflow)
    assert new == workflow
    assert "FILM" in report.left[0]


# --- the command ---------------------------------------------------------------------------------


def test_new_workflow_is_written_beside_the_old_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "wan.json"
    old.write_text(json.dumps(rife_vfi()), encoding="utf-8")
    assert script.main([str(old)]) == 0
    assert json.loads((tmp_path / "wan_rife.json").read_text()) == migrated(rife_vfi())
    assert json.loads(old.read_text()) == rife_vfi()
    assert "done: node 2: RIFE VFI is RIFEInterpolate" in capsys.readouterr().out


def test_existing_workflow_is_not_touched_unless_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = tmp_path / "wan.json", tmp_path / "new.json"
    old.write_text(json.dumps(rife_vfi()))
    new.write_text("mine")
    assert script.main([str(old), "--output", str(new)]) == 2
    assert new.read_text() == "mine"
    assert "exists already" in capsys.readouterr().err
    assert script.main([str(old), "--output", str(new), "--overwrite"]) == 0


def test_what_was_left_is_said_and_shown_in_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "film.json"
    old.write_text(json.dumps(core("film_net_fp16.safetensors")))
    assert script.main([str(old)]) == 1
    assert "LEFT: node 2, FrameInterpolationModelLoader" in capsys.readouterr().out
    assert not (tmp_path / "film_rife.json").exists()


def test_file_that_is_no_json_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "picture.json"
    path.write_bytes(b"\x89PNG")
    assert script.main([str(path)]) == 2
    assert "is no workflow in JSON" in capsys.readouterr().err
