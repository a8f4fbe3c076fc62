"""A tensor as a file describes it, checked before a byte of it is read.

A file can claim anything: 2^40 elements of a storage of four bytes, or a thousand names for the same
data. So every container is first read as descriptions; ``read_tensors`` allocates nothing until
they are shown to fit into the bytes that are there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO

import torch
from torch import Tensor

from ..errors import CheckpointError

MOST_WEIGHTS = 5_000
"""Names; the largest released network has 444."""
MOST_NUMBERS = 1 << 26
"""Numbers in all weights together, 256 MiB as float32; the largest released network has 2^25."""


@dataclass(frozen=True, slots=True)
class Storage:
    """A run of bytes in a file.

    Attributes:
        key: tells it from the others of its file.
        num_bytes: how many the file has; measured, not what a description claims.
        read: returns them, as a buffer of its own.
    """

    key: str
    num_bytes: int
    read: Callable[[], bytearray]


def read_range(file: BinaryIO, at: int, num_bytes: int) -> Callable[[], bytearray]:
    """Return what reads a run of bytes of a file that stays open."""

    def read() -> bytearray:
        file.seek(at)
        return bytearray(file.read(num_bytes))

    return read


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A view of a storage.

    Attributes:
        storage: where its numbers are.
        dtype: of one number.
        offset: of its first number, in numbers.
        shape: size of each dimension.
        stride: distance between neighbours in each dimension, in numbers.
    """

    storage: Storage
    dtype: torch.dtype
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def num_elements(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)

    def problem(self) -> str:
        """Say why it cannot be a weight; empty if it can."""
        sizes = (self.offset, *self.shape, *self.stride)
        if any(type(size) is not int or size < 0 for size in sizes):
            return "has a negative or odd size"
        if len(self.shape) != len(self.stride) or len(self.shape) > 8:
            return f"has {len(self.shape)} dimensions and {len(self.stride)} strides"
        if not self.num_elements:
            return f"is empty: its shape is {list(self.shape)}"
        if self.num_elements > self._capacity:
            return f"claims {self.num_elements:,} numbers where the file holds {self._capacity:,}"
        steps = zip(self.shape, self.stride, strict=True)
        last = self.offset + sum((size - 1) * step for size, step in steps)
        if last >= self._capacity:
            return f"reaches beyond the {self._capacity:,} numbers that the file holds"
        return ""

    @property
    def _capacity(self) -> int:
        return self.storage.num_bytes // self.dtype.itemsize


def read_tensors(stored: Mapping[str, StoredTensor]) -> dict[str, Tensor]:
    """Check all descriptions, then read the tensors, each into memory of its own size.

    Raises:
        CheckpointError: a description is impossible or too large; the message goes on from the name
            of the file.
    """
    if len(stored) > MOST_WEIGHTS:
        raise CheckpointError(
            f"it has {len(stored):,} weights, and no RIFE network has more than {MOST_WEIGHTS:,}. "
            "Choose a RIFE checkpoint."
        )
    for name, tensor in stored.items():
        if problem := tensor.problem():
            raise CheckpointError(
                f"its weight {shorten(name)} {problem}. The file is damaged or was made to do harm: "
                "download it again from its author."
            )
    _require_moderate(stored)
    return _read(stored)


def _require_moderate(stored: Mapping[str, StoredTensor]) -> None:
    total = sum(tensor.num_elements for tensor in stored.values())
    if total > MOST_NUMBERS:
        raise CheckpointError(
            f"its weights have {total:,} numbers, and no RIFE network has more than "
            f"{MOST_NUMBERS:,}. Choose a RIFE checkpoint."
        )
    storages = {tensor.storage.key: tensor.storage for tensor in stored.values()}
    needed = sum(tensor.num_elements * tensor.dtype.itemsize for tensor in stored.values())
    if needed > sum(storage.num_bytes for storage in storages.values()):
        raise CheckpointError(
            "several of its weights are the same bytes of the file, which no network has. "
            "The file is damaged or was made to do harm: download it again from its author."
        )


def _read(stored: Mapping[str, StoredTensor]) -> dict[str, Tensor]:
    by_storage: dict[str, list[str]] = {}
    for name, tensor in stored.items():
        by_storage.setdefault(tensor.storage.key, []).append(name)
    tensors: dict[str, Tensor] = {}
    for names in by_storage.values():  # so that one storage at a time is in memory
        storage = stored[names[0]].storage
        data = storage.read()
        if len(data) != storage.num_bytes:
            raise CheckpointError(
                f"it ends within its weight {shorten(names[0])}. Download it again and compare its "
                "size."
            )
        tensors |= {name: _view(stored[name], data, len(names) > 1) for name in names}
    return {name: tensors[name] for name in stored}


def _view(tensor: StoredTensor, data: bytearray, is_shared: bool) -> Tensor:
    usable = len(data) // tensor.dtype.itemsize
    flat = torch.frombuffer(data, dtype=tensor.dtype, count=usable)
    view = flat.as_strided(tensor.shape, tensor.stride, tensor.offset)
    # A small part of a large storage would keep all of it in memory.
    return view.clone() if is_shared or 2 * tensor.num_elements < usable else view


def shorten(name: str) -> str:
    """Return a name for a message: a hostile one may have megabytes or control characters."""
    text = name if name.isprintable() else ascii(name)[1:-1]
    return text if len(text) <= 80 else f"{text[:77]}..."
