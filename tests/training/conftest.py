"""A tiny network, small clips, and a folder to run in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import train
from tests.helpers.clips import moving_pictures, write_clip
from tests.helpers.networks import TINY_CONFIG, random_weights
from tests.helpers.running import Ended

RunTraining = Callable[..., Ended]
# A tiny picture, few samples and few steps.
QUICK = ("--crop", 64, "--steps", 4, "--batch", 2, "--warm-up", 1, "--per-clip", 6)


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.pth"
    torch.save(random_weights(TINY_CONFIG, seed=0), path)
    return path


@pytest.fixture(scope="session")
def some_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clips in which everything moves."""
    folder = tmp_path_factory.mktemp("footage")
    for number in range(3):
        write_clip(folder / f"clip {number}.mkv", moving_pictures(10 + number, 128, 112))
    return folder


@pytest.fixture
def training(
    tiny_checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> RunTraining:
    """Run train.py with the tiny network; arguments of the test take precedence."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Ended:
        argv = ["--model", str(tiny_checkpoint), "--device", "cpu", *map(str, (*QUICK, *arguments))]
        try:
            code = train.main(argv)
        except SystemExit as stop:  # how argparse ends
            code = int(stop.code or 0)
        return Ended(code, *capsys.readouterr())

    return run
