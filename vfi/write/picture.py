"""Finished segments -> the picture of the result; frames are copied, not encoded again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import ceil
from typing import Any

import av
from av.container import OutputContainer

from ..encode import Container, FrameFormat
from .hdr_stream import add_video_stream
from .segments import Segment


class Picture:
    """The video stream of a result, put together from segments."""

    def __init__(
        self,
        output: OutputContainer,
        segments: Sequence[Segment],
        frames: FrameFormat,
        container: Container,
    ) -> None:
        """Add the stream to the result."""
        self._segments = segments
        self._rate = frames.rate
        # Codecs that Matroska holds here are decoded in the order in which they are shown.
        self._is_reordered = frames.segment_format != "matroska"
        tag = container.codec_tags.get(frames.encoder.codec)
        with av.open(f"file:{segments[0].path}") as first:
            template = first.streams.video[0]
            self._stream = add_video_stream(output, template, frames)
            if frames.has_alpha and "alpha_mode" in template.metadata:
                self._stream.metadata["alpha_mode"] = template.metadata["alpha_mode"]
            if frames.encoder.codec == "prores":  # whose tag names the profile
                tag = template.codec_context.codec_tag
        context = self._stream.codec_context
        context.framerate = frames.rate
        context.sample_aspect_ratio = frames.pixel_aspect
        self._stream.time_base = 1 / frames.rate
        if tag:
            context.codec_tag = tag

    def packets(self) -> Iterator[av.Packet[Any]]:
        """Yield all frames at their exact times.

        Decoding times are made anew: an encoder gives a segment of 1 or 2 frames a shorter delay
        between decoding and showing than the others, which would leave a gap in front of it.
        """
        delay = max(map(self._delay, self._segments))
        for segment in self._segments:
            with av.open(f"file:{segment.path}") as source:
                packets = (packet for packet in source.demux(video=0) if packet.size)
                for number, packet in enumerate(packets):
                    shown = self._shown(packet) if self._is_reordered else number
                    packet.pts = segment.first + shown
                    packet.dts = segment.first + number - delay
                    packet.time_base, packet.duration = 1 / self._rate, 1
                    packet.stream = self._stream
                    yield packet

    def _delay(self, segment: Segment) -> int:
        """Return how many frames a segment's first one is decoded before it is shown."""
        if not self._is_reordered:
            return 0
        with av.open(f"file:{segment.path}") as source:
            first = next(source.demux(video=0))
            return ceil(max(-(first.dts or 0) * first.time_base * self._rate, Fraction(0)))

    def _shown(self, packet: av.Packet[Any]) -> int:
        assert packet.pts is not None, "segments have timestamps"
        return round(packet.pts * packet.time_base * self._rate)
