"""What a GIF tells of its transparency without being decoded.

Format: https://www.w3.org/Graphics/GIF/spec-gif89a.txt
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_EXTENSION, _IMAGE = b"\x21", b"\x2c"
_GRAPHIC_CONTROL = b"\xf9"
_HAS_COLOURS, _HAS_TRANSPARENCY = 0x80, 0x01
_CLEARED = 2  # of the ways to dispose of a picture


def clears_pictures(path: Path) -> bool:
    """Tell whether a GIF takes a picture away again and leaves transparency in its place.

    Nothing else makes an animation transparent whose first picture is opaque: where the next ones
    are transparent, what was there before is seen.
    """
    with path.open("rb") as file:
        return any(
            flags >> 2 & 7 == _CLEARED and flags & _HAS_TRANSPARENCY
            for flags in _graphic_controls(file)
        )


def _graphic_controls(file: BinaryIO) -> Iterator[int]:
    """Yield the flags of each picture, as far as the file is whole."""
    header = file.read(13)
    _skip_colours(file, header[10:11])
    while (kind := file.read(1)) in (_EXTENSION, _IMAGE) and kind:
        if kind == _IMAGE:
            _skip_colours(file, file.read(9)[8:])
            file.read(1)
        elif file.read(1) == _GRAPHIC_CONTROL:
            yield from file.read(2)[1:]
            file.seek(-2, 1)
        _skip_blocks(file)


def _skip_colours(file: BinaryIO, flags: bytes) -> None:
    if flags and flags[0] & _HAS_COLOURS:
        file.seek(3 << (flags[0] & 7) + 1, 1)


def _skip_blocks(file: BinaryIO) -> None:
    """Skip blocks of data, each after its size, up to the empty one that ends them."""
    while (size := file.read(1)) and size[0]:
        file.seek(size[0], 1)
