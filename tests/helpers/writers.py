"""A writer in one call, for tests that are not about finding an encoder."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from vfi.color import SDR, Color
from vfi.encode import EncodingSettings
from vfi.tracks import AudioStream, SourceTracks, SubtitleStream
from vfi.write import VideoWriter

PYAV = tuple(int(part) for part in av.__version__.split(".")[:2])
"""Its version, major and minor: what FFmpeg writes differs a little."""

_OF_ENCODING = ("preset", "crf", "speed", "options", "dither")


def video_writer(
    path: Path,
    *,
    width: int,
    height: int,
    rate: Fraction = Fraction(25),
    has_alpha: bool = False,
    bit_depth: int = 8,
    pixel_aspect: Fraction = Fraction(1),
    color: Color = SDR,
    **options: Any,
) -> VideoWriter:
    """Make a writer, which finds an encoder first; other options are the encoding's or its own."""
    encoding = EncodingSettings(
        **{name: options.pop(name) for name in _OF_ENCODING if name in options}
    )
    frames = encoding.resolve(
        path,
        width=width,
        height=height,
        rate=rate,
        has_alpha=has_alpha,
        pixel_aspect=pixel_aspect,
        color=color,
    )
    return VideoWriter(path, replace(frames, bit_depth=bit_depth), **options)


def source_tracks(
    path: Path, audio: tuple[str, ...] = (), subtitles: tuple[str, ...] = (), **options: Any
) -> SourceTracks:
    """Describe the streams of a file by their codecs."""
    streams = tuple(AudioStream(number, codec) for number, codec in enumerate(audio, 1))
    texts = tuple(SubtitleStream(number, codec) for number, codec in enumerate(subtitles, 9))
    return SourceTracks(path, streams, texts, **options)
