"""How many threads torch computes with on a CPU."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch


@contextmanager
def torch_threads(count: int) -> Generator[None, None, None]:
    """Let torch use so many threads for what the caller does in the block.

    All but one keep waiting in a loop for some milliseconds after what they did, and would take the cores from
    the compiled loops that come next. So short work is done with one.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
