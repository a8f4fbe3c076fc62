"""The loops for GPUs against the plain forward, in Triton's interpreter: no GPU is needed."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from rife_arch import RifeModel
from rife_arch.evaluation import Pyramid, supports_pyramid
from rife_arch.evaluation.layout import Layout
from rife_arch.models.evaluator import Evaluator
from rife_arch.networks import IFNet, Motion, Pair
from rife_arch.networks.config import PRESETS
from tests.helpers.networks import (
    TINY_CONFIG,
    narrow,
    preset_config,
    psnr,
    random_image,
    random_model,
)

pytest.importorskip(
    "tests.helpers.triton_interpreter",
    reason="no Triton here (pip install triton): the loops for GPUs are not tested",
    exc_type=ImportError,
)
from rife_arch.evaluation.gpu import TritonPyramid, loops
from rife_arch.evaluation.gpu.loops import Cells, TritonLoops, Update

FAMILIES = [preset.versions[-1] for preset in PRESETS if supports_pyramid(preset.config, 1)]
# One network of each structure that scales change: five blocks, a jump in scales, a summed mask, no shuffle.
SCALED = [
    (version, scale)
    for version, scale in itertools.product(("4.26", "4.25.lite", "4.6", "4.4"), (0.25, 0.5, 2.0))
    if supports_pyramid(preset_config(version), scale)
]


@pytest.fixture(autouse=True)
def _interpreted(monkeypatch: pytest.MonkeyPatch, one_thread: None) -> None:
    """Run in the interpreter, which takes as long for one pixel of a program as for thousands."""
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setattr(loops, "_BLOCK", 1 << 14)


def narrow_network(version: str) -> IFNet:
    network = random_model(narrow(preset_config(version))).network
    assert isinstance(network, IFNet)
    return network


def images(network: IFNet, scale: float, batch: int = 1) -> list[Tensor]:
    """Two pictures of the least height, and of three times the least width."""
    side = network.config.pad_multiple(scale)
    return [
        torch.cat([random_image(seed + 10 * item, side, 3 * side) for item in range(batch)])
        for seed in (1, 2)
    ]


def pair_of(network: IFNet | TritonPyramid, given: list[Tensor]) -> Pair:
    return Pair(network.encode_frame(given[0]), network.encode_frame(given[1]))


def compare(
    network: IFNet, given: list[Tensor], times: Tensor, scale: float, averages: bool = False
) -> float:
    """PSNR between the loops for GPUs and the plain forward, dB."""
    pyramid = TritonPyramid(network)
    with torch.inference_mode():
        made = pyramid(pair_of(pyramid, given), times, scale, averages)
        averaging = "last" if averages else "none"
        expected = network(pair_of(network, given), times, scale, averaging)
    return psnr(made, expected)


@pytest.mark.parametrize("version", FAMILIES)
def test_it_equals_the_plain_forward(version: str) -> None:
    network = narrow_network(version)
    assert compare(network, images(network, 1), torch.full((1, 1, 1, 1), 0.3), 1) > 100
