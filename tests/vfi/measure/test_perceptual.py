"""LPIPS, with a stand-in for its package: neither that nor its weights are on the machines of tests."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

from vfi.errors import InputError
from vfi.measure.perceptual import load_lpips
from vfi.measure.perceptual.distance import BACKBONE

CPU = torch.device("cpu")


class StandIn(torch.nn.Module):
    """Takes what lpips 0.1.4 takes, and returns [1, 1, 1, 1] as it does."""

    def __init__(self, *, net: str, verbose: bool) -> None:
        super().__init__()
        assert (net, verbose) == ("alex", False)

    def forward(self, in0: Tensor, in1: Tensor, *, normalize: bool) -> Tensor:
        assert normalize  # pictures in [0, 1]
        return (in0 - in1).abs().mean().reshape(1, 1, 1, 1)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of weights."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("lpips")
    module.LPIPS = StandIn  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lpips", module)


def test_distance_is_that_of_the_package(package: None, hub: Path) -> None:
    (hub / BACKBONE).write_bytes(b"weights")
    distance = load_lpips(CPU)
    grey = torch.full((1, 3, 8, 8), 0.5)
    assert distance(grey, grey) == 0
    assert distance(grey, grey + 0.25) == pytest.approx(0.25)


def test_missing_package_is_said(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lpips", None)
    with pytest.raises(
        InputError,
        match=r"--lpips needs the package lpips.*Install them as docs/command_line.md says",
    ):
        load_lpips(CPU)


def test_missing_weights_are_said_and_not_downloaded(package: None, hub: Path) -> None:
    with pytest.raises(
        InputError, match=r"which are not at .*alexnet-owt-7be5be79.pth. Nothing is"
    ):
        load_lpips(CPU)
    assert list(hub.iterdir()) == []
