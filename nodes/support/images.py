"""IMAGE and MASK, as the nodes take them.

Other packs give pictures without a batch, with one channel or more than four, as arrays, in lists, or
nothing. What says unmistakably what it means is converted; the rest is refused in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np
import torch
from torch import Tensor

from ...vfi.errors import InputError
from ...vfi.frames import as_float, count_non_finite, non_finite
from .progress import check_cancelled
from .values import describe, is_plain, tensor_of

_EXPECTED = "a batch of pictures, [N, H, W, 3 or 4]"
_EXPECTED_MASKS = "masks, [H, W] or [N, H, W]"
_CHECK = "Check what is connected to it."
# Averages above this are those of code values, 0 to 255: no picture is so bright, HDR included.
_BRIGHTEST_AVERAGE = 8

ONE_BY_ONE = (
    "If the node before gives its pictures one by one, as a list, put Rebatch Images in between, with a "
    "batch_size no less than their number."
)


def notes_on(images: object) -> list[str]:
    """Return what there is to say where each picture of a list may have become a clip of its own."""
    is_single = isinstance(images, Tensor) and len(images) == 1
    return [f"a single picture. {ONE_BY_ONE}"] if is_single else []


def as_images(value: object, name: str) -> Tensor:
    """Convert what arrives on an input of type IMAGE.

    Args:
        value: anything.
        name: of the input.

    Returns:
        [N, H, W, 3 or 4] floating point, meant to be in [0, 1], at least one picture, all values
        finite; views of the value where that is possible.

    Raises:
        InputError: it is something else; the message says what.
    """
    images = as_batch(value, name)
    if not images.numel():
        what = "pictures without a pixel" if len(images) else "no frames"
        raise InputError(f"{name} has {what}. {_CHECK}")
    _require_usable(images, name)
    return images


def as_batch(value: object, name: str) -> Tensor:
    """Convert like :func:`as_images`, but take a batch of none, and look at no values."""
    images = _numbers(value, name)
    if images.ndim and not len(images):
        return images
    if images.ndim == 5 and len(images) == 1:  # a batch of one video, as some VAEs give it
        images = images[0]
    if images.ndim != 4:
        raise InputError(f"{name}: {_wrong_dimensions(images)}")
    channels = images.shape[-1]
    if channels == 1:  # grey
        return images.expand(-1, -1, -1, 3)
    if channels not in (3, 4):
        turned = " The channels seem to come first." if images.shape[1] in (1, 3, 4) else ""
        raise InputError(
            f"The frames must be RGB or RGBA (3 or 4 channels), got {channels} on {name}.{turned} "
            "Convert them to RGB; for a mask, use Convert Mask to Image."
        )
    return images


def as_mask(value: object, name: str) -> Tensor:
    """Convert what arrives on an input of type MASK.

    Returns:
        [M, H, W] floating point in [0, 1].

    Raises:
        InputError: it is something else.
    """
    masks = _numbers(value, name, _EXPECTED_MASKS)
    if masks.ndim == 4 and masks.shape[-1] == 1:
        masks = masks[..., 0]
    elif masks.ndim == 4 and masks.shape[1] == 1:
        masks = masks[:, 0]
    masks = masks[None] if masks.ndim == 2 else masks
    if masks.ndim != 3 or not masks.numel():
        raise InputError(
            f"{name} must be {_EXPECTED_MASKS}, and {describe(value)} arrived. Pictures become masks "
            "with Convert Image to Mask."
        )
    _require_usable(masks, name)
    return masks.clamp(0, 1)


def _numbers(value: object, name: str, expected: str = _EXPECTED) -> Tensor:
    """Return floating point, of any shape, without a gradient."""
    if isinstance(value, (list, tuple)):
        return _joined(value, name, expected)
    if isinstance(value, np.ndarray):
        value = tensor_of(value, name)
    if not isinstance(value, Tensor):
        raise InputError(
            f"{name} must be {expected}, and {describe(value)} arrived. {hint_on(value)}"
        )
    if not is_plain(value):
        raise InputError(f"{name} must be {expected}, and {describe(value)} arrived. {_CHECK}")
    value = (value.detach() if value.requires_grad else value).resolve_neg()
    if value.dtype == torch.bool:
        return value.float()
    if value.dtype == torch.uint8:
        return as_float(value)
    if not value.is_floating_point():
        raise InputError(
            f"{name} must hold floating point values from 0 to 1, and {describe(value)} arrived. "
            "Divide them by the value of white."
        )
    return value.float() if value.dtype.itemsize == 1 else value  # float8 holds, and computes not


def hint_on(value: object) -> str:
    """Say what to do about a value that is none of what an input takes."""
    if value is None:
        return "The node before gave nothing: it may be muted, or have ended early."
    if isinstance(value, dict) and "samples" in value:
        return "Latents become pictures with VAE Decode."
    return _CHECK


def _joined(value: Sequence[object], name: str, expected: str) -> Tensor:
    """Make one batch of a list of pictures or batches."""
    parts: list[Tensor] = []
    for number, part in enumerate(value):
        if isinstance(part, (list, tuple)):
            raise InputError(f"{name} must be {expected}, and a list of lists arrived. {_CHECK}")
        parts.append(_numbers(part, f"{name} (number {number} of a list)", expected))
    if not parts:
        raise InputError(f"{name} has no frames: a list of none arrived. {_CHECK}")
    single = 2 if expected == _EXPECTED_MASKS else 3  # dimensions of one that is no batch
    for number, part in enumerate(parts):
        if part.ndim < single:
            raise InputError(
                f"{name} (number {number} of a list) must be {expected}, and {describe(part)} "
                f"arrived. {_CHECK}"
            )
    parts = [part[None] if part.ndim == single else part for part in parts]
    for number, part in enumerate(parts):
        if part.shape[1:] != parts[0].shape[1:]:
            raise InputError(
                f"{name}: a list of pictures of different sizes arrived: picture {number} is "
                f"{_size(part)}, not {_size(parts[0])} like the first. Resize them to one size."
            )
    like = parts[0]
    return torch.cat([part.to(like.device, like.dtype) for part in parts])


def _size(images: Tensor) -> str:
    if images.ndim != 4:
        return f"of shape {list(images.shape)}"
    count, height, width, channels = images.shape
    return f"{count} x {width}x{height} with {channels} channels"


def _wrong_dimensions(images: Tensor) -> str:
    found = f"of shape {list(images.shape)}"
    if images.ndim == 3 and images.shape[-1] in (1, 3, 4):
        return (
            f"one picture without a batch {found} arrived, and expected is {_EXPECTED}. The node that "
            "it comes from breaks ComfyUI's rules: use another, or tell its author."
        )
    if images.ndim == 3:
        return f"masks {found} arrived, and expected is {_EXPECTED}. Use Convert Mask to Image."
    if images.ndim == 5:
        return (
            f"{len(images)} clips in one value {found} arrived, and expected is {_EXPECTED}. Connect "
            "one clip, or join them with Join Clips (RIFE)."
        )
    return f"values {found} arrived, and expected is {_EXPECTED}. {_CHECK}"


def _require_usable(images: Tensor, name: str) -> None:
    """Refuse values that are not finite, which would turn whole neighbouring frames black, or 0 to 255."""
    plain = images.as_subclass(Tensor)
    damaged: list[str] = []
    total = 0.0
    for number, pixels in enumerate(plain):
        check_cancelled()
        sum_of_frame = float(pixels.sum(dtype=torch.float32))
        # Of large values the sum may overflow though they do not, so then they are counted.
        if not isfinite(sum_of_frame) and (count := count_non_finite(pixels)):
            damaged.append(f"frame {number} ({count} values)")
        total += sum_of_frame
    if damaged:
        raise non_finite(name, damaged, len(plain))
    average = total / plain.numel()
    if abs(average) > _BRIGHTEST_AVERAGE:
        raise InputError(
            f"{name}: the values are {average:.3g} on average, and expected are values from 0 to 1. "
            "Divide them by 255."
        )
