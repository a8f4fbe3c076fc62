"""What ``torch.save`` writes -> descriptions of its tensors.

Since 1.6 that is a zip of a pickle and one member for each storage, before it was a chain of pickles
with the storages behind them.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any, BinaryIO, cast

import torch

from ..errors import CheckpointError
from .globals import problem_with
from .pickles import LARGEST_PICKLE, Global, Made, Persistent, read_pickle
from .stored import Storage, StoredTensor, read_range

MAGIC = 0x1950A86A20F9469CFC6C  # of the chain of pickles
_LENGTH = 8  # bytes before each storage of the chain: its number of elements
_STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "ComplexFloatStorage": torch.complex64,
    "ComplexDoubleStorage": torch.complex128,
}
_REBUILD = {f"torch._utils._rebuild_tensor{suffix}" for suffix in ("", "_v2", "_v3")}
_WRAPPED = {"torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state"}
_DEEPEST = 10  # dictionaries and lists in one another
_LONGEST = 500  # characters of a name
_NUMPY = (
    "holds NumPy arrays and no tensors. In Python, make tensors of them (torch.from_numpy) and save "
    "these with torch.save."
)
_Storages = Callable[[str, int], "Storage | None"]


def describe_zip(archive: zipfile.ZipFile, root: str) -> dict[str, StoredTensor]:
    """Describe the tensors in a zip that torch wrote.

    Args:
        archive: stays open until the tensors are read.
        root: what stands before ``data.pkl`` in the names of its members.
    """
    members = {info.filename: info for info in archive.infolist()}
    program = members[f"{root}data.pkl"]
    order = members.get(f"{root}byteorder")
    if order is not None and order.file_size < LARGEST_PICKLE and archive.read(order) == b"big":
        raise CheckpointError(
            "it was saved on a big-endian machine. Save it again on a common one with torch.save."
        )

    def find(key: str, _claimed: int) -> Storage | None:
        info = members.get(f"{root}data/{key}")
        if info is None:
            return None
        return Storage(key, info.file_size, lambda: bytearray(archive.read(info)))

    with archive.open(program) as member:
        listing = _require_short(member.read(LARGEST_PICKLE + 1))
    content, names = read_pickle(BytesIO(listing))
    return _describe(content, names, find)


def describe_chain(file: BinaryIO, size: int) -> dict[str, StoredTensor]:
    """Describe the tensors in a chain of pickles, or in a pickle of another program.

    Args:
        file: at its beginning; stays open until the tensors are read.
        size: bytes of the file.
    """
    programs = BytesIO(file.read(LARGEST_PICKLE))
    try:
        content, names = read_pickle(programs)
    except ValueError:
        if size > LARGEST_PICKLE:
            _require_short(programs.getvalue() + b".")
        raise
    if content != MAGIC:
        return _describe(content, names, lambda _key, _claimed: None)
    read_pickle(programs)  # version of the format
    read_pickle(programs)  # of the machine
    content, names = read_pickle(programs)
    keys, _ = read_pickle(programs)
    storages = _lay_out(content, keys, file, programs.tell(), size)
    return _describe(content, names, lambda key, _claimed: storages.get(key))


def _lay_out(
    content: object, keys: object, file: BinaryIO, at: int, size: int
) -> dict[str, Storage]:
    """Find each storage behind the pickles: they follow one another in the order of ``keys``."""
    widths = {key: dtype.itemsize for key, dtype in _storage_types(content)}
    storages: dict[str, Storage] = {}
    for key in cast("list[object]", keys) if isinstance(keys, list) else []:
        if not isinstance(key, str) or key not in widths:
            raise ValueError("its list of storages is damaged")
        file.seek(at)
        num_bytes = int.from_bytes(file.read(_LENGTH), "little") * widths[key]
        at += _LENGTH
        if at + num_bytes > size:
            raise ValueError(f"a storage claims {num_bytes:,} bytes, and the file ends before")
        storages[key] = Storage(key, num_bytes, read_range(file, at, num_bytes))
        at += num_bytes
    return storages


def _storage_types(content: object) -> list[tuple[str, torch.dtype]]:
    """List the storages that a pickle refers to, each with the type of its elements."""
    found: list[tuple[str, torch.dtype]] = []
    seen: set[int] = set()
    queue: list[object] = [content]
    while queue:
        value = queue.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Persistent) and (parts := _parts(value)):
            found.append((parts[0], parts[1] or torch.uint8))
        elif isinstance(value, Made):
            queue += value.arguments
        elif isinstance(value, dict):
            queue += cast("dict[object, object]", value).values()
        elif isinstance(value, (list, tuple)):
            queue += cast("list[object]", value)
    return found


def _describe(content: object, names: list[str], storages: _Storages) -> dict[str, StoredTensor]:
    if problem := problem_with(names):
        raise CheckpointError(problem)
    tensors: dict[str, StoredTensor] = {}
    _collect(content, "", 0, storages, tensors, set())
    if not tensors:
        raise CheckpointError(_without_tensors(content, names))
    return tensors


def _collect(
    value: object,
    name: str,
    depth: int,
    storages: _Storages,
    tensors: dict[str, StoredTensor],
    seen: set[int],
) -> None:
    """Gather the tensors in nested dictionaries and lists under the names of all of them, joined by dots."""
    if isinstance(value, Made):
        if (tensor := _tensor(value, name, storages)) is not None:
            tensors[name] = tensor
    elif isinstance(value, (dict, list, tuple)) and id(value) not in seen and depth < _DEEPEST:
        seen.add(id(value))
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in cast("Iterable[tuple[object, object]]", items):
            if isinstance(key, (str, int)) and len(str(key)) <= _LONGEST:
                inner_name = f"{name}.{key}" if name else str(key)
                _collect(inner, inner_name, depth + 1, storages, tensors, seen)


def _tensor(made: Made, name: str, storages: _Storages) -> StoredTensor | None:
    function = made.function.name if isinstance(made.function, Global) else ""
    arguments: tuple[Any, ...] = made.arguments
    if function == "torch._tensor._rebuild_from_type_v2" and len(arguments) > 2:
        return _tensor(Made(arguments[0], arguments[2]), name, storages)
    if function in _WRAPPED and arguments and isinstance(arguments[0], Made):
        return _tensor(arguments[0], name, storages)
    if function not in _REBUILD:
        if function.startswith("torch._utils._rebuild_"):
            kind = function.removeprefix("torch._utils._rebuild_")
            raise CheckpointError(
                f"its weight {name[:80]} is not stored plainly ({kind}). Save it as a dense tensor "
                "with torch.save."
            )
        return None
    if len(arguments) < 4:
        raise ValueError(f"the weight {name[:80]} is not described")
    storage, offset, shape, stride = arguments[0], arguments[1], arguments[2], arguments[3]
    parts = _parts(storage)
    if parts is None:
        raise ValueError(f"the weight {name[:80]} refers to nothing")
    key, dtype, claimed = parts
    if dtype is None:  # since torch 2.0 the rarer types have storages of bytes
        dtype = _named_dtype(arguments[6] if len(arguments) > 6 else None)
    found = storages(key, claimed)
    if found is None:
        raise ValueError(f"the numbers of {name[:80]} are not in the file")
    return StoredTensor(found, dtype, offset, _sizes(shape), _sizes(stride))


def _parts(storage: object) -> tuple[str, torch.dtype | None, int] | None:
    """Return key, type and claimed length of what ``Persistent`` refers to, if it is a storage."""
    key = storage.key if isinstance(storage, Persistent) else None
    if not isinstance(key, tuple) or len(cast("tuple[Any, ...]", key)) < 5 or key[0] != "storage":
        return None
    _, kind, name, _, claimed = cast("tuple[Any, ...]", key)[:5]
    if not isinstance(kind, Global):
        return None
    last = kind.name.rpartition(".")[2]
    if last == "UntypedStorage":
        return str(name), None, claimed
    if last not in _STORAGES:
        raise CheckpointError(
            f"its weights are of a kind that no network here has ({last[:40]}). Save them as "
            "float32 with torch.save."
        )
    return str(name), _STORAGES[last], claimed


def _named_dtype(value: object) -> torch.dtype:
    name = value.name.removeprefix("torch.") if isinstance(value, Global) else ""
    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype):
        raise ValueError("the type of a weight is missing")  # noqa: TRY004  one kind for all damage
    return dtype


def _sizes(value: object) -> tuple[int, ...]:
    if isinstance(value, Made) and value.arguments:  # torch.Size
        value = value.arguments[0]
    if not isinstance(value, (tuple, list)):
        raise ValueError("the shape of a weight is missing")  # noqa: TRY004
    return tuple(cast("tuple[int, ...]", value))


def _without_tensors(content: object, names: list[str]) -> str:
    if any(name.startswith("numpy.") for name in names):
        return _NUMPY
    kind = "program's object" if isinstance(content, Made) else type(content).__name__
    return (
        f"has no weights with names: it holds a {kind} without tensors. Choose a RIFE checkpoint."
    )


def _require_short(program: bytes) -> bytes:
    """Refuse a pickle that is longer than read; ``program`` is what was read of it."""
    if len(program) <= LARGEST_PICKLE:
        return program
    if b"numpy" in program:
        raise CheckpointError(_NUMPY)
    raise CheckpointError(
        f"it needs more than {LARGEST_PICKLE >> 20} MiB to list its contents, and no checkpoint does. "
        "Choose a RIFE checkpoint."
    )
