"""Numbered images in a folder, read as a clip."""

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
from ..files import IMAGE_SUFFIXES, list_media
from ..frames import Frame
from ..image_files import probe_image, read_image

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FolderInfo:
    """A folder of images that make up a clip.

    Attributes:
        path: the folder.
        files: the images in the order of their numbers.
        width: px, of every image.
        height: px, of every image.
        bit_depth: the highest of all images: 8, 16, or 32 for floating point.
        has_alpha: an image has transparency.
    """

    path: Path
    files: tuple[Path, ...]
    width: int
    height: int
    bit_depth: int
    has_alpha: bool


def probe_image_folder(folder: Path) -> FolderInfo:
    """List the images of a folder by the last number in their names, and check their sizes.

    ``0.png … 612.png``, ``0000001.png`` and ``shot_0001.png`` all work; gaps are ignored. Only the
    headers of the files are read. An EXIF orientation is ignored.

    Raises:
        InputError: no such folder, no images, a name without number, a number that occurs twice, or
            sizes that differ.
        DecodeError: a file is not an image.
    """
    folder = Path(folder)
    files = _sorted_by_number(_list_images(folder))
    images = [probe_image(file) for file in files]
    width, height = images[0].size
    for file, image in zip(files, images, strict=True):
        if image.size != (width, height):
            raise InputError(
                f"{folder}: the images differ in size: {files[0].name} is {width}x{height}, "
                f"{file.name} is {image.size[0]}x{image.size[1]}. Resize or remove one of them."
            )
    return FolderInfo(
        folder,
        files,
        width,
        height,
        bit_depth=max(image.bit_depth for image in images),
        has_alpha=any(image.has_alpha for image in images),
    )


def read_image_folder(
    info: FolderInfo, rate: Fraction, *, alpha: bool = False, first: int = 0
) -> Generator[Frame, None, None]:
    """Decode the images in order; image ``k`` is at ``k / rate`` seconds.

    Grey is expanded to RGB, palettes are looked up. One image is alive at a time.

    Args:
        info: from :func:`probe_image_folder`.
        rate: frames per second.
        alpha: keep transparency if any image has it; otherwise it is dropped, with a note in the
            log.
        first: number of the first image that is wanted.

    Yields:
        Frames of [H, W, 3] RGB: uint8, or float32 in [0, 1] if ``info.bit_depth`` is above 8. With
        ``alpha`` and ``info.has_alpha`` all of them are [H, W, 4] RGBA; alpha is straight, not
        premultiplied.

    Raises:
        DecodeError: an image is damaged or was replaced by one of another size or bit depth.
    """
    if info.has_alpha and not alpha:
        logger.info("%s: transparency is dropped", info.path)
    is_clipped = False
    for number, file in enumerate(info.files[first:], first):
        pixels = read_image(file, bit_depth=info.bit_depth, alpha=alpha and info.has_alpha)
        if info.bit_depth > 8 and pixels.max() > 1:
            if not is_clipped:
                logger.warning("%s: values above white are clipped", file)
            is_clipped, pixels = True, pixels.clip(max=1)
        if pixels.shape[:2] != (info.height, info.width):
            raise DecodeError(
                f"{file} is {pixels.shape[1]}x{pixels.shape[0]} now and was "
                f"{info.width}x{info.height} before. It was changed meanwhile: start again."
            )
        yield Frame(torch.from_numpy(pixels), number / rate)


def read_mask(file: Path) -> Tensor:
    """Read an image as a mask: white is 1, black is 0, colours count as their mean.

    Returns:
        [H, W] float32 in [0, 1].

    Raises:
        InputError: there is no such file.
        DecodeError: it is no image.
    """
    if not file.is_file():
        raise InputError(f"{file}: there is no such file. Check the path.")
    return torch.from_numpy(read_image(file, bit_depth=16, alpha=False)).clamp(max=1).mean(dim=2)


def _list_images(folder: Path) -> list[Path]:
    if not folder.is_dir():
        found = "is a file, not a folder of images" if folder.exists() else "does not exist"
        raise InputError(f"{folder} {found}. Check the path.")
    images = list_media(folder, IMAGE_SUFFIXES)
    if not images:
        raise InputError(
            f"{folder} has no images ({', '.join(sorted(IMAGE_SUFFIXES))}). Choose the folder that holds "
            "the images themselves."
        )
    return images


def _sorted_by_number(images: list[Path]) -> tuple[Path, ...]:
    numbered: dict[int, Path] = {}
    for path in images:
        numbers = re.findall(r"[0-9]+", path.stem)
        if not numbers:
            raise InputError(
                f"{path} has no number in its name. Rename it like 0001.png, or move it out of the "
                "folder."
            )
        other = numbered.setdefault(int(numbers[-1]), path)
        if other is not path:
            raise InputError(
                f"{path.parent}: {other.name} and {path.name} have the same number. Keep one sequence "
                "in the folder; the last number of a name counts."
            )
    return tuple(numbered[number] for number in sorted(numbered))
