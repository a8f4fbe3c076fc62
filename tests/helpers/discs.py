"""A drawn object whose place can be told to a part of a pixel."""

from __future__ import annotations

import torch
from torch import Tensor

WIDTH, HEIGHT = 128, 64
SIGMA = 9.0  # px; the disc's edge is soft, so that parts of a pixel can be told


def disc(x: float) -> Tensor:
    """A bright disc with its centre at column ``x``, on a texture: [H, W, 3] uint8."""
    row, column = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    distance = ((row - HEIGHT / 2) ** 2 + (column - x) ** 2).sqrt()
    light = torch.sigmoid((SIGMA - distance) * 2)[..., None]
    ground = 60 + 25 * torch.sin(row / 3)[..., None] * torch.cos(column / 4)[..., None]
    colour = torch.tensor([250.0, 220.0, 90.0])
    return torch.lerp(ground.expand(-1, -1, 3), colour, light).round().to(torch.uint8)
