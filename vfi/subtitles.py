"""Subtitles of a file, moved to where they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from .tracks import SourceTracks

_MICROSECOND = Fraction(1, 1_000_000)


def write_shown_subtitles(tracks: SourceTracks, kept: Sequence[int], path: Path) -> None:
    """Write subtitle tracks of a file to another one, moved to where they are shown and cut.

    Args:
        tracks: the file.
        kept: which of its subtitle tracks, from 0.
        path: the file to write; its format is chosen by the codecs.
    """
    has_mov_text = any(tracks.subtitles[track] == "mov_text" for track in kept)
    with (
        av.open(f"file:{tracks.path}", metadata_errors="replace") as source,
        av.open(str(path), "w", format="mp4" if has_mov_text else "matroska") as target,
    ):
        streams = [source.streams.subtitles[track] for track in kept]
        copies = {stream.index: target.add_stream_from_template(stream) for stream in streams}
        for stream in streams:
            copies[stream.index].metadata.update(stream.metadata)
        origin = (source.start_time or 0) * _MICROSECOND
        for packet in source.demux(streams):
            shown = _moved(packet, origin, tracks)
            if shown:
                packet.stream = copies[packet.stream.index]
                target.mux(packet)


def _moved(packet: av.Packet[Any], origin: Fraction, tracks: SourceTracks) -> bool:
    """Move a packet to when it is shown; returns whether it is."""
    if packet.pts is None or not packet.size:
        return False
    tick = packet.time_base
    start = packet.pts * tick - origin
    shown = tracks.shown(start, start + (packet.duration or 0) * tick)
    if shown is None:
        return False
    packet.pts = packet.dts = round(shown[0] / tick)
    packet.duration = round(shown[1] / tick) - packet.pts
    return True
