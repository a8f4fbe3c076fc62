"""Many prompts in a row in one server: it takes no more of the machine at the end.

``python -m pytest -m faults tests/comfyui/test_load.py -s`` shows the figures.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
import torch

from tests.helpers.comfy_server import Comfy, Workflow
from tests.helpers.networks import preset_config, random_weights
from tests.helpers.workflows import interpolate, load, node, png, timed, video

pytestmark = [pytest.mark.faults, pytest.mark.slow]

MODELS = ("4.26", "4.0")
SIZES = ((96, 64), (64, 96), (33, 47), (160, 90))  # width, height
NUM_PROMPTS = 20
NUM_CLIPS = 30
MOST_GROWTH = 50e6  # bytes; what the allocator keeps for later
KEPT_OPEN = 2  # connections that the server has not closed yet
SEED = 0


@pytest.fixture(scope="module", autouse=True)
def checkpoints(comfy: Comfy) -> None:
    for version in MODELS:
        weights = random_weights(preset_config(version), seed=0)
        torch.save(weights, comfy.models / "frame_interpolation" / f"rife_{version}.pth")


def prompt(number: int, random: Random) -> Workflow:
    """One of three kinds of work, of some size, with one of the models."""
    (width, height), count = random.choice(SIZES), random.randint(3, 6)
    pixels = f"torch.rand({count}, {height}, {width}, 3, generator=torch.Generator()"
    images = node("Give", expression=f"{pixels}.manual_seed({number}))", path="")
    workflow = {"model": load(f"rife_{random.choice(MODELS)}.pth"), "images": images}
    kind = random.randrange(3)
    if kind == 2:
        how = {"source_fps": 8.0, "scale": "1", "preset": "share", "crf": 20, "audio": "none"}
        smooth = node(
            "RIFEInterpolateVideo",
            model=["model", 0],
            video=["images", 0],
            filename_prefix=f"load/{number}",
            scene_threshold=0.0,
            **timed("multiplier", multi=3),
            **how,
        )
        return {**workflow, "out": smooth}
    write = png if kind else video
    smooth = interpolate(["images", 0], multi=3)
    return {**workflow, "smooth": smooth, "out": write(f"load/{number}", ["smooth", 0])}


def of_each_kind(first: int) -> list[Workflow]:
    random = Random(SEED)
    return [prompt(number, random) for number in range(first, first + 12)]


def unfinished(folder: Path) -> list[str]:
    """What no prompt may leave; segments of a video are kept to go on from, by intent."""
    return [path.name for path in folder.rglob("*") if path.suffix in (".partial", ".tmp")]


def test_prompts_of_all_kinds_with_random_cancels_leave_nothing_behind(comfy: Comfy) -> None:
    assert all(ended.succeeded for ended in comfy.run_all(of_each_kind(0)))
    before, random = comfy.footprint(), Random(SEED)
    ended = comfy.run_all(
        [prompt(number, random) for number in range(100, 100 + NUM_PROMPTS)],
        lambda: random.random() < 0.1,
    )
    cancelled = [one for one in ended if "execution_interrupted" in one.messages]
    assert all(one.succeeded for one in ended if one not in cancelled)
    assert 0 < len(cancelled) < NUM_PROMPTS
    assert all(one.succeeded for one in comfy.run_all(of_each_kind(200)))
    after = comfy.footprint()
    print(f"{NUM_PROMPTS} prompts, {len(cancelled)} cancelled: {before} -> {after}")  # noqa: T201
    assert after.memory - before.memory < MOST_GROWTH
    assert after.handles <= before.handles + KEPT_OPEN
    assert after.threads <= before.threads
    assert unfinished(comfy.output) == []


def test_short_clips_one_after_the_other_take_no_more_each_time(comfy: Comfy) -> None:
    random = Random(SEED)
    kinds = [prompt(number, random) for number in range(300, 300 + NUM_CLIPS)]
    assert all(ended.succeeded for ended in comfy.run_all(kinds))
    before = comfy.footprint()
    random = Random(SEED)
    kinds = [prompt(number, random) for number in range(400, 400 + NUM_CLIPS)]
    assert all(ended.succeeded for ended in comfy.run_all(kinds))
    after = comfy.footprint()
    print(f"{NUM_CLIPS} clips: {before} -> {after}")  # noqa: T201
    assert after.memory - before.memory < MOST_GROWTH
    assert after.handles <= before.handles + KEPT_OPEN
    assert after.threads <= before.threads
