"""What every loaded network has, whatever it makes of frames."""

from __future__ import annotations

import hashlib
import logging
from copy import deepcopy
from functools import cached_property
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from ..errors import CheckpointError
from ..networks import SAFA, Network
from .overflow import FinitenessCheck

_log = logging.getLogger(__name__)
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
        self._float32_copy: NetworkT | None = None

    @property
    def device(self) -> torch.device:
        """Where the network runs; inputs are moved there."""
        return device_of(self.network)

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the convolutions; the lowest, where some need a higher one."""
        return lowest_dtype(self.network)

    @property
    def precision(self) -> str:
        """``dtype`` by its short name: fp32, fp16 or bf16."""
        return precision_name(self.dtype)

    @property
    def identity(self) -> str:
        """A hash of weights, configuration, precision and device: equal where the results are."""
        return self.identity_on(self.device)

    def identity_on(self, device: torch.device) -> str:
        """Return ``identity`` for a network that is going to be moved to ``device``."""
        details = repr(self.network.config), self.precision, device.type, self._weights_hash
        return hashlib.sha256(repr(details).encode()).hexdigest()

    @cached_property
    def _weights_hash(self) -> str:
        digest = hashlib.sha256()
        for name, weight in sorted(self.network.state_dict().items()):
            digest.update(name.encode())
            digest.update(weight.cpu().contiguous().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    def _has_overflowed(self, out: Tensor) -> bool:
        """Tell whether the values passed what half precision can hold.

        Raises:
            CheckpointError: they passed what float32 can hold, so no precision could help.
        """
        return self._is_overflow(FinitenessCheck(out))

    def _is_overflow(self, check: FinitenessCheck) -> bool:
        """Tell the same of a result that was asked about before."""
        if check.is_finite():
            return False
        if self.dtype == torch.float32:
            raise self._damaged()
        return True

    def _damaged(self) -> CheckpointError:
        return CheckpointError(
            f"{self.name}: the network gave NaN or infinity, in fp32 and of frames that hold none. Its "
            "weights are damaged: download the checkpoint again, or choose another."
        )

    def _in_float32(self, label: str) -> NetworkT:
        """Return a copy of the network with all convolutions in float32; warn the first time."""
        if self._float32_copy is None:
            _log.warning(
                "%s in %s gave NaN or infinity; such frames are computed again in fp32. "
                "Choose the precision fp32 to save that time.",
                label,
                self.precision,
            )
            self._float32_copy = deepcopy(self.network).float()
        return self._float32_copy


def precision_name(dtype: torch.dtype) -> str:
    """Return the short name of a precision: fp32, fp16 or bf16."""
    return {torch.float16: "fp16", torch.bfloat16: "bf16"}.get(dtype, "fp32")


def device_of(network: nn.Module) -> torch.device:
    """Return where a network runs."""
    return next(network.parameters()).device


def lowest_dtype(network: nn.Module) -> torch.dtype:
    """Return the lowest precision among the weights of a network."""
    dtypes = {parameter.dtype for parameter in network.parameters()}
    return min(dtypes, key=lambda dtype: dtype.itemsize)
