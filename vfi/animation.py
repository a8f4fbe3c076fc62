"""Read animated WebP files, the form in which many diffusion clips are shared.

FFmpeg's ``webp`` decoder knows still pictures only, so Pillow decodes. The durations come from the
file's own chunks: Pillow tells them only after it has decoded each picture.

Container: https://developers.google.com/speed/webp/docs/riff_container
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .errors import DecodeError

_RIFF_HEADER_SIZE = 12  # "RIFF", file size, "WEBP"
_ANMF_HEADER_SIZE = 16  # x, y, width, height, duration, flags; the duration is bytes 12 to 14
_DEFAULT_DURATION = 100  # ms; what browsers make of a duration of 0


@dataclass(frozen=True)
class Animation:
    """What an animated WebP says of itself.

    Attributes:
        path: the file.
        width: px.
        height: px.
        durations: how long each picture is shown, in milliseconds; one entry per picture.
    """

    path: Path
    width: int
    height: int
    durations: tuple[int, ...]


def is_webp(path: Path) -> bool:
    """Tell by the first bytes, whatever the name, whether a file is a WebP."""
    with path.open("rb") as file:
        header = file.read(_RIFF_HEADER_SIZE)
    return header[:4] == b"RIFF" and header[8:] == b"WEBP"


def probe_animation(path: Path) -> Animation:
    """Read size and durations without decoding a picture.

    Raises:
        DecodeError: the file is damaged, or a still picture.
    """
    durations = tuple(_read_durations(path))
    if not durations:
        raise DecodeError(
            f"{path}: expected an animated WebP, got a still picture. "
            "Put pictures into a folder and give the folder."
        )
    try:
        with Image.open(path) as image:
            width, height = image.size
    except (OSError, SyntaxError, ValueError) as error:
        raise _damaged(path, 0, error) from error
    return Animation(path, width, height, durations)


def decode_animation(animation: Animation) -> Generator[Tensor, None, None]:
    """Decode the pictures in order; transparency is dropped.

    One picture is alive at a time. The file is closed when the iterator ends or is closed.

    Yields:
        [H, W, 3] uint8 RGB.

    Raises:
        DecodeError: a picture does not decode.
    """
    number = 0
    try:
        with Image.open(animation.path) as image:
            for number in range(len(animation.durations)):
                image.seek(number)
                yield torch.from_numpy(np.array(image.convert("RGB")))
    except (OSError, EOFError, SyntaxError, ValueError) as error:
        raise _damaged(animation.path, number, error) from error


def _read_durations(path: Path) -> Iterator[int]:
    with path.open("rb") as file:
        file.seek(_RIFF_HEADER_SIZE)
        while len(head := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", head)
            skip = size + size % 2  # chunks are padded to an even size
            if name == b"ANMF":
                body = file.read(_ANMF_HEADER_SIZE)
                yield int.from_bytes(body[12:15], "little") or _DEFAULT_DURATION
                skip -= len(body)
            file.seek(skip, 1)


def _damaged(path: Path, number: int, error: Exception) -> DecodeError:
    return DecodeError(
        f"{path}: expected picture {number} to decode, got {error}. "
        "The file is damaged or cut short: make or download it again."
    )
