"""Matrix and range: a colour keeps its value from any file to any result."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from tests.helpers.writers import video_writer
from vfi.color import SDR, Color
from vfi.read.decode import to_rgb
from vfi.read.video import probe_video, read_video
from vfi.read.ycgco import YCGCO

Ffmpeg = Callable[..., Path]
COLOURS = [(200, 90, 60), (40, 160, 70), (30, 60, 220), (255, 255, 255), (0, 0, 0), (128, 128, 128)]
# Weights of red and blue in luma (ITU-T H.273).
WEIGHTS = {
    "bt709": (0.2126, 0.0722),
    "smpte170m": (0.299, 0.114),
    "bt470bg": (0.299, 0.114),
    "smpte240m": (0.212, 0.087),
    "fcc": (0.30, 0.11),
    "bt2020nc": (0.2627, 0.0593),
    "bt2020c": (0.2627, 0.0593),
}
SIZE = (64, 48)


def to_yuv(rgb: tuple[int, int, int], matrix: str, *, is_full: bool, bits: int) -> list[int]:
    """The definition of YUV, rounded."""
    red, green, blue = (value / 255 for value in rgb)
    if matrix == "ycgco":
        y, u = 0.5 * green + 0.25 * (red + blue), 0.5 * green - 0.25 * (red + blue)
        v = 0.5 * (red - blue)
    else:
        kr, kb = WEIGHTS[matrix]
        y = kr * red + (1 - kr - kb) * green + kb * blue
        u, v = (blue - y) / (2 - 2 * kb), (red - y) / (2 - 2 * kr)
    unit, most = 1 << (bits - 8), (1 << bits) - 1
    if is_full:
        values = (most * y, 128 * unit + most * u, 128 * unit + most * v)
    else:
        values = (unit * (16 + 219 * y), unit * (128 + 224 * u), unit * (128 + 224 * v))
    return [min(round(value), most) for value in values]


def flat_clip(ffmpeg: Ffmpeg, matrix: str, *, is_full: bool, bits: int = 8) -> Path:
    """One frame for each colour, stored without loss and tagged."""
    width, height = SIZE
    dtype = np.uint8 if bits == 8 else np.dtype("<u2")
    raw = b"".join(
        np.full(width * height, value, dtype).tobytes()
        for rgb in COLOURS
        for value in to_yuv(rgb, matrix, is_full=is_full, bits=bits)
    )
    pixel_format = "yuv444p" if bits == 8 else f"yuv444p{bits}le"
    source = ("-f", "rawvideo", "-pix_fmt", pixel_format, "-s", f"{width}x{height}", "-i", "pipe:0")
    tags = f"setparams=colorspace={matrix}:range={'pc' if is_full else 'tv'}"
    codec = ("-c:v", "ffv1", "-color_range", "pc" if is_full else "tv")
    return ffmpeg(*source, "-vf", tags, *codec, "a.mkv", stdin=raw)


def means(path: Path) -> list[list[float]]:
    """Mean red, green and blue of each frame, in code values of 8 bits."""
    frames = [frame.pixels for frame in read_video(probe_video(path))]
    scale = 1 if frames[0].dtype == torch.uint8 else 255
    return [(scale * pixels.double().mean(dim=(0, 1))).tolist() for pixels in frames]


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("is_full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", WEIGHTS)
def test_mean_levels_are_right(ffmpeg: Ffmpeg, matrix: str, is_full: bool, bits: int) -> None:
    path = flat_clip(ffmpeg, matrix, is_full=is_full, bits=bits)
    for mean, expected in zip(means(path), COLOURS, strict=True):
        assert mean == pytest.approx(expected, abs=1)


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("is_full", [False, True], ids=["limited", "full"])
def test_ycgco_is_not_taken_for_another_matrix(ffmpeg: Ffmpeg, is_full: bool, bits: int) -> None:
    path = flat_clip(ffmpeg, "ycgco", is_full=is_full, bits=bits)
    # Of 8 bits, red is the sum of three values that are rounded to 1.16 code values each.
    within = 1.8 if bits == 8 else 0.5
    for mean, expected in zip(means(path), COLOURS, strict=True):
        assert mean == pytest.approx(expected, abs=within)


@pytest.mark.parametrize(
    ("pixel_format", "tag", "white"),
    [("yuvj444p", 0, 235), ("yuv444p", 0, 255), ("yuvj444p", 2, 235), ("yuv444p", 2, 235)],
)
@pytest.mark.parametrize("matrix", [1, YCGCO], ids=["bt709", "ycgco"])
def test_name_of_a_full_range_format_counts_where_nothing_else_tells(
    pixel_format: str, tag: int, white: int, matrix: int
) -> None:
    frame = av.VideoFrame(64, 48, pixel_format)
    for plane, level in zip(frame.planes, (235, 128, 128), strict=True):
        plane.update(bytes([level]) * plane.buffer_size)
    frame.colorspace, frame.color_range = matrix, tag
    rgb = to_rgb(frame, bit_depth=8, alpha=False).astype(int)
    assert rgb == pytest.approx(white, abs=1)


@pytest.mark.parametrize(
    ("matrix", "name"),
    [
        ("ictcp", "ICtCp"),
        ("gbr", "RGB, though its values are YUV"),
        ("smpte2085", "number 11 of ITU-T H.273"),
        ("chroma-derived-nc", "number 12 of ITU-T H.273"),
        ("ipt-c2", "number 15 of ITU-T H.273"),
    ],
)
def test_matrix_that_is_not_supported_is_told(ffmpeg: Ffmpeg, matrix: str, name: str) -> None:
    source = ("-f", "lavfi", "-i", "color=s=64x48:d=0.04", "-pix_fmt", "yuv420p")
    tagged = ("-vf", f"setparams=colorspace={matrix}", "-c:v", "ffv1")
    (note,) = probe_video(ffmpeg(*source, *tagged, "a.mkv")).notes
    assert note.startswith(f"colours come out wrong, because their matrix ({name})")


@pytest.mark.parametrize("pixel_format", ["gray", "bgr0", "yuv420p"])
def test_nothing_is_told_of_colours_that_come_out_right(ffmpeg: Ffmpeg, pixel_format: str) -> None:
    source = ("-f", "lavfi", "-i", "color=s=64x48:d=0.04", "-pix_fmt", pixel_format)
    assert probe_video(ffmpeg(*source, "-c:v", "ffv1", "a.mkv")).notes == ()


@pytest.mark.parametrize(
    ("preset", "suffix", "color"),
    [
        ("share", ".mp4", SDR),
        ("share", ".mp4", Color("bt2020")),
        ("high-quality", ".mkv", Color("bt2020")),
        ("master", ".mov", SDR),
    ],
)
@pytest.mark.parametrize(
    ("matrix", "is_full"), [("smpte170m", True), ("bt470bg", False), ("bt2020nc", True)]
)
def test_mean_levels_are_right_after_writing(
    ffmpeg: Ffmpeg,
    tmp_path: Path,
    preset: str,
    suffix: str,
    color: Color,
    matrix: str,
    is_full: bool,
) -> None:
    source = flat_clip(ffmpeg, matrix, is_full=is_full)
    width, height = SIZE
    result = tmp_path / f"b{suffix}"
    size = {"width": width, "height": height, "rate": Fraction(25)}
    with video_writer(result, preset=preset, color=color, **size) as writer:
        for frame in read_video(probe_video(source)):
            writer.write(frame.pixels.numpy())
    assert probe_video(result).color == color
    for mean, expected in zip(means(result), means(source), strict=True):
        assert mean == pytest.approx(expected, abs=1)
