"""Join Clips in a real ComfyUI: parts on sockets and in lists, and colours matched across the seams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.helpers.clips import read_pictures
from tests.helpers.comfy_server import Comfy, Ended
from tests.helpers.workflows import node, png, shown_files

COUNT = 24
# Soft blobs that wander 3 px to the right with each frame; what a name means, the test knows as well.
WIDE = (
    "torch.nn.functional.interpolate(torch.rand(1, 3, 6, 40, generator=torch.Generator()"
    ".manual_seed({seed})), (48, 320), mode='bicubic').clamp(0.05, 0.85)[0]"
)


def part(start: int, stop: int, drift: str = "", seed: int = 0) -> str:
    """An expression for frames of the scene, [N, 48, 96, 3]."""
    wide = WIDE.format(seed=seed)
    frames = f"wide[:, :, 3 * n : 3 * n + 96].permute(1, 2, 0) for n in range({start}, {stop})"
    return f"torch.stack([{frames} for wide in [{wide}]]){drift}"


def scene() -> torch.Tensor:
    noise = torch.rand(1, 3, 6, 40, generator=torch.Generator().manual_seed(0))
    wide = F.interpolate(noise, (48, 320), mode="bicubic").clamp(0.05, 0.85)[0]
    return torch.stack([wide[:, :, 3 * n : 3 * n + 96].permute(1, 2, 0) for n in range(COUNT)])


BRIGHTER = " * 1.05 + 0.02"
FIRST, SECOND, THIRD = part(0, 8), part(7, 16, BRIGHTER), part(15, 24, f"{BRIGHTER}{BRIGHTER}")
ONE_EACH = {f"clips.clip_{n}": [f"part{n}", 0] for n in (1, 2, 3)}
GIVEN = {
    f"part{number}": node("Give", expression=expression, path="")
    for number, expression in enumerate((FIRST, SECOND, THIRD), 1)
}
LISTED = {f"inputs.input{number}": [f"part{number + 1}", 0] for number in range(3)}
WAYS: Mapping[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "sockets": (GIVEN, ONE_EACH),
    "list of ComfyUI": (
        {**GIVEN, "list": node("CreateList", **LISTED)},
        {"clips.clip_1": ["list", 0]},
    ),
    "list and socket": (
        {
            "list": node("GiveList", expression=f"[{FIRST}, {SECOND}]", path=""),
            "part3": GIVEN["part3"],
        },
        {"clips.clip_1": ["list", 0], "clips.clip_2": ["part3", 0]},
    ),
    "list in one value": (
        {"list": node("Give", expression=f"[{FIRST}, {SECOND}, {THIRD}]", path="")},
        {"clips.clip_1": ["list", 0]},
    ),
}


def join(
    comfy: Comfy, name: str, nodes: dict[str, Any], clips: dict[str, Any], **settings: object
) -> tuple[np.ndarray[Any, Any], Ended]:
    """The pictures that come out, as 8 bits, and what the node said."""
    workflow = {
        **nodes,
        "out": node("JoinClipsRIFE", overlap=settings.pop("overlap", 0), **clips, **settings),
        "png": png(f"join_{name.replace(' ', '_')}/RIFE", ["out", 0]),
    }
    ended = comfy.run(workflow)
    assert ended.succeeded, ended.messages
    return np.stack(read_pictures(shown_files(comfy, ended.outputs["png"])[0].parent)), ended


def drift_of(pictures: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """By how many levels the mean of each frame is off."""
    return pictures.mean((1, 2, 3)) - scene().mean((1, 2, 3)).numpy() * 255


@pytest.mark.parametrize("way", WAYS)
def test_parts_are_joined_and_matched_however_they_arrive(comfy: Comfy, way: str) -> None:
    nodes, clips = WAYS[way]
    pictures, ended = join(
        comfy, way, nodes, clips, match="mean and spread", match_frames=0, overlap=0
    )
    assert len(pictures) == COUNT
    assert np.abs(drift_of(pictures)).max() < 1
    shown_line = "24 frames · a frame of the part before is not shown again: parts 2, 3"
    assert ended.lines["out"][-1] == shown_line


def test_workflow_without_the_new_inputs_gives_the_frames_as_they_are(comfy: Comfy) -> None:
    pictures, _ = join(comfy, "as before", GIVEN, ONE_EACH, overlap=1)
    drift = drift_of(pictures)
    assert len(pictures) == COUNT
    assert drift[8] - drift[6] > 6
    assert drift[16] - drift[14] > 5


def test_correction_fades_and_nothing_jumps(comfy: Comfy) -> None:
    pictures, _ = join(comfy, "fade", GIVEN, ONE_EACH, match="histogram", match_frames=8)
    steps = np.abs(np.diff(drift_of(pictures)))
    assert steps.max() < 3  # the whole drift at the last seam is 21 levels
    assert steps[[7, 15]].max() < 1


def test_part_that_begins_another_scene_is_named(comfy: Comfy) -> None:
    nodes = {**GIVEN, "part3": node("Give", expression=part(0, 8, seed=7), path="")}
    pictures, ended = join(comfy, "cut", nodes, ONE_EACH, match="mean and spread", match_frames=0)
    assert len(pictures) == 24
    assert ended.lines["out"][-1].endswith("not matched, because another scene begins: part 3")


def test_match_that_there_is_not_is_refused(comfy: Comfy) -> None:
    workflow = {
        **GIVEN,
        "how": node("Give", expression="'median'", path=""),
        "out": node("JoinClipsRIFE", overlap=0, match=["how", 0], **ONE_EACH),
        "end": node("PreviewAny", source=["out", 1]),
    }
    error = comfy.run(workflow).messages["execution_error"]
    expected = "match must be one of off, mean and spread, histogram, got median"
    assert expected in error["exception_message"]
