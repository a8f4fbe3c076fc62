"""Read checkpoints from files, folders and archives, safely: the one door to what people have.

Nothing in a file is run, as nothing here can (see ``pickles``). Sizes are checked before anything is
allocated (see ``stored``), and only the weights of the network are read, not the optimizer beside
them. So, whatever a file claims,

- memory stays below twice the weights, of which a file has 256 MiB as float32 at most, and 64 MiB;
  for a zip that holds a checkpoint twice the size of that is added, which is 256 MiB at most;
- time stays below some seconds, most of which it may take to follow a pickle of 4 MiB.

From a folder or an archive only weights are read, never the Python files beside them; archives are
not extracted to disk. Whatever is wrong is one ``CheckpointError`` that begins with the path.
"""

from __future__ import annotations

import io
import logging
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import BinaryIO, TypeAlias, cast

from torch import Tensor

from ..errors import CheckpointError
from .canonicalize import CanonicalWeights, canonicalize
from .files import is_checkpoint_name, is_left_out, list_checkpoints
from .not_checkpoints import HEAD_BYTES, not_a_checkpoint
from .safetensors_file import describe_safetensors, looks_like_safetensors
from .select import select_network
from .stored import StoredTensor, read_tensors, shorten
from .torch_files import describe_chain, describe_zip

_COMPANIONS = ("contextnet", "unet")  # of flownet, in generations 2.0-3.1
_LARGEST = 256 << 20  # bytes that an archive may unpack to; the largest released file has 0.1 GB
_LONGEST_LIST = 2 << 20  # bytes of the list of members, about 30,000; a release has 200
_LINK = 0xA  # of Unix, in the upper bits of a member's attributes
_Members: TypeAlias = Mapping[str, Callable[[], BinaryIO]]
"""Relative path, with forward slashes -> what opens it."""
# What zipfile, json and this package's own readers raise on damaged files.
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RecursionError),
    *(ValueError, KeyError, IndexError, TypeError, AssertionError, OverflowError, RuntimeError),
)
_log = logging.getLogger(__name__)


def read_weights(path: Path | str) -> CanonicalWeights:
    """Read a checkpoint and bring it to canonical form; see ``read_state_dict``."""
    path = Path(path)
    state_dict = read_state_dict(path)
    with _about(path):
        return canonicalize(state_dict)


def read_state_dict(path: Path | str) -> dict[str, Tensor]:
    """Read name -> tensor from a checkpoint, on the CPU.

    Args:
        path: a file, a folder or an archive as upstream publishes them (with or without
            ``train_log/``). A flownet is joined by the contextnet and unet beside it.

    Raises:
        CheckpointError: it is missing, damaged or something else; the message says what.
    """
    path = Path(path)
    with _about(path):
        if path.is_dir():
            return _read_members(_folder_members(path), path)
        with _open_file(path) as file:
            archive = _open_archive(file)
            if archive is not None and _root_of_torch(archive) is None:
                return _read_members(_archive_members(archive), path)
    siblings = list_checkpoints(path.parent, deep=False) if path.stem == "flownet" else []
    companions = [sibling for sibling in siblings if _is_companion(sibling)]
    members = {file.name: _opener(file) for file in (path, *companions)}
    return _read_with_companions(path.name, members, path.parent)


def read_named(path: Path, prefix: str) -> dict[str, Tensor]:
    """Read the tensors of any network whose names begin so, from one file; see ``read_state_dict``."""
    with _about(path), _open_file(path) as file:
        head = file.read(HEAD_BYTES)
        file.seek(0)
        stored = _describe(file, head)
        return read_tensors({name: stored[name] for name in stored if name.startswith(prefix)})


def _open_file(path: Path) -> BinaryIO:
    if not path.exists():
        raise CheckpointError("there is no such file or folder. Check the path.")
    if not stat.S_ISREG(path.stat().st_mode):
        # Opening a pipe would wait for somebody to write into it.
        raise CheckpointError("this is a pipe, a device or a socket. Choose a file.")
    return _Sparing(path.open("rb", buffering=0))


@contextmanager
def _about(path: Path) -> Generator[None, None, None]:
    """Turn whatever is wrong with a file into one message that begins with its path."""
    try:
        yield
    except CheckpointError as error:
        message = str(error)
        if not message.startswith(str(path)):
            goes_on = message.startswith(("is ", "has ", "holds "))
            error.args = (f"{path}{' ' if goes_on else ': '}{message}",)
        raise
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error}).") from error
    except (MemoryError, *_DAMAGE) as error:
        # torch's own lack of memory is a RuntimeError.
        if isinstance(error, MemoryError) or "allocate memory" in str(error):
            raise CheckpointError(
                f"{path}: there is not enough memory to read it. Close other programs."
            ) from error
        reason = shorten(str(error).split("\n", 1)[0]) or type(error).__name__
        raise CheckpointError(
            f"{path} is not a complete PyTorch checkpoint ({reason}). "
            "Download it again and compare its size."
        ) from error


class _Sparing(io.BufferedReader):
    """A file that refuses to give a huge list of members, of which zipfile makes 10 times as much."""

    lists_members = False

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as any file does."""
        if self.lists_members and size is not None and size > _LONGEST_LIST:
            raise CheckpointError("has more members than any checkpoint. Do not use this file.")
        return super().read(size)


def _open_archive(file: BinaryIO) -> zipfile.ZipFile | None:
    """Open a zip, which torch's own format is too; None if it is none."""
    head = file.read(2)
    file.seek(0)
    if head != b"PK":
        return None
    sparing = file if isinstance(file, _Sparing) else _Sparing(cast("io.RawIOBase", file))
    sparing.lists_members = True
    archive = zipfile.ZipFile(sparing)
    sparing.lists_members = False
    _require_decent(archive.infolist(), _size_of(file))
    return archive


def _size_of(file: BinaryIO) -> int:
    at = file.tell()
    size = file.seek(0, io.SEEK_END)
    file.seek(at)
    return size


def _require_decent(infos: list[zipfile.ZipInfo], size: int) -> None:
    """Refuse an archive that does not mean to be read."""
    unpacked = sum(info.file_size for info in infos if info.compress_type != zipfile.ZIP_STORED)
    stored = sum(info.file_size for info in infos if info.compress_type == zipfile.ZIP_STORED)
    names = [PurePosixPath(info.filename.replace("\\", "/")) for info in infos]
    wrong = {
        any(info.flag_bits & 1 for info in infos): "is protected by a password",
        unpacked > _LARGEST: f"unpacks to more than {_LARGEST >> 20} MiB",
        stored > size: "has members that overlap",
        len(set(names)) < len(names): "has a member twice",
        any(_leads_out(info.filename) for info in infos): "has a path that leads out of it",
    }
    if problem := wrong.get(True):
        raise CheckpointError(f"the archive {problem}. Do not use this file.")


def _leads_out(name: str) -> bool:
    path = PureWindowsPath(name)  # which knows slashes of both kinds
    return bool(path.drive or path.root) or ".." in path.parts


def _root_of_torch(archive: zipfile.ZipFile) -> str | None:
    """Return what stands before ``data.pkl`` if torch wrote this archive, else None.

    Raises:
        CheckpointError: it is an export or arrays of NumPy.
    """
    names = archive.namelist()
    if any(name.endswith("constants.pkl") for name in names):
        raise CheckpointError(
            "is a TorchScript program, not weights. Choose the checkpoint it was made from."
        )
    if any(name.endswith(("archive_format", "serialized_exported_program.json")) for name in names):
        raise CheckpointError(
            "is an exported program of torch, not weights. Choose the checkpoint it was made from."
        )
    if names and all(name.endswith(".npy") for name in names):
        raise CheckpointError(
            "holds NumPy arrays (npz) and no tensors. Choose the PyTorch checkpoint they come from."
        )
    roots = [name.removesuffix("data.pkl") for name in names if name.endswith("data.pkl")]
    return next((root for root in roots if not root or root.endswith("/")), None)


def _folder_members(folder: Path) -> _Members:
    files = list_checkpoints(folder)
    return {file.relative_to(folder).as_posix(): _opener(file) for file in files}


def _opener(path: Path) -> Callable[[], BinaryIO]:
    return lambda: _open_file(path)


def _archive_members(archive: zipfile.ZipFile) -> _Members:
    members: dict[str, Callable[[], BinaryIO]] = {}
    for info in archive.infolist():
        name = PurePosixPath(info.filename.replace("\\", "/"))
        is_file = not info.is_dir() and info.external_attr >> 28 != _LINK
        if is_file and is_checkpoint_name(name) and not is_left_out(name):
            members[name.as_posix()] = lambda info=info: _unpack(archive, info)
    return members


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> BinaryIO:
    if info.file_size > _LARGEST:
        raise CheckpointError(
            f"has more than {_LARGEST >> 20} MiB, too much for a file in an archive. Unpack it."
        )
    return io.BytesIO(archive.read(info))


def _read_members(members: _Members, where: Path) -> dict[str, Tensor]:
    return _read_with_companions(_choose_main(list(members), where), members, where)


def _read_with_companions(main: str, members: _Members, where: Path) -> dict[str, Tensor]:
    weights = _read_one(members[main], where / main)
    folder = PurePosixPath(main).parent
    for name in sorted(members):
        part = PurePosixPath(name)
        if name == main or part.parent != folder or not _is_companion(part):
            continue
        prefix = f"{part.stem}."
        if not any(key.startswith(prefix) for key in weights):
            found = _read_one(members[name], where / name)
            weights |= {prefix + key: value for key, value in found.items()}
    return weights


def _is_companion(name: PurePath) -> bool:
    return name.stem in _COMPANIONS


def _choose_main(names: list[str], where: Path) -> str:
    paths = [PurePosixPath(name) for name in names]
    flownets = [path for path in paths if path.stem == "flownet"]
    top = min((len(path.parts) for path in flownets), default=0)
    upper = [path for path in flownets if len(path.parts) == top]
    others = [path for path in paths if not _is_companion(path)]
    for found in (upper, others, paths):
        if len(found) == 1:
            return str(found[0])
    if not names:
        raise CheckpointError(
            f"{where}: there is no checkpoint in it. Choose a folder or an archive with flownet.pkl "
            "or one other checkpoint."
        )
    listed = ", ".join(shorten(name) for name in sorted(names)[:8])
    raise CheckpointError(
        f"{where}: it is not clear which of these to load, as none or several are called flownet: "
        f"{listed}{' and more' if len(names) > 8 else ''}. Choose the file itself."
    )


def _read_one(open_: Callable[[], BinaryIO], path: Path) -> dict[str, Tensor]:
    with _about(path), open_() as file:
        head = file.read(HEAD_BYTES)
        if reason := not_a_checkpoint(head):
            raise CheckpointError(f"is not a checkpoint but {reason}.")
        file.seek(0)
        network, chosen = select_network(_describe(file, head))
        if chosen is not None:
            _log.warning("%s: of several networks in it, the one under %r is used", path, chosen)
        return read_tensors(network)


def _describe(file: BinaryIO, head: bytes) -> dict[str, StoredTensor]:
    size = _size_of(file)
    if looks_like_safetensors(head):
        return describe_safetensors(file, size)
    archive = _open_archive(file)
    if archive is None:
        return describe_chain(file, size)
    root = _root_of_torch(archive)
    if root is None:
        raise CheckpointError("is an archive in an archive. Unpack it, and choose what was in it.")
    return describe_zip(archive, root)
