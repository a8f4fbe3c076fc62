"""What encoding settings mean for one video."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from vfi.encode import EncodingSettings


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
