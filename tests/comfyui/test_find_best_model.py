"""FindBestModelRIFE in a real ComfyUI: its table, its sheets, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.helpers.clips import read_pictures, write_clip
from tests.helpers.comfy_server import Comfy, Ended, Workflow
from tests.helpers.networks import TINY_CONFIG, random_image, random_weights, save_enhancer
from tests.helpers.workflows import PAIR, complaint, node, png, refusal, shown_files

SETTINGS: dict[str, Any] = {"scales": "1", "qualities": "fast", "frames": 2, "every": 1}


@pytest.fixture
def film(comfy: Comfy) -> Workflow:
    """A video of a smooth picture that wanders: node "film"; as images: node "parts"."""
    image = random_image(0, 64, 200)[0].permute(1, 2, 0).mul(255).byte().numpy()
    pictures = [np.ascontiguousarray(image[:, 2 * n : 2 * n + 96]) for n in range(7)]
    write_clip(comfy.input / "moving.mkv", pictures)
    return {
        "film": node("LoadVideo", file="moving.mkv"),
        "parts": node("GetVideoComponents", video=["film", 0]),
    }


@pytest.fixture
def other_model(comfy: Comfy) -> Iterator[Path]:
    path = comfy.models / "frame_interpolation" / "other.pth"
    torch.save(random_weights(TINY_CONFIG, 5), path)
    yield path
    path.unlink()


def best(images: list[Any], models: str, **settings: object) -> dict[str, Any]:
    return node("FindBestModelRIFE", images=images, models=models, **{**SETTINGS, **settings})


def run(comfy: Comfy, film: Workflow, out: dict[str, Any], folder: str) -> Ended:
    """Run the node, its outputs shown and exported."""
    shown = node("PreviewAny", source=["out", 0])
    return comfy.run({**film, "out": out, "text": shown, "png": png(folder, ["out", 1])})


@pytest.mark.parametrize("source", [["film", 0], ["parts", 0]], ids=["video", "images"])
def test_table_and_sheets_show_each_model_in_each_setting(
    comfy: Comfy, film: Workflow, other_model: Path, source: list[Any]
) -> None:
    out = best(source, "rife_tiny.pth, other.pth", scales="0.5, 1", qualities="fast,better")
    ended = run(comfy, film, out, f"best_{source[0]}/RIFE")
    assert ended.succeeded, ended.messages
    table = ended.text("text")
    for model in ("rife_tiny.pth", "other.pth"):
        for scale in ("0.5", "1"):
            for quality in ("fast", "better"):
                assert f"{model}, scale {scale}, {quality} " in table
    assert "\nblend " in table
    assert "\nTake " in table
    sheets = read_pictures(shown_files(comfy, ended.outputs["png"])[0].parent)
    assert len(sheets) == 2
    assert sheets[0].shape[1] > 3 * 256
    assert len(ended.outputs["out"]["images"]) == 2
    assert ended.lines["out"][-1].startswith("take ")
    assert ended.lines["out"][-1].endswith("2 of 5 places")


def test_all_on_disk_compete_and_what_is_no_rife_network_is_left_out(
    comfy: Comfy, film: Workflow, other_model: Path
) -> None:
    cleaner = comfy.models / "frame_interpolation" / "no_rife.pkl"
    save_enhancer(cleaner)
    try:
        ended = run(comfy, film, best(["film", 0], ""), "best_all/RIFE")
    finally:
        cleaner.unlink()
    assert ended.succeeded, ended.messages
    assert {"rife_tiny.pth, ", "other.pth, "} <= {
        name for name in ("rife_tiny.pth, ", "other.pth, ") if f"\n{name}" in ended.text("text")
    }
    assert "no_rife.pkl, scale" not in ended.text("text")
    assert "no_rife.pkl was left out: " in ended.lines["out"][-1]


def test_it_runs_again_when_there_is_another_file(
    comfy: Comfy, film: Workflow, other_model: Path
) -> None:
    out = best(["film", 0], "rife_tiny.pth", frames=1)
    assert "out" not in run(comfy, film, out, "best_a/RIFE").cached
    assert "out" in run(comfy, film, out, "best_b/RIFE").cached
    added = other_model.with_name("added.pth")
    torch.save(random_weights(TINY_CONFIG, 6), added)
    try:
        assert "out" not in run(comfy, film, out, "best_c/RIFE").cached
    finally:
        added.unlink()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scales": "3"}, "scales: choose of 0.25, 0.5, 1, 2, 4"),
        ({"scales": " , "}, "scales: choose of 0.25, 0.5, 1, 2, 4"),
        ({"qualities": "fast, good"}, "qualities: choose of fast, better, best"),
        ({"models": "rife_tiny.pth, 9.9"}, 'there is no version "9.9"'),
        ({"frames": 0}, "frames must be"),
    ],
    ids=["scale", "no scale", "quality", "model", "frames"],
)
def test_wrong_values_are_refused_before_anything_runs(
    comfy: Comfy, film: Workflow, settings: dict[str, Any], message: str
) -> None:
    out = best(["film", 0], **{"models": "rife_tiny.pth", **settings})
    assert message in refusal(comfy, {**film, "out": out}, "out")


def test_two_pictures_are_too_few(comfy: Comfy) -> None:
    out = best(["pair", 0], "rife_tiny.pth")
    assert "images in memory is too short: three frames" in complaint(comfy, {**PAIR, "out": out})
