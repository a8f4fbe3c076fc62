"""What encoding settings mean for one video."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from vfi.encode import EncodingSettings
from vfi.encode.presets import PRESETS
from vfi.errors import InputError
from vfi.timing import FASTEST_RATE


@pytest.mark.parametrize(("preset", "keeps"), [("share", False), ("webm", True)])
@pytest.mark.parametrize("has_alpha", [False, True])
def test_alpha_is_kept_where_frames_and_preset_have_it(
    tmp_path: Path, preset: str, keeps: bool, has_alpha: bool
) -> None:
    settings = EncodingSettings(preset)
    path = tmp_path / f"a{settings.suffixes[0]}"
    frames = settings.resolve(path, width=64, height=48, rate=Fraction(24), has_alpha=has_alpha)
    assert settings.keeps_alpha == keeps
    assert frames.has_alpha == frames.encoder.has_alpha == (keeps and has_alpha)


@pytest.mark.parametrize(
    ("preset", "dither", "bit_depth"),
    [("share", False, 8), ("share", True, 16), ("high-quality", False, 16), ("lossless", True, 8)],
)
def test_frames_have_the_bit_depth_that_is_worth_encoding(
    tmp_path: Path, preset: str, dither: bool, bit_depth: int
) -> None:
    settings = EncodingSettings(preset, dither=dither)
    path = tmp_path / f"a{settings.suffixes[0]}"
    frames = settings.resolve(path, width=64, height=48, rate=Fraction(24))
    assert frames.bit_depth == bit_depth


def test_resolving_writes_nothing(tmp_path: Path) -> None:
    EncodingSettings().resolve(tmp_path / "x" / "a.mp4", width=64, height=48, rate=Fraction(24))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("preset", "most"), [("web", 240), ("share", 4000), ("gif", 50)])
def test_rate_that_no_encoder_of_the_preset_takes_is_refused_before_any_work(
    tmp_path: Path, preset: str, most: int
) -> None:
    settings = EncodingSettings(preset)
    path = tmp_path / f"a{settings.suffixes[0]}"
    assert settings.resolve(path, width=64, height=48, rate=Fraction(most)).rate == most
    with pytest.raises(
        InputError, match=rf"^Preset {preset} plays at most {most} frames per second"
    ):
        settings.resolve(path, width=64, height=48, rate=most + Fraction(1, 1000))


def test_any_typed_rate_is_one_that_some_preset_takes() -> None:
    assert max(preset.max_rate for preset in PRESETS.values()) == FASTEST_RATE
