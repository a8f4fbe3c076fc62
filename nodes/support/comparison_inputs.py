"""Inputs of the nodes that compare two image batches."""

from __future__ import annotations

from comfy_api.latest import io
from torch import Tensor

from ...vfi.errors import InputError


def require_comparable(before: Tensor, after: Tensor) -> None:
    """Refuse clips whose frames cannot stand beside each other."""
    for name, images in (("before", before), ("after", after)):
        if not len(images):
            raise InputError(
                f"{name}: expected at least one frame, got none. Look at what is connected there."
            )
    sizes = [
        f"{width}x{height} with {channels} channels"
        for _, height, width, channels in (before.shape, after.shape)
    ]
    if sizes[0] != sizes[1]:
        raise InputError(
            f"after: expected {sizes[0]} like before, got {sizes[1]}. Scale or convert one of them."
        )


def rate_inputs() -> list[io.Input]:
    """Ask for the rate of each clip."""
    return [
        io.Float.Input(
            name,
            default=default,
            min=0.01,
            max=1000.0,
            step=0.001,
            round=0.001,
            tooltip=f"Frames per second of {clip}. 23.976, 29.97 and 59.94 mean the exact "
            f"broadcast rates.{more}",
        )
        for name, default, clip, more in (
            ("before_fps", 16.0, "before", " For slow motion, the slowed rate."),
            ("after_fps", 32.0, "after", ""),
        )
    ]
