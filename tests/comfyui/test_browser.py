"""What a person does in the front end: open a template, run it, drop files of ours on the canvas.

Each is done on the classic canvas and on Nodes 2.0.

Needs node, Chromium, and playwright-core (``npm install playwright-core``, found through NODE_PATH).
COMFYUI_FRONTEND may name the folder of another front end than the one that ComfyUI comes with.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.comfyui.conftest import serve
from tests.comfyui.test_examples import EXAMPLES, read, with_small_inputs
from tests.helpers.clips import moving_pictures, sound_duration, write_clip
from tests.helpers.comfy_server import PACK_FOLDER, ROOT, Comfy
from tests.helpers.ui_form import to_api
from tests.helpers.workflows import PAIR, behind_slider, png, shown_files

SCRIPT = Path(__file__).with_name("browser.cjs")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ADDED_BY_THE_FRONT_END = {"upload", "video-preview"}  # widgets that the server does not know
(TWO_IMAGES,) = (path for path in EXAMPLES if path.stem.endswith("from two images"))
(SMOOTH,) = (path for path in EXAMPLES if path.stem.endswith("Any clip to 60 fps"))
(WITH_SOUND,) = (path for path in EXAMPLES if path.stem.endswith("Seamless loop"))
(VIDEO_TO_VIDEO,) = (path for path in EXAMPLES if path.stem.endswith("Slow motion with sound"))

PICTURES = moving_pictures(6, width=96, height=64)

Browse = Callable[..., Any]


@pytest.fixture(scope="module", params=["pinned", "newer"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Comfy]:
    """A server with each of the front ends."""
    if request.param == "pinned":
        yield request.getfixturevalue("comfy")
    elif folder := os.environ.get("COMFYUI_FRONTEND"):
        yield from serve(tmp_path_factory.mktemp("newer"), "--front-end-root", folder)
    else:
        pytest.skip("COMFYUI_FRONTEND names no other front end")


@pytest.fixture(params=[False, True], ids=["classic", "nodes 2.0"])
def nodes_are_elements(request: pytest.FixtureRequest) -> bool:
    """Whether nodes are drawn as elements of the page (Nodes 2.0) or on the classic canvas."""
    return request.param


@pytest.fixture
def browse(server: Comfy, nodes_are_elements: bool, tmp_path: Path) -> Browse:
    """Do a command of the script on the server's page; returns what that found."""
    node = shutil.which("node")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if node is None or browser is None:
        pytest.skip("needs node and Chromium on PATH")
    known = subprocess.run([node, "-e", "require('playwright-core')"], capture_output=True)
    if known.returncode:
        pytest.skip("needs playwright-core: npm install it, and set NODE_PATH to its node_modules")
    settings = {
        "Comfy.TutorialCompleted": True,  # else templates open by themselves
        "Comfy.VueNodes.Enabled": nodes_are_elements,
    }
    server.post("/settings", settings)

    def command(name: str, **arguments: object) -> Any:
        job = {"browser": browser, "url": server.address("/"), "pictures": str(tmp_path)}
        done = subprocess.run(
            [node, SCRIPT, json.dumps({**job, "command": name, **arguments})],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{done.stderr}\nThere is a picture of it in {tmp_path}"
        return json.loads(done.stdout)

    return command


@pytest.fixture
def template_inputs(server: Comfy) -> Iterator[None]:
    """The files that templates name, where a person would put them, or the node the model."""
    for name, picture in zip(("first.png", "last.png"), PICTURES[:2], strict=True):
        Image.fromarray(picture).save(server.input / name)
    write_clip(server.input / "clip.mp4", PICTURES, sound="aac")
    model = server.models / "frame_interpolation" / "rife_v4.25.safetensors"
    model.write_bytes(b"")  # or the front end would complain that it is missing
    yield
    model.unlink()


@pytest.mark.usefixtures("template_inputs")
@pytest.mark.parametrize(
    ("template", "loader", "video"),
    [
        (SMOOTH.stem, "RIFESmooth", "smooth"),
        (TWO_IMAGES.stem, "RIFELoadModel", "slow_motion"),
        (VIDEO_TO_VIDEO.stem, "RIFELoadModel", "slow_motion"),
    ],
    ids=["RIFESmooth", "ExportVideoRIFE", "RIFEInterpolateVideo"],
)
def test_template_is_opened_and_run_and_its_video_plays(
    browse: Browse, nodes_are_elements: bool, template: str, loader: str, video: str
) -> None:
    widgets = [{"type": loader, "name": "model", "value": "rife_tiny.pth"}]
    seen = browse("run_template", pack=PACK_FOLDER, template=template, widgets=widgets, video=video)
    assert seen["complaints"] == []
    assert seen["size"] == [96, 64]
    line = seen["lines"][-1]
    assert re.match(
        rf"video/{video}_\d+_\.mp4 · (\d+ → )?\d+ frames · .* fps · .* s of video", line
    )
    assert bool(seen["drawn"]) == nodes_are_elements


def test_templates_are_sent_to_the_server_as_the_host_tests_send_them(
    server: Comfy, browse: Browse
) -> None:
    schemas = server.get("/object_info")
    prompts = browse("convert", files=list(map(str, EXAMPLES)))
    for path, prompt in zip(EXAMPLES, prompts, strict=True):
        sent = {
            id_: {
                "class_type": node["class_type"],
                "inputs": {
                    name: value
                    for name, value in node["inputs"].items()
                    if name not in ADDED_BY_THE_FRONT_END
                },
            }
            for id_, node in prompt.items()
        }
        assert sent == to_api(read(path), schemas), path.stem


def test_compared_frames_are_seen(server: Comfy, browse: Browse, nodes_are_elements: bool) -> None:
    """Both sliders, ComfyUI's and that of the classic canvas, have the second picture below the first."""
    workflow = {**PAIR, "look": behind_slider(before=["first", 0], after=["second", 0])}
    shown, sent = browse("compare", workflow=workflow, has_slider=nodes_are_elements)
    ran, *_ = server.get("/history?max_items=1").values()
    look = ran["outputs"]["look"]
    assert shown == [file["filename"] for file in (*look["b_images"], *look["a_images"])]
    assert not {"slider", "rife_slider"} & set(sent)


def test_help_page_of_each_node_has_its_picture(server: Comfy, browse: Browse) -> None:
    pages = sorted((ROOT / "web" / "docs").glob("*.md"))
    titles = {page.stem: heading(page) for page in pages}
    shown = browse("help", titles=titles)
    assert shown.keys() == titles.keys()
    assert all(widths and all(widths) for widths in shown.values()), shown


def heading(page: Path) -> str:
    return page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")


def make_png(comfy: Comfy, clip: str) -> tuple[Path, Path]:
    """Write a PNG of ExportPNGRIFE; return it and the workflow that it holds."""
    workflow = with_small_inputs(to_api(read(WITH_SOUND), comfy.get("/object_info")), clip)
    (export,) = (id_ for id_, node in workflow.items() if "crf" in node["inputs"])
    workflow[export] = png("dropped/png", workflow[export]["inputs"]["images"])
    return run(comfy, workflow, export, WITH_SOUND), WITH_SOUND


def make_mp4(comfy: Comfy, clip: str) -> tuple[Path, Path]:
    """Write an MP4 of ExportVideoRIFE, with sound."""
    workflow = with_small_inputs(to_api(read(WITH_SOUND), comfy.get("/object_info")), clip)
    (export,) = (id_ for id_, node in workflow.items() if "crf" in node["inputs"])
    return run(comfy, workflow, export, WITH_SOUND), WITH_SOUND


def make_webm(comfy: Comfy, clip: str) -> tuple[Path, Path]:
    """Write a WebM of RIFEInterpolateVideo, with sound."""
    workflow = with_small_inputs(to_api(read(VIDEO_TO_VIDEO), comfy.get("/object_info")), clip)
    (export,) = (id_ for id_, node in workflow.items() if "crf" in node["inputs"])
    workflow[export]["inputs"]["preset"] = "webm"
    return run(comfy, workflow, export, VIDEO_TO_VIDEO), VIDEO_TO_VIDEO


def run(comfy: Comfy, workflow: dict[str, Any], export: str, holds: Path) -> Path:
    """Run a workflow as if ``holds`` were on the canvas; return the first file of the export."""
    ended = comfy.run(workflow, extra_pnginfo={"workflow": read(holds)})
    assert ended.succeeded, ended.messages
    return shown_files(comfy, ended.outputs[export])[0]


@pytest.mark.parametrize(
    ("make", "type_"),
    [(make_png, "image/png"), (make_mp4, "video/mp4"), (make_webm, "video/webm")],
    ids=["png", "mp4", "webm"],
)
def test_dropped_file_restores_its_graph(
    server: Comfy,
    browse: Browse,
    nodes_are_elements: bool,
    make: Callable[[Comfy, str], tuple[Path, Path]],
    type_: str,
) -> None:
    clip = write_clip(server.input / "dropped.mp4", moving_pictures(6), sound="aac")
    file, workflow = make(server, clip.name)
    if type_ != "image/png":
        assert sound_duration(file) > 0
    seen = browse("drop", file=str(file), type=type_)
    expected = [[str(node["id"]), node["type"]] for node in read(workflow)["nodes"]]
    assert sorted(seen["nodes"]) == sorted(expected)
    assert bool(seen["drawn"]) == nodes_are_elements
