"""The video stream of a result, with what HDR adds to it where the codec has no place for that.

H.265 and AV1 hold the mastering display and the light level in their frames. ProRes and FFV1 leave
them to the container, where FFmpeg writes them if the stream came with them. PyAV cannot add them to a
stream, but reads them from a file: so a Matroska file that has nothing else is made in memory.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from ..color import PER_CANDELA, PER_XY, Color
from ..encode import FrameFormat

# Codecs without a place of their own -> Matroska's name of them.
_MATROSKA_NAMES = {"prores": b"V_PRORES", "ffv1": b"V_FFV1"}
_TAGS = ("color_range", "color_primaries", "color_trc", "colorspace")


def add_video_stream(
    output: OutputContainer, template: VideoStream, frames: FrameFormat
) -> VideoStream:
    """Add a stream to a file, for packets of another file's stream.

    Args:
        output: the file.
        template: the other file's stream.
        frames: what is in them.
    """
    color, name = frames.color, _MATROSKA_NAMES.get(frames.encoder.codec)
    if name is None or not (color.mastering or color.light_level):
        return output.add_stream_from_template(template, opaque=True)
    with av.open(BytesIO(_matroska_file(name, frames.coded_size, color))) as file:
        stream = output.add_stream_from_template(file.streams.video[0], opaque=True)
    context, known = stream.codec_context, template.codec_context
    context.extradata, context.pix_fmt = known.extradata, known.pix_fmt
    for tag in _TAGS:
        setattr(context, tag, getattr(known, tag))
    return stream


def _matroska_file(codec: bytes, size: tuple[int, int], color: Color) -> bytes:
    """Return a file of one track with one empty frame; elements are those of RFC 9559."""
    width, height = size
    colour = _element(0x55B0, *_light_level(color), *_mastering(color))
    video = _element(0xE0, _integer(0xB0, width), _integer(0xBA, height), colour)
    head = (_integer(0xD7, 1), _integer(0x73C5, 1), _integer(0x83, 1), _element(0x86, codec))
    tracks = _element(0x1654AE6B, _element(0xAE, *head, video))
    frame = _element(0xA3, b"\x81\x00\x00\x80\x00")
    cluster = _element(0x1F43B675, _integer(0xE7, 0), frame)
    header = _element(0x1A45DFA3, _element(0x4282, b"matroska"))
    return header + _element(0x18538067, tracks, cluster)


def _light_level(color: Color) -> Iterator[bytes]:
    if level := color.light_level:
        yield _integer(0x55BC, level.max_content)
        yield _integer(0x55BD, level.max_average)


def _mastering(color: Color) -> Iterator[bytes]:
    if display := color.mastering:
        points = (*display.red, *display.green, *display.blue, *display.white)
        values = [_float(0x55D0 + number, value / PER_XY) for number, value in enumerate(points, 1)]
        low, high = display.luminance
        limits = (_float(0x55D9, high / PER_CANDELA), _float(0x55DA, low / PER_CANDELA))
        yield _element(0x55D0, *values, *limits)


def _element(number: int, *content: bytes) -> bytes:
    """Return an element of EBML; its size is written in 8 bytes."""
    joined = b"".join(content)
    name = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return name + struct.pack(">Q", len(joined) | 1 << 56) + joined


def _integer(number: int, value: int) -> bytes:
    return _element(number, struct.pack(">Q", value))


def _float(number: int, value: float) -> bytes:
    return _element(number, struct.pack(">d", value))
