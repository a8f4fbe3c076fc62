from __future__ import annotations

import dataclasses
import re

import pytest
import torch

from rife_arch import CheckpointError, CheckpointMismatchError, UnsupportedCheckpointError, detect
from rife_arch.checkpoints.canonicalize import canonicalize
from rife_arch.checkpoints.detect import find_preset
from rife_arch.networks.build import expected_shapes
from rife_arch.networks.config import PRESETS, Preset
from tests.helpers.networks import TINY_CONFIG, as_upstream, random_weights

SAME_SHAPES = next(preset for preset in PRESETS if preset.versions == ("3.6",))
LEFTOVERS = ("teacher.conv.weight", "block_tea.conv0.0.0.weight", "caltime.0.weight")


def zeros(preset: Preset) -> dict[str, torch.Tensor]:
    shapes = expected_shapes(preset.config)
    return {key: torch.zeros(1).expand(shape) for key, shape in shapes.items()}


@pytest.mark.parametrize("prefix", ["", "module.", "flownet.", "module.flownet.", "model."])
@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.versions[-1])
def test_every_released_network_is_recognised_under_every_prefix(
    preset: Preset, prefix: str
) -> None:
    saved = as_upstream(zeros(preset), prefix)
    saved |= {prefix + key: torch.zeros(3) for key in LEFTOVERS}
    canonical = canonicalize(saved)
    found = detect({**canonical.weights, **canonical.refinement})
    assert found.widths == preset.config.widths
    assert find_preset(found) is (SAME_SHAPES if preset.versions == ("3.8",) else preset)
    assert canonical.dropped == tuple(sorted(LEFTOVERS))


def test_unnamed_encoder_layers_of_older_files_are_recognised() -> None:
    long = {"cnn0": "0", "cnn1": "2", "cnn2": "4", "cnn3": "6"}
    preset = next(preset for preset in PRESETS if "4.12" in preset.versions)
    saved = {
        ".".join(long.get(part, part) for part in key.split(".")): value
        for key, value in zeros(preset).items()
    }
    assert find_preset(detect(canonicalize(saved).weights)) is preset


def test_unnamed_layers_of_the_short_encoder_are_recognised() -> None:
    preset = next(preset for preset in PRESETS if "4.7" in preset.versions)
    saved = {
        key.replace("cnn0", "0").replace("cnn3", "1"): value for key, value in zeros(preset).items()
    }
    assert find_preset(detect(canonicalize(saved).weights)) is preset


def test_unknown_widths_of_a_known_structure_are_accepted() -> None:
    assert detect(random_weights(TINY_CONFIG, 0)) == TINY_CONFIG
    assert find_preset(TINY_CONFIG) is None


@pytest.mark.parametrize("width", [1 << 20, 1 << 40])
def test_giant_width_is_refused_without_being_built(width: int) -> None:
    weights = random_weights(TINY_CONFIG, 0)
    weights["blocks.0.conv0.1.0.weight"] = torch.zeros(1).expand(width, 1, 1, 1)
    with pytest.raises(CheckpointError):
        detect(weights)


def test_refined_network_is_still_the_release() -> None:
    preset = next(preset for preset in PRESETS if "4.2" in preset.versions)
    assert find_preset(dataclasses.replace(preset.config, refines=True)) is preset


def test_half_precision_copies_are_widened() -> None:
    weights = {key: value.half() for key, value in random_weights(TINY_CONFIG, 0).items()}
    assert {value.dtype for value in canonicalize(weights).weights.values()} == {torch.float32}


SINGLE_KEYS = [
    pytest.param(preset, key, id=f"{preset.versions[-1]}-{key}")
    for preset, step in ((PRESETS[0], 12), *((preset, 97) for preset in PRESETS[1:]))
    for key in sorted(expected_shapes(preset.config))[::step]
]


@pytest.mark.parametrize(("preset", "key"), SINGLE_KEYS)
def test_any_missing_weight_is_refused_by_name(preset: Preset, key: str) -> None:
    weights = zeros(preset)
    del weights[key]
    with pytest.raises(CheckpointMismatchError, match=f"missing: {re.escape(key)}\\."):
        detect(weights)


@pytest.mark.parametrize(("preset", "key"), SINGLE_KEYS)
def test_any_reshaped_weight_is_refused_by_name(preset: Preset, key: str) -> None:
    weights = zeros(preset)
    weights[key] = torch.zeros(*(2 * size for size in weights[key].shape))
    with pytest.raises(CheckpointMismatchError, match=rf"wrongly shaped: {re.escape(key)} \["):
        detect(weights)


def test_missing_weight_of_unknown_widths_is_refused_by_name() -> None:
    weights = random_weights(TINY_CONFIG, 0)
    del weights["blocks.3.convblock.4.beta"]
    with pytest.raises(CheckpointMismatchError, match=r"missing: blocks\.3\.convblock\.4\.beta\."):
        detect(weights)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.versions[-1])
def test_weights_named_as_upstream_become_the_canonical_ones(preset: Preset) -> None:
    weights = random_weights(preset.config, 0)
    canonical = canonicalize(as_upstream(weights))
    found = {**canonical.weights, **canonical.refinement}
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[key], weights[key]) for key in weights)


def test_unexpected_weight_is_refused_by_name() -> None:
    weights = zeros(PRESETS[0]) | {"blocks.0.extra.weight": torch.zeros(1)}
    with pytest.raises(CheckpointMismatchError, match=r"unexpected: blocks\.0\.extra\.weight"):
        detect(weights)


def test_weights_of_another_network_are_refused_with_examples() -> None:
    with pytest.raises(UnsupportedCheckpointError, match=r"layer1\.weight") as raised:
        detect({"layer1.weight": torch.zeros(4, 4)})
    assert raised.value.nearest is None


def test_too_few_blocks_name_the_nearest_family() -> None:
    config = dataclasses.replace(PRESETS[0].config, widths=(192, 128), block_scales=(2, 1))
    shapes = expected_shapes(config)
    weights = {key: torch.zeros(1).expand(shape) for key, shape in shapes.items()}
    with pytest.raises(
        UnsupportedCheckpointError, match=r"4\.2.*, but with weights missing: blocks\.2"
    ) as raised:
        detect(weights)
    assert raised.value.nearest


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("block0.res0.fc1.weight", "this is version 1 of RIFE"),
        ("block.getscale.0.0.weight", "this is SAFA, which enhances"),
        ("contextnet.conv0.conv1.0.weight", "without its flownet\\.pkl"),
    ],
)
def test_relatives_of_rife_are_refused_by_name(key: str, words: str) -> None:
    canonical = canonicalize({key: torch.zeros(1)})
    with pytest.raises(UnsupportedCheckpointError, match=words):
        detect({**canonical.weights, **canonical.refinement})
