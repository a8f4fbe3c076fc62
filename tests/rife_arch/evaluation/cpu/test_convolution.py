"""Winograd's convolution against torch's, which is the definition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from rife_arch import RifeModel
from rife_arch.networks.config import IFNetConfig
from tests.helpers.networks import narrow, preset_config, psnr, random_image, random_model

pytest.importorskip(
    "numba",
    reason="the compiled loops need numba (requirements-dev.txt)",
    exc_type=ImportError,
)
# Only then, as the room imports numba.
convolution: Any = pytest.importorskip("rife_arch.evaluation.cpu.convolution")
winograd: Any = pytest.importorskip("rife_arch.evaluation.cpu.winograd")
loops: Any = pytest.importorskip("rife_arch.evaluation.cpu.winograd_kernels")
threads: Any = pytest.importorskip("rife_arch.evaluation.cpu.threads")

if TYPE_CHECKING:
    from rife_arch.evaluation.cpu.winograd import Tiling

MACHINES = {"AVX-512": (16, 8), "AVX": (8, 6), "SSE or NEON": (4, 6)}
TILINGS = [winograd.TRUNK_TILING, winograd.HEAD_TILING]


@pytest.fixture(params=MACHINES.values(), ids=MACHINES.keys())
def _machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile for other vectors; LLVM makes them of what this machine has."""
    registers = loops.Registers(*request.param)
    monkeypatch.setattr(convolution, "host_registers", lambda: registers)


def random_weights(outputs: int, inputs: int, tiling: Tiling) -> tuple[Tensor, Tensor, Tensor]:
    weight = torch.randn(outputs, inputs, tiling.taps, tiling.taps) / (tiling.taps * inputs**0.5)
    return weight, torch.randn(outputs), torch.rand(outputs)


def expected_of(x: Tensor, weight: Tensor, bias: Tensor, slopes: Tensor) -> Tensor:
    out = F.conv2d(x.double(), weight.double(), bias.double(), padding=1)
    return torch.where(out > 0, out, out * slopes.double()[:, None, None])


def flat(x: Tensor) -> np.ndarray:
    return x[0].permute(1, 2, 0).reshape(-1).numpy()


def off(out: np.ndarray, expected: Tensor) -> float:
    """The largest error, relative to the size of what is computed."""
    return float(np.abs(out - flat(expected)).max() / expected.std())


def convolve(
    x: Tensor, tiling: Tiling, weights: tuple[Tensor, Tensor, Tensor], workers: object = None
) -> np.ndarray:
    _, _, height, width = x.shape
    size = convolution.Size(height, width)
    more = 2 - tiling.taps + 1  # an even window makes one pixel more
    out_size = convolution.Size(height + more, width + more)
    made = convolution.WinogradConvolution(workers or threads.Workers(), tiling, *weights)
    out = np.full(out_size.height * out_size.width * made.outputs, np.nan, np.float32)
    if workers:
        made.in_parallel(out, flat(x), size, out_size)
    else:
        made(out, flat(x), size, out_size)
    return out


@pytest.mark.usefixtures("_machine")
@pytest.mark.parametrize("tiling", TILINGS, ids=["3x3", "2x2"])
@pytest.mark.parametrize(
    ("height", "width", "inputs", "outputs"),
    [
        (1, 1, 16, 16),
        (4, 4, 32, 32),
        (3, 9, 16, 48),
        (7, 5, 48, 16),
        (34, 60, 32, 80),
        (2, 90, 96, 32),
    ],
)
def test_sums_are_those_of_the_definition(
    tiling: Tiling, height: int, width: int, inputs: int, outputs: int
) -> None:
    torch.manual_seed(0)
    weights = random_weights(outputs, inputs, tiling)
    x = torch.randn(1, inputs, height, width)
    assert off(convolve(x, tiling, weights), expected_of(x, *weights)) < 1e-5


def test_rounding_is_half_of_that_with_the_usual_points() -> None:
    torch.manual_seed(0)
    weights, x = random_weights(64, 64, winograd.TRUNK_TILING), torch.randn(1, 64, 64, 64)
    expected = expected_of(x, *weights)
    error = convolve(x, winograd.TRUNK_TILING, weights) - flat(expected)
    assert float(np.sqrt((error**2).mean()) / expected.std()) < 1e-6  # 1.2e-6 at 0, ±1, ±2


def test_pixels_beside_each_other_are_left_alone() -> None:
    torch.manual_seed(0)
    weights, x = random_weights(16, 16, winograd.TRUNK_TILING), torch.randn(1, 16, 5, 6)
    made = convolution.WinogradConvolution(threads.Workers(), winograd.TRUNK_TILING, *weights)
    size = convolution.Size(5, 6)
    out = np.full((5 * 6, 40), 7, np.float32)
    made(out.reshape(-1)[8:], flat(x), size, size, step=40)
    assert (out[:, :8] == 7).all()
    assert (out[:, 24:] == 7).all()
    assert off(out[:, 8:24].reshape(-1), expected_of(x, *weights)) < 1e-5


@pytest.mark.parametrize("num_threads", [1, 2, 5])
def test_threads_of_any_number_give_the_same_bits(num_threads: int) -> None:
    torch.manual_seed(0)
    weights, x = random_weights(32, 32, winograd.TRUNK_TILING), torch.randn(1, 32, 61, 47)
    before = torch.get_num_threads()
    torch.set_num_threads(num_threads)
    try:
        workers = threads.Workers()
        with workers.taking_over():
            out = convolve(x, winograd.TRUNK_TILING, weights, workers)
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(out, convolve(x, winograd.TRUNK_TILING, weights))


def test_numbers_that_are_none_reach_their_neighbours_only() -> None:
    torch.manual_seed(0)
    weights, x = random_weights(16, 16, winograd.TRUNK_TILING), torch.randn(1, 16, 20, 20)
    x[0, 3, 9, 9] = float("nan")
    out = convolve(x, winograd.TRUNK_TILING, weights).reshape(20, 20, 16)
    is_nan = np.isnan(out).any(-1)
    assert is_nan[8:11, 8:11].all()
    assert not is_nan[:4].any()  # squares of four that do not read it
    assert not is_nan[:, 16:].any()


@pytest.mark.usefixtures("_machine")
@pytest.mark.parametrize("version", ["4.26", "4.2"])
def test_networks_are_the_same_on_other_machines(version: str) -> None:
    model = random_model(preset_config(version))
    img0, img1 = random_image(1, 66, 130), random_image(2, 66, 130)
    plain = RifeModel(model.network, model.name, evaluation="plain")
    assert psnr(model(img0, img1, 0.4), plain(img0, img1, 0.4)) > 100


def test_channels_that_fill_no_vectors_are_left_to_torch() -> None:
    config = preset_config("4.26")
    assert isinstance(config, IFNetConfig)
    model = random_model(narrow(config))
    img0, img1 = random_image(1, 64, 64), random_image(2, 64, 64)
    plain = RifeModel(model.network, model.name, evaluation="plain")
    assert model.evaluation() == "fused"
    assert psnr(model(img0, img1), plain(img0, img1)) > 100
