"""Numbered pictures in a folder: read them as a clip, write a clip as them."""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections import deque
from collections.abc import Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
import numpy.typing as npt
import torch
from av.error import FFmpegError
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from .errors import DecodeError, EncodeError, InputError
from .frames import Frame

logger = logging.getLogger(__name__)

EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})

_OWN_NAME = re.compile(r"[0-9]{7,}\.png")
_MAX_WORKERS = 4
_ALPHA_MODES = frozenset({"RGBA", "RGBa", "LA", "La", "PA"})
# What Pillow raises on a damaged file, by its plugins' sources.
_PILLOW_ERRORS = (OSError, SyntaxError, ValueError, EOFError)


@dataclass(frozen=True)
class FolderInfo:
    """A folder of pictures that make up a clip.

    Attributes:
        path: the folder.
        files: the pictures in the order of their numbers.
        width: px, of every picture.
        height: px, of every picture.
    """

    path: Path
    files: tuple[Path, ...]
    width: int
    height: int


def probe_image_folder(folder: Path) -> FolderInfo:
    """List the pictures of a folder by the last number in their names, and check their sizes.

    ``0.png … 612.png``, ``0000001.png`` and ``shot_0001.png`` all work; gaps are ignored. Only the
    headers of the files are read. An EXIF orientation is ignored.

    Raises:
        InputError: no such folder, no pictures, a name without number, a number that occurs twice,
            or sizes that differ.
        DecodeError: a file is not a picture.
    """
    folder = Path(folder)
    files = _sorted_by_number(_list_pictures(folder))
    width, height = _read_size(files[0])
    for file in files:
        size = _read_size(file)
        if size != (width, height):
            raise InputError(
                f"{folder}: expected pictures of one size, got {width}x{height} in {files[0].name} "
                f"and {size[0]}x{size[1]} in {file.name}. Resize or remove one of them."
            )
    return FolderInfo(folder, files, width, height)


def read_image_folder(info: FolderInfo, rate: Fraction) -> Generator[Frame, None, None]:
    """Decode the pictures in order; picture ``k`` is at ``k / rate`` seconds.

    Anything becomes 8-bit RGB: 16 bits are rounded, grey is repeated, palettes are looked up,
    transparency is dropped with a note in the log. One picture is alive at a time.

    Args:
        info: from :func:`probe_image_folder`.
        rate: frames per second.

    Yields:
        Frames of [H, W, 3] uint8 RGB.

    Raises:
        DecodeError: a picture is damaged or was replaced by one of another size.
    """
    has_told_of_alpha = False
    for number, file in enumerate(info.files):
        pixels, has_alpha = _read_picture(file)
        if pixels.shape != (info.height, info.width, 3):
            raise DecodeError(
                f"{file}: expected {info.width}x{info.height}, got "
                f"{pixels.shape[1]}x{pixels.shape[0]}. It was changed meanwhile: start again."
            )
        if has_alpha and not has_told_of_alpha:
            logger.info("%s: transparency is dropped, from %s on", info.path, file.name)
            has_told_of_alpha = True
        yield Frame(torch.from_numpy(pixels), number / rate)


class PngWriter:
    """Write frames as ``0000000.png``, ``0000001.png``, …; a context manager.

    The files go to ``<folder>.partial``, which takes its final name when all are written; leaving
    the block by an exception removes it. Compression runs in up to four threads, and at most twice
    as many frames are alive. An error in a thread is raised by the next :meth:`write` or at the end
    of the block.
    """

    def __init__(
        self,
        folder: Path,
        *,
        start: int = 0,
        compress_level: int = 4,
        metadata: Mapping[str, str] | None = None,
        overwrite: bool = False,
    ) -> None:
        """Check that the folder can be written; nothing is written yet.

        Args:
            folder: made when the block ends well. May exist if empty.
            start: number of the first file.
            compress_level: of zlib, 0 (none) to 9 (small and slow).
            metadata: text chunks that every file gets.
            overwrite: replace an existing folder, provided it holds nothing but numbered PNGs.

        Raises:
            InputError: an option is wrong, or the folder exists and may not be replaced.
        """
        if start < 0 or not 0 <= compress_level <= 9:
            raise InputError(
                "png: expected start >= 0 and compress_level 0 to 9, "
                f"got {start} and {compress_level}. The defaults are 0 and 4."
            )
        self._folder = Path(folder)
        self._partial = self._folder.with_name(self._folder.name + ".partial")
        self._compress_level = compress_level
        self._number = start
        self._text = _text_chunks(metadata or {})
        _require_replaceable(self._folder, overwrite)
        num_workers = min(_MAX_WORKERS, os.cpu_count() or 1)
        self._max_pending = 2 * num_workers
        self._pending: deque[Future[None]] = deque()
        self._pool = ThreadPoolExecutor(num_workers, thread_name_prefix="png")

    def __enter__(self) -> PngWriter:
        _remove_leftover(self._partial)
        try:
            self._partial.mkdir(parents=True)
        except OSError as error:
            raise InputError(
                f"{self._folder}: expected a place that can be written to, got {error.strerror}. "
                "Choose another folder or change its permissions."
            ) from error
        return self

    def write(self, pixels: npt.NDArray[np.uint8]) -> None:
        """Hand over one frame; waits while too many are being compressed.

        Args:
            pixels: [H, W, 3] uint8 RGB; copied.

        Raises:
            ValueError: ``pixels`` is not [H, W, 3] uint8.
            EncodeError: a file written earlier has failed.
        """
        pixels = np.array(pixels)
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            raise ValueError(
                f"pixels must be [H, W, 3] uint8, got {list(pixels.shape)} {pixels.dtype}"
            )
        while self._pending and (
            self._pending[0].done() or len(self._pending) >= self._max_pending
        ):
            self._pending.popleft().result()
        path = self._partial / f"{self._number:07}.png"
        self._pending.append(self._pool.submit(self._save, path, pixels))
        self._number += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        is_complete = False
        try:
            if error is None:
                for future in self._pending:
                    future.result()
                is_complete = True
        finally:  # also when the wait is interrupted
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pending.clear()
            if not is_complete:
                shutil.rmtree(self._partial)
        if is_complete:
            _replace_folder(self._partial, self._folder)

    def _save(self, path: Path, pixels: npt.NDArray[np.uint8]) -> None:
        try:
            Image.fromarray(pixels).save(
                path, "PNG", compress_level=self._compress_level, pnginfo=self._text
            )
        except OSError as error:
            raise EncodeError(
                f"{path}: expected to write it, got {error.strerror or error}. "
                "Check the space on the disk."
            ) from error


# --- reading -------------------------------------------------------------------------------------


def read_mask(file: Path) -> Tensor:
    """Read a picture as a mask: white is 1, black is 0, colours count as their mean.

    Returns:
        [H, W] float32 in [0, 1].

    Raises:
        InputError: there is no such file.
        DecodeError: it is no picture.
    """
    if not file.is_file():
        raise InputError(f"{file}: expected a picture, found no such file. Check the path.")
    pixels, _ = _read_picture(file)
    return torch.from_numpy(pixels).float().mean(dim=2).div_(255)


def _list_pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing of that name"
        raise InputError(f"{folder}: expected a folder of pictures, got {found}. Check the path.")
    pictures = [
        path
        for path in folder.iterdir()
        # macOS puts a "._0001.png", which is no picture, beside each file on some drives.
        if path.suffix.lower() in EXTENSIONS and not path.name.startswith(".") and path.is_file()
    ]
    if not pictures:
        raise InputError(
            f"{folder}: expected pictures ({', '.join(sorted(EXTENSIONS))}), got none. "
            "Choose the folder that holds the pictures themselves."
        )
    return pictures


def _sorted_by_number(pictures: list[Path]) -> tuple[Path, ...]:
    numbered: dict[int, Path] = {}
    for path in sorted(pictures):
        numbers = re.findall(r"[0-9]+", path.stem)
        if not numbers:
            raise InputError(
                f"{path}: expected a number in the name, got none. "
                "Rename it like 0001.png, or move it out of the folder."
            )
        other = numbered.setdefault(int(numbers[-1]), path)
        if other is not path:
            raise InputError(
                f"{path.parent}: expected each number once, got {other.name} and {path.name}. "
                "Keep one sequence in the folder; the last number of a name counts."
            )
    return tuple(numbered[number] for number in sorted(numbered))


def _read_size(file: Path) -> tuple[int, int]:
    try:
        with Image.open(file) as image:  # reads the header only
            return image.size
    except _PILLOW_ERRORS as error:
        raise _damaged(file, error) from error


def _read_picture(file: Path) -> tuple[npt.NDArray[np.uint8], bool]:
    """Return [H, W, 3] uint8 RGB, and whether transparency was dropped."""
    try:
        with Image.open(file) as image:
            has_alpha = image.mode in _ALPHA_MODES or "transparency" in image.info
            is_deep = _has_deep_colour(image)
            pixels = None if is_deep else _to_rgb(image)
        return (_read_deep_colour(file) if pixels is None else pixels), has_alpha
    except (*_PILLOW_ERRORS, FFmpegError) as error:
        raise _damaged(file, error) from error


def _to_rgb(image: Image.Image) -> npt.NDArray[np.uint8]:
    if image.mode.startswith("I"):  # "I;16", "I;16B", or "I" from older versions of Pillow
        grey = _to_8_bits(np.array(image))
        return np.repeat(grey[:, :, None], 3, axis=2)  # [H, W] -> [H, W, 3]
    if image.mode == "F":
        raise ValueError("floating-point grey; save it with 8 or 16 bits")
    # By way of RGBA: Pillow warns when it takes a palette with transparency to RGB directly.
    opaque = image.convert("RGBA") if image.mode in ("P", "PA") else image
    return np.array(opaque.convert("RGB"))


def _has_deep_colour(image: ImageFile) -> bool:
    """Tell whether the file has several channels of 16 bits, which Pillow cuts down to 8.

    Pillow's ``mode`` does not show it; the name of the raw layout it decodes from does ("RGB;16B").
    """
    layouts = [args if isinstance(args, str) else args[0] for *_, args in image.tile if args]
    return not image.mode.startswith("I") and any(";16" in str(layout) for layout in layouts)


def _read_deep_colour(file: Path) -> npt.NDArray[np.uint8]:
    with av.open(f"file:{file}") as container:
        frame = next(container.decode(video=0))
        return _to_8_bits(frame.reformat(format="rgb48le").to_ndarray())


def _to_8_bits(values: npt.NDArray[np.integer]) -> npt.NDArray[np.uint8]:
    """Round [0, 65535] to [0, 255]; 257 takes one end of the range to the other."""
    if values.max() > 65535 or values.min() < 0:
        raise ValueError(f"values up to {values.max()}; save it with 8 or 16 bits")
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _damaged(file: Path, error: Exception) -> DecodeError:
    return DecodeError(
        f"{file}: expected a picture, got one that does not decode ({error}). "
        "Make it again, or remove it from the folder."
    )


# --- writing -------------------------------------------------------------------------------------


def _text_chunks(metadata: Mapping[str, str]) -> PngInfo:
    chunks = PngInfo()
    for name, value in metadata.items():
        chunks.add_text(name, value)  # iTXt by itself where Latin-1 is not enough
    return chunks


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
        if not _OWN_NAME.fullmatch(name):
            raise InputError(
                f"{folder}: expected numbered PNGs only, to overwrite them, got {name}. "
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
            shutil.rmtree(folder)  # checked by the constructor: empty, or numbered PNGs
        partial.rename(folder)
    except OSError as error:
        raise EncodeError(
            f"{folder}: expected to replace it, got {error.strerror}. "
            f"The pictures are complete: rename {partial.name} yourself."
        ) from error
