"""Temporary folders of workers, which may be killed before they can remove them."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from vfi.errors import InputError
from vfi.write import only_writer

_PREFIX = "practical-rife-"


@contextmanager
def temporary_folder(parent: Path | None = None) -> Generator[Path, None, None]:
    """Make a folder for the block, and remove those that nobody uses any more.

    Before the block, for its room, and after it: processes of a run that was killed may write for some
    seconds more.
    """
    parent = parent or Path(tempfile.gettempdir())
    _sweep(parent)
    folder = parent / f"{_PREFIX}{uuid.uuid4().hex[:12]}"
    with only_writer(folder):
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    _sweep(parent)


def _sweep(parent: Path) -> None:
    for abandoned in parent.glob(f"{_PREFIX}*"):
        if abandoned.is_dir():
            _remove_unused(abandoned)


def _remove_unused(folder: Path) -> None:
    with suppress(InputError, OSError), only_writer(folder):  # InputError: somebody uses it
        shutil.rmtree(folder)
