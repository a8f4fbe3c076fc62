"""The templates in a browser: no node lies on another, and groups hold theirs, also after a run."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, groupby
from typing import Any, NamedTuple

import pytest
import torch
from PIL import Image

from tests.comfyui.test_browser import Browse
from tests.comfyui.test_browser import browse as browse
from tests.comfyui.test_browser import nodes_are_elements as nodes_are_elements
from tests.comfyui.test_browser import server as server
from tests.comfyui.test_examples import EXAMPLES
from tests.helpers.clips import moving_pictures, write_clip
from tests.helpers.comfy_server import Comfy
from tests.helpers.networks import TINY_CONFIG, random_weights, save_enhancer

SHAPES = {"square": (96, 96), "wide": (96, 54), "portrait": (54, 96)}  # px
MODELS = {
    "RIFELoadModel": ["rife_tiny.pth", "other.pth"],
    "RIFESmooth": ["rife_tiny.pth"],
    "SAFALoadModel": ["cleaner.pkl"],
}


class Box(NamedTuple):
    """What a node, with its title, or a group takes up on the canvas."""

    title: str
    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.left + self.width

    @property
    def bottom(self) -> int:
        return self.top + self.height

    def overlaps(self, other: Box) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def holds(self, other: Box) -> bool:
        return (
            self.left <= other.left
            and self.top <= other.top
            and other.right <= self.right
            and other.bottom <= self.bottom
        )

    def has_centre_of(self, other: Box) -> bool:
        x, y = other.left + other.width / 2, other.top + other.height / 2
        return self.left <= x < self.right and self.top <= y < self.bottom


@pytest.fixture
def clips(server: Comfy) -> list[dict[str, Any]]:
    """A clip and a picture of each shape in ComfyUI's input folder, by the nodes that load them."""
    models = server.models / "frame_interpolation"
    save_enhancer(models / "cleaner.pkl")
    torch.save(random_weights(TINY_CONFIG, seed=1), models / "other.pth")
    made: list[dict[str, Any]] = []
    for shape, (width, height) in SHAPES.items():
        pictures = moving_pictures(6, width, height)
        clip = write_clip(server.input / f"{shape}.mp4", pictures, sound="aac")
        picture = server.input / f"{shape}.png"
        Image.fromarray(pictures[0]).save(picture)
        made.append(
            {"name": shape, "files": {"LoadVideo": [clip.name], "LoadImage": [picture.name]}}
        )
    return made


@pytest.mark.slow  # opens and runs every template with three clips: about 3 min for each renderer
def test_nothing_overlaps_before_and_after_a_run(
    browse: Browse, clips: list[dict[str, Any]]
) -> None:
    templates = list(map(str, EXAMPLES))
    seen = browse("lay_out", templates=templates, clips=clips, files=MODELS)
    runs = groupby(seen, key=lambda one: (one["template"], one["clip"]))
    faults = [
        f"{template}, {clip}: {fault}"
        for (template, clip), states in runs
        for fault in find_faults(*states)
    ]
    assert len(seen) == len(EXAMPLES) * len(SHAPES) * 2
    assert not faults, "\n".join(faults)


def find_faults(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """Yield what lies wrong in a template; nodes belong to the group in which they are opened."""
    opened = [Box(*box) for box in before["nodes"]]
    members = [
        [group.has_centre_of(node) for node in opened]
        for group in (Box(*box) for box in before["groups"])
    ]
    for state in (before, after):
        when = state["when"]
        nodes = [Box(*box) for box in state["nodes"]]
        groups = [Box(*box) for box in state["groups"]]
        for one, other in (*combinations(nodes, 2), *combinations(groups, 2)):
            if one.overlaps(other):
                yield f"{one} lies on {other} when {when}"
        for group, is_member in zip(groups, members, strict=True):
            for node, belongs in zip(nodes, is_member, strict=True):
                if belongs != group.overlaps(node) or (belongs and not group.holds(node)):
                    yield f"{node} crosses the edge of group {group} when {when}"
