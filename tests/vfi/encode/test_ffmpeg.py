import shutil
import sys

import pytest

from vfi.encode.ffmpeg import find_ffmpeg
from vfi.errors import FFmpegNotFoundError


def test_ffmpeg_on_the_path_comes_first(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: f"/somewhere/{name}")

    assert find_ffmpeg() == "/somewhere/ffmpeg"


def test_imageio_ffmpeg_is_the_fallback(monkeypatch):
    monkeypatch.setenv("PATH", "")

    assert "imageio_ffmpeg" in find_ffmpeg()


def test_no_ffmpeg_at_all_says_how_to_get_one(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(FFmpegNotFoundError, match="pip install imageio-ffmpeg"):
        find_ffmpeg()
