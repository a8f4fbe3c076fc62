"""Memory that has run out, whatever the device says of it."""

from __future__ import annotations

import re

import torch

_COMPLAINTS = re.compile(
    r"out of memory|can't allocate memory|not enough memory|_STATUS_ALLOC_FAILED", re.IGNORECASE
)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that memory has run out, of a GPU or of the machine.

    ``torch.OutOfMemoryError`` is raised for CUDA and XPU. CPUs and MPS raise a plain ``RuntimeError``, as
    do cuDNN and cuBLAS.
    """
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and bool(_COMPLAINTS.search(str(error)))


def free_bytes(device: torch.device) -> int | None:
    """Tell how much memory of a device is free, or kept by torch for whatever comes next; None: unknown."""
    if device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
