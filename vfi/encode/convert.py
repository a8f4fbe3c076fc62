"""RGB frames -> the pixel format of an encoder, by FFmpeg's filters.

YUV has the matrix of the frames' colours, limited range, and says so in its tags; without tags a player
guesses from the size, and half of them guess differently.
"""

from __future__ import annotations

from fractions import Fraction

from av.filter import Graph
from av.filter.context import FilterContext
from av.video.frame import VideoFrame

from ..color import Color
from .frame_format import FrameFormat

# Measured on 12 flat colours with three versions of FFmpeg (4.2, 7.0, 9.0): with these flags RGB
# returns within 1 code value, without them within 2.
_TO_YUV = "in_range=pc:out_range=tv:flags=accurate_rnd+full_chroma_int+bicubic:out_color_matrix="
# scale's name of a matrix is the one of the standard.
_SCALE_NAMES = {"bt709": "bt709", "bt2020nc": "bt2020"}


class PixelConverter:
    """Converts the frames of one video, which are all alike."""

    def __init__(self, frames: FrameFormat, *, is_converted: bool = False) -> None:
        """Build the filters.

        Args:
            frames: what the frames are, and what they are encoded as.
            is_converted: they have the pixel format of the encoder already, and only lack its tags.
        """
        width, height = frames.coded_size
        self._time_base = 1 / frames.rate
        self._graph = Graph()
        source = self._graph.add_buffer(
            width=width,
            height=height,
            format=(  # type: ignore[arg-type]  a name is taken as well
                frames.encoder.pixel_format if is_converted else frames.given_pixel_format
            ),
            time_base=self._time_base,
        )
        last = self._add_filters(source, frames, is_converted=is_converted)
        last.link_to(self._graph.add("buffersink"))
        self._graph.configure()

    def convert(self, frame: VideoFrame, number: int) -> VideoFrame:
        """Convert a frame; it is shown at ``number / rate``."""
        frame.pts, frame.time_base = number, self._time_base
        self._graph.vpush(frame)
        converted = self._graph.vpull()
        converted.pts, converted.time_base = number, self._time_base
        return converted

    def _add_filters(
        self, source: FilterContext, frames: FrameFormat, *, is_converted: bool
    ) -> FilterContext:
        encoder = frames.encoder
        if encoder.has_own_palettes:
            return self._add_palettes(source)
        filters = [] if is_converted else [("format", encoder.pixel_format)]
        if encoder.is_yuv:
            scale = [] if is_converted else [("scale", _to_yuv(frames.color))]
            filters = [*scale, *filters, ("setparams", _tags(frames.color))]
        filters.append(("setsar", f"sar={_ratio(frames.pixel_aspect)}:max=65535"))
        for name, arguments in filters:
            added = self._graph.add(name, arguments)
            source.link_to(added)
            source = added
        return source

    def _add_palettes(self, source: FilterContext) -> FilterContext:
        """A palette for each frame: one for all needs all frames in memory before the first."""
        split, applied = self._graph.add("split"), self._graph.add("paletteuse", "new=1")
        made = self._graph.add("palettegen", "stats_mode=single")
        source.link_to(split)
        split.link_to(applied, 0, 0)
        split.link_to(made, 1, 0)
        made.link_to(applied, 0, 1)
        return applied


def _to_yuv(color: Color) -> str:
    return _TO_YUV + _SCALE_NAMES[color.matrix]


def _tags(color: Color) -> str:
    tags = {
        "range": "tv",
        "color_primaries": color.primaries,
        "color_trc": color.transfer,
        "colorspace": color.matrix,
    }
    return ":".join(f"{name}={value}" for name, value in tags.items())


def _ratio(value: Fraction) -> str:
    """Write a fraction as FFmpeg reads it."""
    return f"{value.numerator}/{value.denominator}"
