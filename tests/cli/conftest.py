"""A tiny network of random weights, small clips, and a folder to run in."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import inference_video
from tests.helpers.clips import moving_pictures, write_clip
from tests.helpers.networks import TINY_CONFIG, random_weights
from tests.helpers.running import PICTURES, Ended, RunCli


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None:
    """The tiny network is slower on many threads."""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.pth"
    torch.save(random_weights(TINY_CONFIG, seed=0), path)
    return path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, and it is empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cli(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> RunCli:
    """Run the command line with the tiny network; arguments of the test take precedence."""

    def run(*arguments: object) -> Ended:
        argv = ["--model", str(checkpoint), "--device", "cpu", *map(str, arguments)]
        try:
            code = inference_video.main(argv)
        except SystemExit as stop:  # how argparse ends
            code = int(stop.code or 0)
        return Ended(code, *capsys.readouterr())

    return run


@pytest.fixture
def clip(folder: Path) -> Path:
    """Four lossless frames at 24 fps."""
    return write_clip(folder / "clip.mkv", PICTURES)


@pytest.fixture
def talkie(folder: Path) -> Path:
    """Twelve frames at 24 fps, with sound."""
    return write_clip(folder / "talkie.mp4", moving_pictures(12), sound="aac")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let children take SIGINT, even where the tests run in a shell's background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
