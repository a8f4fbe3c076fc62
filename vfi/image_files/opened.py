"""Open an image with Pillow: which kinds, how large, and what it raises on a damaged one."""

from __future__ import annotations

import struct
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from PIL.ImageFile import ImageFile

# Nothing else: Pillow has another program run for EPS, and reads dozens of kinds that nobody keeps
# frames in. By content, whatever the name says.
_KINDS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
_MOST_PIXELS = 178_956_970  # as Pillow has it, which others in the process may have switched off

PILLOW_ERRORS = (
    *(OSError, SyntaxError, ValueError, EOFError),  # what its plugins' sources raise
    # Seen with damaged files: a field that is missing, of another kind, or much too large.
    *(struct.error, LookupError, TypeError, OverflowError),
    *(Image.DecompressionBombError, Image.DecompressionBombWarning),
)


@contextmanager
def open_image(file: Path) -> Generator[ImageFile, None, None]:
    """Open an image; its pixels are decoded when they are asked for.

    What is raised inside the block on a damaged file is one of ``PILLOW_ERRORS``.
    """
    with Image.open(file, formats=_KINDS) as image:
        require_bounded(*image.size)
        yield image


def require_bounded(width: int, height: int) -> None:
    """Refuse a size, px, that no frame has, before memory is taken for it.

    Raises:
        ValueError: it is none that is read.
    """
    if width < 1 or height < 1:
        raise ValueError(f"its header says that it is {width}x{height} px")
    if width * height > _MOST_PIXELS:
        raise ValueError(
            f"its header says that it is {width}x{height} px; at most {_MOST_PIXELS} are read"
        )
