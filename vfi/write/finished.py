"""A written file: whether all of it is there, and how it gets its name.

An exit without an error proves little: a disk may be full, and a network folder may lose what it has
taken. So a file is read again before anything that it was made of is removed.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from av.stream import Disposition

from ..errors import InputError, advice_on

if TYPE_CHECKING:
    _Packet = av.Packet[Any]  # PyAV's class takes no parameter at run time

_PACKETS_PER_CHECK = 256
_GIF_TRAILER = b";"
_ROUNDING = Fraction(2, 1000)  # s; Matroska has milliseconds
_PRIMING = Fraction(1, 4)  # s; what a container may leave out at the ends of audio


@dataclass
class Extent:
    """What is in one stream of a file.

    Attributes:
        num_packets: how many are not empty.
        first: time of the first packet shown, s.
        end: time at which the last packet ends, s.
    """

    num_packets: int = 0
    first: Fraction | None = None
    end: Fraction | None = None

    @property
    def duration(self) -> Fraction:
        """From the first packet to the end of the last one, s."""
        return Fraction(0) if self.first is None or self.end is None else self.end - self.first

    def add(self, packet: _Packet) -> None:
        """Count a packet."""
        if not packet.size:
            return
        self.num_packets += 1
        if packet.pts is not None:
            start = packet.pts * packet.time_base
            end = start + (packet.duration or 0) * packet.time_base
            self.first = start if self.first is None else min(self.first, start)
            self.end = end if self.end is None else max(self.end, end)


class Ledger:
    """What has gone into a file, to be compared with what is in it."""

    def __init__(self) -> None:
        self._extents: defaultdict[str, defaultdict[int, Extent]]
        self._extents = defaultdict(lambda: defaultdict(Extent))

    def add(self, packet: _Packet) -> None:
        """Count a packet that goes into the file; before it does, which changes its times."""
        self._extents[packet.stream.type][packet.stream.index].add(packet)

    def find_fault(self, path: Path, check: Callable[[], object]) -> str | None:
        """Read the file; returns what is missing in it, None if all is there.

        Args:
            path: the file.
            check: called now and then meanwhile; what it raises ends the work.

        Raises:
            FFmpegError, OSError: it cannot be read to its end.
        """
        found = _read_extents(path, check)
        (pictures,) = self._extents["video"].values()
        (shown,) = found.get("video") or [Extent()]
        if shown.num_packets != pictures.num_packets:
            return f"{shown.num_packets} of {pictures.num_packets} frames are in the written file"
        if abs(shown.duration - pictures.duration) > _ROUNDING + pictures.duration / 1000:
            return (
                f"the written file lasts {float(shown.duration):.3f} s instead of "
                f"{float(pictures.duration):.3f} s"
            )
        return self._find_gap("audio", found) or self._find_gap("subtitle", found)

    def _find_gap(self, kind: str, found: Mapping[str, list[Extent]]) -> str | None:
        # mp4 leaves out a stream without packets.
        wanted = [extent for extent in self._extents[kind].values() if extent.num_packets]
        read = [extent for extent in found.get(kind, []) if extent.num_packets]
        if len(read) != len(wanted):
            return f"{len(read)} of {len(wanted)} {kind} tracks are in the written file"
        for number, (whole, extent) in enumerate(zip(wanted, read, strict=True), 1):
            if kind == "audio" and extent.duration < whole.duration - _PRIMING:
                return (
                    f"audio track {number} of the written file lasts {float(extent.duration):.3f} s "
                    f"instead of {float(whole.duration):.3f} s"
                )
        return None


def _read_extents(path: Path, check: Callable[[], object]) -> dict[str, list[Extent]]:
    """Read a file to its end; returns the streams of each kind in order."""
    kinds: defaultdict[str, list[Extent]] = defaultdict(list)
    with av.open(f"file:{path}") as container:
        extents = {stream.index: Extent() for stream in container.streams}
        for stream in container.streams:
            if not stream.disposition & Disposition.attached_pic:
                kinds[stream.type].append(extents[stream.index])
        for number, packet in enumerate(container.demux()):
            if number % _PACKETS_PER_CHECK == 0:
                check()
            if not packet.is_corrupt:
                extents[packet.stream.index].add(packet)
    return kinds


def count_frames(path: Path) -> int:
    """Return how many frames of a video can be read.

    Raises:
        FFmpegError, OSError: it cannot be read to its end.
    """
    (pictures,) = _read_extents(path, lambda: None).get("video") or [Extent()]
    return pictures.num_packets


def find_fault_of_animation(path: Path, num_frames: int, muxer: str) -> str | None:
    """Read a GIF or an animated WebP; returns what is missing in it, None if all is there.

    Args:
        path: the file.
        num_frames: how many frames went into it.
        muxer: FFmpeg's name of the format.

    Raises:
        FFmpegError, OSError: it cannot be read to its end.
    """
    if muxer == "gif" and not _ends_with(path, _GIF_TRAILER):
        return "the end of the written file is missing"
    if muxer == "webp":
        # Equal frames become one that is shown longer, so their number tells nothing.
        found, wanted, unit = path.stat().st_size, _size_in_header(path), "bytes"
    else:
        found, wanted, unit = count_frames(path), num_frames, "frames"
    return None if found == wanted else f"{found} of {wanted} {unit} are in the written file"


def _ends_with(path: Path, trailer: bytes) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - len(trailer)))
        return file.read() == trailer


def _size_in_header(path: Path) -> int:
    with path.open("rb") as file:
        return int.from_bytes(file.read(8)[4:], "little") + 8


@contextmanager
def whole_file(path: Path) -> Generator[Path, None, None]:
    """Let a file appear, or replace another, when all of it is written; what fails leaves nothing.

    Args:
        path: the file.

    Yields:
        Where it is written meanwhile, beside it.
    """
    partial = path.with_name(f"{path.name}.partial")
    try:
        yield partial
        give_name(partial, path)
    except BaseException:
        with suppress(OSError):  # nor can anything be removed from a folder that is read-only
            partial.unlink(missing_ok=True)
        raise


def write_whole(path: Path, data: bytes) -> None:
    """Write a small file, or replace it, whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    try:
        with whole_file(path) as partial:
            partial.write_bytes(data)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror}). {advice_on(error)}"
        ) from error


def give_name(written: Path, path: Path) -> None:
    """Rename a file once it is on the disk: a name must mean complete content after a power cut too.

    Raises:
        OSError: the disk has not taken all of it, or the name is not free.
    """
    sync_file(written)
    written.replace(path)
    _sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Wait until a file is on the disk.

    Raises:
        OSError: the disk has not taken all of it, which a network folder may say only now.
    """
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return  # elsewhere a folder cannot be opened
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network folders cannot do that
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
