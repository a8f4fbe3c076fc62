"""Frames on their way through an encoder, kept in a file until their segment is finished.

An encoder cannot be resumed in the middle of a segment. But given the same frames again it makes the
same segment, and to encode them takes a fraction of the time that a network takes to make them.

The file is a sequence of records: the decoder's parameters, then one frame after the other, each
compressed without loss and on its own. A process that is killed leaves at most its last record torn,
and a checksum tells it.
"""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from threading import Event
from typing import BinaryIO, Literal
from zlib import crc32

from av.codec.codec import Codec
from av.codec.context import CodecContext
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame

from ..encode import FrameFormat

logger = logging.getLogger(__name__)

_RECORD = struct.Struct("<II")  # bytes that follow, and their CRC-32
# Each frame stands alone; the slices are compressed in parallel. Their number is part of the decoder's
# parameters, and FFmpeg's own choice may depend on the machine.
_FFV1_OPTIONS = {"level": "3", "g": "1", "slices": "4"}


class FrameSpool:
    """The kept frames of one segment; used by the thread that encodes them.

    Attributes:
        num_kept: how many frames an earlier run has left.
    """

    def __init__(self, path: Path, frames: FrameFormat, num_kept: int = 0) -> None:
        """Do nothing yet; the file is made with the first frame.

        Args:
            path: the file.
            frames: what they are encoded as; kept are frames in the pixel format of the encoder.
            num_kept: how many frames are in the file, see :func:`count_spooled`.
        """
        self.num_kept = num_kept
        self._path = path
        self._format = frames
        self._is_dropped = Event()
        self._file: BinaryIO | None = None
        self._encoder: VideoCodecContext | None = None

    def kept(self) -> Iterator[VideoFrame]:
        """Yield the frames that an earlier run has left, without times and tags."""
        if not self.num_kept:
            return
        with self._path.open("rb") as file:
            records = _records(file)
            decoder = _codec(self._format, "r", next(records)[0])
            for data, _ in records:
                (frame,) = decoder.decode(Packet(data))
                frame.pict_type = PictureType.NONE  # or the encoder would make it a key frame
                yield frame

    def add(self, frame: VideoFrame) -> None:
        """Keep a frame. Where that fails, the encoding goes on, and a crash costs more."""
        if self._is_dropped.is_set():
            self._remove()
            return
        try:
            if self._file is None:
                self._open()
            assert self._encoder is not None
            for packet in self._encoder.encode(frame):
                self._write(bytes(packet))
        except (OSError, FFmpegError) as error:
            logger.warning(
                "%s: frames cannot be kept (%s), so an interrupted run will have to make up to one "
                "segment of them again. Is the disk full?",
                self._path,
                error.strerror,
            )
            self.drop()
            self._remove()

    def drop(self) -> None:
        """Say that the frames are not worth keeping. May be called from another thread."""
        self._is_dropped.set()

    def close(self) -> None:
        """Close the file; remove it if it is not worth keeping."""
        if self._is_dropped.is_set():
            self._remove()
        elif self._file is not None:
            self._file.close()

    def _open(self) -> None:
        self._encoder = _codec(self._format, "w")
        self._file = self._path.open("ab", buffering=0)  # what is written outlives the process
        if not self._file.tell():
            self._write(self._encoder.extradata or b"")

    def _write(self, data: bytes) -> None:
        assert self._file is not None
        record = _RECORD.pack(len(data), crc32(data)) + data
        if self._file.write(record) != len(record):
            raise OSError(0, "it was written in part only")

    def _remove(self) -> None:
        if self._file is not None:
            self._file.close()
        self._path.unlink(missing_ok=True)


def count_spooled(path: Path, frames: FrameFormat) -> int:
    """Return how many frames can be read from a file that may be missing, torn or damaged."""
    try:
        with path.open("rb") as file:
            parameters = next(_records(file), (None, 0))[0]
            if parameters != (_codec(frames, "w").extradata or b""):
                return 0
            return sum(1 for _ in _records(file))
    except FileNotFoundError:
        return 0


def trim_spool(path: Path, num_frames: int) -> None:
    """Remove what follows the first frames."""
    with path.open("rb+") as file:
        ends = [end for _, (_, end) in zip(range(num_frames + 1), _records(file), strict=False)]
        file.truncate(ends[-1])


def _records(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield content and end of each record from here on, up to the first that is torn."""
    whole = os.fstat(file.fileno()).st_size  # no memory for what a torn record announces
    while len(head := file.read(_RECORD.size)) == _RECORD.size:
        size, checksum = _RECORD.unpack(head)
        data = file.read(min(size, whole))
        if len(data) != size or crc32(data) != checksum:
            return
        if not data and file.tell() > _RECORD.size:
            return  # zeros, which a power cut may leave, have the right checksum
        yield data, file.tell()


def _codec(
    frames: FrameFormat, mode: Literal["r", "w"], extradata: bytes = b""
) -> VideoCodecContext:
    """Open the compressor, or the decompressor with the parameters of the file."""
    pixel_format = frames.encoder.pixel_format
    formats = Codec("ffv1", "w").video_formats or ()
    # Not those of GPUs: nv12, p010le.
    is_compressed = pixel_format in {known.name for known in formats}
    context = CodecContext.create("ffv1" if is_compressed else "rawvideo", mode)
    assert isinstance(context, VideoCodecContext)
    context.width, context.height = frames.coded_size
    context.pix_fmt = pixel_format
    context.thread_type = "SLICE"  # by frames, they would come out late
    if mode == "w":
        context.time_base = Fraction(1) / frames.rate
        context.options = _FFV1_OPTIONS if is_compressed else {}
    elif extradata:
        context.extradata = extradata
    context.open()
    return context
