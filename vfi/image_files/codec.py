"""One image through one of FFmpeg's codecs, in memory: no name of a file decides what is read."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy.typing as npt
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame


def encode_image(
    codec: str, pixel_format: str, pixels: npt.NDArray[Any], options: Mapping[str, str]
) -> bytes:
    """Encode an image in memory.

    Args:
        codec: FFmpeg's name of the encoder.
        pixel_format: FFmpeg's name of the format that the encoder is given; one that PyAV's
            ``from_ndarray`` supports.
        pixels: [H, W, C], RGB or RGBA, dtype of that format.
        options: of the encoder.
    """
    frame = VideoFrame.from_ndarray(pixels, format=pixel_format)
    encoder = VideoCodecContext.create(codec, "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, pixel_format
    encoder.time_base = Fraction(1)
    encoder.sample_aspect_ratio = Fraction(1)
    encoder.options = dict(options)
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


def decode_image(codec: str, data: bytes) -> VideoFrame:
    """Decode an image in memory.

    Args:
        codec: FFmpeg's name of the decoder.
        data: the whole file.

    Raises:
        ValueError: there is no image in it, or it is damaged, as far as checksums tell.
    """
    decoder = VideoCodecContext.create(codec, "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.options = {"err_detect": "crccheck+explode"}  # by default, what is missing is black
    try:
        frames = decoder.decode(Packet(data)) if data else []
    except FFmpegError as error:
        raise ValueError(f"{error.strerror} in the picture") from error
    if not frames:
        raise ValueError("it holds no picture")
    return frames[0]
