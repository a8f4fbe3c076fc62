"""A result that several processes write: each writes a run of frames, under a name of its own.

A store says where frames go. It can be sent to another process, or to another machine that has the
folder under the same path. A run that is written twice, because its first writer was thought dead,
is the same file twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy.typing as npt
from av.error import FFmpegError

from ..encode import FrameFormat
from ..errors import EncodeError
from ..image_files import is_complete
from .encoding_thread import EncodingThread, encoding_failed
from .finished import count_frames, give_name
from .names import unfinished_name
from .numbered_images import ImageFormat, ImagePool
from .segments import segment_name


class RunWriter(Protocol):
    """Takes the frames of one run; a context manager. They are there when its block ends well."""

    def __enter__(self) -> object: ...
    def write(self, pixels: npt.NDArray[Any]) -> None:
        """Take the next frame, [H, W, 3 or 4], unsigned or float32 as its bit depth says."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class RunStore(Protocol):
    """Where runs of frames are kept until the result has all of them.

    Attributes:
        folder: where they are.
        bit_depth: of the frames; see ``FrameSink``.
        has_alpha: likewise.
    """

    @property
    def folder(self) -> Path: ...  # noqa: D102  the class says it
    @property
    def bit_depth(self) -> int: ...  # noqa: D102
    @property
    def has_alpha(self) -> bool: ...  # noqa: D102
    def files(self, first: int, stop: int) -> list[Path]:
        """List the files of a run: frames ``first`` up to ``stop``."""
        ...

    def has(self, first: int, stop: int) -> bool:
        """Tell whether a run is there, complete."""
        ...

    def writer(self, first: int, stop: int) -> RunWriter:
        """Return what writes a run."""
        ...

    def at(self, folder: Path) -> RunStore:
        """Return the same store in another folder."""
        ...


class Apart:
    """A result while others write it.

    Attributes:
        store: where they do.
        is_complete: all of it is there.
    """

    def __init__(
        self, store: RunStore, note_length: Callable[[int], object] = lambda _: None
    ) -> None:
        """Let others write.

        Args:
            store: where they do.
            note_length: called with the number of all frames, once all are there.
        """
        self.store = store
        self.is_complete = False
        self._note_length = note_length

    def complete(self, num_frames: int) -> None:
        """Note that all frames are there."""
        self._note_length(num_frames)
        self.is_complete = True


@dataclass(frozen=True)
class SegmentStore:
    """Runs of a video are its segments."""

    folder: Path
    format: FrameFormat
    result: Path

    @property
    def bit_depth(self) -> int:  # noqa: D102
        return self.format.bit_depth

    @property
    def has_alpha(self) -> bool:  # noqa: D102
        return self.format.has_alpha

    def files(self, first: int, stop: int) -> list[Path]:  # noqa: D102
        return [self.folder / segment_name(first, stop, self.format)]

    def has(self, first: int, stop: int) -> bool:  # noqa: D102
        return self.files(first, stop)[0].exists()  # it gets its name when it is complete

    def writer(self, first: int, stop: int) -> RunWriter:  # noqa: D102
        return _SegmentWriter(self.files(first, stop)[0], stop - first, self)

    def at(self, folder: Path) -> SegmentStore:  # noqa: D102
        return SegmentStore(folder, self.format, self.result)


class _SegmentWriter:
    def __init__(self, path: Path, num_frames: int, store: SegmentStore) -> None:
        self._path = path
        self._num_frames = num_frames
        self._store = store
        self._unfinished = unfinished_name(path)

    def __enter__(self) -> None:
        self._running = EncodingThread(
            self._unfinished,
            self._store.format.segment_format,
            {},
            self._store.format,
            result=self._store.result,
        )

    def write(self, pixels: npt.NDArray[Any]) -> None:
        self._running.write(pixels)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._running.finish()
                self._running.stop()
                self._name()
        finally:
            self._running.stop()
            self._unfinished.unlink(missing_ok=True)

    def _name(self) -> None:
        try:
            found = count_frames(self._unfinished)
            if found != self._num_frames:
                raise EncodeError(
                    f"{self._store.result}: of {self._num_frames} frames of a segment {found} were "
                    "encoded. Is the disk full? If not, choose another preset."
                )
            give_name(self._unfinished, self._path)
        except (FFmpegError, OSError) as error:
            raise encoding_failed(self._store.result, error) from error


@dataclass(frozen=True)
class ImageStore:
    """Runs of numbered images are files of the folder."""

    folder: Path
    start: int
    format: ImageFormat

    @property
    def bit_depth(self) -> int:  # noqa: D102
        return self.format.bit_depth

    @property
    def has_alpha(self) -> bool:  # noqa: D102
        return self.format.has_alpha

    def files(self, first: int, stop: int) -> list[Path]:  # noqa: D102
        return [self.format.path(self.folder, self.start + n) for n in range(first, stop)]

    def has(self, first: int, stop: int) -> bool:  # noqa: D102
        return all(map(is_complete, self.files(first, stop)))

    def writer(self, first: int, stop: int) -> RunWriter:  # noqa: D102
        return _ImageWriter(self.files(first, stop), self.format)

    def at(self, folder: Path) -> ImageStore:  # noqa: D102
        return ImageStore(folder, self.start, self.format)


class _ImageWriter:
    def __init__(self, files: list[Path], image_format: ImageFormat) -> None:
        self._files = iter(files)
        self._format = image_format

    def __enter__(self) -> None:
        self._pool = ImagePool(self._format)

    def write(self, pixels: npt.NDArray[Any]) -> None:
        self._pool.write(next(self._files), pixels)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._pool.finish()
        finally:
            self._pool.stop()
