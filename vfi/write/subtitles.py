"""Subtitles of a trimmed clip, moved to when they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from ..tracks import SourceTracks

_MICROSECOND = Fraction(1, 1_000_000)


def write_shown_subtitles(tracks: SourceTracks, kept: Sequence[int], path: Path) -> None:
    """Write subtitle streams of a file to another one, moved to when they are shown, and cut.

    Args:
        tracks: the file.
        kept: which of its subtitle streams, from 0.
        path: the file to write; its format is chosen by the codecs.
    """
    has_mov_text = any(tracks.subtitles[track].codec == "mov_text" for track in kept)
    with (
        av.open(f"file:{tracks.path}", metadata_errors="replace") as source,
        av.open(str(path), "w", format="mp4" if has_mov_text else "matroska") as target,
    ):
        streams = [source.streams.subtitles[track] for track in kept]
        copies = {stream.index: target.add_stream_from_template(stream) for stream in streams}
        for stream in streams:
            copies[stream.index].metadata.update(stream.metadata)
        origin = (source.start_time or 0) * _MICROSECOND
        for packet, following in _with_following(source.demux(streams)):
            shown = _moved(packet, following, origin, tracks)
            if shown:
                packet.stream = copies[packet.stream.index]
                target.mux(packet)


def _with_following(
    packets: Iterable[av.Packet[Any]],
) -> Iterator[tuple[av.Packet[Any], av.Packet[Any] | None]]:
    """Yield packets, each with the next one of its track."""
    held: dict[int, av.Packet[Any]] = {}
    for packet in packets:
        if packet.pts is None or not packet.size:
            continue
        before = held.get(packet.stream.index)
        held[packet.stream.index] = packet
        if before is not None:
            yield before, packet
    for packet in held.values():
        yield packet, None


def _moved(
    packet: av.Packet[Any], following: av.Packet[Any] | None, origin: Fraction, tracks: SourceTracks
) -> bool:
    """Move a packet to when it is shown; returns whether it is."""
    assert packet.pts is not None
    time_base = packet.time_base
    duration = packet.duration or 0
    if not duration and following is not None:
        # Blu-ray subtitles: an image stays until the next one, which may be empty.
        duration = (following.pts or 0) - packet.pts
    start = packet.pts * time_base - origin
    shown = tracks.shown(start, start + duration * time_base)
    if shown is None:
        return False
    packet.pts = packet.dts = round(shown[0] / time_base)
    if packet.duration:
        packet.duration = round(shown[1] / time_base) - packet.pts
    return True
