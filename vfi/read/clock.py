"""One clock for a file whose timestamps jump.

Recordings that were joined byte by byte, playlists and damaged files have timestamps that start anew
or leap away. FFmpeg's command line shifts all streams so that the one in which it sees the jump goes
on where it was (``ts_discontinuity_process`` in fftools/ffmpeg_demux.c). This does the same, and
more where FFmpeg would let one packet decide how long a file is:

- where a stream is back at its old clock, the leap away is undone for it alone;
- streams are not cut off at the same packet, so a packet may still belong to the clock before.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
from av.container import InputContainer
from av.format import Flags
from av.stream import Stream

from ..tracks import Correction, SourceTracks
from .demux import packets_of

if TYPE_CHECKING:
    _Packet = av.Packet[Any]  # PyAV's class takes no parameter at run time

# Times are whole nanoseconds here: a film has half a million packets, and fractions are slow.
_SECOND = 1_000_000_000
_FORWARD = 10 * _SECOND  # dts_delta_threshold of FFmpeg's command line
_BACKWARD = _SECOND // 10  # likewise
_SILENCE = 600  # seconds
_LEAPS_KEPT = 16
_FEW = 2  # packets at the start of a stream that may be the ones that are wrong
# Frames are shown later than they are decoded, but not by more than this, in time and in frames.
_DELAY, _REORDERED = _SECOND, 18


@dataclass
class _Leap:
    """A step forward that may turn out to be wrong; from packet number ``first`` on."""

    first: int
    size: int


@dataclass
class _StreamClock:
    """Where a stream is.

    Attributes:
        unit: of its timestamps, a fraction of a nanosecond, or many.
        number: of its next packet.
        last: when its last packet is decoded, corrected; None before the first.
        step: how long that packet lasts.
        leaps: the latest steps forward.
        corrections: what is added to its timestamps.
    """

    unit: tuple[int, int]
    number: int = 0
    last: int | None = None
    step: int = 0
    leaps: list[_Leap] = field(default_factory=list[_Leap])
    corrections: list[Correction] = field(default_factory=list[Correction])

    def time_of(self, ticks: int) -> int:
        """Return a timestamp, or a duration, in nanoseconds."""
        return ticks * self.unit[0] // self.unit[1]

    def ahead(self, time: int) -> int:
        """Return by how much a packet comes later than it is due."""
        return 0 if self.last is None else time - self.last - self.step

    def correct(self, first: int, shift: int | None) -> None:
        """Add ``shift`` to timestamps from the latest packet, ``first``, on; None: they mean nothing."""
        held = self.corrections
        if not held and not shift and shift is not None:
            return
        seconds = None if shift is None else Fraction(shift, _SECOND)
        if seconds != (held[-1].seconds if held else 0):
            held.append(Correction(first, seconds))

    def undo_leaps(self, time: int) -> bool:
        """Take leaps back if ``time`` goes on where the stream was before them.

        So it does after its very first packets, which are then the ones that are wrong. A leap of
        more than ``_FORWARD`` is taken back wherever the stream goes on.
        """
        if self.last is None:
            return False
        undone, whole = 0, None
        for number in reversed(range(len(self.leaps))):
            undone += self.leaps[number].size
            before = self.last - undone
            if before - _BACKWARD <= time < before + self.step + _FORWARD:
                return self._undo(number, undone)
            if self.leaps[number].size > _FORWARD and time < self.last:
                whole = number, undone
        if whole is not None:
            return self._undo(*whole)
        if self.number <= _FEW and not self.corrections:
            self.leaps = [_Leap(0, self.last + self.step - time)]
            return self._undo(0, self.leaps[0].size)
        return False

    def _undo(self, number: int, size: int) -> bool:
        assert self.last is not None
        leaps, self.leaps = self.leaps[number:], self.leaps[:number]
        for leap in leaps:
            self._move(leap.first, Fraction(-leap.size, _SECOND))
        self.last -= size
        return True

    def _move(self, first: int, seconds: Fraction) -> None:
        """Add to all timestamps from packet number ``first`` on, beside what is added to them."""
        held = self.corrections
        begin = bisect_left(held, first, key=lambda correction: correction.first)
        if begin == len(held) or held[begin].first > first:
            held.insert(begin, Correction(first, held[begin - 1].seconds if begin else Fraction(0)))
        for number in range(begin, len(held)):
            before = held[number].seconds
            held[number] = replace(
                held[number], seconds=None if before is None else before + seconds
            )


class Clock:
    """Watches the packets of a file from its start, in order, and finds where its clock jumps.

    Attributes:
        jumps: when that happens, seconds of the corrected clock; not more than once a second.
    """

    def __init__(self, container: InputContainer) -> None:
        """Watch nothing yet."""
        self.jumps: list[Fraction] = []
        self._may_jump = bool(container.format.flags & Flags.ts_discont.value)
        self._streams = {
            stream.index: _StreamClock(_unit_of(stream.time_base)) for stream in container.streams
        }
        self._timed = {
            stream.index for stream in container.streams if stream.type in ("video", "audio")
        }
        self._offset = self._previous = 0
        self._latest: int | None = None
        self._has_jumped = False

    @property
    def corrections(self) -> Mapping[int, Sequence[Correction]]:
        """Index of a stream -> what is added to its timestamps."""
        return {
            index: tuple(clock.corrections)
            for index, clock in self._streams.items()
            if clock.corrections
        }

    def watch(self, packet: _Packet) -> None:
        """Take the next packet."""
        clock = self._streams.get(packet.stream_index)
        if clock is None:  # a stream that begins in the middle of a file
            return
        if packet.stream_index in self._timed:
            self._take(clock, packet)
        shift = self._correction(clock, packet)
        clock.correct(clock.number, shift)
        clock.number += 1
        if self._has_jumped and packet.pts is not None:
            self._note_jump(Fraction(clock.time_of(packet.pts) + (shift or 0), _SECOND))

    def _note_jump(self, time: Fraction) -> None:
        # All streams of a file jump, one after the other.
        self._has_jumped = False
        if not self.jumps or abs(time - self.jumps[-1]) > 1:
            self.jumps.append(time)

    def _take(self, clock: _StreamClock, packet: _Packet) -> None:
        """Set the clock by a packet of picture or sound."""
        pts = None if packet.pts is None else clock.time_of(packet.pts)
        dts = None if packet.dts is None else clock.time_of(packet.dts)
        if dts is not None and (pts is None or dts - pts <= _BACKWARD):
            self._follow(clock, dts)
        elif pts is not None and clock.ahead(pts + self._offset) < -_BACKWARD:
            # FFmpeg makes up, or leaves out, when a packet is decoded that it finds in disorder.
            self._has_jumped |= clock.undo_leaps(pts + self._offset)
        if packet.duration:
            clock.step = min(clock.time_of(packet.duration), _FORWARD)

    def _correction(self, clock: _StreamClock, packet: _Packet) -> int | None:
        """Return what is added to a packet's timestamps; None: they mean nothing."""
        if packet.pts is None:
            return self._offset
        if packet.dts is not None:
            due = clock.time_of(packet.dts)
        elif clock.last is not None:
            due = clock.last + clock.step - self._offset
        else:
            return self._offset
        if clock.time_of(packet.pts) - due > max(_DELAY, _REORDERED * clock.step):
            self._has_jumped = True
            return None
        return self._offset

    def _follow(self, clock: _StreamClock, time: int) -> None:
        if clock.last is None:
            self._begin(time)
        else:
            self._go_on(clock, time)
        shown = time + self._offset
        if clock.last is not None and not clock.step:
            clock.step = max(shown - clock.last, clock.time_of(1))
        clock.last = self._latest = shown

    def _begin(self, time: int) -> None:
        """Put the first packet of a stream on the clock of the others."""
        if not self._may_jump or self._latest is None:
            return
        if abs(time + self._offset - self._latest) > _FORWARD:
            self._shift(self._latest - time)

    def _go_on(self, clock: _StreamClock, time: int) -> None:
        ahead = clock.ahead(time + self._offset)
        if abs(ahead) > _BACKWARD and abs(clock.ahead(time + self._previous)) <= _BACKWARD:
            self._offset, self._previous = self._previous, self._offset
            return
        if self._is_jump(ahead, clock.step):
            self._has_jumped = True
            if ahead < 0 and clock.undo_leaps(time + self._offset):
                ahead = clock.ahead(time + self._offset)
            if self._is_jump(ahead, clock.step):
                assert clock.last is not None
                self._shift(clock.last + clock.step - time)
        elif ahead > _BACKWARD:
            clock.leaps = [*clock.leaps[1 - _LEAPS_KEPT :], _Leap(clock.number, ahead)]

    def _is_jump(self, ahead: int, step: int) -> bool:
        if ahead + step < -_BACKWARD:
            return True
        return self._may_jump and abs(ahead) > _FORWARD

    def _shift(self, offset: int) -> None:
        self._offset, self._previous = offset, self._offset


def _unit_of(time_base: Fraction | None) -> tuple[int, int]:
    unit = (time_base or Fraction(0)) * _SECOND
    return unit.numerator, unit.denominator


def side_packets(
    container: InputContainer, streams: Sequence[Stream], tracks: SourceTracks, shift: Fraction
) -> Iterator[_Packet]:
    """Read what comes along with a picture, on the picture's clock; the last packets are empty.

    Sound that comes long after the sound before, and after the end of the picture, has a damaged
    timestamp: nobody makes hours of silence for it.

    Args:
        container: the file, at its start if there are corrections.
        streams: of the file.
        tracks: what comes along.
        shift: timestamp, s, of the first frame that is shown.
    """
    ends = dict.fromkeys((stream.index for stream in streams if stream.type == "audio"), shift)
    picture_end = shift - tracks.start + (tracks.picture_end or 0)
    for packet in corrected(packets_of(container, *streams), tracks.corrections):
        index = packet.stream_index
        if packet.size and packet.pts is not None and index in ends:
            time = packet.pts * packet.time_base
            if time > max(ends[index], picture_end) + _SILENCE:
                continue
            ends[index] = time
        yield packet


def corrected(
    packets: Iterable[_Packet], corrections: Mapping[int, Sequence[Correction]]
) -> Iterator[_Packet]:
    """Put packets, all of those of their streams from the file's start, on one clock."""
    if not corrections:
        yield from packets
        return
    numbers = dict.fromkeys(corrections, 0)
    found = dict.fromkeys(corrections, -1)  # which correction holds
    for packet in packets:
        index = packet.stream_index
        if index in corrections and packet.size:
            steps = corrections[index]
            while found[index] + 1 < len(steps) and steps[found[index] + 1].first <= numbers[index]:
                found[index] += 1
            numbers[index] += 1
            if found[index] >= 0:
                _move(packet, steps[found[index]].seconds)
        yield packet


def _move(packet: _Packet, seconds: Fraction | None) -> None:
    if seconds is None:
        packet.pts = packet.dts = None
        return
    ticks = round(seconds / packet.time_base)
    packet.pts = None if packet.pts is None else packet.pts + ticks
    packet.dts = None if packet.dts is None else packet.dts + ticks
