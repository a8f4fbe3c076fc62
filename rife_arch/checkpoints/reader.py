"""Read checkpoints from files, folders and archives, safely.

The only place that unpickles anything, always with ``weights_only``: tensors and plain containers
are built, everything else is refused, so a file cannot run code. From a folder or an archive only
weights are read, never the Python files beside them; archives are not extracted to disk.
"""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, TypeAlias, cast

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ..errors import CheckpointError
from .canonicalize import strip_prefixes

SUFFIXES = (".safetensors", ".pkl", ".pth", ".pt")
_WRAPPERS = ("state_dict", "model", "params", "params_ema")
_COMPANIONS = ("contextnet", "unet")  # of flownet, in generations 2.0-3.1
_HEAD_BYTES = 512
_LARGEST = 1 << 30  # bytes; the largest released checkpoint has 0.1 GB
_Members: TypeAlias = Mapping[str, Callable[[], BinaryIO]]


def read_state_dict(path: Path | str) -> dict[str, Tensor]:
    """Read name -> tensor from a checkpoint, on the CPU.

    Args:
        path: a file, a folder or an archive as upstream publishes them (with or without
            ``train_log/``). A flownet is joined by the contextnet and unet beside it.

    Raises:
        CheckpointError: it is missing, damaged or something else; the message says what.
    """
    path = Path(path)
    if path.is_dir():
        return _read_members(_folder_members(path), path)
    if not path.exists():
        raise CheckpointError(f"{path}: there is no such file or folder. Check the path.")
    try:
        archive_members = _archive_members(path)
        if archive_members is not None:
            return _read_members(archive_members, path)
        siblings = _folder_members(path.parent) if path.stem == "flownet" else {}
        companions = {name: open_ for name, open_ in siblings.items() if _is_companion(name)}
        return _read_members({path.name: lambda: path.open("rb"), **companions}, path.parent)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error}).") from error


def _folder_members(folder: Path) -> _Members:
    files = [
        file
        for place in (folder, folder / "train_log")
        if place.is_dir()
        for file in sorted(place.iterdir())
        if file.suffix in SUFFIXES
    ]
    return {file.name: lambda file=file: file.open("rb") for file in reversed(files)}


def _archive_members(path: Path) -> _Members | None:
    """List the checkpoints in an upstream archive; None if ``path`` is a checkpoint itself."""
    if not zipfile.is_zipfile(path):
        return None
    archive = zipfile.ZipFile(path)
    infos = archive.infolist()
    if sum(info.file_size for info in infos) > _LARGEST:
        raise CheckpointError(
            f"{path}: the archive unpacks to more than {_LARGEST >> 20} MiB. Do not use this file."
        )
    names = [PurePosixPath(info.filename.replace("\\", "/")) for info in infos]
    if any(name.is_absolute() or ".." in name.parts for name in names):
        raise CheckpointError(
            f"{path}: the archive has a path that leads out of it. Do not use this file."
        )
    if any(name.name == "data.pkl" for name in names):
        return None  # PyTorch's own format is an archive too
    weights = [
        (name, info)
        for name, info in zip(names, infos, strict=True)
        if name.suffix in SUFFIXES and "__MACOSX" not in name.parts
    ]
    return {name.name: lambda info=info: io.BytesIO(archive.read(info)) for name, info in weights}


def _read_members(members: _Members, where: Path) -> dict[str, Tensor]:
    main = _choose_main(list(members), where)
    weights = _read_one(members[main], where / main)
    parts = {name for name in members if name != main and _is_companion(name)}
    for name in sorted(parts):
        prefix = f"{Path(name).stem}."
        if not any(key.startswith(prefix) for key in weights):
            part = _read_one(members[name], where / name)
            weights |= {prefix + key: value for key, value in part.items()}
    return weights


def _is_companion(name: str) -> bool:
    return Path(name).stem in _COMPANIONS


def _choose_main(names: list[str], where: Path) -> str:
    flownets = [name for name in names if Path(name).stem == "flownet"]
    others = [name for name in names if not _is_companion(name)]
    for found in (flownets, others, names):
        if len(found) == 1:
            return found[0]
    if not names:
        raise CheckpointError(
            f"{where}: there is no checkpoint in it. Choose a folder or an archive with flownet.pkl "
            "or one other checkpoint."
        )
    raise CheckpointError(
        f"{where}: it is not clear which of these to load, as none or several are called flownet: "
        f"{', '.join(sorted(names))}. Choose the file itself."
    )


def _read_one(open_: Callable[[], BinaryIO], path: Path) -> dict[str, Tensor]:
    with open_() as file:
        head = file.read(_HEAD_BYTES)
        if reason := _not_a_checkpoint(head):
            raise CheckpointError(f"{path} is not a checkpoint but {reason}.")
        file.seek(0)
        is_safetensors = head[8:9] == b"{" and head[:2] != b"PK"
        read = _read_safetensors if is_safetensors else _read_pickle
        return strip_prefixes(_unwrap(read(file, path), path))


def _not_a_checkpoint(head: bytes) -> str | None:
    """Recognise what users commonly have instead of a checkpoint; None for none of these."""
    text = head.lstrip().lower()
    known = {
        not head: "an empty file. Download it again",
        text.startswith((b"<!doctype", b"<html", b"<?xml")): (
            "a web page saved under this name. Download the file itself, not its page"
        ),
        text.startswith(b"version https://git-lfs"): (
            "a Git LFS pointer. Run 'git lfs pull', or download the file itself"
        ),
        head[:1] == b"\x08" and (b"pytorch" in head[:64] or b"onnx" in head[:64]): (
            "an ONNX export. Choose the PyTorch checkpoint of this version"
        ),
        text.startswith(b"7767517"): (
            "an ncnn export. Choose the PyTorch checkpoint of this version"
        ),
    }
    return known.get(True)


def _read_safetensors(file: BinaryIO, path: Path) -> object:
    try:
        return safetensors.torch.load(file.read())
    except safetensors.SafetensorError as error:
        raise CheckpointError(
            f"{path} is not a complete safetensors file ({error}). "
            "Download it again and compare its size."
        ) from error


def _read_pickle(file: BinaryIO, path: Path) -> object:
    try:
        with warnings.catch_warnings():
            # Pickles of other protocols are read or refused like any other.
            warnings.filterwarnings("ignore", message="Detected pickle protocol")
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(_explain_unpickling(path, str(error))) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError) as error:
        raise CheckpointError(
            f"{path} is not a complete PyTorch checkpoint ({_first_line(error)}). "
            "Download it again and compare its size."
        ) from error


def _explain_unpickling(path: Path, reason: str) -> str:
    wordings = ("unsupported global", "unsupported class", "is blocked")  # of torch
    if any(wording in reason.lower() for wording in wordings):
        return (
            f"{path} is a pickle that wants to run code, which weights never do. "
            "It was not run. Do not use this file; download the checkpoint from its author."
        )
    return f"{path} is not a PyTorch checkpoint. Choose another file."


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]


def _unwrap(content: object, path: Path) -> dict[str, Tensor]:
    while isinstance(content, dict):
        wrapped = cast("dict[str, Any]", content)
        inner = next(
            (wrapped[key] for key in _WRAPPERS if isinstance(wrapped.get(key), dict)), None
        )
        if inner is None:
            break
        content = inner
    if isinstance(content, dict):
        items = cast("dict[object, object]", content).items()
        tensors = {key: v for key, v in items if isinstance(key, str) and isinstance(v, Tensor)}
        if tensors:
            return tensors
    raise CheckpointError(
        f"{path} has no weights with names: it holds a {type(content).__name__} without tensors. "
        "Choose a RIFE checkpoint."
    )
