"""Workflows that were switched over, in a real ComfyUI."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from migrate import migrate_workflow
from migrate.earlier import EARLIER, RENAMED
from migrate.forms import CORE_INTERPOLATE, CORE_LOADER, OURS, RIFE_VFI, Form, Widget
from rife_arch.networks.config import EncoderConfig
from tests.comfyui.test_examples import with_small_inputs
from tests.helpers.clips import (
    count_frames,
    frame_rate,
    moving_pictures,
    read_pictures,
    write_clip,
)
from tests.helpers.comfy_server import Comfy
from tests.helpers.networks import TINY_CONFIG, random_weights, save_enhancer
from tests.helpers.ui_form import Schemas, to_api
from tests.helpers.workflows import PAIR, node, png, shown_files

SOCKETS = {"IMAGE", "VIDEO", "MASK", "AUDIO", "RIFE_MODEL", "SAFA_MODEL", "INTERP_MODEL", "CURVE"}
ONLY_SHOWN = {"IMAGECOMPARE"}  # holds no value
DATA = Path(__file__).parents[1] / "migrate" / "data"
# Saved workflow -> frames and rate of the video that it made of 12 frames at 24 fps, before.
MADE = {"compare": (23, 48), "enhance": (23, 32), "speed_ramp": (17, 30)}
# Old id of a node that was renamed -> its widgets, in the order of their values.
STORED = {
    "RIFEJoinClips": ["overlap"],
    "RIFEPreviewMotion": ["frame", "timestep", "scale"],
    "RIFEMontage": ["before_fps", "after_fps", "layout", "before_label", "after_label"],
    "RIFEExportPNG": ["filename_prefix", "bit_depth", "compression", "workflow_in", "dither"],
}


def widgets_of(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Name -> type, default and whether it is optional, of the inputs of a node or a mode."""
    found: dict[str, Any] = {}
    for group in ("required", "optional"):
        for name, (kind, options, *_) in inputs.get(group, {}).items():
            if not is_socket(kind) and kind not in ONLY_SHOWN:
                found[name] = (kind, options, group == "optional")
    return found


def is_socket(kind: Any) -> bool:
    return isinstance(kind, str) and set(kind.split(",")) <= SOCKETS


def assert_known(
    form: Form, widgets: Sequence[Widget], known: Mapping[str, Any], *, in_mode: bool = False
) -> None:
    """Names, order, defaults and what is optional are as the form has them."""
    assert [(name, kind) for name, kind, _ in widgets] == [
        (name, kind) for name, (kind, _, _) in known.items()
    ]
    for name, _, default in widgets:
        _, options, optional = known[name]
        assert options.get("default", default) == default
        assert optional == (not in_mode and name in form.optional)


@pytest.mark.parametrize("form", [*OURS, CORE_LOADER, CORE_INTERPOLATE], ids=lambda form: form.type)
def test_nodes_are_as_the_migration_knows_them(comfy: Comfy, form: Form) -> None:
    info = comfy.get(f"/object_info/{form.type}")[form.type]
    inputs = info["input"].get("required", {}) | info["input"].get("optional", {})
    sockets = {name: spec[0] for name, spec in inputs.items() if is_socket(spec[0])}
    assert list(sockets.items()) == list(form.sockets)
    widgets = widgets_of(info["input"])
    assert_known(form, form.widgets, widgets)
    for combo, modes in form.modes.items():
        choices = {choice["key"]: choice["inputs"] for choice in widgets[combo][1]["options"]}
        assert list(choices) == list(modes)
        assert form.defaults[combo] == next(iter(choices))
        for mode, own in modes.items():
            assert_known(form, own, widgets_of(choices[mode]), in_mode=True)
    assert info["output"] == [kind for _, kind in form.outputs]
    assert form not in OURS or info["output_name"] == [name for name, _ in form.outputs]


@pytest.mark.parametrize("old", RENAMED)
def test_renamed_nodes_take_the_values_that_they_had_before(comfy: Comfy, old: str) -> None:
    new = RENAMED[old]
    widgets = widgets_of(comfy.get(f"/object_info/{new}")[new]["input"])
    widgets.pop("clips", None)  # sockets that grow
    assert list(widgets)[: len(STORED[old])] == STORED[old]
    assert all(optional for *_, optional in list(widgets.values())[len(STORED[old]) :])


def test_ids_that_the_migration_gives_up_are_gone(schemas: Schemas) -> None:
    kept = {form.type for form in OURS}
    given_up = {*RENAMED, *(form.type for form in EARLIER)} - kept
    assert not given_up & schemas.keys()


@pytest.fixture(scope="module")
def schemas(comfy: Comfy) -> Schemas:
    return comfy.get("/object_info")


@pytest.fixture(scope="module")
def clip(comfy: Comfy) -> str:
    """The name of a clip of 12 frames at 24 fps in ComfyUI's input folder."""
    pictures = moving_pictures(12, width=96)
    return write_clip(comfy.input / "earlier.mp4", pictures, "24").name


@pytest.mark.parametrize("name", MADE)
def test_saved_workflow_makes_the_video_that_it_made_before(
    comfy: Comfy, schemas: Schemas, clip: str, name: str
) -> None:
    save_enhancer(comfy.models / "frame_interpolation" / "cleaner.pkl")
    old = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    switched, report = migrate_workflow(old)
    assert not report.left
    ended = comfy.run(with_small_inputs(to_api(switched, schemas), clip))
    assert ended.succeeded, ended.messages
    (shown,) = (out for out in ended.outputs.values() if out.get("animated") == [True])
    (video,) = shown_files(comfy, shown)
    assert (count_frames(video), frame_rate(video)) == MADE[name]


def core_workflow() -> dict[str, Any]:
    model = node("FrameInterpolationModelLoader", model_name="rife_core.pth")
    smooth = {"interp_model": ["model", 0], "images": ["pair", 0], "multiplier": 3}
    return {
        **PAIR,
        "model": model,
        "smooth": node("FrameInterpolate", **smooth),
        "png": png("core/R", ["smooth", 0]),
    }


def test_core_workflow_gives_the_same_frames_when_switched(comfy: Comfy) -> None:
    # A narrow network again, with the encoder that core expects.
    config = replace(TINY_CONFIG, encoder=EncoderConfig(hidden=16, features=4))
    models = comfy.output.parent / "models" / "frame_interpolation"
    torch.save(random_weights(config, seed=0), models / "rife_core.pth")
    switched, report = migrate_workflow(core_workflow())
    assert not report.left
    switched["model"]["inputs"]["precision"] = "fp32"
    switched["smooth"]["inputs"]["source_fps"] = 16.0  # as the note asks
    switched["smooth"]["inputs"]["scene_threshold"] = 0.0  # core looks for no cuts
    old, new = (
        np.stack(read_pictures(shown_files(comfy, comfy.run(w).outputs["png"])[0].parent))
        for w in (core_workflow(), switched)
    )
    assert len(new) == len(old) == 4
    assert np.array_equal(new[[0, 3]], old[[0, 3]])
    difference = np.abs(new.astype(float) - old)[:, :, :64]  # the right edge is padded otherwise
    assert difference.mean() < 1


def test_rife_vfi_workflow_runs_when_switched(comfy: Comfy) -> None:
    old = {
        **PAIR,
        "smooth": node(
            "RIFE VFI",
            **RIFE_VFI.defaults | {"ckpt_name": "rife_tiny.pth", "multiplier": 3},
            frames=["pair", 0],
        ),
        "png": png("vfi/R", ["smooth", 0]),
    }
    switched, report = migrate_workflow(old)
    assert not report.left
    switched["smooth"]["inputs"]["source_fps"] = 16.0
    ended = comfy.run(switched)
    assert len(shown_files(comfy, ended.outputs["png"])) == 4
