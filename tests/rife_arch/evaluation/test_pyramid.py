"""The exact evaluation against the plain forward, which is the definition."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from rife_arch import IFNetConfig, RifeModel
from rife_arch.evaluation import level as level_module
from rife_arch.evaluation.pyramid import Pyramid
from rife_arch.evaluation.support import supports_pyramid
from rife_arch.networks.blocks import ResidualUnit
from rife_arch.networks.config import PRESETS
from rife_arch.networks.ifnet import IFNet
from rife_arch.networks.pair import Pair
from tests.helpers.networks import preset_config, psnr, random_image, random_model, real_pair

CASES = [
    (preset.versions[-1], scale)
    for preset in PRESETS
    for scale in (0.25, 0.5, 1.0, 2.0, 4.0)
    if supports_pyramid(preset.config, scale)
]


def both_ways(model: RifeModel, img0: Tensor, img1: Tensor, time: float, scale: float) -> float:
    """PSNR between the two evaluations of one frame, dB."""
    assert isinstance(model.network, IFNet)
    pair = Pair(model.encode(img0, scale=scale).padded, model.encode(img1, scale=scale).padded)
    times = torch.full((len(img0), 1, 1, 1), time)
    with torch.inference_mode():
        exact = Pyramid(model.network)(pair, times, scale)
        return psnr(exact, model.network(pair, times, scale))


@pytest.mark.parametrize(("version", "scale"), CASES)
def test_pyramid_equals_the_plain_forward(version: str, scale: float) -> None:
    model = random_model(preset_config(version))
    img0, img1 = random_image(1, 150, 230), random_image(2, 150, 230)
    assert both_ways(model, img0, img1, 0.3, scale) > 100


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("pixels", [1, 1000, 1 << 30])
def test_strips_of_any_height_give_the_same(
    pixels: int, scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(level_module, "_STRIP_PIXELS", pixels)
    img0, img1 = random_image(1, 192, 128), random_image(2, 192, 128)
    assert both_ways(random_model(preset_config("4.25")), img0, img1, 0.5, scale) > 100


@pytest.mark.parametrize("version", ["4.25", "4.6", "4.4"])
def test_scale_two_gives_the_motion_of_each_pair_of_a_batch(version: str) -> None:
    network = random_model(preset_config(version)).network
    assert isinstance(network, IFNet)
    img0, img1 = (torch.cat([random_image(seed + i, 64, 96) for i in (0, 7)]) for seed in (1, 2))
    times = torch.tensor([0.2, 0.9]).view(2, 1, 1, 1)
    with torch.inference_mode():
        pair = Pair(network.encode_frame(img0), network.encode_frame(img1))
        found = Pyramid(network).with_motion(pair, times, 2)
        expected = network.with_motion(pair, times, 2)
    assert psnr(found.frame, expected.frame) > 100
    torch.testing.assert_close(found.motion.flow, expected.motion.flow, atol=1e-3, rtol=1e-4)
    masks = found.motion.mask_logits, expected.motion.mask_logits
    torch.testing.assert_close(*masks, atol=1e-3, rtol=1e-4)


def test_batch_has_its_own_timesteps() -> None:
    model = random_model(preset_config("4.25"))
    img0, img1 = random_image(1, 64, 64), random_image(2, 64, 64)
    both = model(img0.expand(2, -1, -1, -1), img1.expand(2, -1, -1, -1), torch.tensor([0.2, 0.9]))
    for out, time in zip(both, (0.2, 0.9), strict=True):
        assert psnr(out, model(img0, img1, time)[0]) > 90


def test_a_change_of_size_or_scale_is_noticed() -> None:
    model = random_model(preset_config("4.25"))
    for height, width, scale in ((64, 128, 1), (128, 64, 1), (128, 64, 2), (64, 128, 0.5)):
        img0, img1 = random_image(1, height, width), random_image(2, height, width)
        fresh = random_model(preset_config("4.25"))
        out = model(img0, img1, 0.5, scale=scale)
        assert psnr(out, fresh(img0, img1, 0.5, scale=scale)) > 100


@pytest.mark.parametrize("version", ["4.25", "4.14.lite"])
def test_folded_units_give_the_same(version: str) -> None:
    config = preset_config(version)
    assert isinstance(config, IFNetConfig)
    unit = ResidualUnit(32, config.groups).requires_grad_(False)
    unit.beta.copy_(torch.randn_like(unit.beta))
    x = torch.randn(1, 32, 9, 11)
    expected = unit(x)
    torch.testing.assert_close(unit.folded()(x), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.weights
@pytest.mark.parametrize(("time", "scale"), [(0.25, 1), (0.5, 1), (0.8, 1), (0.3, 2)])
def test_released_weights_on_real_frames_agree(
    time: float, scale: float, released_model: Callable[[str], RifeModel]
) -> None:
    assert both_ways(released_model("4.26"), *real_pair(), time, scale) > 110
