"""A block's input and output as they are for the swapped pair: see ``Averaging``."""

from __future__ import annotations

import torch
from torch import Tensor

from ..networks import IFNetConfig


def oriented(x: Tensor, config: IFNetConfig, both_ways: bool) -> list[Tensor]:
    """Return a block's input as it is and, on request, as it is for the swapped pair."""
    if not both_ways:
        return [x]
    features, hidden = config.num_features, config.hidden_features
    sizes = (3, 3, features, features, 1, 1, hidden, 2, 2)
    colours0, colours1, features0, features1, time, mask, hid, flow0, flow1 = x.split(sizes, 1)
    parts = (colours1, colours0, features1, features0, 1 - time, -mask, hid, flow1, flow0)
    return [x, torch.cat(parts, 1)]


def average_of_both(update: Tensor, swapped: Tensor) -> Tensor:
    """Average the updates [B, 5, H, W] that a block returned for both orientations of a pair."""
    flow0, flow1, mask = swapped.split((2, 2, 1), 1)
    return (update + torch.cat((flow1, flow0, -mask), 1)) / 2
