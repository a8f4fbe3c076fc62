"""The resolution at which motion is estimated, relative to what a network was trained for."""

from __future__ import annotations

from typing import Literal

Scale = float | Literal["auto"]
FLOW_SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
SCALES: tuple[Scale, ...] = (*FLOW_SCALES, "auto")
"""What ``scale`` may be. ``auto`` is 1, with the last step taken in both directions of time."""


def parse_scale(text: str) -> Scale:
    """Read a scale from an option or a widget.

    Raises:
        ValueError: it is none of ``SCALES``.
    """
    try:
        scale: Scale = "auto" if text == "auto" else float(text)
    except ValueError:
        scale = 0.0
    return checked_scale(scale, text)


def scale_name(scale: Scale) -> str:
    """Return what ``parse_scale`` reads as ``scale``: auto, 0.5, 1, ..."""
    return scale if isinstance(scale, str) else f"{scale:g}"


def checked_scale(scale: Scale, given: object = None) -> Scale:
    """Return ``scale`` if it is one.

    Raises:
        ValueError: it is none of ``SCALES``; says what was ``given``.
    """
    if scale not in SCALES:
        known = ", ".join(map(scale_name, SCALES))
        raise ValueError(f"scale must be one of {known}, got {given or scale}")
    return scale


def flow_scale_of(scale: Scale) -> float:
    """Return the resolution itself."""
    return 1.0 if scale == "auto" else scale
