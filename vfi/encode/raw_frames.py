"""Raw frames for ffmpeg's input, and the options that convert and encode them.

YUV has the BT.709 matrix, limited range, and says so in its tags; without tags a player guesses from
the size, and half of them guess differently.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from .encoders import encoder_arguments
from .presets import Encoder

# Frames in the pipe, in the byte order of numpy: (have alpha, bits of a value) -> pixel format.
_PIPED = {
    (False, 8): "rgb24",
    (True, 8): "rgba",
    (False, 16): "rgb48le" if sys.byteorder == "little" else "rgb48be",
    (True, 16): "rgba64le" if sys.byteorder == "little" else "rgba64be",
}

# Measured on 12 flat colours with three versions of ffmpeg (4.2, 7.0, 9.0): with these flags RGB
# returns within 1 code value, without them within 2.
_TO_BT709 = (
    "scale=in_range=pc:out_range=tv:out_color_matrix=bt709"
    ":flags=accurate_rnd+full_chroma_int+bicubic"
)
# Both, because ffmpeg 4.2 writes what the options say and ffmpeg 9 what the frames say.
_TAG_FRAMES = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
_TAG_STREAM = (
    *("-color_range", "tv", "-colorspace", "bt709"),
    *("-color_primaries", "bt709", "-color_trc", "bt709"),
)

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
        ffmpeg: the program that encodes them.
        width: px.
        height: px.
        rate: frames per second.
        pixel_aspect: width / height of a displayed pixel.
        has_alpha: frames are RGBA.
        bit_depth: 8 or 16.
        encoder: what encodes them, with its options.
    """

    ffmpeg: str
    width: int
    height: int
    rate: Fraction
    pixel_aspect: Fraction
    has_alpha: bool
    bit_depth: int
    encoder: Encoder

    @property
    def coded_size(self) -> tuple[int, int]:
        """Width and height of what is encoded, px, padded to whole chroma blocks."""
        more_columns, more_rows = self._padding
        return self.width + more_columns, self.height + more_rows

    def to_bytes(self, pixels: npt.NDArray[np.uint8 | np.uint16]) -> memoryview:
        """Return the bytes of a frame for ffmpeg's input; may share its memory.

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
        return np.ascontiguousarray(pixels).data

    def input_options(self) -> list[str]:
        """Return options that make ffmpeg read frames from its standard input."""
        size = "x".join(map(str, self.coded_size))
        arguments = ["-f", "rawvideo", "-pixel_format", _PIPED[self.has_alpha, self.bit_depth]]
        return [
            *arguments,
            *("-video_size", size, "-framerate", format_ratio(self.rate), "-i", "pipe:0"),
        ]

    def output_options(self) -> list[str]:
        """Return options that make ffmpeg convert and encode them."""
        # max: without it the terms are cut down to 100 (128/117 would not survive).
        aspect = f"setsar=sar={format_ratio(self.pixel_aspect)}:max=65535"
        encoder = self.encoder
        filters = encoder.filters or f"format={encoder.pixel_format}"
        if encoder.is_yuv:
            filters = f"{_TO_BT709},{filters},{_TAG_FRAMES}"
        options = ["-map", "0:v:0", "-vf", f"{filters},{aspect}", *encoder_arguments(encoder)]
        return [*options, *_TAG_STREAM] if encoder.is_yuv else options

    @property
    def segment_format(self) -> str:
        """Ffmpeg's name of the container of a segment."""
        if self.encoder.codec == "vp9" and self.has_alpha:
            return _MATROSKA
        return _SEGMENT_FORMATS.get(self.encoder.codec, _MATROSKA)

    @property
    def segment_suffix(self) -> str:
        """Extension of that container."""
        return ".mkv" if self.segment_format == _MATROSKA else f".{self.segment_format}"

    def offset_options(self, first: int) -> list[str]:
        """Return options that give frame number ``first``, the next in the pipe, its timestamp.

        Only for Matroska: a timestamp rounded to milliseconds must be the one of the whole video.
        """
        if first == 0 or self.segment_format != _MATROSKA:
            return []
        return ["-itsoffset", f"{float(first / self.rate):.6f}"]

    @property
    def _padding(self) -> tuple[int, int]:
        """Columns and rows missing to whole chroma blocks."""
        width, height = self.encoder.chroma_block
        return -self.width % width, -self.height % height


def _for_swscale(pixels: npt.NDArray[np.uint8 | np.uint16]) -> npt.NDArray[np.uint16]:
    """Scale colours, not alpha, from [0, 65535] to what swscale makes YUV of.

    It multiplies 16 bits by the matrix for 8 bits, so that white is 255 * 256. Measured on 41 greys
    in 10 bits (ffmpeg 9.0): as they are, they come out up to 3.5 code values too light, with this
    within 0.5.
    """
    scaled = pixels.astype(np.uint16)
    scaled[..., :3] -= scaled[..., :3] >> 8
    return scaled


def format_ratio(value: Fraction) -> str:
    """Write a fraction as ffmpeg reads it."""
    return f"{value.numerator}/{value.denominator}"
