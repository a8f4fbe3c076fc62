"""Workflows that were switched over, in a real ComfyUI."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from migrate import migrate_workflow
from migrate.forms import CORE_INTERPOLATE, CORE_LOADER, OURS, RIFE_VFI, Form
from rife_arch.networks.config import EncoderConfig
from tests.helpers.clips import read_pictures
from tests.helpers.comfy_server import Comfy
from tests.helpers.networks import TINY_CONFIG, random_weights
from tests.helpers.workflows import PAIR, node, png, shown_files

SOCKETS = {"IMAGE", "MASK", "RIFE_MODEL", "INTERP_MODEL", "CURVE"}


@pytest.mark.parametrize("form", [*OURS, CORE_LOADER, CORE_INTERPOLATE], ids=lambda form: form.type)
def test_nodes_are_as_the_migration_knows_them(comfy: Comfy, form: Form) -> None:
    info = comfy.get(f"/object_info/{form.type}")[form.type]
    inputs: dict[str, Any] = {}
    for group in ("required", "optional"):
        inputs |= info["input"].get(group, {})
    kinds = {name: spec[0] for name, spec in inputs.items()}
    assert [name for name, kind in kinds.items() if kind in SOCKETS] == [
        name for name, _ in form.sockets
    ]
    widgets = {name: inputs[name][1] for name, kind in kinds.items() if kind not in SOCKETS}
    assert list(widgets) == list(form.defaults)
    assert info["output"] == [kind for _, kind in form.outputs]
    for name, default in form.defaults.items():
        assert widgets[name].get("default", default) == default


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
    ended = comfy.run(switched)
    assert len(shown_files(comfy, ended.outputs["png"])) == 4
