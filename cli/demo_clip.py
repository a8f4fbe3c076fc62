"""A short moving clip for a first try without any material."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.error import EOFError as NothingMoreError
from av.error import FFmpegError
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vfi.errors import EncodeError, InputError, advice_on
from vfi.write import whole_file

_RATE = 12
_SIZE = (640, 360)
_SECONDS = 2
_SAMPLE_RATE = 44100


def make_demo(path: Path, *, overwrite: bool) -> Path:
    """Write a short moving clip; returns its path.

    Raises:
        InputError: the file exists and may not be replaced.
        EncodeError: it could not be written.
    """
    if path.exists() and not overwrite:
        raise InputError(
            f"{path} exists already. Interpolate it with --video {path}, or replace it with "
            "--overwrite."
        )
    try:
        with whole_file(path) as partial:
            _make_test_clip(partial)
    except (FFmpegError, OSError) as error:
        raise EncodeError(
            f"{path}: the demo clip could not be written ({error.strerror}). {advice_on(error)}"
        ) from error
    return path


def _make_test_clip(path: Path) -> None:
    """Write two seconds of FFmpeg's moving test picture with a tone."""
    width, height = _SIZE
    with av.open(f"file:{path}", "w", format="mp4") as container:
        picture = container.add_stream("libx264", rate=_RATE, options={"crf": "18"})
        assert isinstance(picture, VideoStream)
        picture.width, picture.height, picture.pix_fmt = width, height, "yuv420p"
        sound = container.add_stream("aac", rate=_SAMPLE_RATE)
        assert isinstance(sound, AudioStream)
        sound.layout = "mono"
        source = f"size={width}x{height}:rate={_RATE}:duration={_SECONDS}"
        for frame in _generated("testsrc2", source, "format", "yuv420p"):
            assert isinstance(frame, VideoFrame)
            frame.time_base = Fraction(1, _RATE)
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        for frame in _generated("sine", f"frequency=440:duration={_SECONDS}", "aformat", "fltp"):
            assert isinstance(frame, AudioFrame)
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))


def _generated(
    source: str, arguments: str, converter: str, kind: str
) -> Iterator[VideoFrame | AudioFrame]:
    """Yield the frames of one of FFmpeg's sources."""
    graph = Graph()
    sink = "buffersink" if converter == "format" else "abuffersink"
    graph.link_nodes(
        graph.add(source, arguments), graph.add(converter, kind), graph.add(sink)
    ).configure()
    while True:
        try:
            frame = graph.pull()
        except NothingMoreError:
            return
        yield frame
