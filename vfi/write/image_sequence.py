"""Write a clip as numbered pictures in a folder."""

from __future__ import annotations

import os
import re
import shutil
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import EncodeError, InputError
from ..image_files import encode_exr, encode_png, is_complete
from .lock import only_writer, require_writable

_JOB_FILE = "job.txt"
_UNFINISHED = ".part"
_PICTURE_NAME = re.compile(r"([0-9]{7,})\.(?:png|exr)(\.part)?")
_DEPTHS = {".png": (8, 16), ".exr": (32,)}  # extension -> bits of a value
_KINDS = {8: np.dtype(np.uint8), 16: np.dtype(np.uint16), 32: np.dtype(np.float32)}
_MAX_WORKERS = 4


@dataclass
class PictureWriter:
    """Write frames as ``0000000.png``, ``0000001.png``, …, or ``.exr``; a context manager.

    The files go to ``<folder>.partial``, which takes its final name when all are written; leaving
    the block by an exception removes it. Compression runs in up to four threads, and at most twice
    as many frames are alive. An error in a thread is raised by the next :meth:`write` or at the end
    of the block.

    With a ``job``, an exception leaves the complete files in ``<folder>.partial``, as does a killed
    process. Another writer with the same job finds them and goes on::

        writer = PictureWriter(folder, job=job)
        writer.begin_at(writer.num_finished)
        with writer:
            ...  # write the frames from there on

    Attributes:
        folder: made when the block ends well. May exist if empty.
        start: number of the first file.
        depth: bits of a value: 8 or 16, for EXR 32.
        has_alpha: frames are RGBA.
        compress_level: of zlib, 0 (none) to 9 (small and slow).
        metadata: text chunks, of PNG only.
        metadata_in: which files get them: all, or the first.
        overwrite: replace an existing folder, provided it holds nothing but numbered pictures.
        job: names everything that decides the pictures, in one line; what another job has left in
            ``<folder>.partial`` is replaced. None: nothing is left, and nothing is found.
        suffix: ".png" or ".exr", the format.

    Raises:
        InputError: an option is wrong, the folder exists and may not be replaced, or another run
            writes it at the moment.
    """

    folder: Path
    _: KW_ONLY
    start: int = 0
    depth: int = 8
    has_alpha: bool = False
    compress_level: int = 4
    metadata: Mapping[str, str] | None = None
    metadata_in: Literal["all", "first"] = "all"
    overwrite: bool = False
    job: str | None = None
    suffix: str = ".png"

    _partial: Path = field(init=False, repr=False)
    _next: int = field(init=False, default=0, repr=False)
    _pending: deque[Future[None]] = field(init=False, repr=False)
    _pool: ThreadPoolExecutor = field(init=False, repr=False)
    _max_pending: int = field(init=False, repr=False)
    _lock: ExitStack = field(init=False, default_factory=ExitStack, repr=False)

    def __post_init__(self) -> None:
        self.folder = Path(self.folder)
        self._partial = self.folder.with_name(self.folder.name + ".partial")
        if (
            self.start < 0
            or not 0 <= self.compress_level <= 9
            or self.depth not in _DEPTHS[self.suffix]
        ):
            raise InputError(
                f"{self.suffix[1:]}: expected start >= 0, compress_level 0 to 9 and depth "
                f"{' or '.join(map(str, _DEPTHS[self.suffix]))}, "
                f"got {self.start}, {self.compress_level} and {self.depth}. "
                "The defaults are 0, 4 and 8, for EXR 32."
            )
        _require_replaceable(self.folder, self.overwrite)
        if self._partial.exists():
            require_writable(self.folder)
        num_workers = min(_MAX_WORKERS, os.cpu_count() or 1)
        self._max_pending = 2 * num_workers
        self._pending = deque()
        self._pool = ThreadPoolExecutor(num_workers, thread_name_prefix="png")

    @property
    def part_length(self) -> int:
        """Of how many frames :meth:`begin_at` takes multiples."""
        return 1

    @property
    def is_whole(self) -> bool:
        """Whether what an earlier run has left is known to be all; it never is."""
        return False

    @property
    def num_finished(self) -> int:
        """How many frames from the first on an earlier run of this job has completed."""
        if self.job is None or _read_job(self._partial) != self.job:
            return 0
        number = self.start
        while is_complete(self._path(number)):
            number += 1
        return number - self.start

    def begin_at(self, number: int) -> None:
        """Take the first frames from the earlier run; called before the block.

        Args:
            number: the first frame that is written, counted from 0; files from it on are removed.

        Raises:
            ValueError: the frames before it are not all there.
        """
        if not 0 <= number <= self.num_finished:
            raise ValueError(f"number must be 0 to {self.num_finished}, got {number}")
        self._next = number

    def __enter__(self) -> PictureWriter:
        with ExitStack() as lock:
            try:
                self.folder.parent.mkdir(parents=True, exist_ok=True)
                lock.enter_context(only_writer(self.folder))
                self._start()
            except OSError as error:
                raise InputError(
                    f"{self.folder}: expected a place that can be written to, got "
                    f"{error.strerror}. Choose another folder or change its permissions."
                ) from error
            self._lock = lock.pop_all()
        return self

    def _start(self) -> None:
        if self._next == 0:
            _remove_leftover(self._partial)
        self._partial.mkdir(exist_ok=self._next > 0)
        self._remove_from(self.start + self._next)
        if self.job is not None:
            (self._partial / _JOB_FILE).write_text(self.job, encoding="utf-8")

    def write(self, pixels: npt.NDArray[np.uint8 | np.uint16 | np.float32]) -> None:
        """Hand over one frame; waits while too many are being compressed.

        Args:
            pixels: [H, W, 3] RGB, or [H, W, 4] RGBA with ``has_alpha``; uint8, uint16 in
                [0, 65535] with a ``depth`` of 16, float32 in [0, 1] with one of 32; copied.

        Raises:
            ValueError: ``pixels`` is something else.
            EncodeError: a file written earlier has failed.
        """
        pixels = np.array(pixels)
        channels, kind = 4 if self.has_alpha else 3, _KINDS[self.depth]
        if pixels.ndim != 3 or pixels.shape[2] != channels or pixels.dtype != kind:
            raise ValueError(
                f"pixels must be [H, W, {channels}] {kind}, got {list(pixels.shape)} {pixels.dtype}"
            )
        while self._pending and (
            self._pending[0].done() or len(self._pending) >= self._max_pending
        ):
            self._pending.popleft().result()
        has_text = self.metadata_in == "all" or self._next == 0
        text = (self.metadata or {}) if has_text else {}
        path = self._path(self.start + self._next)
        self._pending.append(self._pool.submit(self._save, path, pixels, text))
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
        is_complete = False
        try:
            if not is_interrupted:
                for future in self._pending:
                    future.result()
                is_complete = True
        finally:  # also when the wait is interrupted
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pending.clear()
            if not is_complete and not self._is_worth_keeping:
                shutil.rmtree(self._partial)
        if is_complete:
            (self._partial / _JOB_FILE).unlink(missing_ok=True)
            _replace_folder(self._partial, self.folder)

    @property
    def _is_worth_keeping(self) -> bool:
        return self.job is not None and self._path(self.start).is_file()

    def _path(self, number: int) -> Path:
        return self._partial / f"{number:07}{self.suffix}"

    def _encode(self, pixels: npt.NDArray[Any], text: Mapping[str, str]) -> bytes:
        if self.suffix == ".exr":
            return encode_exr(pixels)
        return encode_png(pixels, compress_level=self.compress_level, text=text)

    def _save(self, path: Path, pixels: npt.NDArray[Any], text: Mapping[str, str]) -> None:
        unfinished = path.with_name(path.name + _UNFINISHED)
        try:
            unfinished.write_bytes(self._encode(pixels, text))
            unfinished.replace(path)
        except OSError as error:
            raise EncodeError(
                f"{path}: expected to write it, got {error.strerror or error}. "
                "Check the space on the disk."
            ) from error

    def _remove_from(self, number: int) -> None:
        """Remove the files with this number and later ones, and unfinished ones."""
        for path in self._partial.iterdir():
            name = _PICTURE_NAME.fullmatch(path.name)
            if name and (name[2] == _UNFINISHED or int(name[1]) >= number):
                path.unlink()


def _read_job(partial: Path) -> str | None:
    try:
        return (partial / _JOB_FILE).read_text(encoding="utf-8")
    except OSError:
        return None


def _require_replaceable(folder: Path, overwrite: bool) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder, got a file. Choose another name.")
    names = sorted(path.name for path in folder.iterdir())
    if names and not overwrite:
        raise InputError(
            f"{folder}: expected a new or empty folder, got {len(names)} entries. "
            "Choose another folder, or ask for overwriting."
        )
    for name in names:
        if name != _JOB_FILE and not _PICTURE_NAME.fullmatch(name):
            raise InputError(
                f"{folder}: expected numbered pictures only, to overwrite them, got {name}. "
                "Choose another folder, or move the file away."
            )


def _remove_leftover(partial: Path) -> None:
    """Remove what a run that was killed has left, and only that."""
    if not partial.exists():
        return
    _require_replaceable(partial, overwrite=True)
    shutil.rmtree(partial)


def _replace_folder(partial: Path, folder: Path) -> None:
    try:
        if folder.exists():
            shutil.rmtree(folder)  # checked by the constructor: empty, or numbered pictures
        partial.rename(folder)
    except OSError as error:
        raise EncodeError(
            f"{folder}: expected to replace it, got {error.strerror}. "
            f"The pictures are complete: rename {partial.name} yourself."
        ) from error
