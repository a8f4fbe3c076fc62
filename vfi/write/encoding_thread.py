"""One file of pictures, encoded in a thread of its own, so that encoding overlaps with the network."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Event, Thread
from time import monotonic
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..encode import FrameFormat, PixelConverter, set_up_encoder
from ..errors import EncodeError, blame
from .spool import FrameSpool

_MAX_WAITING = 2  # frames; the encoder holds more of its own
_MAX_REORDERING = 64  # frames
_LOOK_EVERY = 0.1  # seconds
# No encoder takes so long for a frame; one that does has lost its threads, or its disk.
_STALL_LIMIT = 900.0  # seconds
_STOP_LIMIT = 60.0  # seconds

logger = logging.getLogger(__name__)


class EncodingThread:
    """Encodes frames to a file of pictures, and closes it.

    Attributes:
        num_writes: how many frames it has been given, those in its spool included.
    """

    def __init__(
        self,
        target: Path,
        container: str,
        options: Mapping[str, str],
        frames: FrameFormat,
        *,
        result: Path,
        spool: FrameSpool | None = None,
    ) -> None:
        """Start it.

        Args:
            target: the file to write.
            container: FFmpeg's name of its format.
            options: of that format.
            frames: what they are, and what they are encoded as.
            result: the video being written, named in errors.
            spool: keeps the frames; those that an earlier run has left in it are encoded first.
        """
        self.num_writes = spool.num_kept if spool else 0
        self._target = target
        self._container = container
        self._options = options
        self._format = frames
        self._result = result
        self._spool = spool
        self._waiting: Queue[VideoFrame | None] = Queue(_MAX_WAITING)
        self._is_stopped = Event()
        self._has_input_ended = False
        self._error: BaseException | None = None
        self._num_encoded = 0
        self._thread = Thread(target=self._run, name="encoder", daemon=True)
        self._thread.start()

    @property
    def is_resumed(self) -> bool:
        """Whether the first frames were left by an earlier run."""
        return self._spool is not None and self._spool.num_kept > 0

    @property
    def has_ended(self) -> bool:
        """Whether the file is closed, or the encoding has failed."""
        return not self._thread.is_alive()

    @property
    def has_succeeded(self) -> bool:
        """Whether the file is closed and complete."""
        return self.has_ended and self._error is None and self._has_input_ended

    def write(
        self,
        pixels: npt.NDArray[np.uint8 | np.uint16],
        check: Callable[[], object] | None = None,
    ) -> None:
        """Hand over a copy of a frame; waits while too many are waiting.

        Args:
            pixels: the frame.
            check: called now and then meanwhile; what it raises ends the wait.

        Raises:
            ValueError: ``pixels`` is something else than a frame of the format.
            EncodeError: the encoding has failed.
        """
        self._put(self._format.to_video_frame(pixels), check)
        self.num_writes += 1

    def end_input(self) -> None:
        """Say that there is no more to come; the thread then ends by itself.

        Raises:
            EncodeError: the encoding has failed.
        """
        if not self._has_input_ended:
            self._put(None)
            self._has_input_ended = True

    def keep_no_frames(self) -> None:
        """Remove what the spool has kept, and keep no more: the frames are not worth it."""
        if self._spool is not None:
            self._spool.drop()

    def finish(self, check: Callable[[], object] | None = None) -> None:
        """End the input and wait until the file is closed.

        Args:
            check: called now and then meanwhile; what it raises ends the wait.

        Raises:
            EncodeError: the encoding has failed.
        """
        self.end_input()
        patience = self._new_patience(check)
        while True:
            patience()
            if self.has_ended:
                break
            self._thread.join(_LOOK_EVERY)
        self._raise_failure()

    def stop(self) -> None:
        """End the thread, and leave what it has written; waits for the frame it is at.

        With a spool, no frame is lost that was handed over. A thread that does not end is left alone.
        """
        self._is_stopped.set()
        self._thread.join(_STOP_LIMIT)
        if not self.has_ended:
            logger.warning("%s: its encoder does not stop, and is left behind.", self._result)

    def _put(self, frame: VideoFrame | None, check: Callable[[], object] | None = None) -> None:
        patience = self._new_patience(check)
        while True:
            if self.has_ended:
                self._raise_failure()
                raise RuntimeError("The input of this thread has ended.")
            with suppress(Full):
                self._waiting.put(frame, timeout=_LOOK_EVERY)
                return
            patience()

    def _new_patience(self, check: Callable[[], object] | None) -> Callable[[], None]:
        """Return what is called while one waits: it raises once there was no progress for long."""
        seen, since = self._num_encoded, monotonic()

        def look() -> None:
            nonlocal seen, since
            if check is not None:
                check()
            if self._num_encoded != seen:
                seen, since = self._num_encoded, monotonic()
            elif monotonic() - since > _STALL_LIMIT:
                raise EncodeError(
                    f"{self._result}: the encoder has taken no frame for {_STALL_LIMIT / 60:.0f} "
                    "minutes. Is the disk still connected? If it is, choose another preset."
                )

        return look

    def _raise_failure(self) -> None:
        if self._error is None:
            return
        if not isinstance(self._error, FFmpegError | OSError | ValueError):
            raise self._error
        raise encoding_failed(self._result, self._error, self.num_writes) from self._error

    def _run(self) -> None:
        try:
            with av.open(
                f"file:{self._target.absolute()}",
                "w",
                format=self._container,
                container_options=dict(self._options),
            ) as container:
                self._encode_all(container)
        except BaseException as error:  # noqa: BLE001  raised again in the thread that writes
            if not self._is_stopped.is_set():
                self._error = error
        finally:
            if self._spool is not None:
                self._spool.close()

    def _encode_all(self, container: OutputContainer) -> None:
        stream = container.add_stream(self._format.encoder.name, rate=self._format.rate)
        assert isinstance(stream, VideoStream)
        set_up_encoder(stream.codec_context, self._format)
        stream.time_base = 1 / self._format.rate
        for frame in self._frames():
            if not self._is_stopped.is_set():
                container.mux(_in_order(stream.encode(frame)))
            self._num_encoded += 1
        if not self._is_stopped.is_set():
            container.mux(_in_order(stream.encode(None)))

    def _frames(self) -> Iterator[VideoFrame]:
        """Yield what is encoded, in the encoder's pixel format, and keep it."""
        converter = PixelConverter(self._format)
        number = 0
        if self._spool is not None:
            for frame in self._kept(self._spool):
                yield frame
                number += 1
        while (frame := self._next()) is not None:
            converted = converter.convert(frame, number)
            if self._spool is not None:
                self._spool.add(converted)
            yield converted
            number += 1

    def _kept(self, spool: FrameSpool) -> Iterator[VideoFrame]:
        """Yield the frames that an earlier run has left."""
        tagger = PixelConverter(self._format, is_converted=True)
        for number, frame in enumerate(spool.kept()):
            if self._is_stopped.is_set():
                return
            yield tagger.convert(frame, number)

    def _next(self) -> VideoFrame | None:
        """Return the next frame; None: there is no more to come, or nobody waits for it."""
        while not self._is_stopped.is_set():
            with suppress(Empty):
                return self._waiting.get(timeout=_LOOK_EVERY)
        with suppress(Empty):
            return self._waiting.get_nowait() if self._spool is not None else None
        return None


def _in_order(packets: list[av.Packet[Any]]) -> list[av.Packet[Any]]:
    """Mend a decoding time that is far off: x265 4.2 leaves that of a film of one frame to chance."""
    for packet in packets:
        if packet.pts is not None and packet.dts is not None:
            is_sane = 0 <= packet.pts - packet.dts <= _MAX_REORDERING
            packet.dts = packet.dts if is_sane else packet.pts
    return packets


def encoding_failed(
    result: Path, error: BaseException, num_frames: int | None = None
) -> EncodeError:
    """Return the error to raise for one of FFmpeg's or of the disk."""
    reason = getattr(error, "strerror", None) or str(error)
    frames = f" after {num_frames} frames" if num_frames else ""
    full = (
        f"the video could not be written{frames} ({reason}). Is the disk full? If not, choose another "
        "preset, or remove the ffmpeg options."
    )
    return EncodeError(f"{result}: {blame(error, full)}")
