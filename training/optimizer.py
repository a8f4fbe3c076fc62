"""Learning rate, optimizer and the average of weights.

Everything here is a function of the number of the step, so that a run goes on exactly where it stopped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from .options import OptimizerOptions


def learning_rate(step: int, options: OptimizerOptions) -> float:
    """Return the learning rate of a step, from 0: a warm-up, then half a cosine.

    Source: train.py of github.com/hzwer/ECCV2022-RIFE.
    """
    if step < options.warm_up:
        return options.lr * (step + 1) / options.warm_up
    done = (step - options.warm_up) / max(1, options.steps - options.warm_up)
    falling = (1 + math.cos(math.pi * min(1.0, done))) / 2
    return options.last_lr + (options.lr - options.last_lr) * falling


def make_optimizer(module: nn.Module, options: OptimizerOptions) -> torch.optim.AdamW:
    """Make AdamW for all that is trained; slopes, offsets and scales are not decayed."""
    trained = [weight for weight in module.parameters() if weight.requires_grad]
    groups = [
        {
            "params": [weight for weight in trained if _is_decayed(weight)],
            "weight_decay": options.weight_decay,
        },
        {
            "params": [weight for weight in trained if not _is_decayed(weight)],
            "weight_decay": 0.0,
        },
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=options.lr)


def _is_decayed(weight: Tensor) -> bool:
    return sum(side > 1 for side in weight.shape) > 1  # a beta is [1, C, 1, 1]


class AveragedWeights:
    """The exponential moving average of weights: smoother than the last ones.

    Attributes:
        weights: name -> the average.
    """

    def __init__(self, weights: Mapping[str, Tensor], decay: float) -> None:
        self._decay = decay
        self.weights = {name: weight.detach().clone() for name, weight in weights.items()}

    @torch.no_grad()
    def update(self, weights: Mapping[str, Tensor], step: int) -> None:
        """Add the weights after a step, from 0; the first ones count more, so that it starts quickly."""
        decay = min(self._decay, (1 + step) / (10 + step))
        for name, average in self.weights.items():
            average.lerp_(weights[name].detach(), 1 - decay)
