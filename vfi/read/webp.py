"""Read animated WebP files, the form in which many diffusion clips are shared.

FFmpeg's ``webp`` decoder knows still images only, so Pillow decodes. The durations come from the
file's own chunks: Pillow tells them only after decoding each frame.

Container: https://developers.google.com/speed/webp/docs/riff_container
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..errors import DecodeError
from ..image_files import PILLOW_ERRORS, open_image
from .timestamps import DecodedFrame, is_constant_rate
from .video_info import VideoInfo

_RIFF_HEADER_SIZE = 12  # "RIFF", file size, "WEBP"
_ANMF_HEADER_SIZE = 16  # x, y, width, height, duration, flags; the duration is bytes 12 to 14
_PICTURE_HEADER_SIZE = 13  # name and size of a chunk; of VP8L a signature, its size and a flag
_CLEARED, _NOT_BLENDED = 1, 2  # flags of a frame: cleared after it; not blended over the last
_DEFAULT_DURATION = 100  # ms; what browsers make of a duration of 0
_MILLISECOND = Fraction(1, 1_000)


def is_webp(path: Path) -> bool:
    """Tell by the first bytes, not the name, whether a file is a WebP."""
    with path.open("rb") as file:
        header = file.read(_RIFF_HEADER_SIZE)
    return header[:4] == b"RIFF" and header[8:] == b"WEBP"


def describe_animation(path: Path) -> VideoInfo:
    """Tell what an animated WebP is; at most its first frame is decoded.

    Raises:
        DecodeError: the file is damaged, or a still image.
    """
    animation = _probe(path)
    rate, is_constant = _animation_rate(animation.durations)
    return VideoInfo(
        path=animation.path,
        width=animation.width,
        height=animation.height,
        rate=rate,
        num_frames=len(animation.durations),
        start=Fraction(0),
        rotation=0,
        pixel_aspect=Fraction(1),
        audio=(),
        tags=animation.tags,
        has_alpha=animation.has_alpha,
        origin=Fraction(0),
        duration=None if is_constant else _MILLISECOND * sum(animation.durations),
    )


def read_animation(info: VideoInfo, *, alpha: bool) -> Generator[DecodedFrame, None, None]:
    """Decode the frames in order, to RGB, or to RGBA with ``alpha``.

    One frame is alive at a time. The file is closed when the iterator ends or is closed.

    Raises:
        DecodeError: a frame does not decode.
    """
    animation = _probe(info.path)
    pts = 0
    with closing(_decode(animation, "RGBA" if alpha else "RGB")) as frames:
        for duration, pixels in zip(animation.durations, frames, strict=True):
            yield DecodedFrame(pts, _MILLISECOND, duration, partial(_itself, pixels))
            pts += duration


def _itself(pixels: Tensor) -> Tensor:
    return pixels


@dataclass(frozen=True)
class _Animation:
    """What an animated WebP says of itself.

    Attributes:
        path: the file.
        width: px.
        height: px.
        durations: how long each frame is shown, in milliseconds; one entry per frame.
        tags: texts in its EXIF data, which ComfyUI writes as "prompt:..." and "workflow:...".
        has_alpha: its first frame is not opaque, or a later one may not be. The flag in the file
            says little: writers set it that leave out what does not change.
    """

    path: Path
    width: int
    height: int
    durations: tuple[int, ...]
    tags: Mapping[str, str]
    has_alpha: bool


@dataclass(frozen=True)
class _Header:
    """What the header of one frame says.

    Attributes:
        duration: how long it is shown, in milliseconds.
        flags: see ``_CLEARED``.
        has_alpha: it is not opaque itself, as far as that is known without decoding it.
    """

    duration: int
    flags: int
    has_alpha: bool


def _probe(path: Path) -> _Animation:
    """Read what the file says of itself, and whether its first frame is opaque."""
    headers = list(_read_headers(path))
    if not headers:
        raise DecodeError(
            f"{path} is a still image, not an animated WebP. To read images as a clip, put them into "
            "a folder and give the folder."
        )
    try:
        with open_image(path) as image:
            width, height = image.size
            tags = _read_tags(image)
            has_alpha = image.mode == "RGBA" and (
                np.asarray(image.getchannel("A")).min() < 255 or _becomes_transparent(headers)
            )
    except PILLOW_ERRORS as error:
        raise _damaged(path, 0, error) from error
    durations = tuple(header.duration for header in headers)
    return _Animation(path, width, height, durations, tags, has_alpha)


def _becomes_transparent(headers: Sequence[_Header]) -> bool:
    """Tell whether frames after an opaque first one may be transparent."""
    is_cleared = any(header.flags & _CLEARED for header in headers[:-1])
    return is_cleared or any(h.has_alpha and h.flags & _NOT_BLENDED for h in headers[1:])


def _read_tags(image: Image.Image) -> dict[str, str]:
    texts = [value for value in image.getexif().values() if isinstance(value, str)]
    parts = [text.partition(":") for text in texts]
    return {name: value for name, colon, value in parts if colon and name in ("prompt", "workflow")}


def _animation_rate(durations: tuple[int, ...]) -> tuple[Fraction, bool]:
    """Return the frame rate that durations in whole milliseconds stand for, and if it is constant.

    Durations of 33, 33 and 34 ms mean a whole rate, which every time then fits. A writer that rounds
    each duration alike (62 ms for 16 fps) has really changed the speed of the clip.
    """
    whole = Fraction(max(1, round(Fraction(1000 * len(durations), sum(durations)))))
    if is_constant_rate(accumulate(durations, initial=0), _MILLISECOND, whole):
        return whole, True
    return Fraction(1000, max(set(durations), key=durations.count)), len(set(durations)) == 1


def _decode(animation: _Animation, mode: str) -> Generator[Tensor, None, None]:
    """Yield the frames as [H, W, C] uint8 in Pillow's ``mode``."""
    number = 0
    try:
        with open_image(animation.path) as image:
            for number in range(len(animation.durations)):
                image.seek(number)
                yield torch.from_numpy(np.array(image.convert(mode)))
    except PILLOW_ERRORS as error:
        raise _damaged(animation.path, number, error) from error


def _read_headers(path: Path) -> Iterator[_Header]:
    with path.open("rb") as file:
        file.seek(_RIFF_HEADER_SIZE)
        while len(head := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", head)
            skip = size + size % 2  # chunks are padded to an even size
            if name == b"ANMF":
                body = file.read(min(_ANMF_HEADER_SIZE + _PICTURE_HEADER_SIZE, skip))
                yield _parse_header(body)
                skip -= len(body)
            file.seek(skip, 1)


def _parse_header(body: bytes) -> _Header:
    header, picture = (
        body[:_ANMF_HEADER_SIZE].ljust(_ANMF_HEADER_SIZE, b"\0"),
        body[_ANMF_HEADER_SIZE:],
    )
    duration = int.from_bytes(header[12:15], "little") or _DEFAULT_DURATION
    is_lossless = picture[:4] == b"VP8L" and len(picture) == _PICTURE_HEADER_SIZE
    has_alpha = bool(picture[-1] & 0x10) if is_lossless else picture[:4] == b"ALPH"
    return _Header(duration, header[15], has_alpha)


def _damaged(path: Path, number: int, error: Exception) -> DecodeError:
    return DecodeError(
        f"{path}: frame {number} does not decode ({error}). The file is damaged or incomplete: make "
        "or download it again."
    )
