"""Positions between the two frames of a pair."""

from __future__ import annotations

import torch
from torch import Tensor

from ..networks import NetworkConfig


def timestep_tensor(timestep: float | Tensor, frames: Tensor) -> Tensor:
    """Convert to [B, 1, 1, 1] float32 in main memory, one per frame.

    They stay there until a network needs them: what reads them would wait for a GPU otherwise.

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
    return timesteps.cpu().expand(len(frames)).reshape(-1, 1, 1, 1)


def to_device(timesteps: Tensor, device: torch.device) -> Tensor:
    """Copy timesteps to where a network runs, without waiting for it."""
    if device.type != "cuda" or timesteps.device.type != "cpu":
        return timesteps.to(device)
    # Of memory that is not pinned, a driver may begin to copy only once all work before is done.
    return timesteps.pin_memory().to(device, non_blocking=True)


def note_on_multiplier(name: str, config: NetworkConfig, multiplier: int) -> str | None:
    """Say what happens to a multiplier whose timesteps a network cannot hit exactly."""
    if config.supports_any_timestep or multiplier.bit_count() == 1:
        return None
    return (
        f"RIFE {name} knows the middle of two frames only; with {multiplier} times the "
        "frames the new ones lie at the nearest sixteenths. 2, 4, 8, ... are exact."
    )
