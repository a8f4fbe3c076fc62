"""Numbered pictures in a folder: read them as a clip (``picture_writer`` writes a clip as them)."""

from __future__ import annotations

import logging
import re
from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor

from ..errors import DecodeError, InputError
from ..frames import Frame
from ..image_files import probe_image, read_image

logger = logging.getLogger(__name__)

EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".exr"})


@dataclass(frozen=True)
class FolderInfo:
    """A folder of pictures that make up a clip.

    Attributes:
        path: the folder.
        files: the pictures in the order of their numbers.
        width: px, of every picture.
        height: px, of every picture.
        is_deep: a picture has values of 16 bits or more.
        has_alpha: a picture has transparency.
    """

    path: Path
    files: tuple[Path, ...]
    width: int
    height: int
    is_deep: bool
    has_alpha: bool


def probe_image_folder(folder: Path) -> FolderInfo:
    """List the pictures of a folder by the last number in their names, and check their sizes.

    ``0.png … 612.png``, ``0000001.png`` and ``shot_0001.png`` all work; gaps are ignored. Only the
    headers of the files are read. An EXIF orientation is ignored.

    Raises:
        InputError: no such folder, no pictures, a name without number, a number that occurs twice,
            or sizes that differ.
        DecodeError: a file is not a picture.
    """
    folder = Path(folder)
    files = _sorted_by_number(_list_pictures(folder))
    pictures = [probe_image(file) for file in files]
    width, height = pictures[0].size
    for file, picture in zip(files, pictures, strict=True):
        if picture.size != (width, height):
            raise InputError(
                f"{folder}: expected pictures of one size, got {width}x{height} in {files[0].name} "
                f"and {picture.size[0]}x{picture.size[1]} in {file.name}. "
                "Resize or remove one of them."
            )
    return FolderInfo(
        folder,
        files,
        width,
        height,
        is_deep=any(picture.bit_depth > 8 for picture in pictures),
        has_alpha=any(picture.has_alpha for picture in pictures),
    )


def read_image_folder(
    info: FolderInfo, rate: Fraction, *, alpha: bool = False
) -> Generator[Frame, None, None]:
    """Decode the pictures in order; picture ``k`` is at ``k / rate`` seconds.

    Grey is repeated, palettes are looked up. One picture is alive at a time.

    Args:
        info: from :func:`probe_image_folder`.
        rate: frames per second.
        alpha: keep transparency if any picture has it; otherwise it is dropped, with a note in the
            log.

    Yields:
        Frames of [H, W, 3] RGB: uint8, or if ``info.is_deep`` float32 in [0, 1] with the precision
        of 16 bits or, of an EXR file, its own. With ``alpha`` and ``info.has_alpha`` all of them are [H, W, 4] RGBA; alpha is
        straight, not premultiplied.

    Raises:
        DecodeError: a picture is damaged or was replaced by one of another size or depth.
    """
    if info.has_alpha and not alpha:
        logger.info("%s: transparency is dropped", info.path)
    is_clipped = False
    for number, file in enumerate(info.files):
        pixels = read_image(
            file, bit_depth=16 if info.is_deep else 8, alpha=alpha and info.has_alpha
        )
        if info.is_deep and pixels.max() > 1:
            if not is_clipped:
                logger.warning("%s: what is brighter than white is clipped", file)
            is_clipped, pixels = True, pixels.clip(max=1)
        if pixels.shape[:2] != (info.height, info.width):
            raise DecodeError(
                f"{file}: expected {info.width}x{info.height}, got "
                f"{pixels.shape[1]}x{pixels.shape[0]}. It was changed meanwhile: start again."
            )
        yield Frame(torch.from_numpy(pixels), number / rate)


def read_mask(file: Path) -> Tensor:
    """Read a picture as a mask: white is 1, black is 0, colours count as their mean.

    Returns:
        [H, W] float32 in [0, 1].

    Raises:
        InputError: there is no such file.
        DecodeError: it is no picture.
    """
    if not file.is_file():
        raise InputError(f"{file}: expected a picture, found no such file. Check the path.")
    return torch.from_numpy(read_image(file, bit_depth=16, alpha=False)).clamp(max=1).mean(dim=2)


def _list_pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing of that name"
        raise InputError(f"{folder}: expected a folder of pictures, got {found}. Check the path.")
    pictures = [
        path
        for path in folder.iterdir()
        # macOS puts a "._0001.png", which is no picture, beside each file on some drives.
        if path.suffix.lower() in EXTENSIONS and not path.name.startswith(".") and path.is_file()
    ]
    if not pictures:
        raise InputError(
            f"{folder}: expected pictures ({', '.join(sorted(EXTENSIONS))}), got none. "
            "Choose the folder that holds the pictures themselves."
        )
    return pictures


def _sorted_by_number(pictures: list[Path]) -> tuple[Path, ...]:
    numbered: dict[int, Path] = {}
    for path in sorted(pictures):
        numbers = re.findall(r"[0-9]+", path.stem)
        if not numbers:
            raise InputError(
                f"{path}: expected a number in the name, got none. "
                "Rename it like 0001.png, or move it out of the folder."
            )
        other = numbered.setdefault(int(numbers[-1]), path)
        if other is not path:
            raise InputError(
                f"{path.parent}: expected each number once, got {other.name} and {path.name}. "
                "Keep one sequence in the folder; the last number of a name counts."
            )
    return tuple(numbered[number] for number in sorted(numbered))
