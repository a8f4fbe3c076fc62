"""Configuration -> network: the three structures behind all releases, and the enhancer's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import Tensor, nn

from .config import HDv3Config, IFNetConfig, NetworkConfig, SafaConfig
from .ifnet import IFNet
from .ifnet_legacy import HDv3Net, ThreeFileNet
from .safa import SAFA

Network: TypeAlias = IFNet | HDv3Net | ThreeFileNet


def make_network(config: NetworkConfig) -> Network:
    """Make the network that ``config`` describes, with uninitialised weights."""
    if isinstance(config, IFNetConfig):
        return IFNet(config)
    return HDv3Net(config) if isinstance(config, HDv3Config) else ThreeFileNet(config)


def build_network(config: NetworkConfig, weights: Mapping[str, Tensor]) -> Network:
    """Make the network and give it ``weights``, which must fit exactly."""
    with torch.device("meta"):  # no memory and no initialisation for weights about to be replaced
        network = make_network(config)
    network.load_state_dict(weights, strict=True, assign=True)
    if isinstance(network, IFNet):
        network.fold()
    _prepare_for_use(network)
    return network


def build_trainable(config: IFNetConfig, weights: Mapping[str, Tensor]) -> IFNet:
    """Make the network as it was published, for gradients; ``weights`` are copied."""
    with torch.device("meta"):
        network = IFNet(config)
    network.load_state_dict({name: weights[name].clone() for name in weights}, assign=True)
    return network.train().requires_grad_()


def build_enhancer(config: SafaConfig, weights: Mapping[str, Tensor]) -> SAFA:
    """Make the enhancer and give it ``weights``, which must fit exactly."""
    with torch.device("meta"):
        network = SAFA(config)
    network.load_state_dict(weights, strict=True, assign=True)
    _prepare_for_use(network)
    return network


def _prepare_for_use(network: nn.Module) -> None:
    """Lay weights out for speed and switch training off."""
    if not torch.backends.mps.is_available():  # where the layout has no faster convolutions
        for parameter in network.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    network.eval().requires_grad_(False)


def set_precision(network: Network | SAFA, dtype: torch.dtype) -> None:
    """Convert those convolutions of a network whose precision does not show in the result."""
    if isinstance(network, (IFNet, SAFA)):
        network.set_precision(dtype)
    else:
        network.to(dtype)


def expected_shapes(config: NetworkConfig | SafaConfig) -> dict[str, tuple[int, ...]]:
    """Return name -> shape of every weight of the network, without allocating it."""
    with torch.device("meta"):
        network = SAFA(config) if isinstance(config, SafaConfig) else make_network(config)
    return {key: tuple(value.shape) for key, value in network.state_dict().items()}
