"""A single picture through an encoder of FFmpeg's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame


def encode_still(
    codec: str,
    pixel_format: str,
    planes: Sequence[npt.NDArray[Any]],
    options: Mapping[str, str],
) -> bytes:
    """Encode a picture in memory.

    Args:
        codec: FFmpeg's name of the encoder.
        pixel_format: FFmpeg's name of what ``planes`` are.
        planes: in the order of that format, each [H, W] or [H, W, C], values in its byte order.
        options: of the encoder.
    """
    height, width = planes[0].shape[:2]
    frame = VideoFrame(width, height, pixel_format)
    for plane, values in zip(frame.planes, planes, strict=True):
        content = np.ascontiguousarray(values).view(np.uint8).reshape(height, -1)
        rows = np.zeros((height, plane.line_size), np.uint8)
        rows[:, : content.shape[1]] = content
        plane.update(rows.tobytes())
    encoder = VideoCodecContext.create(codec, "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, pixel_format
    encoder.time_base = Fraction(1)
    encoder.sample_aspect_ratio = Fraction(1)
    encoder.options = dict(options)
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
