"""HDR, and wide gamuts, in every preset and container that can hold them."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe
from numpy.typing import NDArray

from vfi.color import HLG, PQ, SDR, Color, LightLevel, MasteringDisplay
from vfi.encode import EncodingSettings, find_preset
from vfi.read.video import probe_video, read_video
from vfi.write import VideoWriter

# P3 in D65, 0.005 to 1000 cd/m²: what most films are graded on.
P3_DISPLAY = MasteringDisplay(
    (34000, 16000), (13250, 34500), (7500, 3000), (15635, 16450), (50, 10_000_000)
)
HDR10 = replace(PQ, mastering=P3_DISPLAY, light_level=LightLevel(1000, 400))
DEEP = ["high-quality", "web", "master", "lossless-16"]
# The most by which a 10-bit value may differ: half a step, and what the encoder loses.
LOSSES = {"high-quality": 4.0, "web": 4.0, "master": 1.0, "lossless-16": 0.001}


def ramp() -> NDArray[np.uint16]:
    values = np.linspace(0, 65535, 64).round().astype(np.uint16)
    return np.ascontiguousarray(np.broadcast_to(values[None, :, None], (48, 64, 3)))


def write(path: Path, preset: str, color: Color, frames: int = 3, **options: Any) -> Path:
    speed = "fast" if find_preset(preset).has_speeds else None
    encoding = EncodingSettings(preset, speed=speed)
    size = {"width": 64, "height": 48, "rate": Fraction(25)}
    frame_format = encoding.resolve(path, color=color, **size)
    picture = ramp() if frame_format.bit_depth > 8 else (ramp() >> 8).astype(np.uint8)
    with VideoWriter(path, frame_format, **options) as writer:
        for _ in range(frames):
            writer.write(picture)
    return path


def test_presets_of_more_than_8_bits_keep_hdr() -> None:
    software = [name for name in DEEP if EncodingSettings(name).keeps_hdr]
    assert software == DEEP
    assert not any(
        EncodingSettings(name).keeps_hdr for name in ("share", "webm", "gif", "lossless")
    )


def test_pixel_format_of_8_bits_keeps_no_hdr() -> None:
    assert not EncodingSettings("high-quality", options={"pix_fmt": "yuv420p"}).keeps_hdr


@pytest.mark.parametrize(
    ("preset", "suffix"),
    [(name, suffix) for name in DEEP for suffix in find_preset(name).suffixes],
)
def test_hdr10_comes_back_with_tags_mastering_display_and_light_level(
    tmp_path: Path, preset: str, suffix: str
) -> None:
    # Of several segments, which are joined packet by packet.
    path = write(tmp_path / f"a{suffix}", preset, HDR10, segment_length=2)
    info = probe_video(path)
    assert info.color == HDR10
    for frame in read_video(info):
        difference = np.abs(frame.pixels.numpy() - ramp() / 65535).max()
        assert difference * 1023 <= LOSSES[preset]


@pytest.mark.parametrize("color", [HLG, Color("bt2020")], ids=["HLG", "SDR in BT.2020"])
@pytest.mark.parametrize("preset", DEEP)
def test_tags_come_back(tmp_path: Path, preset: str, color: Color) -> None:
    path = write(tmp_path / f"a{find_preset(preset).suffixes[0]}", preset, color, frames=1)
    assert probe_video(path).color == color


@pytest.mark.parametrize("preset", ["share", "webm", "lossless"])
@pytest.mark.parametrize("primaries", ["bt2020", "smpte432", "bt470bg"])
def test_8_bits_keep_the_primaries(tmp_path: Path, preset: str, primaries: str) -> None:
    color = Color(primaries)
    path = write(tmp_path / f"a{find_preset(preset).suffixes[0]}", preset, color, frames=1)
    assert probe_video(path).color == color


@pytest.mark.parametrize(("preset", "suffix"), [("high-quality", ".mp4"), ("master", ".mov")])
def test_another_ffmpeg_sees_hdr10(tmp_path: Path, preset: str, suffix: str) -> None:
    path = write(tmp_path / f"a{suffix}", preset, HDR10, frames=1)
    command = [get_ffmpeg_exe(), "-i", path, "-vf", "showinfo", "-f", "null", "-"]
    seen = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    for words in (
        "color_space:bt2020nc",
        "color_primaries:bt2020",
        "color_trc:smpte2084",
        "r(0.6800,0.3200) g(0.2650,0.6900) b(0.1500 0.0600) wp(0.3127, 0.3290)",
        "min_luminance=0.005000, max_luminance=1000.000000",
        "MaxCLL=1000, MaxFALL=400",
    ):
        assert words in seen


def test_sdr_file_holds_no_word_of_hdr(tmp_path: Path) -> None:
    assert probe_video(write(tmp_path / "a.mp4", "high-quality", SDR, frames=1)).color == SDR
