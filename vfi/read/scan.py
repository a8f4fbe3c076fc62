"""When the frames of a file are shown, from its packets alone: nothing is decoded."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from ..tracks import Correction
from .clock import Clock
from .demux import (
    find_video_stream,
    has_no_presentation_times,
    open_container,
    packets_of,
    time_base_of,
)

if TYPE_CHECKING:
    _Packet = av.Packet[Any]  # PyAV's class takes no parameter at run time

_NONE = -(1 << 63)  # FFmpeg's AV_NOPTS_VALUE
_MOST = Fraction(9, 10)


@dataclass(frozen=True)
class Scan:
    """When the frames of a file are shown.

    Attributes:
        ticks: timestamps of the frames, corrected and ascending, in ``time_base``; empty if the file
            has none.
        time_base: seconds.
        corrections: see ``Clock``.
        jumps: when the clock jumps, seconds from the first frame.
        last_duration: for how many seconds the last frame is shown; 0: unknown.
        num_packets: of the picture, with or without timestamps.
    """

    ticks: Sequence[int]
    time_base: Fraction
    corrections: Mapping[int, Sequence[Correction]] = field(
        default_factory=dict[int, Sequence[Correction]]
    )
    jumps: Sequence[Fraction] = ()
    last_duration: Fraction = Fraction(0)
    num_packets: int = 0

    @property
    def span(self) -> Fraction:
        """Seconds from the first frame to the last."""
        return (self.ticks[-1] - self.ticks[0]) * self.time_base if self.ticks else Fraction(0)

    def longest_gap(self) -> tuple[Fraction, Fraction]:
        """Return the longest time that one frame is shown, and when it begins; seconds."""
        gaps = ((later - tick, tick) for tick, later in pairwise(self.ticks))
        length, begin = max(gaps, default=(0, 0))
        since = begin - self.ticks[0] if length else 0
        return length * self.time_base, since * self.time_base


def scan_file(path: Path, *, may_refer: bool = False) -> Scan:
    """Look at the timestamps of a file.

    MP4 and MOV have a list of them. Any other file is read from its start to its end, at the speed of
    the disk.

    Raises:
        DecodeError: it cannot be opened, or has no picture.
    """
    with open_container(path, may_refer=may_refer) as container:
        stream = find_video_stream(container, path)
        listed = _listed(stream)
        if listed is not None:
            return Scan(listed, time_base_of(stream))
        return _watched(container, stream)


def _listed(stream: VideoStream) -> Sequence[int] | None:
    """Return the timestamps in the index of a file, if it has those of all frames."""
    index = getattr(stream, "index_entries", ())  # PyAV 16 has no such attribute
    if not stream.frames or len(index) != stream.frames:
        return None
    return array("q", sorted(entry.timestamp for entry in index if not entry.is_discard))


def _watched(container: InputContainer, stream: VideoStream) -> Scan:
    clock = Clock(container)
    stamps: list[array[int]] = [array("q"), array("q")]  # presentation, decoding
    last: tuple[int, int] = (_NONE, 0)  # timestamp and duration
    num_hidden = 0
    for packet in _readable(container):
        clock.watch(packet)
        if packet.stream_index == stream.index:
            for held, stamp in zip(stamps, (packet.pts, packet.dts), strict=True):
                held.append(_NONE if stamp is None or packet.is_discard else stamp)
            last = max(last, (stamps[0][-1], packet.duration or 0))
            num_hidden += packet.is_discard
    time_base, corrections = time_base_of(stream), clock.corrections
    in_order = stamps[::-1] if has_no_presentation_times(container) else stamps
    ticks = _corrected(in_order, num_hidden, time_base, corrections.get(stream.index, ()))
    start = ticks[0] * time_base if ticks else Fraction(0)
    jumps = [time - start for time in clock.jumps]
    # A duration of 1 says nothing, see exact_duration.
    last_duration = last[1] * time_base if last[1] > 1 and not corrections else Fraction(0)
    num_shown = len(stamps[0]) - num_hidden
    return Scan(ticks, time_base, corrections, jumps, last_duration, num_shown)


def _corrected(
    kinds: Iterable[Sequence[int]],
    num_hidden: int,
    time_base: Fraction,
    corrections: Sequence[Correction],
) -> Sequence[int]:
    """Choose the timestamps that nearly all frames that are shown have, correct and sort them."""
    stamps = max(kinds, key=lambda held: _share(held, num_hidden) > _MOST)
    if _share(stamps, num_hidden) <= _MOST:
        return array("q")
    ticks = array("q", stamps)
    ends = [*(correction.first for correction in corrections[1:]), len(ticks)]
    for correction, end in zip(corrections, ends, strict=bool(corrections)):
        moved = None if correction.seconds is None else round(correction.seconds / time_base)
        for number in range(correction.first, end):
            if moved is None:
                ticks[number] = _NONE
            elif ticks[number] != _NONE:
                ticks[number] += moved
    return array("q", sorted(tick for tick in ticks if tick != _NONE))


def _share(stamps: Sequence[int], num_hidden: int) -> Fraction:
    """Return how many of the frames that are shown have a timestamp, 0 to 1."""
    return Fraction(len(stamps) - stamps.count(_NONE), max(len(stamps) - num_hidden, 1))


def _readable(container: InputContainer) -> Iterator[_Packet]:
    """Yield the packets up to where a damaged file cannot be read any more."""
    packets = packets_of(container, *container.streams)
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError:
            return
        if packet is None:
            return
        if packet.size:
            yield packet
