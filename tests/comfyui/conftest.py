"""One real ComfyUI for all tests in this folder; they are skipped where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

from tests.helpers.clips import moving_pictures
from tests.helpers.comfy_server import Comfy, HostError, find_host
from tests.helpers.networks import TINY_CONFIG, random_weights

FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.comfyui)


@pytest.fixture(scope="session")
def comfy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Comfy]:
    """A server with a tiny checkpoint, a broken one, and two pictures to load."""
    yield from serve(tmp_path_factory.mktemp("comfyui"))


def serve(base: Path, *options: str) -> Iterator[Comfy]:
    """Yield such a server, with more options of its own, as long as a test needs it."""
    try:
        host = find_host()
    except HostError as reason:
        pytest.skip(str(reason))
    server = Comfy(host, base, *options)
    try:
        models = base / "models" / "frame_interpolation"
        torch.save(random_weights(TINY_CONFIG, seed=0), models / "rife_tiny.pth")
        (models / "broken.pth").write_bytes(b"PK, but nothing else")
        for number, picture in enumerate(moving_pictures(2, width=96, height=64)):
            Image.fromarray(picture).save(base / "input" / f"frame_{number}.png")
        for name in ("stand_ins.py", "video_stand_ins.py", "value_stand_ins.py"):
            shutil.copy(FOLDER / name, base / "custom_nodes")
        server.wait_until_ready()
        yield server
    finally:
        server.stop()
