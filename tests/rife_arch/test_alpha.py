"""Alpha goes through every network by the flow and mask that the colours are made by."""

from __future__ import annotations

import dataclasses
from copy import deepcopy

import pytest
import torch
from torch import Tensor

from rife_arch import QUALITIES, HDv3Config, NetworkConfig, Quality, RifeModel
from rife_arch.evaluation import supports_pyramid
from rife_arch.models import Evaluation
from rife_arch.networks.build import set_precision
from rife_arch.networks.config import PRESETS
from tests.helpers.networks import preset_config, psnr, random_image, random_model

VERSIONS = [preset.versions[-1] for preset in PRESETS]
# Without those that add to the blend of the colours, which a grey picture would show.
BLENDING = [preset.versions[-1] for preset in PRESETS if not preset.config.refines]
EVALUATIONS: list[tuple[str, Evaluation]] = [
    (version, evaluation)
    for version in BLENDING
    for evaluation in ("fused", "exact", "plain")
    if evaluation == "plain" or supports_pyramid(preset_config(version), 1)
]


def narrow_model(version: str) -> RifeModel:
    """The structure of a release with few channels."""
    return random_model(narrow(preset_config(version)))


def narrow(config: NetworkConfig) -> NetworkConfig:
    if isinstance(config, HDv3Config):
        return dataclasses.replace(config, width=8)
    return dataclasses.replace(config, widths=(8,) * len(config.widths))


def with_alpha(seed: int, height: int = 37, width: int = 81) -> Tensor:
    """A random picture with random alpha, [1, 4, height, width], multiplied by it."""
    alpha = random_image(seed + 10, height, width)[:, :1]
    return torch.cat((random_image(seed, height, width) * alpha, alpha), 1)


def grey_as_its_alpha(seed: int, height: int = 37, width: int = 81) -> Tensor:
    """A grey picture and the same values once more as its alpha, [1, 4, height, width]."""
    return random_image(seed, height, width)[:, :1].repeat(1, 4, 1, 1)


def assert_alpha_is_the_colour(out: Tensor) -> None:
    torch.testing.assert_close(out[:, 3:].expand(-1, 3, -1, -1), out[:, :3], atol=1e-4, rtol=0)


@pytest.mark.parametrize("version", VERSIONS)
def test_colours_are_those_of_the_same_picture_without_alpha(version: str) -> None:
    model, images = narrow_model(version), (with_alpha(1), with_alpha(2))
    out = model(*images, 0.25)
    assert out.shape == (1, 4, 37, 81)
    assert torch.equal(out[:, :3], model(*(image[:, :3] for image in images), 0.25))


@pytest.mark.parametrize(("version", "evaluation"), EVALUATIONS)
def test_alpha_moves_as_a_grey_picture_does(version: str, evaluation: Evaluation) -> None:
    model = RifeModel(narrow_model(version).network, version, evaluation=evaluation)
    assert_alpha_is_the_colour(model(grey_as_its_alpha(1), grey_as_its_alpha(2), 0.25))


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("version", ["4.25", "4.6", "3.8"])
def test_alpha_follows_in_every_quality(version: str, quality: Quality) -> None:
    images = grey_as_its_alpha(1), grey_as_its_alpha(2)
    assert_alpha_is_the_colour(narrow_model(version)(*images, 0.3, quality=quality))


@pytest.mark.parametrize("version", ["4.24", "4.1", "3.8"])
def test_alpha_follows_the_ensemble(version: str) -> None:
    images = grey_as_its_alpha(1), grey_as_its_alpha(2)
    assert_alpha_is_the_colour(narrow_model(version)(*images, 0.5, ensemble=True))


@pytest.mark.parametrize("version", ["4.25", "4.1", "3.8"])
def test_several_moments_and_batches_keep_their_alpha(version: str) -> None:
    model = narrow_model(version)
    features = [model.encode(grey_as_its_alpha(seed)) for seed in (1, 2)]
    for out in model.interpolate_each(*features, [0.25, 0.5, 0.75]):
        assert_alpha_is_the_colour(out)
    batches = [torch.cat((grey_as_its_alpha(seed), grey_as_its_alpha(seed + 5))) for seed in (1, 2)]
    assert_alpha_is_the_colour(model(*batches, torch.tensor([0.25, 0.5])))


@pytest.mark.parametrize("version", ["4.25", "3.8"])
def test_alpha_follows_in_bfloat16(version: str) -> None:
    model = narrow_model(version)
    set_precision(model.network, torch.bfloat16)
    assert_alpha_is_the_colour(model(grey_as_its_alpha(1), grey_as_its_alpha(2)))


def test_alpha_is_made_again_where_half_precision_overflows() -> None:
    model = random_model(preset_config("4.25"))
    units = model.network.flow_blocks()[0].convblock
    for unit in (units[2], units[3]):  # their output passes 65504, the largest float16
        unit.layer.weight.mul_(1000)
    for unit in (units[4], units[5]):
        unit.layer.weight.div_(1000)
    set_precision(model.network, torch.float16)
    precise = RifeModel(deepcopy(model.network).float(), model.name)
    images = with_alpha(1, 64, 64), with_alpha(2, 64, 64)
    expected = precise(*images, 0.3, quality="best")
    torch.testing.assert_close(model(*images, 0.3, quality="best"), expected, atol=1e-4, rtol=0)


def test_frame_with_alpha_and_frame_without_are_refused() -> None:
    with pytest.raises(ValueError, match="both frames must have alpha or neither"):
        random_model()(with_alpha(1), with_alpha(2)[:, :3])


# --- the motion itself ---------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("version", ["4.25", "4.6", "4.1", "3.8"])
def test_motion_is_what_the_picture_was_made_by(version: str, channels: int) -> None:
    model = narrow_model(version)
    features = [model.encode(with_alpha(seed)[:, :channels]) for seed in (1, 2)]
    motion = model.motion(*features, 0.5)
    assert motion.flow.shape == (1, 4, 37, 81)
    assert motion.mask.shape == (1, 1, 37, 81)
    mixed = torch.lerp(motion.warped1, motion.warped0, motion.mask)
    assert psnr(mixed, model.interpolate(*features, 0.5)) > 80


@pytest.mark.parametrize("scale", [0.5, 1])
@pytest.mark.parametrize("version", ["4.26", "4.6"])
def test_every_evaluation_finds_the_same_motion(version: str, scale: float) -> None:
    network = random_model(preset_config(version)).network
    found = []
    for evaluation in ("auto", "exact", "plain"):
        model = RifeModel(network, version, evaluation=evaluation)
        features = [model.encode(random_image(seed, 70, 100), scale=scale) for seed in (1, 2)]
        found.append(model.motion(*features, 0.3))
    for other in found[1:]:
        torch.testing.assert_close(other.flow, found[0].flow, atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(other.mask, found[0].mask, atol=1e-3, rtol=0)


def test_motion_away_from_the_middle_is_refused_where_only_that_is_known() -> None:
    model = narrow_model("3.6")
    features = [model.encode(random_image(seed, 64, 64)) for seed in (1, 2)]
    with pytest.raises(ValueError, match=r"at timestep 0\.5 only, got \[0\.25\]"):
        model.motion(*features, 0.25)
