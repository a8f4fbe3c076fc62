"""One image through one of FFmpeg's encoders."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy.typing as npt
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
