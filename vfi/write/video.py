"""Write a video: frames go in, and a file comes out.

In two stages: frames are encoded in segments (``segments``), then the segments are joined and the
other streams added (``mux``). GIF and WebP, which hold nothing but frames, are written at once. The
file is written under a temporary name, and renamed when it is complete.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from types import TracebackType

import av
import numpy as np
import numpy.typing as npt
from av.error import FFmpegError

from ..encode import Container, FrameFormat, find_container
from ..errors import EncodeError, InputError
from ..tracks import SourceTracks
from .apart import Apart, SegmentStore
from .encoding_thread import EncodingThread, encoding_failed
from .exif import add_exif
from .finished import find_fault_of_animation, give_name, sync_file
from .lock import only_writer, require_writable
from .mux import Mux, plan_mux
from .segment_encoder import SegmentEncoder
from .segments import SEGMENT_LENGTH, SegmentsFolder

# Seconds of work that an interruption may cost.
REDO_LIMIT = 10.0

logger = logging.getLogger(__name__)


@dataclass
class VideoWriter:
    """Encode frames to a file; a context manager.

    ::

        with VideoWriter(path, EncodingSettings().resolve(path, width=w, ...)) as writer:
            writer.write(pixels)

    Making a writer does nothing; entering the block opens it. Leaving the block waits until the
    file is complete; leaving it by an exception (also KeyboardInterrupt or a closed generator) stops
    the encoder and removes the unfinished file. :meth:`write` blocks while the encoder is busy, so
    frames do not pile up.

    With a ``resume_key``, finished segments outlive an exception or a crash, and so do the frames of an
    unfinished one, if they were slow to make. A new writer with the same key finds them::

        with VideoWriter(path, ..., resume_key="...") as writer:
            writer.start_at(writer.num_finished)
            ...  # write the frames from that number on

    Attributes:
        path: the file to write. Missing folders are made, an existing file is replaced.
        format: what the frames are and what they are encoded as, from ``EncodingSettings.resolve``
            for this path.
        tracks: what comes along. It is not stretched or cut to the picture's length.
        metadata: tags of any length; they win over those of ``tracks``. Matroska keeps tag names in
            capitals only.
        notify: called with a sentence for each thing that cannot be kept as it is.
        check: called now and then while a frame waits for the encoder, and while the end of the block
            waits for the file; what it raises leaves the block like an exception inside it.
        resume_key: a hash of everything that decides the frames; None: nothing outlives a failure.
        segments_folder: where segments go; None: ``path`` with ".segments" added.
        segment_length: frames in a segment. Key frames, and so the file, depend on it.
        redo_limit: seconds of work that an interruption may cost; frames of an unfinished segment are
            kept where they took longer. 0: always.
    """

    path: Path
    format: FrameFormat
    _: KW_ONLY
    tracks: SourceTracks | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    notify: Callable[[str], object] | None = None
    check: Callable[[], object] | None = None
    resume_key: str | None = None
    segments_folder: Path | None = None
    segment_length: int = SEGMENT_LENGTH
    redo_limit: float = REDO_LIMIT

    _mux: Mux = field(init=False, repr=False)
    _segments: SegmentsFolder | None = field(init=False, default=None, repr=False)
    _first: int = field(init=False, default=0, repr=False)
    _num_written: int = field(init=False, default=0, repr=False)
    _is_written: bool = field(init=False, default=False, repr=False)
    _lock: ExitStack = field(init=False, default_factory=ExitStack, repr=False)
    _is_open: bool = field(init=False, default=False, repr=False)
    _running: EncodingThread | SegmentEncoder | None = field(init=False, default=None, repr=False)

    @property
    def num_finished(self) -> int:
        """How many frames, from number 0 on, are finished; those of earlier runs count as well."""
        return self._segments.num_kept if self._segments else 0

    @property
    def is_complete(self) -> bool:
        """Whether those are all frames of the video."""
        return self._segments is not None and self._segments.is_complete

    @property
    def bit_depth(self) -> int:
        """Bits of a value in frames, 8 or 16."""
        return self.format.bit_depth

    @property
    def has_alpha(self) -> bool:
        """Whether frames are RGBA."""
        return self.format.has_alpha

    def validate(self) -> None:
        """Refuse what entering the block would refuse; folders are made, nothing else.

        Raises:
            InputError: the file cannot be written there, or another run is writing it.
        """
        if self.path.is_dir():
            raise InputError(f"{self.path} is a folder; add a file name.")
        for name, value in self.metadata.items():
            if "\0" in name + value:
                raise InputError(f"Metadata {name!r} contains a NUL byte; remove it.")
        for target in {self.path, self._locked}:
            require_writable(target)

    def __enter__(self) -> VideoWriter:
        self.validate()
        if self.metadata and not (self._container.holds_tags or self._container.holds_exif):
            self._say_no_tags()
        self._mux = plan_mux(self.path, self.format, self.tracks, self.metadata, self._say)
        with ExitStack() as lock:
            lock.enter_context(only_writer(self._locked))
            if not self._container.is_frames_only:
                self._segments = self._find_segments()
            self._lock = lock.pop_all()
        self._is_open = True
        return self

    def _say_no_tags(self) -> None:
        self._say(f"{self.path.suffix.lower()} files hold no tags: they were left out")

    def _find_segments(self) -> SegmentsFolder:
        folder = self.segments_folder or self.path.with_name(self.path.name + ".segments")
        key = self._key_of_segments()
        return SegmentsFolder(folder, self.format, self.segment_length, key)

    @contextmanager
    def apart(self, *, keep: bool = True) -> Generator[Apart, None, None]:
        """Let other processes write the segments, in any order.

        Another writer with the same key completes the video. Needs a ``resume_key``.

        Args:
            keep: what is finished, where not all is; it is found by the next run with the key.
        """
        self.validate()
        with only_writer(self._locked):
            segments = self._find_segments()
            segments.begin_apart()
            store = SegmentStore(segments.path, self.format, self.path)
            apart = Apart(store, segments.complete_apart)
            try:
                yield apart
            finally:
                if keep or apart.is_complete:
                    segments.keep_finished()
                else:
                    segments.remove()

    def can_start_at(self, number: int) -> bool:
        """Tell whether :meth:`start_at` takes a number.

        That is any multiple of ``segment_length`` up to :attr:`num_finished`, any number between the
        end of the last finished segment and that, and that itself where the video is complete.
        """
        if not 0 <= number <= self.num_finished:
            return False
        is_end = self.is_complete and number == self.num_finished
        is_spooled = self._segments is not None and number > self._segments.num_finished
        return is_end or is_spooled or number % self.segment_length == 0

    def start_at(self, number: int) -> None:
        """Say, before the first :meth:`write`, which frame that will be.

        What an earlier run has left from there on is removed.

        Args:
            number: one that :meth:`can_start_at` accepts, such as :attr:`num_finished`.

        Raises:
            ValueError: it is none of these.
        """
        if not self.can_start_at(number):
            raise ValueError(
                f"number must be a multiple of {self.segment_length} up to {self.num_finished} or "
                f"in an unfinished segment, got {number}"
            )
        self._first = number
        if self._segments:
            self._segments.begin(number)
            self._running = SegmentEncoder(
                self._segments,
                number,
                self.format,
                self.path,
                redo_limit=self.redo_limit,
                check=self.check,
            )
            self._running.encode_spooled()
        else:
            self._running = EncodingThread(
                self._partial,
                self._container.muxer,
                self._container.options,
                self.format,
                result=self.path,
            )

    def write(self, pixels: npt.NDArray[np.uint8 | np.uint16]) -> None:
        """Encode one frame.

        Args:
            pixels: [H, W, 3] RGB, or [H, W, 4] RGBA if the format has alpha; uint8, or uint16 in
                [0, 65535] with a bit depth of 16; not kept.

        Raises:
            ValueError: ``pixels`` is something else.
            EncodeError: the encoding has failed.
        """
        self._started().write(pixels)
        self._num_written += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._finish(self._started())
        finally:  # also when the wait is interrupted
            self._is_open = False
            running, self._running = self._running, None
            try:
                if running is not None:
                    running.stop()
            finally:
                with self._lock:
                    self._clean_up(is_started=running is not None)

    def _finish(self, running: EncodingThread | SegmentEncoder) -> None:
        if self._first + self._num_written == 0:
            raise EncodeError(f"{self.path}: there were no frames to write. Check the input.")
        running.finish(self.check)
        try:
            if self._segments:
                self._segments.complete()
                self._mux.write(self._segments, self._partial, self.check)
            else:
                self._finish_animation()
            sync_file(self._partial)
        except (FFmpegError, OSError) as error:
            raise encoding_failed(self.path, error) from error
        self._is_written = True
        try:
            give_name(self._partial, self.path)
        except OSError as error:  # on Windows: the old file is open in a player
            raise EncodeError(
                f"{self.path} could not be replaced ({error.strerror}). The video is complete: "
                f"rename {self._partial.name} yourself."
            ) from error

    def _finish_animation(self) -> None:
        if self._container.holds_exif and self.metadata:
            has_room = add_exif(self._partial, self.metadata)
            if not has_room:
                self._say_no_tags()
        fault = find_fault_of_animation(self._partial, self._num_written, self._container.muxer)
        if fault:
            raise EncodeError(f"{self.path}: {fault}. Is the disk full? Make room and try again.")

    def _clean_up(self, *, is_started: bool) -> None:
        try:
            if not self._is_written:
                self._partial.unlink(missing_ok=True)
            if self._segments and self._is_written:
                self._segments.remove()
            elif self._segments and is_started:
                self._segments.keep_finished()
        except OSError as error:  # on Windows: a virus scanner has one of the files open
            logger.warning("%s: could not be removed: %s", error.filename, error.strerror)

    def _started(self) -> EncodingThread | SegmentEncoder:
        if not self._is_open:
            raise RuntimeError("Use a VideoWriter inside its with block.")
        if self._running is None:
            self.start_at(0)
        assert self._running is not None
        return self._running

    @property
    def _container(self) -> Container:
        return find_container(self.path)

    @property
    def _partial(self) -> Path:
        return self.path.with_name(self.path.name + ".partial")

    @property
    def _locked(self) -> Path:
        """What no other run may write meanwhile; with a folder of its own the path is a new name."""
        return self.segments_folder or self.path

    def _key_of_segments(self) -> str | None:
        """Hash everything that decides what is in the segments."""
        if self.resume_key is None:
            return None
        version = [av.__version__, av.library_versions]
        decisive = [self.resume_key, self.segment_length, version, repr(self.format)]
        return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()

    def _say(self, message: str) -> None:
        if self.notify is not None:
            self.notify(message)
