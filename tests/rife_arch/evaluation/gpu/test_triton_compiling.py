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
from rife_arch.networks import IFNet, Pair
from tests.helpers.networks import TINY_CONFIG, random_model

ROOT = Path(__file__).resolve().parents[4]
# Compute capabilities of NVIDIA: Turing, Ampere, Ada, Hopper, Blackwell; and AMD's MI300.
TARGETS = ["cuda:75", "cuda:80", "cuda:86", "cuda:89", "cuda:90", "cuda:120", "hip:gfx942"]
ALWAYS = {"cuda:75", "cuda:120", "hip:gfx942"}


@pytest.mark.slow  # ten kernels, 10 s
@pytest.mark.parametrize(
    "target",
    # The oldest and the newest card, and AMD; those between them compile the same code, with `-m faults`.
    [
        target if target in ALWAYS else pytest.param(target, marks=pytest.mark.faults)
        for target in TARGETS
    ],
)
def test_every_kernel_compiles(target: str) -> None:
    pytest.importorskip(
        "triton", reason="no Triton here (pip install triton): nothing to compile with"
    )
    command = [sys.executable, "-m", "tests.helpers.triton_compile", target]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stderr
    sizes = json.loads(done.stdout)
    kernels = {"interleave", "block_input", "add_bias_and_activate", "blend"}
    assert {name.split()[0] for name in sizes} == kernels
    assert all(size > 1000 for size in sizes.values())


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

    def interleave(self, out: object, img: object, features: object) -> None:
        self.calls += 1

    def block_input(
        self, out: object, pair: Pair, timestep: object, updates: Sequence[Update], cells: Cells
    ) -> None:
        self.calls += 1

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
