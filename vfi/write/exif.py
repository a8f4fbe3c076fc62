"""Tags of an animated WebP: FFmpeg writes none, so they are put into the finished file.

ComfyUI's front end reads "name:value" from the texts of the EXIF chunk (src/scripts/pnginfo.ts, 1.45).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

_FIRST_TAG = 0x0110  # counted downwards, as ComfyUI's own nodes do
_HAS_EXIF = 0x08  # in the flags of the chunk VP8X
_FLAGS_AT = 20  # bytes into the file


def add_exif(path: Path, tags: Mapping[str, str]) -> bool:
    """Add tags to a WebP file with several frames.

    Args:
        path: the file, which is changed in place.
        tags: names and values.

    Returns:
        Whether there was room for them: a WebP of one frame has none.
    """
    exif = Image.Exif()
    for number, (name, value) in enumerate(tags.items()):
        exif[_FIRST_TAG - number] = f"{name}:{value}".encode()
    data = exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = b"EXIF" + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    with path.open("r+b") as file:
        head = file.read(_FLAGS_AT + 1)
        if head[12:16] != b"VP8X" or len(head) <= _FLAGS_AT:
            return False
        file.seek(_FLAGS_AT)
        file.write(bytes([head[_FLAGS_AT] | _HAS_EXIF]))
        size = file.seek(0, 2)
        file.write(chunk)
        file.seek(4)
        file.write(struct.pack("<I", size + len(chunk) - 8))
    return True
