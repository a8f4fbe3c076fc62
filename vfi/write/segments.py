"""A film in parts: pictures are encoded part by part, and finished parts outlive a crash.

A part is a video without sound of ``PART_LENGTH`` frames; only the last one is shorter. It is
written under a temporary name and takes its own, which says what frames it holds, when ffmpeg has
succeeded. So the folder itself is the record of what is done, and a small file beside the parts
says whose they are.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import av

from ..encode import RunningFFmpeg
from ..errors import EncodeError, InputError

# x264 and x265 put a key frame after 250 frames at the latest, so one more costs next to nothing;
# and work on so many frames is what a crash can cost.
PART_LENGTH = 250

_MANIFEST = "parts.json"
_PART = re.compile(r"(\d{7,})-(\d{7,})\.(?:mp4|mov|mkv)")
_UNFINISHED = ".partial"
_WHAT = (
    "Finished parts of a video in the making. The same job, started again, goes on after them and "
    "removes this folder when the video is there. Remove it to begin from the start."
)


@dataclass(frozen=True)
class Part:
    """A finished part.

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
    """What the folder says of itself.

    Attributes:
        job: what decides the pictures and how they are encoded, as a hash.
        part_length: frames in a part.
        num_frames: of the whole film, once all of them are in parts.
        what: for a person who finds the folder.
    """

    job: str
    part_length: int
    num_frames: int | None = None
    what: str = _WHAT


class PartsFolder:
    """The folder with the parts of one film, and with what is needed to join them.

    It is looked at when this is made, and changed by the methods only.

    Attributes:
        path: the folder.
        suffix: what names of parts end in.
        part_length: frames in a part.
        finished: parts of this very job that are there, without a gap from frame 0.
        is_whole: whether these are all frames of the film.
    """

    def __init__(self, path: Path, suffix: str, part_length: int, job: str | None) -> None:
        """Look at the folder.

        Args:
            path: the folder, which need not exist.
            suffix: what names of parts end in.
            part_length: frames in a part.
            job: what decides the pictures and how they are encoded, as a hash; None: nothing
                outlives a failure.

        Raises:
            InputError: there is something that is no such folder.
        """
        self.path = path
        self.suffix = suffix
        self.part_length = part_length
        self.finished: list[Part] = []
        self.is_whole = False
        self._job = job
        _require_own(path)
        manifest = _read_manifest(path)
        if job and manifest and (manifest.job, manifest.part_length) == (job, part_length):
            self.finished = list(_finished_parts(path, part_length))
            self.is_whole = self.num_finished == manifest.num_frames

    @property
    def num_finished(self) -> int:
        """How many frames are in finished parts."""
        return self.finished[-1].stop if self.finished else 0

    def begin(self, first: int) -> None:
        """Make the folder, and remove what is not a part of frames before ``first``.

        Raises:
            InputError: a file cannot be removed or written.
        """
        self.is_whole = self.is_whole and first == self.num_finished
        self.finished = [part for part in self.finished if part.stop <= first]
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._write_manifest(self.num_finished if self.is_whole else None)
            self._remove_all_but(self.path / _MANIFEST, *(part.path for part in self.finished))
        except OSError as error:  # on Windows: another run has a file of it open
            raise InputError(
                f"{self.path}: expected a folder for parts of the video, got {error.strerror} "
                f"({error.filename}). Is another run writing the same video?"
            ) from error

    def unfinished(self, first: int) -> Path:
        """Return where the part that begins at frame ``first`` is written."""
        return self.path / f"{first:07}{self.suffix}{_UNFINISHED}"

    def add(self, first: int, stop: int) -> None:
        """Give a part that ffmpeg has written its name."""
        written = self.unfinished(first)
        with written.open("rb+") as file:
            os.fsync(file.fileno())  # a name that outlives a power cut must have its content
        path = self.path / f"{first:07}-{stop - 1:07}{self.suffix}"
        written.replace(path)
        self.finished.append(Part(first, stop, path))

    def complete(self) -> None:
        """Note that all frames of the film are in parts."""
        self.is_whole = True
        self._write_manifest(self.num_finished)

    def leave(self) -> None:
        """Keep finished parts of a job for its next run; remove everything else."""
        if self._job and self.finished:
            self._remove_all_but(self.path / _MANIFEST, *(part.path for part in self.finished))
        else:
            self.remove()

    def remove(self) -> None:
        """Remove the folder: the film is done, or nothing of it is."""
        self._remove_all_but(self.path / _MANIFEST)  # it says to the last whose folder this is
        self._remove_all_but()
        self.path.rmdir()

    def _remove_all_but(self, *kept: Path) -> None:
        for entry in self.path.iterdir():
            if entry not in kept:
                entry.unlink()

    def _write_manifest(self, num_frames: int | None) -> None:
        manifest = _Manifest(self._job or "", self.part_length, num_frames)
        new = self.path / (_MANIFEST + _UNFINISHED)
        new.write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")
        new.replace(self.path / _MANIFEST)


class PartEncoder:
    """Frames in, finished parts out.

    The encoder of a full part is left to work off what it has while the next one takes frames; two
    run at a time at most. So nothing waits where parts meet, and nothing piles up.

    Args:
        folder: where the parts go.
        first: number of the first frame that will be written; a part begins there.
        command: ffmpeg's, that encodes frames from its input, given the number of the first frame
            and the file to write.
        result: the video this is for, to be named in errors.
    """

    def __init__(
        self,
        folder: PartsFolder,
        first: int,
        command: Callable[[int, Path], Sequence[str]],
        result: Path,
    ) -> None:
        self._folder = folder
        self._next = first
        self._command = command
        self._result = result
        self._filling: tuple[int, RunningFFmpeg] | None = None
        self._draining: tuple[int, RunningFFmpeg] | None = None

    def write(self, data: memoryview) -> None:
        """Encode the next frame; waits while the encoder is busy.

        Raises:
            EncodeError: ffmpeg has failed.
        """
        if self._draining is not None and self._draining[1].has_ended:
            self._settle()
        if self._filling is None:
            command = self._command(self._next, self._folder.unfinished(self._next))
            self._filling = (self._next, RunningFFmpeg(command, self._result))
        first, running = self._filling
        running.write(data)
        self._next += 1
        if running.num_writes == self._folder.part_length:
            self._close(first, running)

    def finish(self, check: Callable[[], object] | None = None) -> None:
        """Wait until the last part is finished.

        Args:
            check: called now and then meanwhile; what it raises ends the wait.

        Raises:
            EncodeError: ffmpeg has failed.
        """
        if self._filling is not None:
            self._close(*self._filling, check)
        self._settle(check)

    def stop(self) -> None:
        """End every ffmpeg; a part that it has finished by now is kept."""
        try:
            if self._draining is not None and self._draining[1].process.poll() == 0:
                self._settle()
        finally:
            for part in (self._draining, self._filling):
                if part is not None:
                    part[1].stop()

    def _close(
        self, first: int, running: RunningFFmpeg, check: Callable[[], object] | None = None
    ) -> None:
        running.end_input()
        self._settle(check)
        self._draining, self._filling = (first, running), None

    def _settle(self, check: Callable[[], object] | None = None) -> None:
        """Wait for the part that has all its frames, and give it its name."""
        if self._draining is None:
            return
        first, running = self._draining
        running.finish(check)
        running.stop()
        self._draining = None
        num_frames = _count_frames(self._folder.unfinished(first))
        if num_frames != running.num_writes:
            # Seen with ffmpeg 4.2: transparent VP9 at 60 frames a second.
            raise EncodeError(
                f"{self._result}: expected ffmpeg to encode {running.num_writes} frames from "
                f"number {first} on, got {num_frames}. Install a newer ffmpeg, or choose another "
                f"preset. Command: {subprocess.list2cmdline(running.command)}"
            )
        try:
            self._folder.add(first, first + running.num_writes)
        except OSError as error:
            raise EncodeError(
                f"{self._result}: expected to keep a finished part in {self._folder.path}, got "
                f"{error.strerror}. Is the disk full, or did something remove the folder?"
            ) from error


def _count_frames(path: Path) -> int:
    with av.open(f"file:{path}") as container:
        stream = container.streams.video[0]
        # mp4 has the number in its header, Matroska has none.
        return stream.frames or sum(1 for packet in container.demux(stream) if packet.size)


def _require_own(path: Path) -> None:
    """Refuse a folder with something in it that somebody else may miss."""
    try:
        names = [entry.name for entry in path.iterdir()]
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(
            f"{path}: expected a folder for parts of the video, got {error.strerror}. "
            "Move it out of the way, or choose another name for the video."
        ) from error
    # The manifest is the first file in such a folder and the last one out, under either name.
    if names and not {_MANIFEST, _MANIFEST + _UNFINISHED} & set(names):
        raise InputError(
            f"{path}: expected a folder with parts of a video, got one with other files "
            f"({names[0]}). Move it out of the way, or choose another name for the video."
        )


def _read_manifest(path: Path) -> _Manifest | None:
    """Return what the folder says of itself; None if it does not, or in a way of long ago."""
    try:
        return _Manifest(**json.loads((path / _MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _finished_parts(path: Path, part_length: int) -> Iterator[Part]:
    """Yield parts from frame 0 on up to the first that is missing, or is the last."""
    stop = 0
    for part in sorted(_named_parts(path), key=lambda part: part.first):
        if part.first != stop or part.stop > stop + part_length:
            return
        yield part
        stop = part.stop
        if stop % part_length:
            return


def _named_parts(path: Path) -> Iterator[Part]:
    for entry in path.iterdir():
        if match := _PART.fullmatch(entry.name):
            yield Part(int(match[1]), int(match[2]) + 1, entry)
