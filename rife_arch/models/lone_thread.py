"""Short work on a CPU without torch's threads."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch


@contextmanager
def lone_thread() -> Generator[None, None, None]:
    """Let torch compute in this thread alone, for the block.

    Its others keep waiting in a loop for some milliseconds after what they did, and would take the cores from
    the compiled loops that come next.
    """
    count = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(count)
