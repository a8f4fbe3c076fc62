"""A video in segments: frames are encoded segment by segment, and finished ones outlive a crash.

A segment is a video without audio of ``SEGMENT_LENGTH`` frames; only the last one is shorter. It is
written under a temporary name and renamed when it is closed; its name says which frames it
holds. So the folder itself is the record of what is done, and a small file beside the segments says
which job they belong to.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from ..encode import FrameFormat
from ..errors import EncodeError, InputError
from .encoding_thread import EncodingThread

# x264 and x265 put a key frame after 250 frames at the latest, so a segment's own costs next to
# nothing. A crash costs the work on at most this many frames.
SEGMENT_LENGTH = 250

_MANIFEST = "segments.json"
_SEGMENT = re.compile(r"(\d{7,})-(\d{7,})\.(?:mp4|mov|mkv)")
_UNFINISHED = ".partial"
_NOTE = (
    "Finished segments of a video in the making. Run the same job again to resume; it removes this "
    "folder when the video is complete. Remove the folder to start over."
)


@dataclass(frozen=True)
class Segment:
    """A finished segment.

    Attributes:
        first: number of its first frame, from 0.
        stop: number of the first frame after it.
        path: the file.
    """

    first: int
    stop: int
    path: Path


@dataclass(frozen=True)
class _Manifest:
    """What the file beside the segments says.

    Attributes:
        key: a hash of everything that decides what is in the segments.
        segment_length: frames in a segment.
        num_frames: of the whole video, once all of them are in segments.
        note: for a person who finds the folder.
    """

    key: str
    segment_length: int
    num_frames: int | None = None
    note: str = _NOTE


class SegmentsFolder:
    """The folder with the segments of one video.

    It is read when this is made, and changed by the methods only.

    Attributes:
        path: the folder.
        suffix: what names of segments end in.
        segment_length: frames in a segment.
        finished: segments of this very job, without a gap from frame 0.
        is_complete: whether these are all frames of the video.
    """

    def __init__(self, path: Path, suffix: str, segment_length: int, key: str | None) -> None:
        """Look at the folder.

        Args:
            path: the folder, which need not exist.
            suffix: what names of segments end in.
            segment_length: frames in a segment.
            key: a hash of everything that decides what is in the segments; None: nothing outlives
                a failure.

        Raises:
            InputError: there is something that is no such folder.
        """
        self.path = path
        self.suffix = suffix
        self.segment_length = segment_length
        self.finished: list[Segment] = []
        self.is_complete = False
        self._key = key
        _require_own(path)
        manifest = _read_manifest(path)
        if key and manifest and (manifest.key, manifest.segment_length) == (key, segment_length):
            self.finished = list(_finished_segments(path, segment_length))
            self.is_complete = self.num_finished == manifest.num_frames

    @property
    def num_finished(self) -> int:
        """How many frames are in finished segments."""
        return self.finished[-1].stop if self.finished else 0

    def begin(self, first: int) -> None:
        """Make the folder, and remove everything but the segments before frame ``first``.

        Raises:
            InputError: a file cannot be removed or written.
        """
        self.is_complete = self.is_complete and first == self.num_finished
        self.finished = [segment for segment in self.finished if segment.stop <= first]
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._write_manifest(self.num_finished if self.is_complete else None)
            self._remove_all_but(
                self.path / _MANIFEST, *(segment.path for segment in self.finished)
            )
        except OSError as error:  # on Windows: another run has a file of it open
            raise InputError(
                f"{self.path}: the folder for segments of the video cannot be used: "
                f"{error.strerror} ({error.filename}). Is another run writing the same video?"
            ) from error

    def unfinished(self, first: int) -> Path:
        """Return where the segment that begins at frame ``first`` is written."""
        return self.path / f"{first:07}{self.suffix}{_UNFINISHED}"

    def add(self, first: int, stop: int) -> None:
        """Rename a segment that was written to its final name."""
        written = self.unfinished(first)
        with written.open("rb+") as file:
            os.fsync(file.fileno())  # after a power cut, a final name must mean complete content
        path = self.path / f"{first:07}-{stop - 1:07}{self.suffix}"
        written.replace(path)
        self.finished.append(Segment(first, stop, path))

    def complete(self) -> None:
        """Note that all frames of the video are in segments."""
        self.is_complete = True
        self._write_manifest(self.num_finished)

    def keep_finished(self) -> None:
        """Keep finished segments for the next run of the job; remove everything else."""
        if self._key and self.finished:
            self._remove_all_but(
                self.path / _MANIFEST, *(segment.path for segment in self.finished)
            )
        else:
            self.remove()

    def remove(self) -> None:
        """Remove the folder: the video is complete, or nothing of it is."""
        self._remove_all_but(
            self.path / _MANIFEST
        )  # the manifest goes last: it marks the folder as ours
        self._remove_all_but()
        self.path.rmdir()

    def _remove_all_but(self, *kept: Path) -> None:
        for entry in self.path.iterdir():
            if entry not in kept:
                entry.unlink()

    def _write_manifest(self, num_frames: int | None) -> None:
        manifest = _Manifest(self._key or "", self.segment_length, num_frames)
        new = self.path / (_MANIFEST + _UNFINISHED)
        new.write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")
        new.replace(self.path / _MANIFEST)


class SegmentEncoder:
    """Frames in, finished segments out.

    The encoder of a full segment finishes its queue while the next one takes frames; at most two
    run at a time. So nothing waits between segments, and nothing piles up.

    Args:
        folder: where the segments go.
        first: number of the first frame that will be written; a segment begins there.
        frames: what the frames are, and what they are encoded as.
        result: the video being written, named in errors.
    """

    def __init__(
        self,
        folder: SegmentsFolder,
        first: int,
        frames: FrameFormat,
        result: Path,
    ) -> None:
        self._folder = folder
        self._next = first
        self._format = frames
        self._result = result
        self._filling: tuple[int, EncodingThread] | None = None
        self._draining: tuple[int, EncodingThread] | None = None

    def write(self, pixels: npt.NDArray[np.uint8 | np.uint16]) -> None:
        """Encode the next frame; waits while the encoder is busy.

        Raises:
            ValueError: ``pixels`` is no frame of the format.
            EncodeError: the encoding has failed.
        """
        if self._draining is not None and self._draining[1].has_ended:
            self._settle()
        if self._filling is None:
            self._filling = (self._next, self._start(self._next))
        first, running = self._filling
        running.write(pixels)
        self._next += 1
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
        """End every encoder; a segment finished by now is kept."""
        try:
            if self._draining is not None and self._draining[1].has_succeeded:
                self._settle()
        finally:
            for segment in (self._draining, self._filling):
                if segment is not None:
                    segment[1].stop()

    def _start(self, first: int) -> EncodingThread:
        return EncodingThread(
            self._folder.unfinished(first),
            self._format.segment_format,
            {},
            self._format,
            result=self._result,
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


def count_frames(path: Path) -> int:
    """Return how many frames are in a file that was written: a disk may be full without a word."""
    with av.open(f"file:{path}") as container:
        stream = container.streams.video[0]
        # mp4 has the number in its header, Matroska has none.
        return stream.frames or sum(1 for packet in container.demux(stream) if packet.size)


def _require_own(path: Path) -> None:
    """Refuse a folder with other files in it, which would be removed."""
    try:
        names = [entry.name for entry in path.iterdir()]
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(
            f"{path}: the folder for segments of the video cannot be used: {error.strerror}. "
            "Move it out of the way, or choose another name for the video."
        ) from error
    # The manifest is written first and removed last, under either name.
    if names and not {_MANIFEST, _MANIFEST + _UNFINISHED} & set(names):
        raise InputError(
            f"{path}: this name is needed for segments of the video, but the folder holds other "
            f"files ({names[0]}). Move it out of the way, or choose another name for the video."
        )


def _read_manifest(path: Path) -> _Manifest | None:
    """Read the manifest; None if there is none, or one of another version."""
    try:
        return _Manifest(**json.loads((path / _MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _finished_segments(path: Path, segment_length: int) -> Iterator[Segment]:
    """Yield segments from frame 0 up to the first that is missing or short."""
    stop = 0
    for segment in sorted(_named_segments(path), key=lambda segment: segment.first):
        if segment.first != stop or segment.stop > stop + segment_length:
            return
        yield segment
        stop = segment.stop
        if stop % segment_length:
            return


def _named_segments(path: Path) -> Iterator[Segment]:
    for entry in path.iterdir():
        if match := _SEGMENT.fullmatch(entry.name):
            yield Segment(int(match[1]), int(match[2]) + 1, entry)
