"""HDR through the command line, from files that another ffmpeg has made."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from imageio_ffmpeg import get_ffmpeg_exe

from tests.helpers.running import RunCli
from vfi.color import HLG, PQ, SDR, Color, LightLevel, MasteringDisplay
from vfi.encode import PRESETS
from vfi.read import open_video
from vfi.read.image_sequence import probe_image_folder, read_image_folder
from vfi.read.video import probe_video, read_video

DISPLAY = MasteringDisplay(
    (34000, 16000), (13250, 34500), (7500, 3000), (15635, 16450), (50, 10_000_000)
)
HDR10 = replace(PQ, mastering=DISPLAY, light_level=LightLevel(1000, 400))
OF_HDR10 = (
    "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    ":max-cll=1000,400"
)


def hdr_clip(path: Path, color: Color, count: int = 2) -> Path:
    """Write a grey ramp as H.265: a still picture, so that new frames are the same."""
    ramp = np.tile(np.linspace(64, 940, 64).round().astype("<u2"), (48, 1))
    planes = ramp.tobytes() + np.full(2 * 24 * 32, 512, "<u2").tobytes()
    tags = f"color_primaries=bt2020:color_trc={color.transfer}:colorspace=bt2020nc:range=tv"
    more = OF_HDR10 if color.mastering else ""
    subprocess.run(
        [
            *(get_ffmpeg_exe(), "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p10le"),
            *("-s", "64x48", "-r", "24", "-i", "-", "-vf", f"setparams={tags}", "-c:v", "libx265"),
            *("-crf", "4", "-preset", "ultrafast", "-x265-params", f"log-level=error:{more}", path),
        ],
        input=planes * count,
        check=True,
    )
    return path


@pytest.mark.parametrize("preset", ["high-quality", "web", "master", "lossless-16"])
@pytest.mark.parametrize("color", [HDR10, HLG], ids=["HDR10", "HLG"])
def test_deep_presets_keep_hdr(cli: RunCli, folder: Path, color: Color, preset: str) -> None:
    source = hdr_clip(folder / "a.mp4", color)
    quality = ("--crf", 4) if PRESETS[preset].has_crf else ()
    ended = cli("--video", source, "--preset", preset, *quality, "--out-dir", "out")
    (made,) = (folder / "out").iterdir()
    assert probe_video(made).color == color
    assert f"HDR ({color.hdr_name})" in ended.out
    assert "note" not in ended.out
    first, *_ = read_video(probe_video(source))
    frames = list(read_video(probe_video(made)))
    assert len(frames) == 4
    for frame in frames:
        difference = (frame.pixels - first.pixels).abs()
        assert 1023 * difference.mean() < 1
        assert 1023 * difference.max() < 6


@pytest.mark.parametrize("color", [HDR10, HLG], ids=["HDR10", "HLG"])
def test_8_bits_are_sdr_and_a_note_says_so_once(cli: RunCli, folder: Path, color: Color) -> None:
    ended = cli("--video", hdr_clip(folder / "a.mp4", color), "--output", "b.mp4")
    assert ended.code == 0
    assert ended.out.count(f"HDR ({color.hdr_name}) is converted to SDR") == 1
    info = probe_video(folder / "b.mp4")
    assert info.color == SDR
    for frame in read_video(info):
        row = frame.pixels[24, :, 0].int()
        assert row[0] < 4
        assert (row.diff() >= -1).all()
        assert 85 < row[22] < 115  # 35 % of the signal, about 19 cd/m²
        assert row[63] > 250


def test_pictures_are_sdr(cli: RunCli, folder: Path) -> None:
    ended = cli("--video", hdr_clip(folder / "a.mp4", HLG), "--png-only", "--output", "p")
    assert ended.out.count("images cannot hold") == 1
    info = probe_image_folder(folder / "p")
    assert info.bit_depth == 16
    first, *_ = read_image_folder(info, Fraction(24))
    (kept,) = list(open_video(folder / "a.mp4").tone_mapped().frames())[:1]
    assert torch.allclose(first.pixels, kept.pixels, atol=1 / 65535)


@pytest.mark.parametrize("more", [(), ("--png-only",), ("--preset", "high-quality", "--keep-pngs")])
def test_refused_hdr_is_one_error_and_no_file(
    cli: RunCli, folder: Path, more: tuple[str, ...]
) -> None:
    source = hdr_clip(folder / "a.mp4", HLG)
    ended = cli("--video", source, "--hdr", "refuse", *more)
    assert ended.code == 2
    assert ended.err.count("error:") == 1
    assert "set hdr to tonemap" in ended.err
    assert list(folder.iterdir()) == [source]
