"""One conversion for each type of input, used by every node.

Of what is connected ComfyUI checks the name of its type only, so anything may arrive. A node's
``execute`` gets what ``checked`` makes of it: numbers within their limits, choices that there are,
pictures in [N, H, W, 3 or 4] whose values are finite. AUDIO is converted where it is used, as some of it is
fetched only then (``sound``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

import numpy as np
from comfy_api.latest import Input, io
from torch import Tensor

from ...vfi.errors import InputError
from .images import as_images, as_mask
from .sockets import EnhancerType, ManagedEnhancer, ManagedModel, RifeModelType
from .values import as_number, as_text, as_whole_number, describe, require_within
from .video_object import as_video

_LISTED_IN_PART = (
    "model",
    "preset",
    "device",
)  # may name what is not offered here; checked by what it is

NodeT = TypeVar("NodeT", bound=io.ComfyNode)


def checked(
    execute: Callable[..., io.NodeOutput],
) -> Callable[..., io.NodeOutput]:
    """Let a node's ``execute`` get its inputs converted and checked; below ``classmethod``.

    Raises:
        InputError: an input is something else; the message says what.
    """

    @wraps(execute)
    def run(node: type[io.ComfyNode], **values: Any) -> io.NodeOutput:
        described = {one.id: one for one in node.define_schema().inputs}
        converted = {
            name: convert(described[name], value) if name in described else value
            for name, value in values.items()
            # Nothing on an optional input is as good as nothing connected to it.
            if not (value is None and name in described and described[name].optional)
        }
        return execute(node, **converted)

    return run


def convert(described: io.Input, value: Any, name: str = "") -> Any:
    """Convert what arrived on an input.

    Args:
        described: the input.
        value: what arrived.
        name: what messages call it; "": its id.

    Raises:
        InputError: it is something else.
    """
    name = name or described.id
    if isinstance(described, io.DynamicCombo.Input):
        return _convert_nested(described, value)
    if isinstance(described, io.Combo.Input):
        _require_choice(value, name, described)
        return value
    if isinstance(described, (io.Int.Input, io.Float.Input)):
        number = (as_whole_number if isinstance(described, io.Int.Input) else as_number)(
            value, name
        )
        require_within(number, name, described.min, described.max)
        return number
    make = _CONVERSIONS.get(described.get_io_type())
    return make(value, name) if make else value


def _require_choice(value: object, name: str, described: io.Combo.Input) -> None:
    """Refuse what is not among the choices of an input."""
    if name in _LISTED_IN_PART and isinstance(value, str):
        return
    if value not in described.options:
        shown = value if isinstance(value, str) else describe(value)
        raise InputError(f"{name} must be one of {', '.join(described.options)}, got {shown}.")


def as_clip(value: object, name: str) -> Tensor | Input.Video:
    """Convert what arrives on an input that takes a clip as IMAGE or as VIDEO."""
    is_images = isinstance(value, (Tensor, np.ndarray, list, tuple))
    return as_images(value, name) if is_images else as_video(value, name, "images or a VIDEO")


def _convert_nested(described: io.DynamicCombo.Input, values: Any) -> Any:
    """Convert the inputs of the chosen option; whether there is such an option is up to the node."""
    if not isinstance(values, Mapping):
        return values
    for option in described.options:
        if option.key == values.get(described.id):
            inner = {one.id: convert(one, values.get(one.id)) for one in option.inputs}
            return {**values, **inner}
    return values


def _as_model(value: object, name: str) -> object:
    if not isinstance(value, ManagedModel):
        raise InputError(
            f"{name} must come from Load RIFE Model, and {describe(value)} arrived. Connect that node."
        )
    return value


def _as_enhancer(value: object, name: str) -> object:
    if not isinstance(value, ManagedEnhancer):
        raise InputError(
            f"{name} must come from Load SAFA Model, and {describe(value)} arrived. Connect that node."
        )
    return value


def _as_curve(value: object, name: str) -> object:
    if not callable(getattr(value, "interp", None)):
        raise InputError(
            f"{name} must come from a Curve Editor, and {describe(value)} arrived. Connect that node."
        )
    return value


_CONVERSIONS: Mapping[str, Callable[[Any, str], Any]] = {
    "IMAGE": as_images,
    "IMAGE,VIDEO": as_clip,
    "VIDEO": as_video,
    "MASK": as_mask,
    "STRING": as_text,
    "CURVE": _as_curve,
    RifeModelType.io_type: _as_model,
    EnhancerType.io_type: _as_enhancer,
}
