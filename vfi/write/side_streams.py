"""Audio and subtitles of the source -> streams of the result, copied or encoded, moved and cut."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.stream import Stream
from av.subtitles.stream import SubtitleStream

from ..encode import Container
from ..read import DecodedAudio, seek_before, side_packets
from ..tracks import SourceTracks

AUDIO_BITRATE = 192_000
# What the container or the encoder writes itself, and would be wrong if it came along.
_OWN_TAGS = ("encoder", "duration", "bps", "number_of_")

if TYPE_CHECKING:
    _Packet = av.Packet[Any]  # PyAV's class takes no parameter at run time


class SideStream(Protocol):
    """A stream that comes along with the picture."""

    def feed(self, packet: _Packet) -> Iterator[_Packet]:
        """Take a packet of the source; yields packets for the result."""
        ...

    def flush(self) -> Iterator[_Packet]:
        """Yield what is left at the end of the source."""
        ...


class CopiedAudio:
    """Audio packet by packet; of a trim only packets that begin inside it."""

    def __init__(
        self, output: OutputContainer, source: AudioStream, tracks: SourceTracks, shift: Fraction
    ) -> None:
        """Add the stream; ``shift`` is the source's timestamp, s, of the first frame shown."""
        self._stream = output.add_stream_from_template(source)
        _describe_like(self._stream, source)
        self._tracks = tracks
        self._shift = shift

    def feed(self, packet: _Packet) -> Iterator[_Packet]:
        """Move a packet."""
        if packet.pts is None:
            return
        shift = round(self._shift / packet.time_base)
        time = (packet.pts - shift) * packet.time_base
        if self._tracks.is_trimmed and time < 0:
            return
        if self._tracks.duration is not None and time >= self._tracks.duration:
            return
        packet.pts -= shift
        packet.dts = packet.pts if packet.dts is None else packet.dts - shift
        packet.stream = self._stream
        yield packet

    def flush(self) -> Iterator[_Packet]:
        """Nothing is held back."""
        return iter(())


class EncodedAudio:
    """Audio decoded, cut to the sample, changed in speed, and encoded for the container."""

    def __init__(
        self,
        output: OutputContainer,
        source: AudioStream,
        container: Container,
        tracks: SourceTracks,
        shift: Fraction,
    ) -> None:
        """Add the stream; ``shift`` is the source's timestamp, s, of the first frame shown."""
        name = str(container.audio_encoder)
        rate = _nearest_rate(name, source.codec_context.sample_rate)
        stream = output.add_stream(name, rate=rate)
        assert isinstance(stream, AudioStream)
        stream.codec_context.layout = container.audio_layout(source.codec_context.layout)
        stream.codec_context.bit_rate = AUDIO_BITRATE
        stream.codec_context.open()
        _describe_like(stream, source)
        self._stream = stream
        context = stream.codec_context
        form = (
            f"sample_fmts={context.format.name}:sample_rates={context.sample_rate}"
            f":channel_layouts={context.layout.name}"
        )
        self._decoded = DecodedAudio(source, tracks, shift, form)

    def feed(self, packet: _Packet) -> Iterator[_Packet]:
        """Decode a packet, and encode what it gives."""
        for frame in self._decoded.feed(packet):
            yield from self._stream.encode(frame)

    def flush(self) -> Iterator[_Packet]:
        """Yield what the decoder, the filters and the encoder still hold."""
        for frame in self._decoded.flush():
            yield from self._stream.encode(frame)
        yield from self._stream.encode(None)


class Subtitles:
    """Subtitles moved to when they are shown, and cut; copied, or written as another text format."""

    def __init__(
        self,
        output: OutputContainer,
        source: SubtitleStream,
        codec: str,
        tracks: SourceTracks,
        origin: Fraction,
    ) -> None:
        """Add the stream.

        Args:
            output: the result.
            source: the stream.
            codec: "copy", or the name of an encoder.
            tracks: says when they are shown.
            origin: timestamp of the source's start, s.
        """
        self._source = source
        self._is_copied = codec == "copy"
        if self._is_copied:
            self._stream = output.add_stream_from_template(source)
        else:
            stream = output.add_stream(codec)
            assert isinstance(stream, SubtitleStream)
            source.codec_context.open(strict=False)
            stream.codec_context.subtitle_header = source.codec_context.subtitle_header
            stream.time_base = Fraction(1, 1000)
            self._stream = stream
        _describe_like(self._stream, source)
        self._tracks = tracks
        self._origin = origin
        self._held: _Packet | None = None

    def feed(self, packet: _Packet) -> Iterator[_Packet]:
        """Yield the packet before: how long that one is shown may depend on this one."""
        if packet.pts is None:
            return
        held, self._held = self._held, packet
        if held is not None:
            yield from self._shown(held, packet.pts)

    def flush(self) -> Iterator[_Packet]:
        """Yield the last packet."""
        if self._held is not None:
            yield from self._shown(self._held, None)

    def _shown(self, packet: _Packet, following: int | None) -> Iterator[_Packet]:
        assert packet.pts is not None
        time_base, duration = packet.time_base, packet.duration or 0
        if not duration and following is not None:
            # Blu-ray subtitles: an image stays until the next one, which may be empty.
            duration = following - packet.pts
        start = packet.pts * time_base - self._origin
        shown = self._tracks.shown(start, start + duration * time_base)
        if shown is None:
            return
        has_duration = bool(packet.duration)
        for made in [packet] if self._is_copied else self._encoded(packet):
            made.time_base = time_base
            made.pts = made.dts = round(shown[0] / time_base)
            if has_duration:
                made.duration = round(shown[1] / time_base) - made.pts
            made.stream = self._stream
            yield made

    def _encoded(self, packet: _Packet) -> Iterator[_Packet]:
        decoded = self._source.codec_context.decode2(packet)
        if decoded is not None and len(decoded):
            yield self._stream.codec_context.encode_subtitle(decoded)


def made_packets(
    source: InputContainer, streams: dict[int, SideStream], tracks: SourceTracks, shift: Fraction
) -> Iterator[_Packet]:
    """Yield the packets of all streams beside the picture, in the order of the source.

    Args:
        source: the file, at its start.
        streams: index of a stream of the source -> what becomes of it.
        tracks: what comes along.
        shift: timestamp, s, of the first frame that is shown.
    """
    if tracks.is_trimmed and shift > 1 and not tracks.corrections:
        seek_before(source, None, shift - 1)  # decoders need a packet or two before it
    latest: dict[int, int] = {}
    for packet in side_packets(source, [source.streams[i] for i in streams], tracks, shift):
        if packet.size:
            for made in streams[packet.stream.index].feed(packet):
                yield _after(latest, made)
    for stream in streams.values():
        for made in stream.flush():
            yield _after(latest, made)


def _after(latest: dict[int, int], packet: _Packet) -> _Packet:
    """Move a packet behind the one before in its stream, as FFmpeg's command line does.

    Where recordings were joined, the sound of one may reach a little into the next; containers refuse
    that.
    """
    if packet.dts is not None:
        earliest = latest.get(packet.stream_index, packet.dts - 1) + 1
        if packet.dts < earliest:
            packet.dts = earliest
            packet.pts = earliest if packet.pts is None else max(packet.pts, earliest)
        latest[packet.stream_index] = packet.dts
    return packet


def _describe_like(stream: Stream, source: Stream) -> None:
    """Keep language, title, and which stream is the default."""
    stream.metadata.update(
        {
            name: value
            for name, value in source.metadata.items()
            if not name.lower().startswith(_OWN_TAGS)
        }
    )
    stream.disposition = source.disposition.value  # type: ignore[assignment]  PyAV 16 takes a number only


def _nearest_rate(encoder: str, rate: int) -> int:
    rates = av.Codec(encoder, "w").audio_rates or [rate]
    return min(rates, key=lambda other: (abs(other - rate), -other))
