"""The header of a safetensors file -> descriptions of its tensors.

Eight bytes of length, JSON, then the data of one tensor after the other, without gaps or overlaps.
The package safetensors reads a file whole before it says how large the tensors are, so the header
is read here; safetensors is still what writes.
"""

from __future__ import annotations

import json
import math
from typing import Any, BinaryIO, cast

import torch

from .stored import Storage, StoredTensor, read_range

_LARGEST_HEADER = 4 << 20  # bytes; that of the largest release has 0.02 MB
_METADATA = "__metadata__"
_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "C64": torch.complex64,
}


def looks_like_safetensors(head: bytes) -> bool:
    """Whether a file that begins so is meant to be safetensors."""
    return head[8:9] == b"{" and head[:2] != b"PK"


def describe_safetensors(file: BinaryIO, size: int) -> dict[str, StoredTensor]:
    """Read the header.

    Args:
        file: stays open until the tensors are read.
        size: bytes of the file.

    Raises:
        ValueError: it is damaged; the message says how.
    """
    length, rows = _read_header(file, size)
    rows.pop(_METADATA, None)
    ranges: list[tuple[int, int]] = []
    tensors: dict[str, StoredTensor] = {}
    for name, row in rows.items():
        dtype, shape, begin, end = _parse_row(name, row)
        ranges.append((begin, end))
        storage = Storage(name, end - begin, read_range(file, 8 + length + begin, end - begin))
        tensors[name] = StoredTensor(storage, dtype, 0, shape, _strides(shape))
    _require_gapless(ranges, size - 8 - length)
    return tensors


def read_metadata(file: BinaryIO, size: int) -> dict[str, str]:
    """Read the notes of whoever wrote the file; see ``describe_safetensors``."""
    found = _read_header(file, size)[1].get(_METADATA)
    notes = cast("dict[object, object]", found) if isinstance(found, dict) else {}
    return {str(name): value for name, value in notes.items() if isinstance(value, str)}


def _read_header(file: BinaryIO, size: int) -> tuple[int, dict[str, Any]]:
    """Return the header's length in bytes, and what it says."""
    length = int.from_bytes(file.read(8), "little")
    if length > min(_LARGEST_HEADER, size - 8):
        raise ValueError(f"its header claims {length:,} bytes")
    header: object = json.loads(file.read(length).decode(), object_pairs_hook=_without_repeats)
    if not isinstance(header, dict):
        raise ValueError("its header is no table")  # noqa: TRY004  one kind for all damage
    return length, cast("dict[str, Any]", header)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("its header has a name twice")
    return table


def _parse_row(name: str, row: Any) -> tuple[torch.dtype, tuple[int, ...], int, int]:
    try:
        dtype, shape = _DTYPES[row["dtype"]], tuple(row["shape"])
        begin, end = row["data_offsets"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"its header does not describe {name[:80]!r} as a tensor") from error
    if any(type(value) is not int or value < 0 for value in (*shape, begin, end)):
        raise ValueError(f"a size of {name[:80]!r} is no number")
    if not math.prod(shape):
        raise ValueError(f"{name[:80]!r} is empty")
    if len(shape) > 8 or end - begin != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{name[:80]!r} has {end - begin} bytes, which do not fit its shape")
    return dtype, shape, begin, end


def _require_gapless(ranges: list[tuple[int, int]], num_bytes: int) -> None:
    at = 0
    for begin, end in sorted(ranges):
        if begin != at:
            raise ValueError("its tensors overlap or leave gaps")
        at = end
    if at != num_bytes:
        raise ValueError(f"its tensors need {at:,} bytes, and {num_bytes:,} are there")


def _strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))
