"""The colour matrix YCgCo, which FFmpeg's scaler does not know (ITU-T H.273, MatrixCoefficients 8)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

YCGCO = 8
"""FFmpeg's number of it."""


def ycgco_to_rgb(frame: VideoFrame, *, is_full: bool) -> npt.NDArray[np.float64]:
    """Convert a frame to RGB in [0, 1], [H, W, 3].

    Args:
        frame: YUV, whose planes are luma, Cg and Co.
        is_full: its values use the full range.
    """
    bits = frame.format.components[0].bits
    # Between two kinds of YUV of the same matrix and range, values are shifted only.
    # The scaler takes yuvj formats for full range, whatever is said here of the source.
    span = 2 if is_full else 1
    ranges = {"src_color_range": span, "dst_color_range": span}
    yuv = frame.reformat(format="yuv444p16le", src_colorspace=1, dst_colorspace=1, **ranges)
    planes = yuv.to_ndarray() / (1 << (16 - bits))
    unit = 1 << (bits - 8)
    black, luma, chroma = (0, 256 * unit - 1, 256 * unit - 1)
    if not is_full:
        black, luma, chroma = 16 * unit, 219 * unit, 224 * unit
    y = (planes[..., 0] - black) / luma
    cg, co = np.moveaxis((planes[..., 1:] - 128 * unit) / chroma, -1, 0)
    rgb = np.stack((y - cg + co, y + cg, y - cg - co), axis=-1)
    return rgb.clip(0, 1)
