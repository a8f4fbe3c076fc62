"""What the frames of a video are, and what they are encoded as."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from ..color import SDR, Color
from .presets import Encoder

# What frames are given as, in the byte order of numpy: (have alpha, bits of a value) -> pixel format.
_GIVEN = {
    (False, 8): "rgb24",
    (True, 8): "rgba",
    (False, 16): "rgb48le" if sys.byteorder == "little" else "rgb48be",
    (True, 16): "rgba64le" if sys.byteorder == "little" else "rgba64be",
}

# Containers for segments, by codec: exact timestamps, and separate ones for decoding. Codecs that
# these do not hold go into Matroska, whose timestamps are whole milliseconds.
_SEGMENT_FORMATS: Mapping[str, str] = {
    "h264": "mp4",
    "hevc": "mp4",
    "av1": "mp4",
    "vp9": "mp4",
    "prores": "mov",
}
_MATROSKA = "matroska"


@dataclass(frozen=True)
class FrameFormat:
    """What the frames of a video are, and what they are encoded as.

    Attributes:
        width: px.
        height: px.
        rate: frames per second.
        pixel_aspect: width / height of a displayed pixel.
        has_alpha: frames are RGBA.
        bit_depth: 8 or 16.
        encoder: what encodes them, with its options.
        color: what their values mean.
    """

    width: int
    height: int
    rate: Fraction
    pixel_aspect: Fraction
    has_alpha: bool
    bit_depth: int
    encoder: Encoder
    color: Color = SDR

    @property
    def coded_size(self) -> tuple[int, int]:
        """Width and height of what is encoded, px, padded to whole chroma blocks."""
        more_columns, more_rows = self._padding
        return self.width + more_columns, self.height + more_rows

    @property
    def given_pixel_format(self) -> str:
        """FFmpeg's name of the pixel format that :meth:`to_video_frame` returns."""
        return _GIVEN[self.has_alpha, self.bit_depth]

    def to_video_frame(self, pixels: npt.NDArray[np.uint8 | np.uint16]) -> VideoFrame:
        """Copy a frame into FFmpeg's memory, padded; it has no timestamp yet.

        Args:
            pixels: [H, W, 3] RGB, or [H, W, 4] RGBA with alpha; unsigned, of ``bit_depth`` bits.

        Raises:
            ValueError: ``pixels`` is something else.
        """
        pixels = np.asarray(pixels)
        shape = (self.height, self.width, 4 if self.has_alpha else 3)
        kind = np.dtype(f"uint{self.bit_depth}")
        if pixels.shape != shape or pixels.dtype != kind:
            raise ValueError(
                f"pixels must be {list(shape)} {kind}, got {list(pixels.shape)} {pixels.dtype}"
            )
        more_columns, more_rows = self._padding
        if more_columns or more_rows:
            pixels = np.pad(pixels, ((0, more_rows), (0, more_columns), (0, 0)), mode="edge")
        if self.bit_depth > 8 and self.encoder.is_yuv:
            pixels = _for_swscale(pixels)
        contiguous: npt.NDArray[Any] = np.ascontiguousarray(pixels)
        return VideoFrame.from_ndarray(contiguous, self.given_pixel_format)

    @property
    def segment_format(self) -> str:
        """FFmpeg's name of the container of a segment."""
        if self.encoder.codec == "vp9" and self.has_alpha:
            return _MATROSKA
        return _SEGMENT_FORMATS.get(self.encoder.codec, _MATROSKA)

    @property
    def segment_suffix(self) -> str:
        """Extension of that container."""
        return ".mkv" if self.segment_format == _MATROSKA else f".{self.segment_format}"

    @property
    def _padding(self) -> tuple[int, int]:
        """Columns and rows missing to whole chroma blocks."""
        width, height = self.encoder.chroma_block
        return -self.width % width, -self.height % height


def _for_swscale(pixels: npt.NDArray[np.uint8 | np.uint16]) -> npt.NDArray[np.uint16]:
    """Scale colours, not alpha, from [0, 65535] to what swscale makes YUV of.

    It multiplies 16 bits by the matrix for 8 bits, so that white is 255 * 256. Measured on 41 greys
    in 10 bits (FFmpeg 9.0): as they are, they come out up to 3.5 code values too light, with this
    within 0.5.
    """
    scaled = pixels.astype(np.uint16)
    scaled[..., :3] -= scaled[..., :3] >> 8
    return scaled
