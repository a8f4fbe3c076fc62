"""Only one run at a time writes a result: a lock that the system releases when the process ends.

The file ``<name>.lock`` beside the result is locked, so one left over from a crash blocks nobody.
Some network folders have no locks; there, nothing is locked.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ..errors import InputError, advice_on
from .names import LONGEST_ENDING

if sys.platform == "win32":
    import errno
    import msvcrt
else:
    import fcntl

_ATTEMPTS = 10


@contextmanager
def only_writer(target: Path) -> Generator[None, None, None]:
    """Keep other runs from writing a result, a file or a folder whose parent exists.

    Raises:
        InputError: another run writes it.
        OSError: nothing can be written there.
    """
    path = target.with_name(target.name + ".lock")
    file = _open_locked(path)
    if file is None:
        raise InputError(
            f"{target}: another run is writing it. Wait until that one ends, or choose another name "
            "for the result."
        )
    try:
        yield
    finally:
        _remove(path, file)


def require_writable(target: Path) -> None:
    """Refuse a result that cannot be written; its folder is made.

    Raises:
        InputError: it cannot be written, or another run is writing it.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with only_writer(target), suppress(FileNotFoundError):
            os.lstat(f"{target}{LONGEST_ENDING}")
    except OSError as error:
        raise InputError(
            f"{target} cannot be written: {error.strerror} ({error.filename}). {advice_on(error)}"
        ) from error


def _open_locked(path: Path) -> BinaryIO | None:
    """Open and lock a file; None if another run has it."""
    for _ in range(_ATTEMPTS):
        file = path.open("ab")
        if not _lock(file):
            file.close()
            return None
        if _is_at(file, path):
            return file
        file.close()  # the run before has just ended, and has removed what was opened here
    return path.open("ab")  # on a file system that gives a file another number each time


def _is_at(file: BinaryIO, path: Path) -> bool:
    if sys.platform == "win32":
        return True  # where nobody can remove an open file
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _remove(path: Path, file: BinaryIO) -> None:
    if sys.platform == "win32":
        file.close()
        with suppress(OSError):  # the next run has it open
            path.unlink()
    else:
        with suppress(OSError), file:  # removed before others can lock it
            path.unlink()


if sys.platform == "win32":

    def _lock(file: BinaryIO) -> bool:
        """Lock a file; returns whether nobody else has."""
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            return error.errno not in (errno.EACCES, errno.EDEADLK)
        return True

else:

    def _lock(file: BinaryIO) -> bool:
        """Lock a file; returns whether nobody else has."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            pass  # no locks here
        return True
