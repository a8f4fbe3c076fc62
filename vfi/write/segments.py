"""A video in segments: frames are encoded segment by segment, and finished ones outlive a crash.

A segment is a video without audio of ``SEGMENT_LENGTH`` frames; only the last one is shorter. It is
written under a temporary name and renamed when it is closed; its name says which frames it
holds. So the folder itself is the record of what is done, and a small file beside the segments says
which job they belong to. Frames of segments that are not finished may be in spools (``spool``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from av.error import FFmpegError

from ..encode import FrameFormat
from ..errors import InputError
from .finished import count_frames, give_name
from .spool import count_spooled, trim_spool

# x264 and x265 put a key frame after 250 frames at the latest, so a segment's own costs next to
# nothing. Shorter ones make larger files: docs/decisions/0010 has the figures.
SEGMENT_LENGTH = 250

_MANIFEST = "segments.json"
_LONGEST_MANIFEST = 10_000  # bytes
_SEGMENT = re.compile(r"(\d{7,12})-(\d{7,12})\.(?:mp4|mov|mkv)", re.ASCII)
_UNFINISHED = ".partial"
_SPOOL = ".frames"
_NOTE = (
    "Finished segments of a video in the making. Run the same job again to resume; it removes this "
    "folder when the video is complete. Remove the folder to start over."
)


@dataclass(frozen=True)
class Segment:
    """A finished segment, or the kept frames of one that is not.

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

    @property
    def job(self) -> tuple[str, int]:
        """What must be the same for its segments to be of use."""
        return self.key, self.segment_length


class SegmentsFolder:
    """The folder with the segments of one video.

    It is read when this is made, and changed by the methods only.

    Attributes:
        path: the folder.
        segment_length: frames in a segment.
        finished: segments of this very job, without a gap from frame 0.
        spooled: kept frames of the segments after those, without a gap; changed by :meth:`begin`
            only.
        is_complete: whether these are all frames of the video.
    """

    def __init__(
        self, path: Path, frames: FrameFormat, segment_length: int, key: str | None
    ) -> None:
        """Look at the folder.

        Args:
            path: the folder, which need not exist.
            frames: what they are encoded as.
            segment_length: frames in a segment.
            key: a hash of everything that decides what is in the segments; None: nothing outlives
                a failure.

        Raises:
            InputError: there is something that is no such folder.
        """
        self.path = path
        self.segment_length = segment_length
        self.finished: list[Segment] = []
        self.spooled: list[Segment] = []
        self.is_complete = False
        self._format = frames
        self._key = key
        _require_own(path)
        manifest = _read_manifest(path)
        wanted = (key, segment_length)
        self._is_this_job = bool(key) and manifest is not None and manifest.job == wanted
        if manifest and self._is_this_job:
            self.finished = list(_finished_segments(path, segment_length))
            self.is_complete = self.num_finished == manifest.num_frames
            self.spooled = list(self._find_spooled())

    @property
    def num_finished(self) -> int:
        """How many frames are in finished segments."""
        return self.finished[-1].stop if self.finished else 0

    @property
    def num_kept(self) -> int:
        """How many frames need not be made again: those in spools count as well."""
        return max([self.num_finished, *(spooled.stop for spooled in self.spooled)])

    @property
    def keeps_frames(self) -> bool:
        """Whether anything outlives a failure."""
        return self._key is not None

    def begin(self, first: int) -> None:
        """Make the folder, and remove everything but what is before frame ``first``.

        Raises:
            InputError: a file cannot be removed or written.
        """
        self.is_complete = self.is_complete and first == self.num_finished
        is_spooled = first > self.num_finished
        self.finished = [segment for segment in self.finished if segment.stop <= first]
        self.spooled = [
            replace(spooled, stop=min(spooled.stop, first))
            for spooled in self.spooled
            if is_spooled and spooled.first < first
        ]
        with self._changes():
            self.path.mkdir(parents=True, exist_ok=True)
            self._write_manifest(self.num_finished if self.is_complete else None)
            self._remove_all_but(*(part.path for part in (*self.finished, *self.spooled)))
            for spooled in self.spooled:
                trim_spool(spooled.path, spooled.stop - spooled.first)

    def begin_apart(self) -> None:
        """Make the folder for segments in any order; those of this job are kept wherever they are.

        Raises:
            InputError: a file cannot be removed or written.
        """
        kept = self._segments_of_job()
        with self._changes():
            self.path.mkdir(parents=True, exist_ok=True)
            self._write_manifest(None)
            self._remove_all_but(*kept)

    def complete_apart(self, num_frames: int) -> None:
        """Note that all frames of the video are in segments, after ``begin_apart``."""
        self._write_manifest(num_frames)

    def _segments_of_job(self) -> list[Path]:
        if not self._is_this_job:
            return []
        named = _named_segments(self.path)
        return [
            segment.path
            for segment in named
            if segment.first % self.segment_length == 0
            and segment.stop <= segment.first + self.segment_length
            and _is_whole(segment)
        ]

    def unfinished(self, first: int) -> Path:
        """Return where the segment that begins at frame ``first`` is written."""
        return self.path / f"{first:07}{self._format.segment_suffix}{_UNFINISHED}"

    def spool(self, first: int) -> Path:
        """Return where frames of the segment that begins at frame ``first`` are kept."""
        return self.path / f"{first:07}{_SPOOL}"

    def add(self, first: int, stop: int) -> None:
        """Rename a segment that was written to its final name; its spool is needed no more."""
        written = self.unfinished(first)
        path = self.path / segment_name(first, stop, self._format)
        give_name(written, path)
        self.finished.append(Segment(first, stop, path))
        self.spool(first).unlink(missing_ok=True)

    def complete(self) -> None:
        """Note that all frames of the video are in segments."""
        self.is_complete = True
        self._write_manifest(self.num_finished)

    def keep_finished(self) -> None:
        """Keep finished segments and spools for the next run of the job; remove everything else."""
        # By their names, as one may have got its name just now; those of other jobs are gone.
        finished = (segment.path for segment in _named_segments(self.path))
        kept = [*finished, *self.path.glob(f"*{_SPOOL}")]
        if self._key and kept:
            self._remove_all_but(*kept)
        else:
            self.remove()

    def remove(self) -> None:
        """Remove the folder: the video is complete, or nothing of it is."""
        self._remove_all_but()
        (self.path / _MANIFEST).unlink()  # goes last: it marks the folder as ours
        self.path.rmdir()

    @contextmanager
    def _changes(self) -> Generator[None, None, None]:
        try:
            yield
        except OSError as error:  # on Windows: another run has a file of it open
            raise InputError(
                f"{self.path}: the folder for segments of the video cannot be used: "
                f"{error.strerror} ({error.filename}). Is another run writing the same video?"
            ) from error

    def _find_spooled(self) -> Iterator[Segment]:
        first = self.num_finished
        while first % self.segment_length == 0:  # not after the last segment, which is short
            path = self.spool(first)
            stop = first + min(count_spooled(path, self._format), self.segment_length)
            if stop == first:
                return
            yield Segment(first, stop, path)
            first = stop

    def _remove_all_but(self, *kept: Path) -> None:
        for entry in self.path.iterdir():
            if entry not in (self.path / _MANIFEST, *kept):
                entry.unlink(missing_ok=True)  # macOS removes "._a" with its "a" on some drives

    def _write_manifest(self, num_frames: int | None) -> None:
        manifest = _Manifest(self._key or "", self.segment_length, num_frames)
        new = self.path / (_MANIFEST + _UNFINISHED)
        new.write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")
        new.replace(self.path / _MANIFEST)


def segment_name(first: int, stop: int, frames: FrameFormat) -> str:
    """Name the file of a finished segment: frames ``first`` up to ``stop``."""
    return f"{first:07}-{stop - 1:07}{frames.segment_suffix}"


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
    """Read the manifest; None if there is none, one of another version, or a damaged one."""
    try:
        with (path / _MANIFEST).open("rb") as file:
            return _Manifest(**json.loads(file.read(_LONGEST_MANIFEST)))
    except (OSError, ValueError, TypeError, RecursionError):
        return None


def _finished_segments(path: Path, segment_length: int) -> Iterator[Segment]:
    """Yield segments from frame 0 up to the first that is missing, damaged or short."""
    stop = 0
    for segment in sorted(_named_segments(path), key=lambda segment: segment.first):
        if segment.first != stop or segment.stop > stop + segment_length:
            return
        if not _is_whole(segment):
            return
        yield segment
        stop = segment.stop
        if stop % segment_length:
            return


def _named_segments(path: Path) -> Iterator[Segment]:
    for entry in path.iterdir():
        if match := _SEGMENT.fullmatch(entry.name):
            yield Segment(int(match[1]), int(match[2]) + 1, entry)


def _is_whole(segment: Segment) -> bool:
    """Tell whether all frames can be read: a disk may have lost some since they were written."""
    try:
        return count_frames(segment.path) == segment.stop - segment.first
    except (FFmpegError, OSError, ValueError):
        return False
