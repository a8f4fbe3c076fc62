"""Triplets that lie in files, three pictures each, and reading them one by one."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ..errors import DecodeError
from ..frames import to_uint8
from ..image_files import probe_image, read_image
from .groups import Group
from .sample import Triplet, spread

Fit = Callable[[Tensor], Tensor]
"""What is done to each picture, [H, W, 3] uint8, before it is used."""


@dataclass(frozen=True)
class TripletFiles:
    """Three pictures.

    Attributes:
        number: of the one in the middle.
        before: the file.
        real: of the picture in the middle.
        after: likewise.
        timestep: where the one in the middle is, in (0, 1).
    """

    number: int
    before: Path
    real: Path
    after: Path
    timestep: Fraction = Fraction(1, 2)


def whole(pixels: Tensor) -> Tensor:
    """Leave a picture as it is."""
    return pixels


def group_of(
    clip: str,
    files: Sequence[TripletFiles],
    category: str = "",
    fit: Fit = whole,
    at_most: int | None = None,
) -> Group:
    """Make a group of triplets in files.

    Args:
        clip: its name.
        files: its triplets, in order.
        category: of the clip.
        fit: what is done to each picture.
        at_most: so many triplets, spread over the clip; None for all.
    """
    used = list(files) if at_most is None else spread(files, at_most)
    return Group(clip, category, len(used), partial(read_triplets, used, fit))


def read_triplets(
    triplets: Sequence[TripletFiles], fit: Fit = whole
) -> Generator[Triplet, None, None]:
    """Read triplets; a picture that the next one uses as well is read once.

    The pictures of two triplets are alive at most.

    Raises:
        DecodeError: a file is missing or no picture, or the three differ in size.
    """
    kept: dict[Path, Tensor] = {}
    for files in triplets:
        names = files.before, files.real, files.after
        kept = {name: kept[name] if name in kept else fit(_read(name)) for name in names}
        pictures = [kept[name] for name in names]
        for name, picture in zip(names, pictures, strict=True):
            if picture.shape != pictures[0].shape:
                raise DecodeError(
                    f"{name} is {_size(picture)} px, and {names[0]} is {_size(pictures[0])}. The pictures of "
                    "a triplet must have one size: unpack the data set again."
                )
        # Data sets say no times; a triplet's is not used.
        yield Triplet(files.number, Fraction(0), float(files.timestep), *pictures)


def _read(file: Path) -> Tensor:
    if not file.is_file():
        raise DecodeError(f"{file}: there is no such file. Unpack the data set again.")
    pixels = read_image(file, bit_depth=probe_image(file).bit_depth, alpha=False)
    return to_uint8(torch.from_numpy(pixels))


def _size(picture: Tensor) -> str:
    return f"{picture.shape[1]}x{picture.shape[0]}"
