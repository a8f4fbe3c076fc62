"""The workflows to start from: ComfyUI lists them, knows their nodes, and runs them."""

from __future__ import annotations

import json
import re
import sys
import urllib.parse
import urllib.request
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.clips import (
    count_frames,
    frame_rate,
    moving_pictures,
    sound_duration,
    write_clip,
)
from tests.helpers.comfy_server import PACK_FOLDER, ROOT, Comfy
from tests.helpers.networks import save_enhancer
from tests.helpers.ui_form import ONLY_SHOWN, Schemas, to_api
from tests.helpers.workflows import shown_files

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EXAMPLES = sorted((ROOT / "example_workflows").glob("*.json"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NUM_FRAMES, RATE = 12, 24  # of every clip that an example is run on

# Example -> frames and rate of the video that it makes of such clips.
MADE = {
    "Slow motion from two images": (17, 24),
    "Wan 16 to 32 fps": (23, 32),
    "Wan 16 to 60 fps": (45, 60),
    "LTX and Hunyuan 24 to 60 fps": (30, 60),
    "Long video to video": (30, 60),
    "Seamless loop": (24, 48),
    "Join clips": (47, 48),
    "Speed ramp": (17, 30),  # 0.5 s take 0.58 s while the speed falls evenly from 1
    "Keep text and logos still": (23, 48),
    "Compare two checkpoints": (23, 48),
    "Enhance then interpolate": (23, 32),
}
WITH_SOUND = {
    "Wan 16 to 32 fps",
    "Enhance then interpolate",
    "LTX and Hunyuan 24 to 60 fps",
    "Long video to video",
    "Keep text and logos still",
}


@pytest.fixture(scope="module")
def schemas(comfy: Comfy) -> Schemas:
    return comfy.get("/object_info")


@pytest.fixture(scope="module")
def clip(comfy: Comfy) -> str:
    """The name of a clip with sound in ComfyUI's input folder."""
    pictures = moving_pictures(NUM_FRAMES, width=96)
    return write_clip(comfy.input / "example.mp4", pictures, str(RATE), sound="aac").name


@pytest.fixture(autouse=True, scope="module")
def weights(comfy: Comfy) -> Path:
    """A small SAFA, beside the small RIFE."""
    return save_enhancer(comfy.models / "frame_interpolation" / "cleaner.pkl")


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def with_small_inputs(workflow: dict[str, Any], clip: str) -> dict[str, Any]:
    """Put the tests' checkpoint, clip and pictures in place of the user's."""
    pictures = cycle(["frame_0.png", "frame_1.png"])
    for data in workflow.values():
        match data["class_type"]:
            case "RIFELoadModel":
                data["inputs"]["model"] = "rife_tiny.pth"
            case "SAFALoadModel":
                data["inputs"]["model"] = "cleaner.pkl"
            case "LoadVideo":
                data["inputs"]["file"] = clip
            case "LoadImage":
                data["inputs"]["image"] = next(pictures)
    return workflow


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_makes_its_video(comfy: Comfy, schemas: Schemas, clip: str, path: Path) -> None:
    ended = comfy.run(with_small_inputs(to_api(read(path), schemas), clip))
    assert ended.succeeded, ended.messages
    (shown,) = (out for out in ended.outputs.values() if out.get("animated") == [True])
    (video,) = shown_files(comfy, shown)
    assert (count_frames(video), frame_rate(video)) == MADE[path.stem]
    assert (sound_duration(video) > 0) == (path.stem in WITH_SOUND)


def test_examples_are_listed_with_a_small_picture_each(comfy: Comfy) -> None:
    names = comfy.get("/workflow_templates")[PACK_FOLDER]
    assert sorted(names) == [path.stem for path in EXAMPLES]
    for name in names:
        address = comfy.address(f"/api/workflow_templates/{PACK_FOLDER}/{urllib.parse.quote(name)}")
        with urllib.request.urlopen(f"{address}.jpg") as picture:
            assert 0 < len(picture.read()) < 40_000


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_needs_no_other_pack(schemas: Schemas, path: Path) -> None:
    types = {data["type"] for data in read(path)["nodes"]} - ONLY_SHOWN
    assert types <= set(schemas)
    origins = {schemas[type_]["python_module"].split(".")[0] for type_ in types}
    assert origins <= {"nodes", "comfy_extras", "custom_nodes"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_nodes_name_their_pack_for_those_who_lack_it(path: Path) -> None:
    workflow = read(path)
    subgraphs = workflow.get("definitions", {}).get("subgraphs", [])
    ours = [
        data
        for graph in (workflow, *subgraphs)
        for data in graph["nodes"]
        if re.search("^(RIFE|SAFA)|RIFE$", data["type"])
    ]
    assert ours
    assert {data["properties"]["cnr_id"] for data in ours} == {PROJECT["name"]}
