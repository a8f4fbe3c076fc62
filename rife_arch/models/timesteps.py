"""Positions between the two frames of a pair."""

from __future__ import annotations

import torch
from torch import Tensor

from ..networks import NetworkConfig


def timestep_tensor(timestep: float | Tensor, frames: Tensor) -> Tensor:
    """Convert to [B, 1, 1, 1] float32 on the device of ``frames``.

    Raises:
        ValueError: it is not one, or not one per frame, or outside (0, 1).
    """
    timesteps = torch.as_tensor(timestep, dtype=torch.float32)
    if timesteps.ndim not in (0, 1) or (timesteps.ndim == 1 and len(timesteps) != len(frames)):
        raise ValueError(
            f"timestep must be a float or a tensor of {len(frames)} values, "
            f"got shape {list(timesteps.shape)}"
        )
    if not bool(((timesteps > 0) & (timesteps < 1)).all()):
        raise ValueError(f"timestep must lie in (0, 1), got {timesteps.tolist()}")
    # Not waiting is safe: the driver keeps a copy of memory that is not pinned before it returns.
    moved = timesteps.to(frames.device, non_blocking=True)
    return moved.expand(len(frames)).reshape(-1, 1, 1, 1)


def note_on_multiplier(name: str, config: NetworkConfig, multiplier: int) -> str | None:
    """Say what happens to a multiplier whose timesteps a network cannot hit exactly."""
    if config.supports_any_timestep or multiplier.bit_count() == 1:
        return None
    return (
        f"RIFE {name} knows the middle of two frames only; with {multiplier} times the "
        "frames the new ones lie at the nearest sixteenths. 2, 4, 8, ... are exact."
    )
