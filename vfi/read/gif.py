"""Find out about the transparency of a GIF without decoding it.

Format: https://www.w3.org/Graphics/GIF/spec-gif89a.txt
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_EXTENSION, _IMAGE = b"\x21", b"\x2c"
_GRAPHIC_CONTROL = b"\xf9"
_HAS_COLOURS, _HAS_TRANSPARENCY = 0x80, 0x01
_CLEARED = 2  # a disposal method


def clears_frames(path: Path) -> bool:
    """Tell whether a GIF clears frames and leaves transparency in their place.

    Nothing else makes an animation transparent whose first frame is opaque: where later frames are
    transparent, the earlier ones show through.
    """
    with path.open("rb") as file:
        return any(
            flags >> 2 & 7 == _CLEARED and flags & _HAS_TRANSPARENCY
            for flags in _graphic_controls(file)
        )


def _graphic_controls(file: BinaryIO) -> Iterator[int]:
    """Yield the flags of each frame, as far as the file is complete."""
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
