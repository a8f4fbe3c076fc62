"""What a container wants cut off the picture: ``clap`` of MP4 and MOV, PixelCrop of Matroska.

Players, and FFmpeg from 7.1 on, cut it off; PyAV does not say it. So the few bytes are read here. What
is not as it should be counts as nothing to cut off: FFmpeg decides whether a file can be read.

References: ISO/IEC 14496-12, 12.1.4 (clean aperture); RFC 9559, 5.1.4.1.28 (PixelCrop).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from av.video.stream import VideoStream

from .video_info import NO_CROP, Crop

# Of one box or element that is read as a whole; the descriptions of streams are far smaller.
_MOST_BYTES = 1 << 20
_MOST_BOXES = 10_000  # that are passed on the way

_PATH = (b"mdia", b"minf", b"stbl", b"stsd")
_ENTRY_HEADER = 78  # of a sample entry of a picture; boxes follow

_SEGMENT, _TRACKS, _TRACK, _TYPE, _VIDEO = 0x18538067, 0x1654AE6B, 0xAE, 0x83, 0xE0
_PIXEL_CROP = {0x54CC: "left", 0x54DD: "right", 0x54BB: "top", 0x54AA: "bottom"}
_IS_VIDEO = 1
_CLUSTER = 0x1F43B675


def container_crop(path: Path, stream: VideoStream, number: int, size: tuple[int, int]) -> Crop:
    """Read what is to be cut off a picture.

    Args:
        path: the file.
        stream: of the picture.
        number: which of the moving pictures of the file it is, from 0.
        size: width and height of a stored frame, px.
    """
    name = stream.container.format.name
    with path.open("rb") as file:
        if "mp4" in name:
            crop = _clean_aperture(file, stream.id, *size)
        elif "matroska" in name:
            crop = _pixel_crop(file, number)
        else:
            crop = NO_CROP
    return (
        crop
        if crop.fits(*size) and min(crop.left, crop.right, crop.top, crop.bottom) >= 0
        else NO_CROP
    )


# --- MP4 and MOV ---------------------------------------------------------------------------------


def _clean_aperture(file: BinaryIO, track_id: int, width: int, height: int) -> Crop:
    end = file.seek(0, 2)
    for track in _descend(file, 0, end, (b"moov", b"trak")):
        if _track_id(file, *track) == track_id:
            for begin, stop in _descend(file, *track, _PATH):
                return _parse_clap(_clap(file, begin, stop), width, height)
    return NO_CROP


def _boxes(file: BinaryIO, begin: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name of each box, and where its contents begin and end."""
    for _ in range(_MOST_BOXES):
        file.seek(begin)
        header = file.read(16)
        if begin + 8 > end or len(header) < 8:
            return
        size, name = struct.unpack_from(">I4s", header)
        start = begin + 8
        if size == 1 and len(header) == 16:
            size, start = struct.unpack_from(">Q", header, 8)[0], begin + 16
        stop = begin + size if size else end
        if not start <= stop <= end:
            return
        yield name, start, stop
        begin = stop


def _descend(
    file: BinaryIO, begin: int, end: int, names: tuple[bytes, ...]
) -> Iterator[tuple[int, int]]:
    """Yield where the contents of the boxes with this path of names begin and end."""
    name, *rest = names
    for found, start, stop in _boxes(file, begin, end):
        if found == name and rest:
            yield from _descend(file, start, stop, tuple(rest))
        elif found == name:
            yield start, stop


def _track_id(file: BinaryIO, begin: int, end: int) -> int | None:
    for start, _ in _descend(file, begin, end, (b"tkhd",)):
        file.seek(start)
        header = file.read(24)
        if len(header) == 24:
            return int.from_bytes(header[20:24] if header[0] == 1 else header[12:16], "big")
    return None


def _clap(file: BinaryIO, begin: int, end: int) -> bytes:
    """Return the contents of the clean aperture of the first sample entry."""
    for _, start, stop in _boxes(file, begin + 8, end):  # after version, flags and count
        for name, inside, after in _boxes(file, start + _ENTRY_HEADER, stop):
            if name == b"clap" and after - inside <= _MOST_BYTES:
                file.seek(inside)
                return file.read(after - inside)
        break
    return b""


def _parse_clap(data: bytes, width: int, height: int) -> Crop:
    if len(data) < 32:
        return NO_CROP
    numbers = struct.unpack(">8i", data[:32])
    if min(numbers[1::2]) <= 0 or min(numbers[0], numbers[2]) <= 0:
        return NO_CROP
    kept_width, kept_height, x, y = map(Fraction, numbers[::2], numbers[1::2])
    left, right = _sides(width, kept_width, x)
    top, bottom = _sides(height, kept_height, y)
    return Crop(left, right, top, bottom)


def _sides(size: int, kept: Fraction, offset: Fraction) -> tuple[int, int]:
    """Return what is cut off before and after; an aperture that reaches outside is none."""
    centre = Fraction(size - 1, 2) + offset
    first, last = centre - (kept - 1) / 2, centre + (kept - 1) / 2
    return (int(first), size - 1 - int(last)) if 0 <= first <= last <= size - 1 else (-1, -1)


# --- Matroska ------------------------------------------------------------------------------------


def _pixel_crop(file: BinaryIO, number: int) -> Crop:
    end = file.seek(0, 2)
    pictures = 0
    for begin, stop in _find(file, 0, end, (_SEGMENT, _TRACKS, _TRACK)):
        values = dict(_elements(file, begin, stop))
        if _number_in(file, values.get(_TYPE)) != _IS_VIDEO:
            continue
        if pictures == number and _VIDEO in values:
            inside = dict(_elements(file, *values[_VIDEO]))
            sides = {side: _number_in(file, inside.get(name)) for name, side in _PIXEL_CROP.items()}
            return Crop(**sides)
        pictures += 1
    return NO_CROP


def _elements(file: BinaryIO, begin: int, end: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield the name of each element, and where its contents begin and end."""
    for _ in range(_MOST_BOXES):
        if begin >= end:
            return
        file.seek(begin)
        header = file.read(12)
        name_length = _length_of(header[:1])
        size_length = _length_of(header[name_length : name_length + 1])
        start = begin + name_length + size_length
        if not 0 < name_length <= 4 or not size_length or len(header) < name_length + size_length:
            return
        name = int.from_bytes(header[:name_length], "big")
        data = header[name_length : name_length + size_length]
        size = int.from_bytes(data, "big") & (1 << 7 * size_length) - 1
        is_unknown = size == (1 << 7 * size_length) - 1
        stop = end if is_unknown else min(start + size, end)
        if name == _CLUSTER:  # the tracks come before it
            return
        yield name, (start, stop)
        begin = stop


def _length_of(first: bytes) -> int:
    """Return how many bytes a number of variable length has; 0: it is none."""
    return 9 - first[0].bit_length() if first and first[0] else 0


def _find(
    file: BinaryIO, begin: int, end: int, names: tuple[int, ...]
) -> Iterator[tuple[int, int]]:
    name, *rest = names
    for found, (start, stop) in _elements(file, begin, end):
        if found == name and rest:
            yield from _find(file, start, stop, tuple(rest))
        elif found == name:
            yield start, stop


def _number_in(file: BinaryIO, place: tuple[int, int] | None) -> int:
    if place is None or place[1] - place[0] > 8:
        return 0
    file.seek(place[0])
    return int.from_bytes(file.read(place[1] - place[0]), "big")
