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
from tests.helpers.clips import (
    count_frames,
    frame_rate,
    moving_pictures,
    sound_duration,
    write_clip,
)
from tests.helpers.comfy_server import PACK_FOLDER, ROOT, Comfy
from tests.helpers.networks import save_enhancer
from tests.helpers.ui_form import to_api
from tests.helpers.workflows import (
    PAIR,
    behind_slider,
    load,
    node,
    png,
    refusal,
    shown_files,
    timed,
)

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
        # As a test before may have left it: it lists what is wrong with the graph that ComfyUI opens.
        "Comfy.RightSidePanel.IsOpen": False,
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


def test_list_of_models_tells_what_is_on_disk(server: Comfy, browse: Browse) -> None:
    folder = server.models / "frame_interpolation"
    came = folder / "rife_v4.25.pth"
    try:
        seen = browse(
            "list_models",
            choice="4.26 (23 MB download)",
            **{"from": str(folder / "rife_tiny.pth"), "file": str(came)},
        )
    finally:
        came.unlink(missing_ok=True)
    assert seen["first"] == "4.25 (recommended, 23 MB download)"
    own = seen["list"][: seen["list"].index(seen["first"])]
    assert {"broken.pth", "rife_tiny.pth"} <= set(own)
    assert seen["value"] == "4.26"
    assert seen["refreshed"] == "4.25 (recommended) ✓ on disk"
    assert seen["loaded"] == "rife_v4.25.pth (4.25) ✓ on disk"
    assert seen["complaints"] is None


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


def make_webp(comfy: Comfy, clip: str) -> tuple[Path, Path]:
    """Write an animated WebP of RIFEInterpolateVideo."""
    workflow = with_small_inputs(to_api(read(VIDEO_TO_VIDEO), comfy.get("/object_info")), clip)
    (export,) = (id_ for id_, node in workflow.items() if "crf" in node["inputs"])
    workflow[export]["inputs"]["preset"] = "webp"
    return run(comfy, workflow, export, VIDEO_TO_VIDEO), VIDEO_TO_VIDEO


def run(comfy: Comfy, workflow: dict[str, Any], export: str, holds: Path) -> Path:
    """Run a workflow as if ``holds`` were on the canvas; return the first file of the export."""
    ended = comfy.run(workflow, extra_pnginfo={"workflow": read(holds)})
    assert ended.succeeded, ended.messages
    return shown_files(comfy, ended.outputs[export])[0]


@pytest.mark.parametrize(
    ("make", "type_"),
    [
        (make_png, "image/png"),
        (make_mp4, "video/mp4"),
        (make_webm, "video/webm"),
        (make_webp, "image/webp"),
    ],
    ids=["png", "mp4", "webm", "webp"],
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
    if type_.startswith("video"):
        assert sound_duration(file) > 0
    seen = browse("drop", file=str(file), type=type_)
    expected = [[str(node["id"]), node["type"]] for node in read(workflow)["nodes"]]
    assert sorted(seen["nodes"]) == sorted(expected)
    assert bool(seen["drawn"]) == nodes_are_elements


# --- a new user's path ---------------------------------------------------------------------------


def test_three_actions_lead_from_an_empty_canvas_to_a_smooth_clip(
    server: Comfy, browse: Browse, tmp_path: Path
) -> None:
    clip = write_clip(
        tmp_path / "mine.mp4", moving_pictures(12, width=96, height=64), "24", sound="aac"
    )
    seen = browse("first_steps", file=str(clip), model="rife_tiny.pth", video="RIFE_")
    assert seen["complaints"] == []
    assert seen["size"] == [96, 64]
    ran, *_ = server.get("/history?max_items=1").values()
    (path,) = (path for out in ran["outputs"].values() for path in shown_files(server, out))
    assert (count_frames(path), frame_rate(path)) == (30, 60)  # half a second, as before
    assert sound_duration(path) == pytest.approx(0.5, abs=0.05)


# --- speed that survives a bypass ----------------------------------------------------------------

SOURCES = {
    "film": node("LoadVideo", file="bypassed.mp4"),
    "parts": node("GetVideoComponents", video=["film", 0]),
    "loaded": load(),
    "cleaner": node("SAFALoadModel", model="cleaner.pkl", precision="fp32"),
}
FILM, IMAGES, FPS, RIFE, SAFA = (
    ["film", 0],
    ["parts", 0],
    ["parts", 2],
    ["loaded", 0],
    ["cleaner", 0],
)
TO_FILE = {"filename_prefix": "bypassed/RIFE", "preset": "share", "crf": 20}
INTERPOLATED = {**timed("multiplier", multi=2), "scale": "1"}
RATES = {"before_fps": FPS, "after_fps": FPS}


def exported(images: list[Any], fps: object = 0.0) -> dict[str, Any]:
    return node("ExportVideoRIFE", images=images, fps=fps, **TO_FILE)


# What is bypassed, and the export behind it: by its frames and rate, or by its VIDEO.
BYPASSED = {
    "RIFEInterpolate, images": (
        node("RIFEInterpolate", model=RIFE, images=IMAGES, source_fps=FPS, **INTERPOLATED),
        exported(["out", 0], ["out", 1]),
    ),
    "RIFEInterpolate, video": (
        node("RIFEInterpolate", model=RIFE, images=FILM, source_fps=0.0, **INTERPOLATED),
        exported(["out", 3]),
    ),
    "RIFEInterpolateVideo": (
        node(
            "RIFEInterpolateVideo",
            model=RIFE,
            video=FILM,
            source_fps=0.0,
            audio="copy",
            **INTERPOLATED,
            **TO_FILE,
        ),
        exported(["out", 0]),
    ),
    "RIFESmooth": (
        node(
            "RIFESmooth",
            video=FILM,
            model="rife_tiny.pth",
            save=True,
            **timed("target fps", target_fps=60.0),
            **TO_FILE,
        ),
        exported(["out", 0]),
    ),
    "JoinClipsRIFE": (
        node("JoinClipsRIFE", overlap=0, **{"clips.clip_1": IMAGES}),
        exported(["out", 0], FPS),
    ),
    "MontageRIFE": (
        node("MontageRIFE", before=IMAGES, after=IMAGES, **RATES, layout="stacked"),
        exported(["out", 0], ["out", 1]),
    ),
    "DetectCutsRIFE": (
        node("DetectCutsRIFE", images=IMAGES, scene_threshold=0.2, fps=FPS),
        exported(["out", 2], FPS),
    ),
    "PreviewMotionRIFE": (
        node("PreviewMotionRIFE", model=RIFE, images=IMAGES, frame=0, timestep=0.5, scale="1"),
        exported(["out", 0], FPS),
    ),
    "ExportVideoRIFE": (
        node("ExportVideoRIFE", images=FILM, fps=0.0, **TO_FILE),
        exported(["out", 0]),
    ),
    "SAFAEnhance": (node("SAFAEnhance", model=SAFA, images=IMAGES), exported(["out", 0], FPS)),
    "SAFAEnhanceVideo": (
        node("SAFAEnhanceVideo", model=SAFA, video=FILM, audio="copy", **TO_FILE),
        exported(["out", 0]),
    ),
}


@pytest.mark.slow  # a page, and a run for each node with outputs that others take
def test_clip_keeps_its_speed_when_a_node_is_bypassed(server: Comfy, browse: Browse) -> None:
    pictures = moving_pictures(12, width=96, height=64)
    write_clip(server.input / "bypassed.mp4", pictures, "24", sound="aac")
    save_enhancer(server.models / "frame_interpolation" / "cleaner.pkl")
    workflows = {
        name: {**SOURCES, "out": out, "export": export} for name, (out, export) in BYPASSED.items()
    }
    for name, prompt in browse("bypass", workflows=workflows).items():
        assert "out" not in prompt, name
        ended = server.run(prompt)
        assert ended.succeeded, (name, ended.messages)
        (path,) = shown_files(server, ended.outputs["export"])
        assert (name, count_frames(path), frame_rate(path)) == (name, 12, 24)


def test_rate_that_was_typed_into_a_bypassed_node_is_asked_for(
    server: Comfy, browse: Browse
) -> None:
    write_clip(server.input / "bypassed.mp4", moving_pictures(12, width=96, height=64), "24")
    out = node("RIFEInterpolate", model=RIFE, images=IMAGES, source_fps=24.0, **INTERPOLATED)
    workflow = {**SOURCES, "out": out, "export": exported(["out", 0], ["out", 1])}
    prompt = browse("bypass", workflows={"typed": workflow})["typed"]
    assert refusal(server, prompt, "export").startswith("Type the frame rate of the images in fps")


# --- found first ---------------------------------------------------------------------------------

MAIN_NODES = {"RIFE Smooth Video", "RIFE Interpolate", "RIFE Interpolate Video", "Load RIFE Model"}
HELPERS = {
    *("Join Clips (RIFE)", "Detect Cuts (RIFE)", "Preview Motion (RIFE)", "Compare Clips (RIFE)"),
    *("Montage (RIFE)", "Export Video (RIFE)", "Export PNG (RIFE)"),
    "Find Best Model (RIFE)",
}


def test_main_nodes_are_found_first(browse: Browse) -> None:
    listed = browse(
        "search", words=["rife", "interpolate", "vfi", "fps", "smooth", "slow motion", "safa"]
    )
    assert set(listed["rife"][:4]) == MAIN_NODES
    assert listed["rife"][0] == "RIFE Smooth Video"
    for word in ("vfi", "fps", "smooth", "slow motion"):
        assert listed[word][0] == "RIFE Smooth Video", (word, listed[word])
    for word in ("rife", "interpolate", "vfi", "fps", "smooth", "slow motion"):
        ours = [name for name in listed[word] if name in MAIN_NODES | HELPERS]
        assert ours[0] in MAIN_NODES
        assert not HELPERS & set(ours[: len(MAIN_NODES & set(ours))]), (word, ours)
        assert not [name for name in listed[word] if "SAFA" in name]
    assert all("SAFA" in name for name in listed["safa"][:3])


# --- before and after the work -------------------------------------------------------------------


@pytest.mark.slow  # a page, and four runs
def test_node_shows_its_work_and_what_came_of_it(server: Comfy, browse: Browse) -> None:
    write_clip(server.input / "source.mp4", moving_pictures(12, width=96, height=64), "24")
    settings = {"source_fps": 0.0, "audio": "copy", **INTERPOLATED, **TO_FILE}
    out = node("RIFEInterpolateVideo", model=RIFE, video=FILM, **settings)
    workflow = {**SOURCES, "film": node("LoadVideo", file="source.mp4"), "out": out}
    del workflow["parts"], workflow["cleaner"]
    server.post("/settings", {"Comfy.Locale": "zh"})
    try:
        seen = browse("show_work", workflow=workflow, presets=["share", "gif", "high-quality"])
    finally:
        server.post("/settings", {"Comfy.Locale": "en"})
    share, gif, deep = (seen[preset] for preset in ("share", "gif", "high-quality"))
    assert [name[-4:] for name in share["videos"]] == [".mp4"]
    assert "12 → 24 帧 · 24 → 48 fps · 视频长 0.50 秒" in share["line"]
    assert "用时" in share["line"]
    for one in (share, gif, deep):
        assert one["live"] == 96  # no larger than the clip
        assert not one["hasLive"]
        assert one["atStart"] == {"line": ""}  # nothing of the run before
    assert [name[-4:] for name in gif["pictures"]] == [".gif"]
    assert [name[-8:] for name in deep["pictures"]] == [".mp4.jpg"]
    assert gif["videos"] == deep["videos"] == []


def test_what_is_wrong_is_read_before_the_work(server: Comfy, browse: Browse) -> None:
    write_clip(server.input / "bypassed.mp4", moving_pictures(2, width=96, height=64), "24")
    out = node("RIFEInterpolate", model=RIFE, images=IMAGES, source_fps=0.0, **INTERPOLATED)
    workflow = {**SOURCES, "out": out, "show": node("PreviewImage", images=["out", 0])}
    del workflow["cleaner"]
    says = "Type the frame rate of the images in source_fps: 16 for Wan"
    assert says in browse("refuse", workflow=workflow, says=says)


def test_rare_inputs_are_folded_away_and_growing_nodes_cover_nothing(browse: Browse) -> None:
    found = browse("fold", types=["RIFEInterpolateVideo", "ExportVideoRIFE"])
    video = found["RIFEInterpolateVideo"]
    rare = {"at_cut", "duplicates", "end", "cuts", "ffmpeg_options", "resume", "dither", "hdr"}
    assert len(video["folded"]["inputs"]) == 11
    assert not rare & set(video["folded"]["inputs"])
    assert rare <= set(video["unfolded"]["inputs"])
    for seen in found.values():
        assert seen["unfolded"]["height"] > seen["folded"]["height"]
        assert seen["unfolded"]["room"] >= 0
