"""Transparency: straight outside, premultiplied wherever pictures are compared, mixed or moved.

The colours of a frame with alpha are straight, as in PNG files and in ComfyUI: what they are under
alpha 0 is not seen. Colours multiplied by alpha are what is seen, and only they can be averaged: an
average of straight colours draws the hidden ones into every soft edge, as a dark or bright fringe.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .frames import from_planar, to_planar

_NOTHING = 1e-6  # alpha; far below the step of 16 bits, 1.5e-5, and far above a float32's rounding


def seen(pixels: Tensor) -> Tensor:
    """Multiply colours by alpha where there is any.

    Args:
        pixels: [..., 3 or more], RGB or RGBA first; uint8 in [0, 255] or floating point in [0, 1].

    Returns:
        [..., 3 or 4] float32, in the range of ``pixels``.
    """
    values = pixels[..., :4].float()
    if values.shape[-1] < 4:
        return values
    colours, alpha = values[..., :3], values[..., 3:]
    opaque = 1 if pixels.is_floating_point() else 255
    return torch.cat((colours * (alpha / opaque), alpha), -1)


def premultiplied(image: Tensor) -> Tensor:
    """Multiply colours by alpha where there is any: [1, C, H, W] in [0, 1], C 3 or 4."""
    if image.shape[1] == 3:
        return image
    colours, alpha = image[:, :3], image[:, 3:]
    return torch.cat((colours * alpha, alpha), 1)


def straightened(image: Tensor, image0: Tensor, image1: Tensor, timestep: float) -> Tensor:
    """Divide the colours of a new picture by its alpha where there is any.

    Where nothing is seen of it the neighbours' colours are taken, not black: a filter that averages
    over the edge of an object, or leaves alpha away, finds there what it finds in source frames.

    Args:
        image: [1, C, H, W] in [0, 1], C 3 or 4, premultiplied.
        image0: the picture before, straight, same shape.
        image1: the picture after, likewise.
        timestep: in (0, 1).
    """
    if image.shape[1] == 3:
        return image
    colours, alpha = image[:, :3], image[:, 3:]
    hidden = mixed(image0, image1, timestep)[:, :3]
    colours = torch.where(alpha > _NOTHING, colours / alpha.clamp(min=_NOTHING), hidden)
    return torch.cat((colours, alpha), 1)


def mixed(image0: Tensor, image1: Tensor, weight: float) -> Tensor:
    """Mix two pictures as they are seen: a colour counts as much as it is opaque.

    Args:
        image0: [1, C, H, W] in [0, 1], C 3 or 4, straight.
        image1: the same.
        weight: of ``image1``, in [0, 1].
    """
    if image0.shape[1] == 3:
        return torch.lerp(image0, image1, weight)
    alpha0, alpha1 = image0[:, 3:], image1[:, 3:]
    # Where neither is seen, both count by weight alone.
    part0, part1 = (1 - weight) * (alpha0 + _NOTHING), weight * (alpha1 + _NOTHING)
    colours = torch.lerp(image0[:, :3], image1[:, :3], part1 / (part0 + part1))
    return torch.cat((colours, torch.lerp(alpha0, alpha1, weight)), 1)


def cross_fade(pixels0: Tensor, pixels1: Tensor, weight: float) -> Tensor:
    """Mix two frames without motion.

    Args:
        pixels0: [H, W, C] uint8 in [0, 255] or floating point in [0, 1].
        pixels1: the same.
        weight: of ``pixels1``, in [0, 1].

    Returns:
        A new frame of the same shape and dtype, rounded to the nearest level.
    """
    if pixels0.shape[-1] == 4:
        image0, image1 = (to_planar(pixels, pixels.device) for pixels in (pixels0, pixels1))
        return from_planar(mixed(image0, image1, weight), pixels0.dtype)
    between = torch.lerp(pixels0.float(), pixels1.float(), weight)
    return (between if pixels0.is_floating_point() else between.round_()).to(pixels0.dtype)
