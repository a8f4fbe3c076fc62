"""Packets of a file -> frames: decoded, converted to RGB by the right matrix, rotated for display."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from av.codec import CodecContext
from av.codec.codec import UnknownCodecError
from av.codec.context import Flags
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from torch import Tensor

from ..errors import DecodeError, blame
from ..frames import from_16_bits
from ..tracks import Correction
from .clock import corrected
from .demux import find_video_stream, open_container, packets_of, pts_of, seek_before, time_base_of
from .timestamps import DecodedFrame
from .video_info import Crop, VideoInfo
from .ycgco import YCGCO, ycgco_to_rgb

logger = logging.getLogger(__name__)

# swscale flags (libswscale/swscale.h): SWS_BICUBIC | SWS_FULL_CHR_H_INT | SWS_ACCURATE_RND.
# Measured on 200 flat colours: without them RGB is off by up to 3 code values, with them by 1.
_SWS_FLAGS = 0x4 | 0x2000 | 0x40000
# AVColorSpace (libavutil/pixfmt.h) -> swscale's matrix; the two of BT.2020 differ little. Others, but
# for YCgCo, count as untagged.
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
_BT709, _BT601 = 1, 5
_MATRIX_NAMES = {0: "RGB, though its values are YUV", 14: "ICtCp"}
_UNTAGGED = (2, 3)  # unspecified, reserved
_LIMITED_RANGE, _FULL_RANGE = 1, 2
# The output is RGB, for which swscale ignores the target matrix; but PyAV before 17 ignores *all*
# matrices and ranges when source and target are the same, so the target must be another one.
_NO_MATRIX = 0
# (with alpha, deep) -> what frames are converted to.
_RGB = {
    (False, False): "rgb24",
    (True, False): "rgba",
    (False, True): "rgb48le",
    (True, True): "rgba64le",
}
INTERLACED = (
    "interlaced: the two halves of each frame are of different moments, and are taken for one. "
    "Deinterlace it first, for example with ffmpeg's filter bwdif."
)
"""What is said of such frames."""
# Codec -> the decoder that reads its alpha.
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def read_container(
    info: VideoInfo, *, alpha: bool, begin: Fraction | None = None
) -> Generator[DecodedFrame, None, None]:
    """Decode the frames of a file in order; it is closed when the iterator ends or is closed.

    Args:
        info: what the file is.
        alpha: give RGBA; False drops alpha if there is any.
        begin: timestamp in seconds; start at a key frame before it, where the container allows that
            (see ``seek_before``), else at the start of the file.
    """
    with open_container(info.path, may_refer=info.may_refer) as container:
        stream = find_video_stream(container, info.path)
        decoder = decoder_of(stream, alpha=alpha)
        # The alpha stream of VP8 and VP9 has key frames of its own. Corrections hold for packets that
        # are counted from the start.
        can_seek = decoder is stream.codec_context and not info.corrections
        if begin is not None and not (can_seek and seek_before(container, stream, begin)):
            begin = None
        place = Place(begin, info.origin or Fraction(0), corrections=info.corrections)
        with closing(decode_frames(container, stream, decoder, info.path, place)) as frames:
            matrix: bytes | None = None
            is_told = INTERLACED in info.notes
            for number, frame in enumerate(frames):
                if frame.interlaced_frame and not is_told:
                    logger.warning("%s: from %s on, %s", info.path, place, INTERLACED)
                    is_told = True
                # Only of the first frame: PyAV's side_data makes a reference cycle with its frame,
                # which then lives until the garbage collector runs, hundreds of frames later.
                matrix = _display_matrix(frame) if number == 0 else matrix
                load = partial(_load, frame, matrix, info, str(place), alpha=alpha)
                yield DecodedFrame(
                    pts_of(container, frame), time_base_of(stream), _duration_of(frame), load
                )


@dataclass
class Place:
    """Where in a file a frame is, for messages.

    Attributes:
        begin: timestamp of a seek, s; None: reading started at the file's start, so that frames can
            be counted.
        origin: timestamp of the file's first frame, s.
        number: of the frame, counted from where reading started.
        last: timestamp of the frame before it, s.
        corrections: see ``VideoInfo``.
    """

    begin: Fraction | None = None
    origin: Fraction = Fraction(0)
    number: int = 0
    last: Fraction | None = None
    corrections: Mapping[int, Sequence[Correction]] = field(
        default_factory=dict[int, Sequence[Correction]]
    )

    def __str__(self) -> str:
        if self.begin is None:
            return f"frame {self.number}"
        before = self.begin if self.last is None else self.last
        return f"the frame after {float(before - self.origin):.3f} s"


def _duration_of(frame: VideoFrame) -> int:
    return getattr(frame, "duration", 0)  # PyAV 14.2 has no such attribute


def decode_frames(
    container: InputContainer,
    stream: VideoStream,
    decoder: VideoCodecContext,
    path: Path,
    place: Place | None = None,
) -> Generator[VideoFrame, None, None]:
    """Decode frame by frame from where the file stands.

    Args:
        container: the file.
        stream: its video stream.
        decoder: for the stream, from :func:`decoder_of`.
        path: named in errors.
        place: where the file stands, kept up to date; None: at its start.

    Raises:
        DecodeError: a frame does not decode.
    """
    place = place or Place()
    # The last one is empty, and empties the decoder.
    packets = corrected(packets_of(container, stream), place.corrections)
    decoded = _decoded if place.begin is None else _decoded_from_key
    try:
        for frame in decoded(decoder, packets):
            yield frame
            place.number += 1
            pts = pts_of(container, frame)
            place.last = None if pts is None else pts * time_base_of(stream)
    except FFmpegError as error:
        damaged = (
            f"{place} does not decode ({error.strerror}). The file is damaged there: download it "
            "again, or cut the damaged part out."
        )
        raise DecodeError(f"{path}: {blame(error, damaged)}") from error


def _decoded(
    decoder: VideoCodecContext, packets: Iterable[Packet[VideoStream]]
) -> Iterator[VideoFrame]:
    for packet in packets:
        yield from decoder.decode(packet)


def _decoded_from_key(
    decoder: VideoCodecContext, packets: Iterator[Packet[VideoStream]]
) -> Iterator[VideoFrame]:
    """Start at the next key frame, and drop frames that are shown before it.

    Those may refer to frames that were not read. Nothing is yielded if the key frame itself is not
    shown: its encoder refreshes the picture bit by bit.
    """
    for key in packets:
        if key.is_keyframe and key.pts is not None:
            break
    else:
        return
    pts = key.pts
    frames = _decoded(decoder, chain([key], packets))
    first = next((frame for frame in frames if frame.pts is not None and frame.pts >= pts), None)
    if first is not None and first.pts == pts:
        yield first
        yield from frames


def decoder_of(stream: VideoStream, *, alpha: bool) -> VideoCodecContext:
    """Return the decoder of a stream; with ``alpha`` one that decodes its alpha, too.

    VP8 and VP9 have alpha as a second stream inside the packets of Matroska and WebM, which FFmpeg's
    own decoders ignore.
    """
    decoder = _alpha_decoder(stream) if alpha else None
    decoder = decoder or stream.codec_context
    if not decoder.is_open:  # what a codec wants cut off is then cut off to the pixel
        decoder.flags |= Flags.unaligned
    return decoder


def _alpha_decoder(stream: VideoStream) -> VideoCodecContext | None:
    name = _ALPHA_DECODERS.get(stream.codec_context.codec.canonical_name)
    # In capitals where it was copied from file to file as a tag.
    has_alpha = "1" in (stream.metadata.get(key) for key in ("alpha_mode", "ALPHA_MODE"))
    if name is None or not has_alpha:
        return None
    try:
        decoder = CodecContext.create(name, "r")
    except UnknownCodecError:
        logger.warning("alpha is not read: this FFmpeg has no decoder %s", name)
        return None
    assert isinstance(decoder, VideoCodecContext)
    return decoder


def _load(
    frame: VideoFrame, matrix: bytes | None, info: VideoInfo, place: str, *, alpha: bool
) -> Tensor:
    stored = to_rgb(frame, bit_depth=info.bit_depth, alpha=alpha)
    pixels = torch.from_numpy(_apply_display_matrix(_cropped(stored, info.crop), matrix))
    height, width = pixels.shape[:2]
    if (width, height) != (info.width, info.height):
        raise DecodeError(
            f"{info.path}: the size changes from {info.width}x{info.height} to {width}x{height} at "
            f"{place}. Split the file there."
        )
    return pixels


def _cropped(pixels: npt.NDArray[Any], crop: Crop) -> npt.NDArray[Any]:
    height, width = pixels.shape[:2]
    if not crop.fits(width, height):  # the size has changed, which is an error of its own
        return pixels
    kept = pixels[crop.top : height - crop.bottom, crop.left : width - crop.right]
    return np.ascontiguousarray(kept)


def to_rgb(frame: VideoFrame, *, bit_depth: int, alpha: bool) -> npt.NDArray[np.uint8 | np.float32]:
    """Convert a decoded frame of any pixel format.

    Args:
        frame: from a decoder.
        bit_depth: 8 gives uint8 in [0, 255], more float32 in [0, 1].
        alpha: give alpha, opaque where there is none.

    Returns:
        [H, W, 3] RGB, or [H, W, 4] RGBA with straight alpha.
    """
    is_deep = bit_depth > 8
    untagged = _BT709 if frame.height >= 720 else _BT601
    is_full = frame.color_range == _FULL_RANGE  # of yuvj formats, the scaler knows it anyway
    if frame.colorspace == YCGCO and not frame.format.is_rgb:
        return _from_ycgco(frame, is_deep=is_deep, is_full=is_full, alpha=alpha)
    rgb = frame.reformat(
        format=_RGB[alpha, is_deep],
        src_colorspace=_MATRICES.get(frame.colorspace, untagged),
        dst_colorspace=_NO_MATRIX,
        src_color_range=_FULL_RANGE if is_full else _LIMITED_RANGE,
        dst_color_range=_FULL_RANGE,
        interpolation=_SWS_FLAGS,
    )
    values: npt.NDArray[Any] = rgb.to_ndarray()
    if not is_deep:
        return values
    if not frame.format.is_rgb:
        bits = frame.format.components[0].bits
        is_grey = len(frame.format.components) < 3
        _widen(values[..., :3], bits if is_full or is_grey else 8)
        _widen(values[..., 3:], bits)
    return from_16_bits(values)


def note_on_matrix(frame: VideoFrame) -> str:
    """Say so if the matrix of a file's colours is none that :func:`to_rgb` knows; else ""."""
    matrix = frame.colorspace
    has_none = frame.format.is_rgb or len(frame.format.components) < 3
    if has_none or matrix in (*_UNTAGGED, *_MATRICES, YCGCO):
        return ""
    name = _MATRIX_NAMES.get(matrix, f"number {matrix} of ITU-T H.273")
    return (
        f"colours come out wrong, because their matrix ({name}) is not supported. Convert the file to "
        "the matrix of BT.709 or BT.2020 first."
    )


def _from_ycgco(
    frame: VideoFrame, *, is_deep: bool, is_full: bool, alpha: bool
) -> npt.NDArray[np.uint8 | np.float32]:
    rgb = ycgco_to_rgb(frame, is_full=is_full)
    if alpha:
        rgb = np.concatenate((rgb, np.ones_like(rgb[..., :1])), axis=-1)
    return rgb.astype(np.float32) if is_deep else (255 * rgb).round().astype(np.uint8)


def _widen(values: npt.NDArray[np.uint16], bits: int) -> None:
    """Rescale to [0, 65535], in place, what swscale has only shifted from ``bits`` to 16 bits.

    YUV of limited range counts as 8 bits whatever its bit depth, because swscale multiplies it by
    the matrix for 8 bits: white is 255 * 256. Measured with ffmpeg 7.1 and 8.1 on 10-bit greys: without
    this they are up to 3.9 code values too dark, with it up to 0.04.
    """
    white = ((1 << bits) - 1) << (16 - bits)
    np.minimum(values, white, out=values)
    values += values >> bits


def rotation_of(frame: VideoFrame) -> int:
    """Return by how many degrees, counterclockwise, a frame is turned for display: 0, 90, 180 or 270."""
    matrix = _display_matrix(frame)
    if matrix is None:
        return 0
    a, b, _, _, d = np.frombuffer(matrix, np.int32)[:5].tolist()
    if abs(b) > abs(a):
        return 270 if b > 0 else 90
    return 180 if a < 0 and d < 0 else 0


def _display_matrix(frame: VideoFrame) -> bytes | None:
    matrix = frame.side_data.get("DISPLAYMATRIX")
    return None if matrix is None else bytes(matrix)


def _apply_display_matrix(pixels: npt.NDArray[Any], matrix: bytes | None) -> npt.NDArray[Any]:
    """Rotate and flip [H, W, C] as a display matrix says.

    The matrix maps a stored point to a displayed one: x' = a x + c y, y' = b x + d y.
    """
    if matrix is None:
        return pixels
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
    if abs(b) > abs(a):
        pixels = pixels.transpose(1, 0, 2)
        a, d = c, b
    pixels = pixels[:, ::-1] if a < 0 else pixels
    pixels = pixels[::-1] if d < 0 else pixels
    return np.ascontiguousarray(pixels)
