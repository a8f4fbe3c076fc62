"""Write a clip as numbered images in a folder."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal

import numpy as np
import numpy.typing as npt

from ..errors import EncodeError, InputError
from ..files import is_left_by_macos
from ..image_files import is_complete
from .apart import Apart, ImageStore
from .lock import only_writer, require_writable
from .numbered_images import BIT_DEPTHS, ImageFormat, ImagePool

logger = logging.getLogger(__name__)

_KEY_FILE = "job.txt"
_REPLACED = ".replaced"  # what the folder is called that a new one takes the place of
_IMAGE_NAME = re.compile(r"([0-9]{7,})\.(?:png|exr)((?:\.[0-9a-f]{8})?\.part)?")


@dataclass
class ImageSequenceWriter:
    """Write frames as ``0000000.png``, ``0000001.png``, …, or ``.exr``; a context manager.

    Making a writer does nothing; entering the block opens it. The files go to ``<folder>.partial``,
    which is renamed when all are written; leaving the block by an exception removes it. Compression
    runs in up to four threads, and at most twice as many frames are alive. An error in a thread is
    raised by the next :meth:`write` or at the end of the block.

    With a ``resume_key``, an exception leaves the complete files in ``<folder>.partial``, as does a
    killed process. Another writer with the same key finds them::

        with ImageSequenceWriter(folder, resume_key=key) as writer:
            writer.start_at(writer.num_finished)
            ...  # write the frames from there on

    Attributes:
        folder: made when the block ends well. May exist if empty.
        start: number of the first file.
        bit_depth: 8 or 16, for EXR 32.
        has_alpha: frames are RGBA.
        compress_level: of zlib, 0 (none) to 9 (small and slow).
        metadata: text chunks, of PNG only.
        metadata_in: which files get them: all, or the first.
        overwrite: replace an existing folder, provided it holds nothing but numbered images.
        resume_key: a hash of everything that decides the images; what a run with another key has
            left in ``<folder>.partial`` is replaced. None: nothing is left, and nothing is found.
        suffix: ".png" or ".exr", the format.
    """

    folder: Path
    _: KW_ONLY
    start: int = 0
    bit_depth: int = 8
    has_alpha: bool = False
    compress_level: int = 4
    metadata: Mapping[str, str] | None = None
    metadata_in: Literal["all", "first"] = "all"
    overwrite: bool = False
    resume_key: str | None = None
    suffix: str = ".png"

    _next: int = field(init=False, default=0, repr=False)
    _is_started: bool = field(init=False, default=False, repr=False)
    _pool: ImagePool = field(init=False, repr=False)
    _lock: ExitStack = field(init=False, default_factory=ExitStack, repr=False)

    def validate(self) -> None:
        """Refuse what entering the block would refuse; the parent folder is made, nothing else.

        Raises:
            InputError: an option is wrong, the folder exists and may not be replaced, nothing can
                be written there, or another run is writing it.
        """
        if (
            self.start < 0
            or not 0 <= self.compress_level <= 9
            or self.bit_depth not in BIT_DEPTHS[self.suffix]
        ):
            raise InputError(
                f"{self.suffix[1:]} needs start >= 0, compress_level 0 to 9 and bit depth "
                f"{' or '.join(map(str, BIT_DEPTHS[self.suffix]))}, "
                f"got {self.start}, {self.compress_level} and {self.bit_depth}."
            )
        _require_replaceable(self.folder, self.overwrite)
        require_writable(self.folder)

    @property
    def num_finished(self) -> int:
        """How many frames, from the first on, this job has finished; those of earlier runs count."""
        if self.resume_key is None or _read_key(self._partial) != self.resume_key:
            return 0
        number = self.start
        while is_complete(self._path(number)):
            number += 1
        return number - self.start

    def can_start_at(self, number: int) -> bool:
        """Tell whether :meth:`start_at` takes a number."""
        return 0 <= number <= self.num_finished

    def start_at(self, number: int) -> None:
        """Take the first frames from the earlier run; called before the first :meth:`write`.

        Args:
            number: the first frame that is written, counted from 0; files from it on are removed.

        Raises:
            ValueError: the frames before it are not all there.
            EncodeError: the folder cannot be made.
        """
        if not self.can_start_at(number):
            raise ValueError(f"number must be 0 to {self.num_finished}, got {number}")
        self._next = number
        try:
            if number == 0:
                _remove_leftover(self._partial)
            self._partial.mkdir(exist_ok=number > 0)
            self._is_started = True
            self._remove_from(self.start + number)
            if self.resume_key is not None:
                (self._partial / _KEY_FILE).write_text(self.resume_key, encoding="utf-8")
        except OSError as error:
            raise EncodeError(
                f"{self._partial}: images cannot be written there ({error.strerror}). Is the disk "
                "full?"
            ) from error

    @contextmanager
    def apart(self, *, keep: bool = True) -> Generator[Apart, None, None]:
        """Let other processes write the images, in any order; metadata is left out.

        Another writer with the same key completes the folder. Needs a ``resume_key``.

        Args:
            keep: what is finished, where not all is; it is found by the next run with the key.
        """
        self.validate()
        with only_writer(self.folder):
            if _read_key(self._partial) != self.resume_key:
                self.start_at(0)
            apart = Apart(ImageStore(self._partial, self.start, self._format))
            try:
                yield apart
            finally:
                is_kept = keep and any(self._partial.glob(f"*{self.suffix}"))
                if not (apart.is_complete or is_kept):
                    shutil.rmtree(self._partial)

    def __enter__(self) -> ImageSequenceWriter:
        self.validate()
        self._lock.enter_context(only_writer(self.folder))
        self._pool = ImagePool(self._format)
        return self

    def write(self, pixels: npt.NDArray[np.uint8 | np.uint16 | np.float32]) -> None:
        """Compress one frame in a thread; waits while too many are in progress.

        Args:
            pixels: [H, W, 3] RGB, or [H, W, 4] RGBA with ``has_alpha``; uint8, uint16 in
                [0, 65535] with a bit depth of 16, float32 in [0, 1] with one of 32; copied.

        Raises:
            ValueError: ``pixels`` is something else.
            EncodeError: a file written earlier has failed.
        """
        if not self._is_started:
            self.start_at(0)
        has_text = self.metadata_in == "all" or self._next == 0
        text = (self.metadata or {}) if has_text else {}
        self._pool.write(self._path(self.start + self._next), pixels, text)
        self._next += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            self._finish(is_interrupted=error is not None)

    def _finish(self, *, is_interrupted: bool) -> None:
        is_written = False
        try:
            if not is_interrupted:
                if not self._is_started:
                    self.start_at(0)
                self._pool.finish()
                is_written = True
        finally:  # also when the wait is interrupted
            self._pool.stop()
            if self._is_started and not is_written and not self._is_worth_keeping:
                shutil.rmtree(self._partial)
        if is_written:
            _replace_folder(self._partial, self.folder)
            (self.folder / _KEY_FILE).unlink(missing_ok=True)

    @property
    def _is_worth_keeping(self) -> bool:
        return self.resume_key is not None and self._path(self.start).is_file()

    @property
    def _partial(self) -> Path:
        return self.folder.with_name(self.folder.name + ".partial")

    def _path(self, number: int) -> Path:
        return self._format.path(self._partial, number)

    @property
    def _format(self) -> ImageFormat:
        return ImageFormat(self.suffix, self.bit_depth, self.has_alpha, self.compress_level)

    def _remove_from(self, number: int) -> None:
        """Remove the files with this number and later ones, and unfinished ones."""
        for path in self._partial.iterdir():
            name = _IMAGE_NAME.fullmatch(path.name)
            if name and (name[2] or int(name[1]) >= number):
                path.unlink(missing_ok=True)  # "._1.png" goes with its file on some drives


def _read_key(partial: Path) -> str | None:
    try:
        return (partial / _KEY_FILE).read_bytes().decode(errors="replace")
    except OSError:
        return None


def _require_replaceable(folder: Path, overwrite: bool) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder} is a file, not a folder. Choose another name.")
    entries = sorted(path.name for path in folder.iterdir())
    names = [name for name in entries if not is_left_by_macos(name)]
    if names and not overwrite:
        raise InputError(
            f"{folder} is not empty: it has {len(names)} entries. Choose another folder, or allow "
            "overwriting."
        )
    for name in names:
        if name != _KEY_FILE and not _IMAGE_NAME.fullmatch(name):
            raise InputError(
                f"{folder} holds {name} beside numbered images, and is not overwritten. "
                "Choose another folder, or move the file away."
            )


def _remove_leftover(partial: Path) -> None:
    """Remove what a killed run has left, and only that."""
    if not partial.exists():
        return
    _require_replaceable(partial, overwrite=True)
    shutil.rmtree(partial)


def _replace_folder(partial: Path, folder: Path) -> None:
    """Rename the new folder; the old one is removed last, so one of them is there at any moment."""
    old = folder.with_name(folder.name + _REPLACED)
    try:
        _remove_leftover(old)
        if folder.exists():
            folder.rename(old)
        partial.rename(folder)
    except OSError as error:
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise EncodeError(
            f"{folder} could not be replaced ({error.strerror}). The images are complete: rename "
            f"{partial.name} yourself."
        ) from error
    try:
        _remove_leftover(old)
    except OSError as error:  # on Windows: a viewer has one of the images open
        logger.warning("%s: could not be removed: %s", old, error.strerror)
