"""Synthetic clips: made in the test's own folder, small enough to be made for each test."""

import subprocess

import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe


@pytest.fixture
def ffmpeg(tmp_path):
    """Run ffmpeg with the given arguments; the last one is a file name, whose path is returned."""

    def run(*arguments, stdin=None):
        path = tmp_path / arguments[-1]
        command = [get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments[:-1]), str(path)]
        subprocess.run(
            command, input=stdin, stdin=None if stdin else subprocess.DEVNULL, check=True
        )
        return path

    return run


@pytest.fixture
def clip(ffmpeg):
    """Make a clip of a moving test pattern, 64x48: ``clip("a.mkv", "-c:v", "mpeg4", rate="30")``."""

    def make(name, *options, rate="25", seconds="0.4"):
        source = f"testsrc2=s=64x48:r={rate}:d={seconds}"
        return ffmpeg("-f", "lavfi", "-i", source, *(options or ("-preset", "ultrafast")), name)

    return make


@pytest.fixture
def greys(ffmpeg):
    """Make a lossless RGB clip of flat grey frames: ``greys("a.mkv", [0, 10, 20])``."""

    def make(name, values, *options, rate="25", size=(64, 48)):
        width, height = size
        raw = b"".join(bytes([value]) * (width * height * 3) for value in values)
        source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", rate)
        codec = ("-c:v", "ffv1", "-pix_fmt", "bgr0")
        return ffmpeg(*source, "-i", "pipe:0", *codec, *options, name, stdin=raw)

    return make


@pytest.fixture
def quarters():
    """A 64x32 picture: red, green above blue, white; every corner tells how it was turned."""
    pixels = np.empty((32, 64, 3), np.uint8)
    pixels[:16, :32], pixels[:16, 32:] = (255, 0, 0), (0, 255, 0)
    pixels[16:, :32], pixels[16:, 32:] = (0, 0, 255), (255, 255, 255)
    return pixels
