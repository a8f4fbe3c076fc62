"""Numbered images of one format in a folder, compressed in threads."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import EncodeError
from ..image_files import encode_exr, encode_png
from .names import unfinished_name

BIT_DEPTHS = {".png": (8, 16), ".exr": (32,)}  # extension -> bits of a value
_DTYPES = {8: np.dtype(np.uint8), 16: np.dtype(np.uint16), 32: np.dtype(np.float32)}
_NUM_WORKERS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True)
class ImageFormat:
    """What numbered images are.

    Attributes:
        suffix: ".png" or ".exr".
        bit_depth: 8 or 16, for EXR 32.
        has_alpha: frames are RGBA.
        compress_level: of zlib, 0 (none) to 9 (small and slow).
    """

    suffix: str = ".png"
    bit_depth: int = 8
    has_alpha: bool = False
    compress_level: int = 4

    def path(self, folder: Path, number: int) -> Path:
        """Return the file of an image."""
        return folder / f"{number:07}{self.suffix}"

    def checked(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return a copy of a frame.

        Raises:
            ValueError: it is no frame of this format.
        """
        pixels = np.array(pixels)
        channels, kind = 4 if self.has_alpha else 3, _DTYPES[self.bit_depth]
        if pixels.ndim != 3 or pixels.shape[2] != channels or pixels.dtype != kind:
            raise ValueError(
                f"pixels must be [H, W, {channels}] {kind}, got {list(pixels.shape)} {pixels.dtype}"
            )
        return pixels

    def encode(self, pixels: npt.NDArray[Any], text: Mapping[str, str]) -> bytes:
        """Compress a frame; ``text`` is kept in PNG only."""
        if self.suffix == ".exr":
            return encode_exr(pixels)
        return encode_png(pixels, compress_level=self.compress_level, text=text)


class ImagePool:
    """Compresses and writes images in up to four threads; at most twice as many frames are alive."""

    def __init__(self, image_format: ImageFormat) -> None:
        self._format = image_format
        self._pending: deque[Future[None]] = deque()
        self._pool = ThreadPoolExecutor(_NUM_WORKERS, thread_name_prefix="images")

    def write(
        self, path: Path, pixels: npt.NDArray[Any], text: Mapping[str, str] | None = None
    ) -> None:
        """Compress one frame in a thread; waits while too many are in progress.

        Raises:
            ValueError: ``pixels`` is no frame of the format.
            EncodeError: a file written earlier has failed.
        """
        pixels = self._format.checked(pixels)
        while self._pending and (self._pending[0].done() or len(self._pending) >= 2 * _NUM_WORKERS):
            self._pending.popleft().result()
        self._pending.append(self._pool.submit(self._save, path, pixels, text or {}))

    def finish(self) -> None:
        """Wait until all are written.

        Raises:
            EncodeError: one has failed.
        """
        for future in self._pending:
            future.result()

    def stop(self) -> None:
        """End the threads; waits for the images they are at."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._pending.clear()

    def _save(self, path: Path, pixels: npt.NDArray[Any], text: Mapping[str, str]) -> None:
        unfinished = unfinished_name(path)
        try:
            unfinished.write_bytes(self._format.encode(pixels, text))
            unfinished.replace(path)
        except OSError as error:
            raise EncodeError(
                f"{path} could not be written ({error.strerror or error}). Is the disk full?"
            ) from error
