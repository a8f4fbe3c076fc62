"""What is trained: a v4 network that shows the frame after each of its blocks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rife_arch.networks import IFNet, Pair

ENCODER = "network.encode."
"""What the names of the encoder's weights begin with."""


class Trainee(nn.Module):
    """Two frames and a timestep -> the frame there, as each block leaves it.

    A module of its own, so that one call reaches all weights: gradients of several processes are
    averaged around it.
    """

    def __init__(self, network: IFNet, *, freezes_encoder: bool = False) -> None:
        """Take a network that has gradients; see ``rife_arch.load.load_trainable``.

        Args:
            network: is trained in place.
            freezes_encoder: leave the feature encoder as it is.
        """
        super().__init__()
        self.network = network
        for name, weight in self.named_parameters():
            weight.requires_grad_(not (freezes_encoder and name.startswith(ENCODER)))

    def forward(
        self,
        img0: Tensor,
        img1: Tensor,
        timestep: Tensor,
        dtype: torch.dtype = torch.float32,
    ) -> list[Tensor]:
        """Interpolate.

        Args:
            img0: [B, 3, H, W] in [0, 1]; H and W divisible by ``pad_multiple``.
            img1: the same shape.
            timestep: [B, 1, 1, 1] in (0, 1).
            dtype: of the convolutions that half precision suits; the encoder keeps float32, as motion
                is found from its features.

        Returns:
            [B, 3, H, W] float32 for each block, coarse to fine: the last is the result.
        """
        pair = Pair(self.network.encode_frame(img0), self.network.encode_frame(img1))
        with torch.autocast(img0.device.type, dtype, enabled=dtype != torch.float32):
            return self.network.every_step(pair, timestep)

    @property
    def pad_multiple(self) -> int:
        """What the sides of a crop must be divisible by, px."""
        return self.network.config.pad_multiple(1.0)
