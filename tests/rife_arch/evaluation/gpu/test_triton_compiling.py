"""Every kernel compiled for GPUs that are not here, and what happens without Triton and without a GPU."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from rife_arch.evaluation.gpu import TritonPyramid
from rife_arch.evaluation.gpu.loops import Cells, Update
from rife_arch.evaluation.layout import as_convolution
from rife_arch.networks import IFNet, Pair
from tests.helpers.networks import TINY_CONFIG, random_model

ROOT = Path(__file__).resolve().parents[4]
KERNELS = {"interleave", "block_input", "add_bias_and_activate", "blend"}
# Compute capabilities of NVIDIA: Turing, Ampere, Ada, Hopper, Blackwell. All variants for the oldest and the newest.
NVIDIA = ("75=all", "80=few", "86=few", "89=largest", "90=few", "120=all")


def compiled(targets: Sequence[str]) -> dict[str, dict[str, int]]:
    """The sizes of the binaries for each target, in one process: starting one takes as long as some kernels."""
    pytest.importorskip(
        "triton", reason="no Triton here (pip install triton): nothing to compile with"
    )
    command = [sys.executable, "-m", "tests.helpers.triton_compile", *targets]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    sizes = json.loads(done.stdout)
    if None in sizes.values():
        pytest.skip(f"this Triton does not compile for all of {', '.join(targets)}")
    return sizes


def check(targets: Sequence[str]) -> None:
    sizes = compiled(targets)
    assert list(sizes) == [target.partition("=")[0] for target in targets]
    for found in sizes.values():
        assert {name.split()[0] for name in found} == KERNELS
        assert all(size > 1000 for size in found.values())


@pytest.mark.slow  # 20 s, as nothing was compiled before
def test_every_kernel_compiles_for_six_generations_of_nvidia() -> None:
    check([f"cuda:{target}" for target in NVIDIA])


@pytest.mark.slow  # 8 s; MI300
def test_every_kernel_compiles_for_amd() -> None:
    check(["hip:gfx942=all"])


@pytest.mark.faults  # a minute and a half
@pytest.mark.parametrize("variants", ["all", "largest"])
def test_every_variant_compiles_for_every_target(variants: str) -> None:
    cuda = [f"cuda:{target.partition('=')[0]}={variants}" for target in NVIDIA]
    check([*cuda, f"hip:gfx942={variants}"])


def test_without_triton_the_message_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "triton.py").write_text("raise ImportError('no such thing')")
    script = (
        "from rife_arch.evaluation.gpu import TritonPyramid, triton_available\n"
        "from tests.helpers.networks import random_model\n"
        "print(triton_available())\n"
        "try:\n"
        "    TritonPyramid(random_model().network)\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    env = {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True
    )
    available, message = done.stdout.splitlines()
    assert available == "False"
    assert 'need the package "triton"' in message
    assert "install it" in message


class NoLoops:
    """Leaves everything as it is, and counts."""

    def __init__(self) -> None:
        self.calls = 0
        self.scales: set[float] = set()

    def interleave(self, out: object, img: object, features: object) -> None:
        self.calls += 1

    def block_input(
        self, out: object, pair: Pair, timestep: object, updates: Sequence[Update], cells: Cells
    ) -> None:
        self.calls += 1
        self.scales.add(cells.scale)

    def activate(self, x: object, bias: object, slopes: object) -> None:
        self.calls += 1

    def blend(self, out: object, pair: Pair, updates: Sequence[Update], planes: object) -> None:
        self.calls += 1


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("averages", [False, True])
def test_nothing_waits_for_the_gpu(scale: float, averages: bool) -> None:
    """On the device "meta" tensors have no values: reading one, as .item() does, is an error."""
    network = random_model(TINY_CONFIG).network.to("meta")
    assert isinstance(network, IFNet)
    loops = NoLoops()
    pyramid = TritonPyramid(network, loops)
    with torch.inference_mode():
        frames = [pyramid.encode_frame(torch.empty(2, 3, 64, 64, device="meta")) for _ in range(2)]
        times = torch.empty(2, 1, 1, 1, device="meta")
        made = pyramid(Pair(frames[0], frames[1]), times, scale, averages)
    assert made.shape == (2, 3, 64, 64)
    assert loops.calls > 50


@pytest.mark.parametrize("scale", [0.25, 1, 2])
def test_warming_up_compiles_for_the_scale_in_use(scale: float) -> None:
    network = random_model(TINY_CONFIG).network
    assert isinstance(network, IFNet)
    loops = NoLoops()
    assert TritonPyramid(network, loops).warm_up(scale) > 0
    assert loops.scales == {full / scale for full in TINY_CONFIG.block_scales}


def test_weights_are_rearranged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rearranged: list[object] = []

    def noting(*args: object, **kwargs: object) -> object:
        rearranged.append(args)
        return as_convolution(*args, **kwargs)

    monkeypatch.setattr("rife_arch.evaluation.gpu.pyramid.as_convolution", noting)
    network = random_model(TINY_CONFIG).network
    assert isinstance(network, IFNet)
    pyramid = TritonPyramid(network, NoLoops())
    with torch.inference_mode():
        for _ in range(3):
            pyramid.encode_frame(torch.zeros(1, 3, 64, 64))
    assert len(rearranged) == 1
