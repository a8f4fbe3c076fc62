"""The loops for GPUs against the plain forward, in Triton's interpreter: no GPU is needed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from rife_arch import RifeModel
from rife_arch.evaluation import supports_pyramid
from rife_arch.evaluation.layout import Layout
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

# Of networks that differ in width only, one is enough.
FAMILIES = {
    narrow(preset.config): preset.versions[-1]
    for preset in PRESETS
    if supports_pyramid(preset.config, 1)
}.values()
# Of each structure one: features handed on, none, a summed mask, a head without shuffle.
STRUCTURES = ["4.26", "4.20", "4.6", "4.4"]


@pytest.fixture(autouse=True)
def _interpreted(monkeypatch: pytest.MonkeyPatch, one_thread: None) -> None:
    """Run in the interpreter, which takes as long for one pixel of a program as for thousands."""
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setattr(loops, "_BLOCK", 1 << 14)


def narrow_network(version: str) -> IFNet:
    network = random_model(narrow(preset_config(version))).network
    assert isinstance(network, IFNet)
    return network


def short_network(version: str, scales: tuple[int, ...] = (4, 2, 1)) -> IFNet:
    """The same structure with few blocks, for the interpreter takes a second for each."""
    config = replace(preset_config(version), widths=(8,) * len(scales), block_scales=scales)
    network = random_model(config).network
    assert isinstance(network, IFNet)
    return network


def images(network: IFNet, scale: float, cells: int = 1, batch: int = 1) -> list[Tensor]:
    """Two pictures, one cell high, which is the least, and some wide."""
    side = network.config.pad_multiple(scale)
    return [
        torch.cat([random_image(seed + 10 * item, side, cells * side) for item in range(batch)])
        for seed in (1, 2)
    ]


def pair_of(network: IFNet | TritonPyramid, given: list[Tensor]) -> Pair:
    return Pair(network.encode_frame(given[0]), network.encode_frame(given[1]))


def compare(network: IFNet, given: list[Tensor], time: float, scale: float) -> float:
    """PSNR between the loops for GPUs and the plain forward, dB."""
    pyramid, times = TritonPyramid(network), torch.full((len(given[0]), 1, 1, 1), time)
    with torch.inference_mode():
        made = pyramid(pair_of(pyramid, given), times, scale)
        return psnr(made, network(pair_of(network, given), times, scale))


@pytest.mark.parametrize("version", STRUCTURES)
@pytest.mark.parametrize("scale", [1, 2])
def test_it_equals_the_plain_forward(version: str, scale: float) -> None:
    network = short_network(version)
    assert compare(network, images(network, scale, 3), 0.3, scale) > 100


# Two always; the others, whose blocks are tested above, with `-m faults`.
@pytest.mark.slow  # the interpreter takes up to 10 s for all blocks of a network
@pytest.mark.parametrize(
    "version",
    [
        version
        if version in ("4.22.lite", "4.6")
        else pytest.param(version, marks=pytest.mark.faults)
        for version in FAMILIES
    ],
)
def test_so_does_every_network(version: str) -> None:
    network = narrow_network(version)
    assert compare(network, images(network, 1), 0.3, 1) > 100


@pytest.mark.parametrize("scale", [0.25, 0.5])
def test_low_scales_give_the_same(scale: float) -> None:
    network = short_network("4.26")
    assert compare(network, images(network, scale), 0.7, scale) > 100


def test_a_jump_in_scales_is_bridged() -> None:
    """4.25.lite goes from 4 to 1 at once."""
    network = short_network("4.25.lite", (4, 1))
    assert compare(network, images(network, 1), 0.7, 1) > 100


def test_a_change_of_scale_is_noticed() -> None:
    network = short_network("4.4", (2, 1))
    pyramid, times = TritonPyramid(network), torch.full((1, 1, 1, 1), 0.5)
    for scale in (1, 2, 1):
        given = images(network, scale)
        with torch.inference_mode():
            made = pyramid(pair_of(pyramid, given), times, scale)
            assert psnr(made, network(pair_of(network, given), times, scale)) > 100


@pytest.mark.parametrize(("version", "scale"), [("4.26", 1), ("4.20", 2), ("4.6", 1)])
def test_each_pair_of_a_batch_has_its_timestep_its_motion_and_its_average(
    version: str, scale: float
) -> None:
    network = short_network(version, (2, 1))
    pyramid, times = TritonPyramid(network), torch.tensor([0.2, 0.5, 0.9]).view(3, 1, 1, 1)
    given = images(network, scale, cells=3, batch=3)
    with torch.inference_mode():
        found = pyramid.with_motion(pair_of(pyramid, given), times, scale, True)
        expected = network.with_motion(pair_of(network, given), times, scale, "last")
        once = network(pair_of(network, given), times, scale)
    assert psnr(found.frame, expected.frame) > 100
    assert psnr(found.frame, once) < 80
    torch.testing.assert_close(found.motion.flow, expected.motion.flow, atol=1e-3, rtol=1e-4)
    masks = found.motion.mask_logits, expected.motion.mask_logits
    torch.testing.assert_close(*masks, atol=1e-3, rtol=1e-4)


def test_one_pair_serves_a_batch_of_timesteps_and_frames_may_lie_in_planes() -> None:
    network = short_network("4.4", (2, 1))
    pyramid, times = TritonPyramid(network), torch.tensor([0.2, 0.5, 0.9]).view(3, 1, 1, 1)
    given = images(network, 1)
    with torch.inference_mode():
        plain = pair_of(network, given).expanded(3)
        expected = network(plain, times)
        assert psnr(pyramid(pair_of(pyramid, given).expanded(3), times, 1), expected) > 100
        assert psnr(pyramid(plain, times, 1), expected) > 100


def test_frames_are_encoded_in_any_memory_format() -> None:
    network = short_network("4.26")
    img = random_image(1, 34, 50)
    encoded = TritonPyramid(network).encode_frame(img.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(encoded, network.encode_frame(img), atol=1e-6, rtol=0)


def as_update(planes: Tensor, factor: int, side: int) -> Update:
    """Lay out [B, C, h, w] as a block's head returns it."""
    padded = F.pad(planes, (side // 2,) * 4)
    squares = rearrange(padded, "n c (h a) (w b) -> n (a b c) h w", a=side, b=side)
    return Update(squares.contiguous(memory_format=torch.channels_last), factor, side)


@pytest.mark.parametrize("side", [2, 4])
def test_flow_that_is_none_or_huge_reads_the_border(
    side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "_BLOCK", 64)  # many programs, the last of them not full
    height, width = 12, 20
    values = torch.tensor([float("nan"), 1e9, -1e9, -0.25, 0.25, 5.5])
    choice = torch.randint(len(values), (1, 5, height, width))
    planes = values[choice]
    planes[:, 4] = torch.randn(height, width)
    images = [F.pad(torch.rand(1, 3, height, width), (0, 0, 0, 0, 0, 1)) for _ in range(2)]
    pair = Pair(*(x.contiguous(memory_format=torch.channels_last)[:, :3] for x in images))
    expected = pair.blended(Motion(planes[:, :4], planes[:, 4:], planes[:, 5:]))
    out = torch.empty(1, height, width, 3)
    layout = Layout.of(short_network("4.4").config)
    TritonLoops(layout, sums_mask=False).blend(out, pair, [as_update(planes, 1, side)], None)
    assert expected.isfinite().all()
    torch.testing.assert_close(out.permute(0, 3, 1, 2), expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_block_inputs_are_stored_in_the_type_of_the_convolutions(dtype: torch.dtype) -> None:
    """Rounding to it is all that differs; the interpreter cuts bfloat16 off, where GPUs round."""
    layout = Layout.of(TINY_CONFIG)
    pyramid = TritonPyramid(short_network("4.26"))
    pair = pair_of(pyramid, [random_image(1, 32, 32), random_image(2, 32, 32)])
    updates = [as_update(torch.randn(1, 13, 4, 4), 8, 4)]
    written: list[Tensor] = []
    for each in (torch.float32, dtype):
        out = torch.empty(1, 8, 8, layout.pixel, dtype=each)
        arguments = pair, torch.tensor([0.3]), updates, Cells.of(4)
        TritonLoops(layout, sums_mask=False).block_input(out, *arguments)
        written.append(out.float())
    assert not torch.equal(*written)
    spacing = torch.finfo(dtype).eps
    torch.testing.assert_close(written[1], written[0], rtol=spacing, atol=1e-7)


@pytest.mark.parametrize(("dtype", "least"), [(torch.float16, 60), (torch.bfloat16, 45)])
def test_convolutions_in_half_precision_stay_close(dtype: torch.dtype, least: float) -> None:
    """As close as the plain forward in the same precision, which rounds at other places."""
    network, times = short_network("4.4"), torch.full((1, 1, 1, 1), 0.5)
    given = images(network, 1)
    with torch.inference_mode():
        expected = network(pair_of(network, given), times)
        network.set_precision(dtype)
        pyramid = TritonPyramid(network)
        made = pyramid(pair_of(pyramid, given), times, 1)
        plain = network(pair_of(network, given), times)
    assert psnr(made, expected) > max(least, psnr(plain, expected) - 6)


def test_alpha_is_moved_by_the_motion_that_was_found() -> None:
    model = random_model(short_network("4.4").config)
    given = [
        torch.cat((random_image(s, 30, 40), random_image(9 + s, 30, 40)[:, :1]), 1) for s in (1, 2)
    ]
    plain = RifeModel(model.network, model.name, evaluation="plain")(*given, 0.5)
    exact = RifeModel(model.network, model.name, evaluation="exact")
    exact._evaluator._pyramid = TritonPyramid(model.network)
    made = exact(*given, 0.5)
    assert made.shape == plain.shape == (1, 4, 30, 40)
    assert psnr(made, plain) > 100
