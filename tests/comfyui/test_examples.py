"""The workflows to start from: ComfyUI lists them, knows their nodes, and runs them."""

from __future__ import annotations

import json
import re
import sys
import urllib.parse
import urllib.request
from io import BytesIO
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

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
    "01 Any clip to 60 fps": (30, 60),
    "02 Insert into your Wan workflow": (24, 48),
    "03 App to smooth a clip": (30, 60),
    "04 Slow motion from two images": (17, 24),
    "05 Slow motion with sound": (24, 24),
    "06 Speed ramp": (14, 24),  # 0.5 s take 0.58 s while the speed falls evenly from 1
    "07 Seamless loop": (24, 48),
    "08 Join clips": (47, 48),
    "09 Keep text and logos still": (24, 48),
    "10 Compare two checkpoints": (24, 48),
    "12 Enhance then interpolate": (23, 48),
}
WITHOUT_SOUND = {"04 Slow motion from two images", "06 Speed ramp"}
TO_PNG = "11 Frames to PNG"
SEARCHED = "RIFE frame interpolation "  # how every name begins


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
            case "RIFELoadModel" | "RIFESmooth":
                data["inputs"]["model"] = "rife_tiny.pth"
            case "SAFALoadModel":
                data["inputs"]["model"] = "cleaner.pkl"
            case "LoadVideo":
                data["inputs"]["file"] = clip
            case "LoadImage":
                data["inputs"]["image"] = next(pictures)
    return workflow


def title(path: Path) -> str:
    return path.stem.removeprefix(SEARCHED)


@pytest.mark.parametrize("name", MADE)
def test_example_makes_its_video(comfy: Comfy, schemas: Schemas, clip: str, name: str) -> None:
    (path,) = (path for path in EXAMPLES if title(path) == name)
    ended = comfy.run(with_small_inputs(to_api(read(path), schemas), clip))
    assert ended.succeeded, ended.messages
    (shown,) = (out for out in ended.outputs.values() if out.get("animated") == [True])
    (video,) = shown_files(comfy, shown)
    assert (count_frames(video), frame_rate(video)) == MADE[name]
    assert (sound_duration(video) > 0) == (name not in WITHOUT_SOUND)


def test_example_saves_its_frames(comfy: Comfy, schemas: Schemas, clip: str) -> None:
    (path,) = (path for path in EXAMPLES if title(path) == TO_PNG)
    ended = comfy.run(with_small_inputs(to_api(read(path), schemas), clip))
    assert ended.succeeded, ended.messages
    (folder,) = (comfy.output / "frames").iterdir()
    assert len(list(folder.glob("*.png"))) == 2 * NUM_FRAMES


def test_names_are_numbered_and_found_by_what_people_search_for() -> None:
    numbers = [title(path).split(" ")[0] for path in EXAMPLES]
    assert numbers == [f"{number:02}" for number in range(1, len(EXAMPLES) + 1)]
    assert {title(path) for path in EXAMPLES} == {*MADE, TO_PNG}


def test_examples_are_listed_with_a_small_picture_each(comfy: Comfy) -> None:
    names = comfy.get("/workflow_templates")[PACK_FOLDER]
    assert sorted(names) == [path.stem for path in EXAMPLES]
    for name in names:
        address = comfy.address(f"/api/workflow_templates/{PACK_FOLDER}/{urllib.parse.quote(name)}")
        with urllib.request.urlopen(f"{address}.jpg") as picture:
            content = picture.read()
        assert len(content) < 40_000
        width, height = Image.open(BytesIO(content)).size
        assert width == height


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


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_front_end_can_offer_the_model_that_a_node_names(path: Path) -> None:
    published = {
        source["file"]: re.sub("/resolve/[0-9a-f]{40}/", "/resolve/main/", source["url"])
        for model in json.loads((ROOT / "ckpts" / "catalog.json").read_text(encoding="utf-8"))
        for source in model["sources"]
        if "huggingface.co/Comfy-Org" in source.get("url", "")
    }
    named = [
        node for node in read(path)["nodes"] if node["type"] in {"RIFELoadModel", "RIFESmooth"}
    ]
    assert named
    for node in named:
        name = node["widgets_values"][0]
        offered = {"name": name, "url": published[name], "directory": "frame_interpolation"}
        assert node["properties"]["models"] == [offered]
