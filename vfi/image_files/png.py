"""Probe and read a still image of any kind with all its bits, and encode a PNG.

Pillow reads and writes 8 bits. FFmpeg's codecs do what Pillow would cut down to 8 bits: 16 bits per
channel, and floating point (``exr``).
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

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngInfo

from ..errors import DecodeError
from ..frames import from_16_bits
from .codec import decode_image, encode_image
from .exr import probe_exr, read_exr
from .opened import PILLOW_ERRORS, open_image

_ALPHA_MODES = frozenset({"RGBA", "RGBa", "LA", "La", "PA"})
_DEEP_CODECS = {"PNG": "png", "TIFF": "tiff"}  # kind by Pillow -> FFmpeg's, for 16 bits
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"  # the last chunk: no data, its name, its checksum
_HEADER_END = 33  # bytes: PNG's signature and its first chunk, IHDR; texts may follow


@dataclass(frozen=True)
class ImageInfo:
    """What the header of an image says.

    Attributes:
        size: width and height in px.
        bit_depth: per channel: 8, 16, or 32 for floating point.
        has_alpha: it has transparency.
    """

    size: tuple[int, int]
    bit_depth: int
    has_alpha: bool


def probe_image(file: Path) -> ImageInfo:
    """Read the header of an image.

    Raises:
        DecodeError: it is not an image.
    """
    try:
        if _is_exr(file):
            size, has_alpha = probe_exr(file)
            return ImageInfo(size, bit_depth=32, has_alpha=has_alpha)
        with open_image(file) as image:
            has_alpha = image.mode in _ALPHA_MODES or "transparency" in image.info
            is_16_bit = _is_16_bit_grey(image) or _is_16_bit_colour(image)
            return ImageInfo(image.size, bit_depth=16 if is_16_bit else 8, has_alpha=has_alpha)
    except PILLOW_ERRORS as error:
        raise _damaged(file, error) from error


def read_image(file: Path, *, bit_depth: int, alpha: bool) -> npt.NDArray[np.uint8 | np.float32]:
    """Decode an image; grey is repeated, palettes are looked up, EXIF orientation is ignored.

    Args:
        file: what :func:`probe_image` accepts.
        bit_depth: 8 for uint8, which the image must have; more for float32, whatever it has.
        alpha: keep alpha, or add an opaque one; otherwise it is dropped.

    Returns:
        [H, W, 3] RGB or [H, W, 4] RGBA with straight alpha; uint8 in [0, 255], or
        float32 in [0, 1], from which ``to_uint16`` gets 16 bits back; an EXR file may hold values
        above 1.

    Raises:
        DecodeError: it is damaged, or has more than 8 bits where 8 are asked for.
    """
    pixels = _decode(file, alpha=alpha)
    if pixels.dtype == np.uint8 and bit_depth > 8:
        return from_16_bits(pixels.astype(np.uint16) * np.uint16(257))  # white stays white
    if pixels.dtype != np.uint8 and bit_depth == 8:
        raise DecodeError(
            f"{file} has more than 8 bits now: it was changed during the run. Start again."
        )
    return from_16_bits(pixels) if pixels.dtype == np.uint16 else pixels


def _decode(file: Path, *, alpha: bool) -> npt.NDArray[Any]:
    """Return the values as they are stored: 8 or 16 bits, or floating point."""
    try:
        if _is_exr(file):
            return read_exr(file, alpha=alpha)
        with open_image(file) as image:
            if _is_16_bit_grey(image) and "transparency" not in image.info:
                return _decode_16_bit_grey(image, alpha=alpha)
            if _is_16_bit_grey(image) or _is_16_bit_colour(image):
                return _decode_16_bit_colour(file, _DEEP_CODECS[image.format or ""], alpha=alpha)
            return _decode_8_bit(image, alpha=alpha)
    except PILLOW_ERRORS as error:
        raise _damaged(file, error) from error


def encode_png(
    pixels: npt.NDArray[np.uint8 | np.uint16], *, compress_level: int, text: Mapping[str, str]
) -> bytes:
    """Encode [H, W, 3] RGB or [H, W, 4] RGBA, uint8 or uint16, as PNG.

    Args:
        pixels: of the image.
        compress_level: of zlib, 0 to 9.
        text: name -> text, stored in chunks before the pixels.
    """
    chunks = PngInfo()
    for name, value in text.items():
        chunks.add_text(name, value)  # as iTXt where Latin-1 is not enough
    if pixels.dtype == np.uint16:
        return _with_chunks(
            _encode_16_bit(pixels.astype(np.uint16, copy=False), compress_level), chunks
        )
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=compress_level, pnginfo=chunks)
    return file.getvalue()


def _is_exr(file: Path) -> bool:
    return file.suffix.lower() == ".exr"


def is_complete(file: Path) -> bool:
    """Tell whether a PNG or EXR file exists and has its end.

    A power cut leaves files whose content was not on the disk yet: they are empty, end early, or
    are filled up with zeros.
    """
    try:
        if _is_exr(file):
            probe_exr(file)
            return True
        with file.open("rb") as stream:
            stream.seek(-len(_PNG_END), os.SEEK_END)
            return stream.read() == _PNG_END
    except (OSError, ValueError):  # missing, or shorter than that
        return False


def _is_16_bit_grey(image: Image.Image) -> bool:
    return image.mode.startswith("I")  # "I;16", "I;16B", or "I" from older versions of Pillow


def _is_16_bit_colour(image: ImageFile) -> bool:
    """Tell whether the file has several channels of 16 bits.

    Pillow's ``mode`` does not show it; the raw layout it decodes from does ("RGB;16B").
    """
    if image.format not in _DEEP_CODECS:
        return False  # a BMP of "BGR;16" has 5 or 6 bits per channel
    layouts = [args if isinstance(args, str) else args[0] for *_, args in image.tile if args]
    return any(";16" in str(layout) for layout in layouts)


def _decode_8_bit(image: Image.Image, *, alpha: bool) -> npt.NDArray[np.uint8]:
    if image.mode == "F":
        raise ValueError("floating-point grey is not supported; save it with 8 or 16 bits")
    # Through RGBA: Pillow warns when it converts a palette with transparency to RGB directly.
    full = image.convert("RGBA") if alpha or image.mode in ("P", "PA") else image
    return np.array(full if alpha else full.convert("RGB"))


def _decode_16_bit_grey(image: Image.Image, *, alpha: bool) -> npt.NDArray[np.uint16]:
    grey = np.array(image)
    if grey.max() > 65535 or grey.min() < 0:
        raise ValueError(
            f"it has values from {grey.min()} to {grey.max()}; save it with 8 or 16 bits"
        )
    pixels = np.full((*grey.shape, 4 if alpha else 3), 65535, np.uint16)
    pixels[..., :3] = grey[:, :, None]
    return pixels


def _decode_16_bit_colour(file: Path, codec: str, *, alpha: bool) -> npt.NDArray[np.uint16]:
    frame = decode_image(codec, file.read_bytes())
    pixels: npt.NDArray[Any] = frame.reformat(
        format="rgba64le" if alpha else "rgb48le"
    ).to_ndarray()
    return pixels


def _encode_16_bit(pixels: npt.NDArray[np.uint16], compress_level: int) -> bytes:
    pixel_format = "rgb48be" if pixels.shape[2] == 3 else "rgba64be"
    options = {"compression_level": str(compress_level), "pred": "mixed"}
    return encode_image("png", pixel_format, pixels, options)


def _with_chunks(png: bytes, info: PngInfo) -> bytes:
    """Insert text chunks after the header; each is length, name, data, checksum of name and data."""
    chunks = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data, *_ in info.chunks
    )
    return png[:_HEADER_END] + chunks + png[_HEADER_END:]


def _damaged(file: Path, error: Exception) -> DecodeError:
    return DecodeError(
        f"{file}: this image cannot be decoded ({error}). "
        "Export it again, or remove it from the folder."
    )
