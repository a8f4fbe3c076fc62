"""OpenEXR pictures: linear light in floating point, as compositing programs take them.

FFmpeg's codec reads and writes the pixels, through PyAV. Frames are sRGB with straight alpha; a file
holds linear light, and colours that are multiplied with alpha (the convention of OpenEXR).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from math import ceil
from os import SEEK_END
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from .encode import encode_still

_MAGIC = b"\x76\x2f\x31\x01"
# Formats a decoder gives, and the order in which their planes make RGBA.
_PLANES = {"gbr": (2, 0, 1), "gbra": (2, 0, 1, 3), "gray": (0, 0, 0)}
# By their number in the header: FFmpeg 8 decodes grey and 32-bit alpha in them to something else.
_UNSAFE_COMPRESSIONS = {8: "DWAA", 9: "DWAB"}

# By the same number: how many rows are compressed together.
_ROWS = (1, 1, 1, 16, 32, 16, 32, 32)
_TILED, _SEVERAL_PARTS = 0x200, 0x1000  # flags in the header
_BRIGHTEST = np.float32(65504)  # the largest number of 16 bits


def probe_exr(file: Path) -> tuple[tuple[int, int], bool]:
    """Read the header: width and height in px of the display window, and whether there is alpha.

    Raises:
        ValueError: it is no OpenEXR file, has no colours, or a compression that is not read.
        OSError: it cannot be read.
    """
    with file.open("rb") as stream:
        if stream.read(4) != _MAGIC:
            raise ValueError("no OpenEXR file")
        flags = int.from_bytes(stream.read(4), "little")
        header = dict(_attributes(stream))
        if not header.keys() >= {"channels", "compression", "dataWindow", "displayWindow"}:
            raise ValueError("its header is incomplete")
        unsafe = _UNSAFE_COMPRESSIONS.get(header["compression"][0])
        if unsafe:
            raise ValueError(f"the compression {unsafe}; save it with another, such as ZIP")
        if not flags & (_TILED | _SEVERAL_PARTS):
            _require_complete(stream, header)
    names = set(_channel_names(header["channels"]))
    if not names >= {"R", "G", "B"} and "Y" not in names:
        found = ", ".join(sorted(names)) or "none"
        raise ValueError(f"no channels R, G and B, nor Y; there are: {found}")
    left, top, right, bottom = struct.unpack("<4i", header["displayWindow"])
    return (right - left + 1, bottom - top + 1), "A" in names


def read_exr(file: Path, *, alpha: bool) -> npt.NDArray[np.float32]:
    """Decode a picture.

    Args:
        file: what :func:`probe_exr` accepts.
        alpha: give transparency, opaque where there is none; otherwise it is dropped.

    Returns:
        [H, W, 3] or [H, W, 4], sRGB, alpha straight. From 0; 1 is white, and what is brighter goes
        on beyond by the same curve.
    """
    with av.open(f"file:{file}") as container:
        linear = _to_array(next(container.decode(video=0)))
    linear = np.nan_to_num(linear, nan=0.0).clip(0, _BRIGHTEST)
    colours, opacity = linear[..., :3], linear[..., 3:].clip(max=1)
    if opacity.size:
        colours = np.divide(colours, opacity, out=np.zeros_like(colours), where=opacity > 0)
    colours = _from_linear(colours)
    if not alpha:
        return colours
    opaque = np.ones((*colours.shape[:2], 1), np.float32)
    return np.concatenate((colours, opacity if opacity.size else opaque), axis=2)


def encode_exr(pixels: npt.NDArray[np.float32]) -> bytes:
    """Make a file of 32-bit floats, zip-compressed without loss.

    Args:
        pixels: [H, W, 3] or [H, W, 4], sRGB in [0, 1], alpha straight.
    """
    linear = _to_linear(pixels[..., :3])
    planes = [linear[..., channel] for channel in (1, 2, 0)]
    if pixels.shape[2] == 4:
        planes = [plane * pixels[..., 3] for plane in planes] + [pixels[..., 3]]
    pixel_format = "gbrpf32le" if len(planes) == 3 else "gbrapf32le"
    options = {"compression": "zip16", "format": "float"}
    return encode_still("exr", pixel_format, [plane.astype("<f4") for plane in planes], options)


def _attributes(stream: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """Yield the header's entries: name, type, size, value, one after the other."""
    while name := _text(stream):
        _text(stream)  # its type
        size = int.from_bytes(stream.read(4), "little")
        value = stream.read(size)
        if len(value) < size:
            raise ValueError("its header is incomplete")
        yield name, value


def _require_complete(stream: BinaryIO, header: Mapping[str, bytes]) -> None:
    """Refuse a file that ends early: FFmpeg makes black of what is missing, without a word.

    After the header there is a list of the places where blocks of rows begin; each has 8 bytes about
    it, the last 4 of which are its size.
    """
    compression = header["compression"][0]
    if compression >= len(_ROWS):
        return  # FFmpeg says what it thinks of it
    _, top, _, bottom = struct.unpack("<4i", header["dataWindow"])
    num_blocks = ceil((bottom - top + 1) / _ROWS[compression])
    places = np.frombuffer(stream.read(8 * num_blocks), "<u8")
    last = int(places.max(initial=0))
    stream.seek(last + 4)
    size = int.from_bytes(stream.read(4), "little")
    end = stream.seek(0, SEEK_END)
    if len(places) < num_blocks or not places.all() or not 0 < size <= end - last - 8:
        raise ValueError("it ends early")


def _text(stream: BinaryIO) -> str:
    """Read up to the next NUL."""
    text = bytearray()
    while (byte := stream.read(1)) not in (b"\0", b""):
        text += byte
    return text.decode(errors="replace")


def _channel_names(channels: bytes) -> Iterator[str]:
    """Yield the names in a list of channels, each followed by 16 bytes about it."""
    while len(channels) > 1:
        name, _, rest = channels.partition(b"\0")
        yield name.decode(errors="replace")
        channels = rest[16:]


def _to_array(frame: VideoFrame) -> npt.NDArray[np.float32]:
    """Return [H, W, 3 or 4] of a frame of floats, which have 16 or 32 bits."""
    layout, _, number = frame.format.name.removesuffix("le").rpartition("f")
    order = _PLANES.get(layout.removesuffix("p"))
    if order is None or number not in ("16", "32"):
        raise ValueError(f"pixels of the kind {frame.format.name}; save it as RGB or RGBA")
    kind = np.dtype(f"<f{int(number) // 8}")
    planes = [
        np.frombuffer(bytes(plane), kind).reshape(frame.height, -1)[:, : frame.width]
        for plane in frame.planes
    ]
    return np.stack([planes[index] for index in order], axis=2).astype(np.float32)


def _from_linear(light: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Convert linear light to sRGB (IEC 61966-2-1), both from 0, white at 1."""
    curve = np.float32(1.055) * light ** np.float32(1 / 2.4) - np.float32(0.055)
    return np.where(light <= 0.0031308, np.float32(12.92) * light, curve)


def _to_linear(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Convert sRGB to linear light, both in [0, 1]."""
    curve = ((values + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4)
    return np.where(values <= 0.04045, values / np.float32(12.92), curve)
