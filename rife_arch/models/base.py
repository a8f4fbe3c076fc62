"""What a loaded network tells of itself, whatever it makes of frames."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Generic, TypeVar

import torch

from ..networks import SAFA, Network

NetworkT = TypeVar("NetworkT", bound=Network | SAFA)


class LoadedNetwork(Generic[NetworkT]):
    """A network with the weights of one checkpoint.

    Attributes:
        network: the network; its device and precision are those of this.
        name: the release, or what is known of it.
    """

    def __init__(self, network: NetworkT, name: str) -> None:
        self.network = network
        self.name = name

    @property
    def device(self) -> torch.device:
        """Where the network runs; inputs are moved there."""
        return next(self.network.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the convolutions; the lowest, where some must be finer."""
        dtypes = {parameter.dtype for parameter in self.network.parameters()}
        return min(dtypes, key=lambda dtype: dtype.itemsize)

    @property
    def precision(self) -> str:
        """``dtype`` by its short name: fp32, fp16 or bf16."""
        return {torch.float16: "fp16", torch.bfloat16: "bf16"}.get(self.dtype, "fp32")

    @cached_property
    def identity(self) -> str:
        """What tells what it makes from what others make: a hash of weights, network, precision."""
        details = repr(self.network.config), self.precision, self.device.type
        digest = hashlib.sha256(repr(details).encode())
        for name, weight in sorted(self.network.state_dict().items()):
            digest.update(name.encode())
            digest.update(weight.cpu().contiguous().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()
