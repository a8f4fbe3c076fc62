"""Inputs of the nodes that compare two image batches."""

from __future__ import annotations

from comfy_api.latest import io
from torch import Tensor

from ...vfi.errors import InputError
from .sockets import frame_rate_input


def require_comparable(before: Tensor, after: Tensor) -> None:
    """Refuse clips that differ in size."""
    sizes = [
        f"{width}x{height} with {channels} channels"
        for _, height, width, channels in (before.shape, after.shape)
    ]
    if sizes[0] != sizes[1]:
        raise InputError(
            f"The clips differ in size: before is {sizes[0]}, after is {sizes[1]}. Scale or convert "
            "one of them."
        )


def rate_inputs() -> list[io.Input]:
    """Describe the frame rate inputs of both clips."""
    return [
        frame_rate_input(
            name,
            default,
            f"Frame rate of {clip}. 23.976, 29.97 and 59.94 mean the exact broadcast rates.{more}",
        )
        for name, default, clip, more in (
            (
                "before_fps",
                16.0,
                "before",
                " If after is slow motion, enter the rate of before slowed down as well.",
            ),
            ("after_fps", 32.0, "after", ""),
        )
    ]
