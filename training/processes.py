"""Several processes that train one network, each with its share of every batch: ``torchrun train.py``."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist

from vfi.errors import InputError

# Others wait while the first cuts clips into samples.
_PATIENCE = timedelta(days=1)


@dataclass(frozen=True)
class Processes:
    """This process among those that train together.

    Attributes:
        rank: its number, from 0.
        count: how many there are.
    """

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether it is the one that speaks and writes."""
        return self.rank == 0

    def shares(self, batch: int, parts: int) -> list[slice]:
        """Divide the part of a batch that this process has into equal slices.

        Raises:
            InputError: it cannot be divided so.
        """
        if batch % (self.count * parts):
            raise InputError(
                f"--batch {batch} cannot be divided among {self.count} processes in {parts} parts each. Choose a "
                f"multiple of {self.count * parts}."
            )
        own = batch // self.count
        size = own // parts
        begin = self.rank * own
        return [slice(begin + size * part, begin + size * (part + 1)) for part in range(parts)]

    def wait(self) -> None:
        """Wait until all are here."""
        if self.count > 1:
            dist.barrier()

    def averaged(self, values: Sequence[float], device: torch.device) -> list[float]:
        """Average values over all processes."""
        if self.count == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64, device=device)
        dist.all_reduce(tensor)
        return (tensor / self.count).tolist()


@contextmanager
def joined(device: torch.device) -> Generator[tuple[Processes, torch.device], None, None]:
    """Join the processes that torchrun has started; alone without it.

    Args:
        device: that was asked for; each process takes a GPU of its own.

    Yields:
        This process, and where it trains.
    """
    if not dist.is_torchelastic_launched():
        yield Processes(), device
        return
    if device.type == "cuda":
        local = torch.distributed.distributed_c10d.get_node_local_rank(0)
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield Processes(dist.get_rank(), dist.get_world_size()), device
    finally:
        dist.destroy_process_group()
