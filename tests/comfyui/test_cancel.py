"""A cancel is heard before two more frames are made, by every node; nothing counts seconds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.clips import moving_pictures, write_clip
from tests.helpers.comfy_server import Comfy, Workflow
from tests.helpers.networks import save_enhancer
from tests.helpers.workflows import (
    NO_CUTS,
    blank,
    everything_in,
    interpolate,
    load,
    node,
    png,
    several,
    smooth_pair,
    timed,
    video,
)

MOST_AFTER = 2
# Four frames that wait, one in the making, and one that the rule for rates looks at.
READ_AHEAD = 6
NUM_PICTURES = 40


@pytest.fixture(autouse=True, scope="module")
def files(comfy: Comfy) -> None:
    save_enhancer(comfy.models / "frame_interpolation" / "cleaner.pkl")
    write_clip(comfy.input / "cancelled.mp4", moving_pictures(20, width=96, height=64))


def cancel_in(kind: str, used: str, number: int, path: Path) -> dict[str, Any]:
    """A node that passes on what node ``used`` gives; its ``number``-th use cancels the prompt."""
    return node(f"CancelIn{kind}", used=[used, 0], number=number, path=str(path))


def uses_until_cancelled(comfy: Comfy, workflow: Workflow, class_type: str, path: Path) -> int:
    """Run a workflow that is cancelled in a node; return how often what it uses was used."""
    ended = comfy.run(workflow)
    assert ended.messages["execution_interrupted"]["node_type"] == class_type
    return int(path.read_text())


def assert_next_prompt_runs(comfy: Comfy) -> None:
    assert comfy.run({**smooth_pair(), "png": png("after_cancel/RIFE", ["smooth", 0])}).succeeded


# --- while the network works ---------------------------------------------------------------------

# Eight moments of each pair, so that a pair has many.
MODES = {
    "multiplier": timed("multiplier", multi=8),
    "target fps": timed("target fps", target_fps=64.0),
    "speed ramp": timed("speed ramp", ramp="0:1 1:0.5", target_fps=64.0),
}
MAKES_FILES: Mapping[str, Mapping[str, Any]] = {
    "RIFEInterpolateVideo": {**MODES["multiplier"], "source_fps": 0.0, "scale": "1"},
    "SAFAEnhanceVideo": {},
}


@pytest.mark.parametrize("number", [1, 5, 10])
@pytest.mark.parametrize("mode", MODES)
def test_batch_that_is_interpolated(comfy: Comfy, tmp_path: Path, mode: str, number: int) -> None:
    path = tmp_path / "count"
    workflow = {
        **several("first", "second", "first", "second"),
        "loaded": load(),
        "model": cancel_in("Model", "loaded", number, path),
        "out": interpolate(["clip", 0], fps=8.0, **MODES[mode]),
        "png": png(f"cancelled_{mode}/RIFE", ["out", 0]),
    }
    made = uses_until_cancelled(comfy, workflow, "RIFEInterpolate", path)
    assert number <= made <= number + MOST_AFTER
    assert everything_in(comfy.output / f"cancelled_{mode}") == []
    assert_next_prompt_runs(comfy)


def test_batch_that_is_enhanced(comfy: Comfy, tmp_path: Path) -> None:
    path = tmp_path / "count"
    workflow = {
        **several("first", "second", "first", "second", "first", "second"),
        "loaded": node("SAFALoadModel", model="cleaner.pkl", precision="fp32"),
        "net": cancel_in("Enhancer", "loaded", 2, path),
        "out": node("SAFAEnhance", model=["net", 0], images=["clip", 0], **NO_CUTS),
        "png": png("cancelled_enhance/RIFE", ["out", 0]),
    }
    made = uses_until_cancelled(comfy, workflow, "SAFAEnhance", path)
    assert 2 <= made <= 2 + MOST_AFTER
    assert everything_in(comfy.output / "cancelled_enhance") == []
    assert_next_prompt_runs(comfy)


@pytest.mark.parametrize("number", [1, 5, 10])
@pytest.mark.parametrize("class_type", MAKES_FILES)
def test_video(comfy: Comfy, tmp_path: Path, class_type: str, number: int) -> None:
    path = tmp_path / "count"
    prefix = f"cancelled_{class_type}"
    shared = {"filename_prefix": f"{prefix}/RIFE", "preset": "share", "crf": 20, "audio": "copy"}
    settings = {**MAKES_FILES[class_type], **shared, **NO_CUTS}
    workflow = {
        "rife": load(),
        "enhancer": node("SAFALoadModel", model="cleaner.pkl", precision="fp32"),
        "video": node("LoadVideo", file="cancelled.mp4"),
    }
    if class_type == "SAFAEnhanceVideo":
        workflow["net"] = cancel_in("Enhancer", "enhancer", number, path)
        network = {"model": ["net", 0]}
    else:
        workflow["net"] = cancel_in("Model", "rife", number, path)
        network = {"model": ["net", 0]}
    workflow["out"] = node(class_type, video=["video", 0], **network, **settings)
    made = uses_until_cancelled(comfy, workflow, class_type, path)
    assert number <= made <= number + MOST_AFTER
    assert everything_in(comfy.output / prefix) == []
    assert_next_prompt_runs(comfy)


# --- while pictures are only read ----------------------------------------------------------------


def taking(class_type: str) -> Workflow:
    """A workflow in which node "out" takes pictures, one by one, from node "images"."""
    images = ["images", 0]
    clips = {"clips.clip_1": images, "clips.clip_2": images}
    rates = {"before_fps": 8.0, "after_fps": 8.0, "layout": "side-by-side"}
    nodes = {
        "RIFEInterpolate": interpolate(images),
        "JoinClipsRIFE": node(class_type, overlap=0, **clips),
        "DetectCutsRIFE": node(class_type, images=images, scene_threshold=0.2),
        "MontageRIFE": node(class_type, before=images, after=images, **rates),
        "ExportPNGRIFE": png("cancelled_taking/RIFE", images),
        "ExportVideoRIFE": video("cancelled_taking/RIFE", images),
    }
    shown = node("PreviewAny", source=["out", 0])
    return {"model": load(), "blank": blank(NUM_PICTURES), "out": nodes[class_type], "shown": shown}


@pytest.mark.parametrize(
    "class_type",
    [
        "RIFEInterpolate",
        "JoinClipsRIFE",
        "DetectCutsRIFE",
        "MontageRIFE",
        "ExportPNGRIFE",
        "ExportVideoRIFE",
    ],
)
def test_pictures_that_are_taken(comfy: Comfy, tmp_path: Path, class_type: str) -> None:
    path = tmp_path / "count"
    workflow = {**taking(class_type), "images": cancel_in("Images", "blank", 5, path)}
    taken = uses_until_cancelled(comfy, workflow, class_type, path)
    # The exports read in a thread, which may be that far ahead when the cancel is heard.
    most_after = READ_AHEAD if class_type.startswith("Export") else MOST_AFTER
    assert 5 <= taken <= 5 + most_after
    assert everything_in(comfy.output / "cancelled_taking") == []
    assert_next_prompt_runs(comfy)


def test_source_of_a_video_that_is_read_ahead(comfy: Comfy, tmp_path: Path) -> None:
    path = tmp_path / "count"
    speed = {"mode": "speed", "mode.speed": 100.0, "mode.target_fps": 0.0, "scale": "1"}
    output = {"filename_prefix": "cancelled_ahead/RIFE", "preset": "share", "crf": 20}
    workflow = {
        "model": load(),
        "blank": blank(10 * NUM_PICTURES),
        "images": cancel_in("Images", "blank", 10, path),
        "video": node("CreateVideo", images=["images", 0], fps=24.0),
        "out": node(
            "RIFEInterpolateVideo",
            model=["model", 0],
            video=["video", 0],
            audio="none",
            source_fps=0.0,
            **speed,
            **output,
            **NO_CUTS,
        ),
    }
    taken = uses_until_cancelled(comfy, workflow, "RIFEInterpolateVideo", path)
    assert 10 <= taken < 20  # a thread reads a few ahead
    assert everything_in(comfy.output / "cancelled_ahead") == []
