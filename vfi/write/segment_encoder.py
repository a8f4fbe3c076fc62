"""Frames in, finished segments out; frames that were slow to make are kept until then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import numpy.typing as npt

from ..encode import FrameFormat
from ..errors import EncodeError
from .encoding_thread import EncodingThread
from .finished import count_frames
from .segments import SegmentsFolder
from .spool import FrameSpool

_LONG_ENOUGH = 1.0  # seconds, to judge a speed by


class SegmentEncoder:
    """Frames in, finished segments out.

    The encoder of a full segment finishes its queue while the next one takes frames; at most two
    run at a time. So nothing waits between segments, and nothing piles up.

    Args:
        folder: where the segments go.
        first: number of the first frame that will be written; a segment begins there, or its frames
            up to there are in a spool.
        frames: what the frames are, and what they are encoded as.
        result: the video being written, named in errors.
        redo_limit: seconds; frames are kept where it takes longer than this to make them again.
        check: called now and then while a frame waits for the encoder; what it raises ends the wait.
    """

    def __init__(
        self,
        folder: SegmentsFolder,
        first: int,
        frames: FrameFormat,
        result: Path,
        *,
        redo_limit: float,
        check: Callable[[], object] | None = None,
    ) -> None:
        self._folder = folder
        self._next = first
        self._format = frames
        self._result = result
        self._check = check
        self._pace = Pace(folder.segment_length, redo_limit)
        self._filling: tuple[int, EncodingThread] | None = None
        self._draining: tuple[int, EncodingThread] | None = None

    def encode_spooled(self) -> None:
        """Begin to encode the frames that an earlier run has left; before the first :meth:`write`.

        Raises:
            EncodeError: the encoding has failed.
        """
        for spooled in self._folder.spooled:
            num_kept = spooled.stop - spooled.first
            spool = FrameSpool(spooled.path, self._format, num_kept)
            self._filling = (spooled.first, self._start(spooled.first, spool))
            if num_kept == self._folder.segment_length:
                self._close(*self._filling, self._check)

    def write(self, pixels: npt.NDArray[np.uint8 | np.uint16]) -> None:
        """Encode the next frame; waits while the encoder is busy.

        Raises:
            ValueError: ``pixels`` is no frame of the format.
            EncodeError: the encoding has failed.
        """
        if self._draining is not None and self._draining[1].has_ended:
            self._settle()
        if self._filling is None:
            self._pace.begin_segment()
            self._filling = (self._next, self._start(self._next, self._new_spool()))
        first, running = self._filling
        running.write(pixels, self._check)
        self._next += 1
        self._pace.count_frame()
        if not self._pace.is_slow and not running.is_resumed:
            running.keep_no_frames()
        if running.num_writes == self._folder.segment_length:
            self._close(first, running)

    def finish(self, check: Callable[[], object] | None = None) -> None:
        """Wait until the last segment is finished.

        Args:
            check: called now and then meanwhile; what it raises ends the wait.

        Raises:
            EncodeError: the encoding has failed.
        """
        if self._filling is not None:
            self._close(*self._filling, check)
        self._settle(check)

    def stop(self) -> None:
        """End every encoder; a segment finished by now is kept, and frames that took long to make."""
        if self._filling is not None and not self._filling[1].is_resumed and self._pace.is_redoable:
            self._filling[1].keep_no_frames()
        try:
            if self._draining is not None and self._draining[1].has_succeeded:
                self._settle()
        finally:
            for segment in (self._draining, self._filling):
                if segment is not None:
                    segment[1].stop()

    def _new_spool(self) -> FrameSpool | None:
        if not (self._folder.keeps_frames and self._pace.is_slow):
            return None
        return FrameSpool(self._folder.spool(self._next), self._format)

    def _start(self, first: int, spool: FrameSpool | None) -> EncodingThread:
        return EncodingThread(
            self._folder.unfinished(first),
            self._format.segment_format,
            {},
            self._format,
            result=self._result,
            spool=spool,
        )

    def _close(
        self, first: int, running: EncodingThread, check: Callable[[], object] | None = None
    ) -> None:
        running.end_input()
        self._settle(check)
        self._draining, self._filling = (first, running), None

    def _settle(self, check: Callable[[], object] | None = None) -> None:
        """Wait for the segment that has all its frames, and add it to the finished ones."""
        if self._draining is None:
            return
        first, running = self._draining
        running.finish(check)
        running.stop()
        self._draining = None
        num_frames = count_frames(self._folder.unfinished(first))
        if num_frames != running.num_writes:
            raise EncodeError(
                f"{self._result}: of {running.num_writes} frames from number {first} on, "
                f"{num_frames} were encoded. Is the disk full? If not, choose another preset."
            )
        try:
            self._folder.add(first, first + running.num_writes)
        except OSError as error:
            raise EncodeError(
                f"{self._result}: a finished segment could not be kept in {self._folder.path} "
                f"({error.strerror}). Is the disk full, or was the folder removed?"
            ) from error


class Pace:
    """Tells whether the frames of a segment are made so slowly that they are worth keeping.

    To keep them costs time and space on the disk, to make them again costs the time it took to make them.

    Attributes:
        is_slow: they are, as far as is known; so they count until the speed is known.
    """

    def __init__(
        self,
        segment_length: int,
        redo_limit: float,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """Start with the speed unknown.

        Args:
            segment_length: frames in a segment.
            redo_limit: seconds; frames are slow where those of a segment take as long or longer.
            clock: tells the time in seconds.
        """
        self.is_slow = True
        self._segment_length = segment_length
        self._redo_limit = redo_limit
        self._clock = clock
        self._newest = self._segment_began = clock()
        self._began: float | None = None  # when the frame before those that are counted was made
        self._num_frames = 0

    @property
    def is_redoable(self) -> bool:
        """Whether the frames of this segment so far took less than the limit."""
        return self._newest - self._segment_began < self._redo_limit

    def begin_segment(self) -> None:
        """Judge by the frames from here on; by earlier ones too where segments take moments."""
        self._segment_began = self._newest
        if self._began is not None and self._newest - self._began >= _LONG_ENOUGH:
            self._began, self._num_frames = self._newest, 0

    def count_frame(self) -> None:
        """Say that another frame was made."""
        self._newest = self._clock()
        if self._began is None:  # how long the first one took is not known
            self._began = self._newest
            return
        self._num_frames += 1
        seconds = self._newest - self._began
        if seconds >= _LONG_ENOUGH:
            whole = seconds * self._segment_length / self._num_frames
            self.is_slow = whole >= self._redo_limit
