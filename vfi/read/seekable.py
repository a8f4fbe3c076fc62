"""The frames of files: read from the start or from anywhere, here or where the files have copies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from pathlib import Path

from ..frames import Frame
from .image_sequence import FolderInfo, read_image_folder
from .video import read_video
from .video_info import VideoInfo


class SeekableFrames(ABC):
    """Opens files and yields their frames; can be sent to another process, or another machine."""

    def __call__(self) -> Generator[Frame, None, None]:
        """Yield all frames, times from 0."""
        return self.starting_at(Fraction(0))

    @abstractmethod
    def starting_at(self, start: Fraction) -> Generator[Frame, None, None]:
        """Yield the frames from ``start`` on, the time of one of them; times as in ``__call__``."""

    @abstractmethod
    def files(self, start: Fraction, end: Fraction) -> list[Path]:
        """List the files that are read for the frames at ``start <= time <= end``."""

    @abstractmethod
    def moved(self, place: Callable[[Path], Path]) -> SeekableFrames:
        """Return the same frames, read from other places, ``place`` of each file."""


@dataclass(frozen=True)
class VideoFrames(SeekableFrames):
    """The frames of a video; see ``read_video``."""

    info: VideoInfo
    alpha: bool

    def starting_at(self, start: Fraction) -> Generator[Frame, None, None]:  # noqa: D102
        part = replace(self.info, first_time=self.info.first_time + start)
        with closing(read_video(part, alpha=self.alpha)) as frames:
            for frame in frames:
                yield replace(frame, time=start + frame.time)

    def files(self, start: Fraction, end: Fraction) -> list[Path]:  # noqa: ARG002, D102
        return [self.info.path]

    def moved(self, place: Callable[[Path], Path]) -> VideoFrames:  # noqa: D102
        return replace(self, info=replace(self.info, path=place(self.info.path)))


@dataclass(frozen=True)
class FolderFrames(SeekableFrames):
    """The images of a folder; see ``read_image_folder``."""

    info: FolderInfo
    rate: Fraction
    alpha: bool

    def starting_at(self, start: Fraction) -> Generator[Frame, None, None]:  # noqa: D102
        return read_image_folder(
            self.info, self.rate, alpha=self.alpha, first=ceil(start * self.rate)
        )

    def files(self, start: Fraction, end: Fraction) -> list[Path]:  # noqa: D102
        return list(self.info.files[ceil(start * self.rate) : ceil(end * self.rate) + 1])

    def moved(self, place: Callable[[Path], Path]) -> FolderFrames:  # noqa: D102
        files = tuple(map(place, self.info.files))
        return replace(self, info=replace(self.info, files=files))
