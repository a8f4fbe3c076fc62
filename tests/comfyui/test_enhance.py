"""The nodes that enhance, in a real ComfyUI, with a tiny network of random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.clips import (
    count_frames,
    frame_rate,
    moving_pictures,
    read_pictures,
    sound_packets,
    write_clip,
)
from tests.helpers.comfy_server import Comfy, Ended, run_script
from tests.helpers.networks import save_enhancer
from tests.helpers.workflows import (
    complaint,
    everything_in,
    interpolate,
    load,
    node,
    png,
    several,
    shown_files,
)
from vfi.read.video import probe_video, read_video

NO_CUTS = {"scene_threshold": 0.0}  # random colours look like scenes of their own


@pytest.fixture(autouse=True, scope="module")
def weights(comfy: Comfy) -> Path:
    return save_enhancer(comfy.models / "frame_interpolation" / "cleaner.pkl")


@pytest.fixture(scope="module")
def talkie(comfy: Comfy) -> Path:
    """Seven frames at 24 fps with sound, in ComfyUI's input folder."""
    return write_clip(comfy.input / "noisy.mp4", moving_pictures(7), sound="aac")


LOAD = {"net": node("SAFALoadModel", model="cleaner.pkl", precision="fp32")}


def enhance(images: list[Any], **options: Any) -> dict[str, Any]:
    return node("SAFAEnhance", model=["net", 0], images=images, **{**NO_CUTS, **options})


def enhance_video(video: list[Any], prefix: str, **settings: Any) -> dict[str, Any]:
    defaults: dict[str, Any] = {"preset": "share", "crf": 20, "audio": "copy", **NO_CUTS}
    return node(
        "SAFAEnhanceVideo",
        model=["net", 0],
        video=video,
        filename_prefix=f"{prefix}/RIFE",
        **{**defaults, **settings},
    )


def pictures(comfy: Comfy, ended: Ended) -> list[NDArray[np.uint8]]:
    return read_pictures(shown_files(comfy, ended.outputs["png"])[0].parent)


# --- image batches -------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [("first", "second", "first"), ("first", "second")])
def test_batch_keeps_its_number_and_size(comfy: Comfy, names: tuple[str, ...]) -> None:
    workflow = {**several(*names), **LOAD, "out": enhance(["clip", 0])}
    ended = comfy.run({**workflow, "png": png("cleaned/RIFE", ["out", 0])})
    made = pictures(comfy, ended)
    assert len(made) == len(names)
    assert {picture.shape for picture in made} == {(64, 96, 3)}


def test_single_picture_is_enhanced(comfy: Comfy) -> None:
    image = node("LoadImage", image="frame_0.png")
    workflow = {**LOAD, "image": image, "out": enhance(["image", 0])}
    ended = comfy.run({**workflow, "png": png("single/RIFE", ["out", 0])})
    assert len(pictures(comfy, ended)) == 1


def test_cut_given_by_hand_changes_the_frame_after_it_alone(comfy: Comfy) -> None:
    made = []
    for cuts in ("", "1"):
        workflow = {**several("first", "second", "first"), **LOAD}
        workflow["out"] = enhance(["clip", 0], cuts=cuts)
        ended = comfy.run({**workflow, "png": png("cut/RIFE", ["out", 0])})
        made.append(pictures(comfy, ended))
    changed = [not np.array_equal(a, b) for a, b in zip(*made, strict=True)]
    assert changed == [True, True, False]  # the first is helped by the second, or not


def test_alpha_is_passed_on(comfy: Comfy) -> None:
    images = node("EmptyImage", width=64, height=64, batch_size=2, color=0x336699)
    mask = node("SolidMask", value=0.4, width=64, height=64)
    rgba = node("JoinImageWithAlpha", image=["images", 0], alpha=["mask", 0])
    workflow = {**LOAD, "images": images, "mask": mask, "rgba": rgba}
    workflow["out"] = enhance(["rgba", 0])
    ended = comfy.run({**workflow, "png": png("rgba/RIFE", ["out", 0])})
    assert {int(x) for picture in pictures(comfy, ended) for x in np.unique(picture[..., 3])} == {
        153
    }


def test_enhanced_frames_are_interpolated(comfy: Comfy) -> None:
    workflow = {**several("first", "second"), **LOAD, "out": enhance(["clip", 0])}
    workflow |= {"model": load(), "smooth": interpolate(["out", 0])}
    ended = comfy.run({**workflow, "png": png("both/RIFE", ["smooth", 0])})
    assert len(pictures(comfy, ended)) == 3


# --- videos --------------------------------------------------------------------------------------


def run_video(comfy: Comfy, prefix: str, **settings: Any) -> Ended:
    video = node("LoadVideo", file="noisy.mp4")
    return comfy.run(
        {**LOAD, "video": video, "out": enhance_video(["video", 0], prefix, **settings)}
    )


def test_video_keeps_length_rate_and_sound(comfy: Comfy, talkie: Path) -> None:
    ended = run_video(comfy, "clean_film")
    (path,) = shown_files(comfy, ended.outputs["out"])
    assert count_frames(path) == count_frames(talkie)
    assert frame_rate(path) == frame_rate(talkie)
    assert sound_packets(path) == sound_packets(talkie)


@pytest.mark.slow  # runs the command line as well
def test_command_line_makes_the_same_pixels(
    comfy: Comfy, talkie: Path, weights: Path, tmp_path: Path
) -> None:
    run_video(comfy, "clean_same", preset="lossless")
    (made,) = (comfy.output / "clean_same").iterdir()
    out = tmp_path / "out.mkv"
    options = ["--video", talkie, "--model", weights, "--precision", "fp32", "--output", out]
    options += ["--scene-threshold", "0", "--preset", "lossless"]
    run_script("inference_video_enhance.py", *options)
    assert np.array_equal(decoded(made), decoded(out))


def decoded(path: Path) -> NDArray[np.uint8]:
    return np.stack([frame.pixels.numpy() for frame in read_video(probe_video(path))])


@pytest.mark.slow  # a segment has 250 frames
def test_cancelled_job_goes_on_where_it_stopped(comfy: Comfy) -> None:
    write_clip(comfy.input / "long_noisy.mp4", moving_pictures(400))
    video = node("LoadVideo", file="long_noisy.mp4")
    workflow = {**LOAD, "video": video, "out": enhance_video(["video", 0], "clean_long")}
    ended = comfy.run(workflow, interrupt="out", after=300)
    assert ended.messages["execution_interrupted"]["node_type"] == "SAFAEnhanceVideo"
    (kept,) = (comfy.output / "clean_long").iterdir()
    assert len(list(kept.iterdir())) > 1
    assert comfy.run(workflow).succeeded
    (made,) = (comfy.output / "clean_long").iterdir()
    assert count_frames(made) == 400


# --- what is refused -----------------------------------------------------------------------------


def test_release_that_is_not_there_says_where_to_get_it(comfy: Comfy) -> None:
    net = node("SAFALoadModel", model="SAFA 0.5", precision="auto")
    image = node("LoadImage", image="frame_0.png")
    workflow = {"net": net, "image": image, "out": enhance(["image", 0])}
    message = complaint(comfy, {**workflow, "png": png("none/RIFE", ["out", 0])})
    assert "open https://drive.google.com/" in message
    target = comfy.models / "frame_interpolation" / "safa_v0.5.zip"
    assert f"save the file as {target}" in message


def test_networks_are_refused_where_the_other_kind_is_wanted(comfy: Comfy) -> None:
    net = node("SAFALoadModel", model="rife_tiny.pth", precision="auto")
    image = node("LoadImage", image="frame_0.png")
    wrong = {"net": net, "image": image, "out": enhance(["image", 0])}
    message = complaint(comfy, {**wrong, "png": png("wrong/RIFE", ["out", 0])})
    assert "this is a RIFE network" in message
    workflow = {**several("first", "second"), "model": load("cleaner.pkl")}
    workflow["smooth"] = interpolate(["clip", 0])
    message = complaint(comfy, {**workflow, "png": png("wrong/RIFE", ["smooth", 0])})
    assert "Load RIFE Enhancer" in message
    assert everything_in(comfy.output / "wrong") == []
