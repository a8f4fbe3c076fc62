"""Audio of a file, decoded, cut to the sample, and at the speed of the picture it belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import torch
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.error import BlockingIOError as NothingYetError
from av.error import EOFError as NothingMoreError
from av.error import FFmpegError
from av.filter import Graph
from torch import Tensor

from ..errors import DecodeError, blame
from ..tracks import SourceTracks
from .clock import side_packets
from .demux import audio_origin, open_container

if TYPE_CHECKING:
    _Packet = av.Packet[Any]  # PyAV's class takes no parameter at run time


class DecodedAudio:
    """Packets of an audio stream in, frames out: cut to the trim, and changed in speed."""

    def __init__(
        self,
        source: AudioStream,
        tracks: SourceTracks,
        shift: Fraction,
        form: str,
        *,
        fills_gaps: bool = False,
    ) -> None:
        """Decode nothing yet.

        Args:
            source: the stream.
            tracks: says what of it is shown, and how fast.
            shift: the source's timestamp, s, of the first frame of the picture.
            form: of the result, as arguments of FFmpeg's filter ``aformat``.
            fills_gaps: put silence where there is no sound, also before its first sample.
        """
        self._source = source
        self._tracks = tracks
        self._shift = shift
        self._form = form
        self._fills_gaps = fills_gaps
        self._graph: Graph | None = None
        self._kind: tuple[str, str, int] | None = None
        self._end = 0  # of the last frame, in samples from the first frame of the picture

    def feed(self, packet: _Packet) -> Iterator[AudioFrame]:
        """Decode a packet."""
        for frame in self._source.codec_context.decode(packet):
            assert isinstance(frame, AudioFrame)
            kind = (frame.format.name, frame.layout.name, frame.sample_rate)
            if kind != self._kind:  # a broadcast may change from stereo to surround
                yield from self._drain()
                self._graph, self._kind = self._build(frame), kind
            if frame.pts is None or self._graph is None or frame.time_base is None:
                continue
            time = frame.pts * frame.time_base - self._shift
            frame.pts = round(time * frame.sample_rate)
            frame.time_base = Fraction(1, frame.sample_rate)
            for part in chain(self._silence_before(frame), [frame]):
                with suppress(NothingMoreError):  # the end of the trim is reached
                    self._graph.push(part)
                yield from _pulled(self._graph)
            self._end = frame.pts + frame.samples

    def _silence_before(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        """Fill a long gap a second at a time: the filter that fills gaps does it all at once."""
        if not self._is_filled or frame.pts is None:
            return
        limit = self._tracks.duration
        stop = frame.pts if limit is None else min(frame.pts, int(limit * frame.sample_rate))
        for begin in range(max(self._end, 0), stop - frame.sample_rate, frame.sample_rate):
            silence = AudioFrame(frame.format.name, frame.layout.name, frame.sample_rate)
            for plane in silence.planes:
                value = b"\x80" if frame.format.name.startswith("u8") else b"\0"
                plane.update(value * plane.buffer_size)
            silence.sample_rate, silence.pts = frame.sample_rate, begin
            silence.time_base = frame.time_base
            yield silence

    def flush(self) -> Iterator[AudioFrame]:
        """Yield what the decoder and the filters still hold."""
        yield from self.feed(av.Packet())
        yield from self._drain()

    @property
    def _is_filled(self) -> bool:
        """Whether silence stands where there is no sound."""
        return self._tracks.tempo != 1 or self._fills_gaps

    def _drain(self) -> Iterator[AudioFrame]:
        if self._graph is not None:
            with suppress(NothingMoreError):
                self._graph.push(None)
            yield from _pulled(self._graph)

    def _build(self, frame: AudioFrame) -> Graph:
        graph = Graph()
        last = graph.add_abuffer(
            sample_rate=frame.sample_rate,
            format=frame.format.name,
            layout=frame.layout.name,
            time_base=Fraction(1, frame.sample_rate),
        )
        for name, arguments in self._filters():
            added = graph.add(name, arguments)
            last.link_to(added)
            last = added
        last.link_to(graph.add("abuffersink"))
        graph.configure()
        return graph

    def _filters(self) -> Iterator[tuple[str, str]]:
        tracks = self._tracks
        limits = ["start=0"] if tracks.is_trimmed or self._fills_gaps else []
        if tracks.duration is not None:
            limits.append(f"end={float(tracks.duration):.9f}")
        if limits:
            yield "atrim", ":".join(limits)
        if self._is_filled:
            # atempo keeps the time of the first sample, so that one has to be at 0.
            yield "aresample", "async=1:first_pts=0"
        if tracks.tempo != 1:
            for tempo in _tempos(tracks.tempo):
                yield "atempo", f"{float(tempo):.12g}"
        yield "aformat", self._form


def read_audio(tracks: SourceTracks, longest: Fraction) -> tuple[Tensor, int] | None:
    """Decode the audio track that is heard with a picture, at the speed of that picture.

    Args:
        tracks: what comes along with the picture.
        longest: seconds of the result; what comes after is left out.

    Returns:
        [C, T] float32 in [-1, 1] from the first frame of the picture on, and samples per second;
        None if there is no audio.

    Raises:
        DecodeError: the file cannot be read.
    """
    if tracks.heard is None:
        return None
    with open_container(tracks.path, may_refer=tracks.may_refer) as source:
        stream = source.streams.audio[tracks.heard]
        rate = stream.codec_context.sample_rate
        form = f"sample_fmts=fltp:sample_rates={rate}:channel_layouts={stream.layout.name}"
        shift = audio_origin(source, tracks.corrections) + tracks.first_frame_at
        # A second more than is needed, and no more: a damaged timestamp may ask for hours of silence.
        needed = longest * tracks.tempo + 1
        duration = needed if tracks.duration is None else min(tracks.duration, needed)
        bounded = replace(tracks, duration=duration)
        decoded = DecodedAudio(stream, bounded, shift, form, fills_gaps=True)
        length = int(longest * rate)
        try:
            packets = side_packets(source, [stream], tracks, shift)
            samples = _collect(_decode_all(packets, decoded), length)
        except FFmpegError as error:
            damaged = (
                f"its sound cannot be decoded ({error.strerror}). Check that it plays in a video "
                "player, or leave the sound out."
            )
            raise DecodeError(f"{tracks.path}: {blame(error, damaged)}") from error
    return (torch.from_numpy(samples), rate) if samples.size else None


def _decode_all(packets: Iterator[_Packet], decoded: DecodedAudio) -> Iterator[AudioFrame]:
    for packet in packets:
        if packet.size:
            yield from decoded.feed(packet)
    yield from decoded.flush()


def _collect(frames: Iterator[AudioFrame], length: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Join frames to [C, T], of at most ``length`` samples."""
    parts: list[np.ndarray[Any, Any]] = []
    missing = length
    for frame in frames:
        part = frame.to_ndarray()[:, :missing]
        missing -= part.shape[1]
        parts.append(part)
        if missing <= 0:
            break
    return np.concatenate(parts, axis=1).astype(np.float32) if parts else np.zeros((0, 0), "f4")


def _pulled(graph: Graph) -> Iterator[AudioFrame]:
    while True:
        try:
            frame = graph.pull()
        except (NothingYetError, NothingMoreError):
            return
        assert isinstance(frame, AudioFrame)
        yield frame


def _tempos(tempo: Fraction) -> Iterator[Fraction]:
    """Yield factors for filters that change the speed and keep the pitch; above 2, one drops samples."""
    while tempo > 2:
        yield Fraction(2)
        tempo /= 2
    while tempo < Fraction(1, 2):
        yield Fraction(1, 2)
        tempo *= 2
    yield tempo
