"""Transparency: straight in frames, premultiplied wherever frames are compared, mixed or moved.

The colours of a frame with alpha are straight (not multiplied by alpha), as in PNG files and in
ComfyUI: under alpha 0 they are arbitrary. Only premultiplied colours can be averaged: an average of
straight ones draws hidden colours into every soft edge, as a dark or bright fringe.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .frames import from_planar, to_planar

# Alpha below which a pixel is invisible: far below the step of 16 bits, 1.5e-5, and far above
# float32 rounding.
_INVISIBLE = 1e-6


def premultiply(pixels: Tensor) -> Tensor:
    """Multiply the colours of a frame by its alpha, if it has one.

    Args:
        pixels: [..., C], RGB or RGBA first; uint8 in [0, 255] or floating point in [0, 1].

    Returns:
        [..., 3 or 4] float32, in the range of ``pixels``.
    """
    values = pixels[..., :4].float()
    if values.shape[-1] < 4:
        return values
    colours, alpha = values[..., :3], values[..., 3:]
    opaque = 1 if pixels.is_floating_point() else 255
    return torch.cat((colours * (alpha / opaque), alpha), -1)


def premultiply_image(image: Tensor) -> Tensor:
    """Multiply the colours of [1, C, H, W] in [0, 1], C 3 or 4, by its alpha, if it has one."""
    if image.shape[1] == 3:
        return image
    colours, alpha = image[:, :3], image[:, 3:]
    return torch.cat((colours * alpha, alpha), 1)


def unpremultiply_image(image: Tensor, image0: Tensor, image1: Tensor, timestep: float) -> Tensor:
    """Divide the colours of a new image by its alpha, if it has one.

    Invisible pixels take the colours of the neighbouring frames, not black: a filter that averages
    over the edge of an object, or drops alpha, then finds there what it finds in source frames.

    Args:
        image: [1, C, H, W] in [0, 1], C 3 or 4, premultiplied.
        image0: the frame before, straight, same shape.
        image1: the frame after, likewise.
        timestep: in (0, 1).
    """
    if image.shape[1] == 3:
        return image
    colours, alpha = image[:, :3], image[:, 3:]
    hidden = mix_images(image0, image1, timestep)[:, :3]
    colours = torch.where(alpha > _INVISIBLE, colours / alpha.clamp(min=_INVISIBLE), hidden)
    return torch.cat((colours, alpha), 1)


def mix_images(image0: Tensor, image1: Tensor, weight: float) -> Tensor:
    """Mix two images, each colour weighted by its alpha.

    Args:
        image0: [1, C, H, W] in [0, 1], C 3 or 4, straight.
        image1: the same.
        weight: of ``image1``, in [0, 1].
    """
    if image0.shape[1] == 3:
        return torch.lerp(image0, image1, weight)
    alpha0, alpha1 = image0[:, 3:], image1[:, 3:]
    # Where both are invisible, ``weight`` alone decides.
    weight0, weight1 = (1 - weight) * (alpha0 + _INVISIBLE), weight * (alpha1 + _INVISIBLE)
    colours = torch.lerp(image0[:, :3], image1[:, :3], weight1 / (weight0 + weight1))
    return torch.cat((colours, torch.lerp(alpha0, alpha1, weight)), 1)


def cross_fade(pixels0: Tensor, pixels1: Tensor, weight: float) -> Tensor:
    """Mix two frames without motion.

    Args:
        pixels0: [H, W, C] uint8 in [0, 255] or floating point in [0, 1].
        pixels1: the same.
        weight: of ``pixels1``, in [0, 1].

    Returns:
        A new frame of the same shape and dtype, rounded to the nearest code value.
    """
    if pixels0.shape[-1] == 4:
        image0, image1 = (to_planar(pixels, pixels.device) for pixels in (pixels0, pixels1))
        return from_planar(mix_images(image0, image1, weight), pixels0.dtype)
    mixed = torch.lerp(pixels0.float(), pixels1.float(), weight)
    return (mixed if pixels0.is_floating_point() else mixed.round_()).to(pixels0.dtype)
