"""Which networks the pyramid evaluates: those it is known to be exact for, and no others."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from rife_arch import IFNetConfig
from rife_arch.evaluation import supports_pyramid
from rife_arch.networks import PRESETS, EncoderConfig
from tests.helpers.networks import TINY_CONFIG, preset_config

# Written down by hand: every released network, and whether the pyramid takes it.
EXACT = [
    "4.26",
    "4.25.lite",
    "4.25.heavy",
    "4.26.heavy",
    "4.22.lite",
    "4.23",
    "4.20",
    "4.24",
    "4.17.lite",
    "4.14.lite",
    "4.13.lite",
    "4.9",
    "4.6",
    "4.5",
    "4.4",
]
PLAIN = [
    "4.1",
    "3.9",
    "RIFE_m",
    "RIFE (paper)",
    "3.6",
    "3.8",
    "3.5",
    "3.1",
    "2.4",
]


def test_every_released_network_is_in_one_of_the_lists() -> None:
    assert sorted(EXACT + PLAIN) == sorted(preset.versions[-1] for preset in PRESETS)


@pytest.mark.parametrize("version", EXACT)
@pytest.mark.parametrize(
    ("scale", "expected"), [(0.25, True), (0.5, True), (1, True), (2, True), (4, False)]
)
def test_exact_networks_take_the_pyramid_unless_a_scale_enlarges_by_more_than_two(
    version: str, scale: float, expected: bool
) -> None:
    assert supports_pyramid(preset_config(version), scale) is expected


@pytest.mark.parametrize("version", PLAIN)
@pytest.mark.parametrize("scale", [0.25, 0.5, 1, 2, 4])
def test_networks_that_need_whole_frames_take_the_plain_forward(version: str, scale: float) -> None:
    assert not supports_pyramid(preset_config(version), scale)


def test_unknown_value_of_a_known_field_takes_the_plain_forward() -> None:
    config = replace(TINY_CONFIG, residual="gated")  # pyright: ignore[reportArgumentType]
    assert supports_pyramid(TINY_CONFIG, 1)
    assert not supports_pyramid(config, 1)


@dataclass(frozen=True)
class FutureConfig(IFNetConfig):
    """A generation with something new."""

    gates: int = 0


@dataclass(frozen=True)
class FutureEncoder(EncoderConfig):
    """An encoder with something new."""

    dilation: int = 1


def test_new_field_takes_the_pyramid_only_at_its_default() -> None:
    assert supports_pyramid(FutureConfig((16, 16), (2, 1)), 1)
    assert not supports_pyramid(FutureConfig((16, 16), (2, 1), gates=1), 1)


def test_new_field_of_the_encoder_takes_the_pyramid_only_at_its_default() -> None:
    assert supports_pyramid(replace(TINY_CONFIG, encoder=FutureEncoder(8, 4)), 1)
    assert not supports_pyramid(replace(TINY_CONFIG, encoder=FutureEncoder(8, 4, dilation=2)), 1)
