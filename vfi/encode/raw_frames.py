"""Frames on their way into an encoder: bytes for ffmpeg's input, and how to encode them.

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

# Formats for pictures alone, by codec: their times are exact, and they say in which order frames
# are decoded. What they do not hold goes into Matroska, whose times are whole milliseconds.
_PART_FORMATS: Mapping[str, str] = {
    "h264": "mp4",
    "hevc": "mp4",
    "av1": "mp4",
    "vp9": "mp4",
    "prores": "mov",
}
_MATROSKA = "matroska"


@dataclass(frozen=True)
class PictureFormat:
    """What frames are, and what they are encoded as.

    Attributes:
        width: px.
        height: px.
        rate: frames per second.
        pixel_aspect: width / height of a displayed pixel.
        has_alpha: frames are RGBA.
        depth: bits of a value, 8 or 16.
        encoder: what encodes them, with its options.
    """

    width: int
    height: int
    rate: Fraction
    pixel_aspect: Fraction
    has_alpha: bool
    depth: int
    encoder: Encoder

    @property
    def coded_size(self) -> tuple[int, int]:
        """Width and height of what is encoded, px: with the columns and rows that make them even."""
        more_columns, more_rows = self._padding
        return self.width + more_columns, self.height + more_rows

    def to_bytes(self, pixels: npt.NDArray[np.uint8 | np.uint16]) -> memoryview:
        """Return the bytes of a frame for ffmpeg's input; not necessarily a copy.

        Args:
            pixels: [H, W, 3] RGB, or [H, W, 4] RGBA with alpha; unsigned, of ``depth`` bits.

        Raises:
            ValueError: ``pixels`` is something else.
        """
        pixels = np.asarray(pixels)
        shape = (self.height, self.width, 4 if self.has_alpha else 3)
        kind = np.dtype(f"uint{self.depth}")
        if pixels.shape != shape or pixels.dtype != kind:
            raise ValueError(
                f"pixels must be {list(shape)} {kind}, got {list(pixels.shape)} {pixels.dtype}"
            )
        more_columns, more_rows = self._padding
        if more_columns or more_rows:
            pixels = np.pad(pixels, ((0, more_rows), (0, more_columns), (0, 0)), mode="edge")
        if self.depth > 8 and self.encoder.is_yuv:
            pixels = _for_swscale(pixels)
        return np.ascontiguousarray(pixels).data

    def input_options(self) -> list[str]:
        """Return what tells ffmpeg how to read frames from its standard input."""
        size = "x".join(map(str, self.coded_size))
        arguments = ["-f", "rawvideo", "-pixel_format", _PIPED[self.has_alpha, self.depth]]
        return [
            *arguments,
            *("-video_size", size, "-framerate", format_ratio(self.rate), "-i", "pipe:0"),
        ]

    def output_options(self) -> list[str]:
        """Return what tells ffmpeg how to convert and encode them."""
        # max: without it the terms are cut down to 100 (128/117 would not survive).
        aspect = f"setsar=sar={format_ratio(self.pixel_aspect)}:max=65535"
        encoder = self.encoder
        filters = encoder.filters or f"format={encoder.pixel_format}"
        if encoder.is_yuv:
            filters = f"{_TO_BT709},{filters},{_TAG_FRAMES}"
        options = ["-map", "0:v:0", "-vf", f"{filters},{aspect}", *encoder_arguments(encoder)]
        return [*options, *_TAG_STREAM] if encoder.is_yuv else options

    @property
    def part_format(self) -> str:
        """Ffmpeg's name of the format for pictures alone."""
        if self.encoder.codec == "vp9" and self.has_alpha:
            return _MATROSKA
        return _PART_FORMATS.get(self.encoder.codec, _MATROSKA)

    @property
    def part_suffix(self) -> str:
        """Extension of that format."""
        return ".mkv" if self.part_format == _MATROSKA else f".{self.part_format}"

    def offset_options(self, first: int) -> list[str]:
        """Return what tells ffmpeg when frame number ``first`` is due, which is read next.

        Only for Matroska: a time that is rounded to milliseconds must be the one in the whole film.
        """
        if first == 0 or self.part_format != _MATROSKA:
            return []
        return ["-itsoffset", f"{float(first / self.rate):.6f}"]

    @property
    def _padding(self) -> tuple[int, int]:
        """Columns and rows that are missing to whole blocks of pixels with one colour."""
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
