"""OpenEXR images: linear light in floating point, as compositing programs take them.

FFmpeg's codec reads and writes the pixels, through PyAV. Frames are sRGB with straight alpha; a file
holds linear light and premultiplied colours (OpenEXR's convention).
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator, Mapping
from math import ceil
from os import SEEK_END
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from .codec import decode_image, encode_image
from .opened import require_bounded

logger = logging.getLogger(__name__)

_MAGIC = b"\x76\x2f\x31\x01"
_FLOAT_FORMATS = frozenset({"gbrpf32le", "gbrapf32le", "grayf32le"})
# Half floats, and the order in which their planes make RGB or RGBA: PyAV's to_ndarray (14.2 to
# 18.1) does not support them.
_HALF_FLOAT_PLANES = {
    "gbrpf16le": (2, 0, 1),
    "gbrapf16le": (2, 0, 1, 3),
    "grayf16le": (0, 0, 0),
}
# By their number in the header: FFmpeg 8 decodes grey and 32-bit alpha in them wrongly.
_UNSAFE_COMPRESSIONS = {8: "DWAA", 9: "DWAB"}

# By the same number: how many rows are compressed together.
_ROWS_PER_BLOCK = (1, 1, 1, 16, 32, 16, 32, 32)
_TILED, _MULTI_PART = 0x200, 0x1000  # flags in the header
# OpenEXR allows names of 255 bytes. The longest values are lists of names in scenes (Cryptomatte), a
# few MB; the most attributes are a few hundred.
_LONGEST_NAME, _LONGEST_VALUE, _MOST_ATTRIBUTES = 255, 1 << 26, 1 << 14
_WINDOW = struct.Struct("<4i")
_BRIGHTEST = np.float32(65504)  # the largest half float


def probe_exr(file: Path) -> tuple[tuple[int, int], bool]:
    """Read the header: width and height of the display window in px, and whether there is alpha.

    Raises:
        ValueError: not an OpenEXR file, incomplete, or with channels or a compression that are
            not supported.
        OSError: the file cannot be read.
    """
    with file.open("rb") as stream:
        if stream.read(4) != _MAGIC:
            raise ValueError("not an OpenEXR file")
        flags = int.from_bytes(stream.read(4), "little")
        header = dict(_attributes(stream))
        compression, window, data_window = _required(header)
        unsafe = _UNSAFE_COMPRESSIONS.get(compression)
        if unsafe:
            raise ValueError(
                f"{unsafe} compression is not supported; save it with another, such as ZIP"
            )
        if not flags & (_TILED | _MULTI_PART):
            _require_complete(stream, compression, data_window[1])
    names = set(_channel_names(header["channels"]))
    if not names >= {"R", "G", "B"} and "Y" not in names:
        found = ", ".join(sorted(names)) or "none"
        raise ValueError(f"it has neither R, G and B channels nor a Y channel, only: {found}")
    return window, "A" in names


def read_exr(file: Path, *, alpha: bool) -> npt.NDArray[np.float32]:
    """Decode an image.

    Args:
        file: the image.
        alpha: keep alpha, or add an opaque one; otherwise it is dropped.

    Returns:
        [H, W, 3] or [H, W, 4], sRGB, straight alpha; 0 or more, 1 is white, brighter values continue
        on the same curve. What is not finite in the file is black or white here.

    Raises:
        ValueError: what :func:`probe_exr` refuses, or it is damaged.
        OSError: the file cannot be read.
    """
    probe_exr(file)  # bounds the memory that is taken for it; a mask was not probed before
    linear = _to_array(decode_image("exr", file.read_bytes()))
    if num_damaged := linear.size - np.count_nonzero(np.isfinite(linear)):
        # Renderers leave single ones, fireflies, and a network would spread them over the frame.
        logger.warning("%s: %d values are NaN or infinite: made black or white", file, num_damaged)
    linear = np.nan_to_num(linear, nan=0.0).clip(0, _BRIGHTEST)
    colours, opacity = linear[..., :3], linear[..., 3:].clip(max=1)
    if opacity.size:
        colours = _unpremultiplied(colours, opacity)
    colours = _from_linear(colours)
    if not alpha:
        return colours
    opaque = np.ones((*colours.shape[:2], 1), np.float32)
    return np.concatenate((colours, opacity if opacity.size else opaque), axis=2)


def encode_exr(pixels: npt.NDArray[np.float32]) -> bytes:
    """Encode as 32-bit floats, zip-compressed without loss.

    Args:
        pixels: [H, W, 3] or [H, W, 4], sRGB in [0, 1], straight alpha.
    """
    linear = _to_linear(pixels[..., :3])
    if pixels.shape[2] == 4:
        alpha = pixels[..., 3:]
        linear = np.concatenate((linear * alpha, alpha), axis=2)
    pixel_format = "gbrpf32le" if linear.shape[2] == 3 else "gbrapf32le"
    options = {"compression": "zip16", "format": "float"}
    return encode_image("exr", pixel_format, linear.astype(np.float32), options)


def _attributes(stream: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """Yield the header's entries: name, type, size, value, one after the other."""
    for _ in range(_MOST_ATTRIBUTES):
        name = _text(stream)
        if not name:
            return
        _text(stream)  # its type
        size = int.from_bytes(stream.read(4), "little")
        value = stream.read(min(size, _LONGEST_VALUE))
        if len(value) < size:
            raise ValueError("its header is incomplete")
        yield name, value
    raise ValueError("its header has no end")


def _required(header: Mapping[str, bytes]) -> tuple[int, tuple[int, int], tuple[int, int]]:
    """Return what no image is without: compression, and size of display and of data window, px."""
    names = ("compression", "displayWindow", "dataWindow")
    values = [header.get(name, b"") for name in names]
    if "channels" not in header or [len(v) for v in values] != [1, _WINDOW.size, _WINDOW.size]:
        raise ValueError("its header is incomplete")
    return values[0][0], _size_of(values[1]), _size_of(values[2])


def _size_of(window: bytes) -> tuple[int, int]:
    left, top, right, bottom = _WINDOW.unpack(window)
    width, height = right - left + 1, bottom - top + 1
    require_bounded(width, height)
    return width, height


def _require_complete(stream: BinaryIO, compression: int, height: int) -> None:
    """Refuse a file that ends early: FFmpeg silently decodes missing rows as black.

    After the header there is a table of the offsets at which blocks of rows begin. Each block
    begins with 8 bytes, the last 4 of which are its size.
    """
    if compression >= len(_ROWS_PER_BLOCK):
        return  # unknown; FFmpeg decides whether it can decode it
    num_blocks = ceil(height / _ROWS_PER_BLOCK[compression])
    offsets = np.frombuffer(stream.read(8 * num_blocks).ljust(8 * num_blocks, b"\0"), "<u8")
    end, last = stream.seek(0, SEEK_END), int(offsets.max())
    stream.seek(min(last + 4, end))
    size = int.from_bytes(stream.read(4), "little")
    if not offsets.all() or not 0 < size <= end - last - 8:
        raise ValueError("it ends early")


def _text(stream: BinaryIO) -> str:
    """Read up to the next NUL byte."""
    text = bytearray()
    while (byte := stream.read(1)) not in (b"\0", b""):
        text += byte
        if len(text) > _LONGEST_NAME:
            raise ValueError("its header is damaged: a name has no end")
    return text.decode(errors="replace")


def _channel_names(channels: bytes) -> Iterator[str]:
    """Yield the names in a channel list; each is followed by a NUL byte and 16 bytes."""
    while len(channels) > 1:
        name, _, rest = channels.partition(b"\0")
        yield name.decode(errors="replace")
        channels = rest[16:]


def _to_array(frame: VideoFrame) -> npt.NDArray[np.float32]:
    """Return the pixels of a frame of half or 32-bit floats, [H, W, 3 or 4]; grey is repeated."""
    name = frame.format.name
    if name in _HALF_FLOAT_PLANES:
        planes = [_half_float_plane(frame, index) for index in _HALF_FLOAT_PLANES[name]]
        return np.stack(planes, axis=2).astype(np.float32)
    if name not in _FLOAT_FORMATS:
        raise ValueError(f"the pixel format {name} is not supported; save it as RGB or RGBA")
    values: npt.NDArray[Any] = frame.to_ndarray()
    return np.stack([values] * 3, axis=2) if values.ndim == 2 else values


def _half_float_plane(frame: VideoFrame, index: int) -> npt.NDArray[np.float16]:
    rows = np.frombuffer(bytes(frame.planes[index]), "<f2").reshape(frame.height, -1)
    return rows[:, : frame.width]


def _unpremultiplied(
    colours: npt.NDArray[np.float32], opacity: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Divide by alpha, where there is any; light behind nearly none of it stays finite."""
    with np.errstate(over="ignore"):
        straight = np.divide(colours, opacity, out=np.zeros_like(colours), where=opacity > 0)
    return straight.clip(max=_BRIGHTEST)


def _from_linear(light: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Convert linear light to sRGB (IEC 61966-2-1), both from 0, white at 1."""
    curve = np.float32(1.055) * light ** np.float32(1 / 2.4) - np.float32(0.055)
    return np.where(light <= 0.0031308, np.float32(12.92) * light, curve)


def _to_linear(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Convert sRGB to linear light, both in [0, 1]."""
    curve = ((values + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4)
    return np.where(values <= 0.04045, values / np.float32(12.92), curve)
