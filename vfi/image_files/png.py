"""One picture in a file: what it is, its pixels with all their bits, and how a PNG is made of them.

Pillow reads and writes 8 bits, FFmpeg's codecs 16 bits per channel, which Pillow cuts down to 8, and
floating point (``exr``).
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.error import FFmpegError
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngInfo

from ..errors import DecodeError
from ..frames import from_16_bits
from .encode import encode_still
from .exr import probe_exr, read_exr

_ALPHA_MODES = frozenset({"RGBA", "RGBa", "LA", "La", "PA"})
# What Pillow raises on a damaged file, by its plugins' sources.
_PILLOW_ERRORS = (OSError, SyntaxError, ValueError, EOFError)
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"  # the last chunk: no data, its name, its checksum
_END_OF_HEADER = 33  # bytes: PNG's signature and its first chunk, IHDR; texts may follow


@dataclass(frozen=True)
class PictureInfo:
    """What is known of a picture before it is decoded.

    Attributes:
        size: width and height in px.
        is_deep: its values have 16 bits or more.
        has_alpha: it has transparency.
    """

    size: tuple[int, int]
    is_deep: bool
    has_alpha: bool


def probe_picture(file: Path) -> PictureInfo:
    """Read the header of a picture.

    Raises:
        DecodeError: it is no picture.
    """
    try:
        if _is_exr(file):
            size, has_alpha = probe_exr(file)
            return PictureInfo(size, is_deep=True, has_alpha=has_alpha)
        with Image.open(file) as image:
            has_alpha = image.mode in _ALPHA_MODES or "transparency" in image.info
            return PictureInfo(image.size, _is_deep_grey(image) or _is_deep(image), has_alpha)
    except _PILLOW_ERRORS as error:
        raise _damaged(file, error) from error


def read_picture(file: Path, *, is_deep: bool, alpha: bool) -> npt.NDArray[np.uint8 | np.float32]:
    """Decode a picture; grey is repeated, palettes are looked up, EXIF orientation is ignored.

    Args:
        file: what :func:`probe_picture` accepts.
        is_deep: give floating point, also of a picture of 8 bits; otherwise it must have 8.
        alpha: give transparency, opaque where there is none; otherwise it is dropped.

    Returns:
        [H, W, 3] RGB or [H, W, 4] RGBA with straight alpha; uint8 in [0, 255], or
        float32 in [0, 1] if ``is_deep``, from which ``to_uint16`` gets 16 bits back; an EXR file
        may hold more than 1.

    Raises:
        DecodeError: it is damaged, or deeper than was said.
    """
    pixels = _decode(file, alpha=alpha)
    if pixels.dtype == np.uint8 and is_deep:
        return from_16_bits(pixels.astype(np.uint16) * np.uint16(257))  # white stays white
    if pixels.dtype != np.uint8 and not is_deep:
        raise DecodeError(
            f"{file}: expected 8 bits, got more. It was changed meanwhile: start again."
        )
    return from_16_bits(pixels) if pixels.dtype == np.uint16 else pixels


def _decode(file: Path, *, alpha: bool) -> npt.NDArray[Any]:
    """Return the values as they are kept: 8 or 16 bits, or floating point."""
    try:
        if _is_exr(file):
            return read_exr(file, alpha=alpha)
        with Image.open(file) as image:
            if _is_deep_grey(image) and "transparency" not in image.info:
                return _deep_grey(image, alpha=alpha)
            if _is_deep_grey(image) or _is_deep(image):
                return _deep_colour(file, alpha=alpha)
            return _colour(image, alpha=alpha)
    except (*_PILLOW_ERRORS, FFmpegError) as error:
        raise _damaged(file, error) from error


def encode_png(
    pixels: npt.NDArray[np.uint8 | np.uint16], *, compress_level: int, text: Mapping[str, str]
) -> bytes:
    """Make a PNG of [H, W, 3] RGB or [H, W, 4] RGBA, uint8 or uint16.

    Args:
        pixels: the picture.
        compress_level: of zlib, 0 to 9.
        text: name -> text, as chunks before the picture.
    """
    chunks = PngInfo()
    for name, value in text.items():
        chunks.add_text(name, value)  # iTXt by itself where Latin-1 is not enough
    if pixels.dtype == np.uint16:
        return _with_chunks(_encode_deep(pixels.astype(">u2"), compress_level), chunks)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=compress_level, pnginfo=chunks)
    return file.getvalue()


def _is_exr(file: Path) -> bool:
    return file.suffix.lower() == ".exr"


def is_whole(file: Path) -> bool:
    """Tell whether a PNG or EXR file is there and has its end.

    A power cut leaves the names of files whose content was not on the disk yet: they are empty, end
    early, or are filled up with zeros.
    """
    try:
        if _is_exr(file):
            probe_exr(file)
            return True
        with file.open("rb") as stream:
            stream.seek(-len(_PNG_END), os.SEEK_END)
            return stream.read() == _PNG_END
    except (OSError, ValueError):  # there is none, or it is shorter than that
        return False


def _is_deep_grey(image: Image.Image) -> bool:
    return image.mode.startswith("I")  # "I;16", "I;16B", or "I" from older versions of Pillow


def _is_deep(image: ImageFile) -> bool:
    """Tell whether the file has several channels of 16 bits.

    Pillow's ``mode`` does not show it; the name of the raw layout it decodes from does ("RGB;16B").
    """
    layouts = [args if isinstance(args, str) else args[0] for *_, args in image.tile if args]
    return any(";16" in str(layout) for layout in layouts)


def _colour(image: Image.Image, *, alpha: bool) -> npt.NDArray[np.uint8]:
    if image.mode == "F":
        raise ValueError("floating-point grey; save it with 8 or 16 bits")
    # By way of RGBA: Pillow warns when it takes a palette with transparency to RGB directly.
    full = image.convert("RGBA") if alpha or image.mode in ("P", "PA") else image
    return np.array(full if alpha else full.convert("RGB"))


def _deep_grey(image: Image.Image, *, alpha: bool) -> npt.NDArray[np.uint16]:
    grey = np.array(image)
    if grey.max() > 65535 or grey.min() < 0:
        raise ValueError(f"values up to {grey.max()}; save it with 8 or 16 bits")
    pixels = np.full((*grey.shape, 4 if alpha else 3), 65535, np.uint16)
    pixels[..., :3] = grey[:, :, None]
    return pixels


def _deep_colour(file: Path, *, alpha: bool) -> npt.NDArray[np.uint16]:
    with av.open(f"file:{file}") as container:
        frame = next(container.decode(video=0))
        pixels: npt.NDArray[Any] = frame.reformat(
            format="rgba64le" if alpha else "rgb48le"
        ).to_ndarray()
    return pixels


def _encode_deep(pixels: npt.NDArray[np.uint16], compress_level: int) -> bytes:
    """Make a PNG of [H, W, C] in the byte order of the file, high byte first."""
    pixel_format = "rgb48be" if pixels.shape[2] == 3 else "rgba64be"
    options = {"compression_level": str(compress_level), "pred": "mixed"}
    return encode_still("png", pixel_format, [pixels], options)


def _with_chunks(png: bytes, info: PngInfo) -> bytes:
    """Put text chunks after the header: length, name, data, checksum of the last two."""
    chunks = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data, *_ in info.chunks
    )
    return png[:_END_OF_HEADER] + chunks + png[_END_OF_HEADER:]


def _damaged(file: Path, error: Exception) -> DecodeError:
    return DecodeError(
        f"{file}: expected a picture, got one that does not decode ({error}). "
        "Make it again, or remove it from the folder."
    )
