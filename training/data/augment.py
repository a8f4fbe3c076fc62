"""What makes many pictures of one: places, sizes, mirrors, turns, directions of time."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from math import log2
from random import Random

import torch.nn.functional as F
from torch import Tensor

from .options import AugmentOptions, Timesteps

_HALF = Fraction(1, 2)
_WANTED = {
    "middle": (_HALF,),
    "quarters": (Fraction(1, 4), _HALF, Fraction(3, 4)),
}
# Of a timestep: times in Matroska and WebP are rounded to milliseconds.
_TOLERANCE = Fraction(1, 40)


def choose_triplet(
    times: Sequence[Fraction], timesteps: Timesteps, rng: Random
) -> tuple[int, int, int]:
    """Draw a frame to leave out, and the two it is made from; returns their numbers: first, middle, last.

    Where no frame is at the timesteps that are asked for, it is one of those nearest to the middle.

    Args:
        times: of the frames, s.
        timesteps: which frames may be left out.
        rng: decides.
    """
    triplets = list(combinations(range(len(times)), 3))
    if timesteps == "any":
        return _draw(triplets, rng)
    wanted = _WANTED[timesteps]
    off = [min(abs(timestep_of(times, triplet) - each) for each in wanted) for triplet in triplets]
    usable = [each for each, by in zip(triplets, off, strict=True) if by <= _TOLERANCE]
    if not usable:
        off = [abs(timestep_of(times, triplet) - _HALF) for triplet in triplets]
        usable = [each for each, by in zip(triplets, off, strict=True) if by == min(off)]
    return _draw(usable, rng)


def _draw(triplets: Sequence[tuple[int, int, int]], rng: Random) -> tuple[int, int, int]:
    return triplets[int(rng.random() * len(triplets))]


def timestep_of(times: Sequence[Fraction], triplet: tuple[int, int, int]) -> Fraction:
    """Say where the frame in the middle is between the other two, in (0, 1)."""
    first, middle, last = (times[number] for number in triplet)
    return (middle - first) / (last - first)


def to_images(pixels: Tensor) -> Tensor:
    """Convert [N, H, W, 3] uint8 to [N, 3, H, W] float32 in [0, 1]."""
    return pixels.permute(0, 3, 1, 2).float().div_(255).contiguous()


def augment(
    pixels: Tensor, timestep: Fraction, options: AugmentOptions, rng: Random
) -> tuple[Tensor, Fraction]:
    """Vary three frames, all in the same way.

    Args:
        pixels: [3, S, S, 3] uint8: first, middle, last.
        timestep: of the middle.
        options: what may be varied.
        rng: decides.

    Returns:
        The frames, [3, 3, crop, crop] float32 in [0, 1], and the timestep of the middle.
    """
    images = _cropped(pixels, options, rng)
    for axis in (2, 3):
        if options.flip and _heads(rng):
            images = images.flip(axis)
    if options.rotate and _heads(rng):
        images = images.rot90(1, (2, 3))
    if options.channels:
        images = images[:, rng.sample(range(3), 3)]
    if options.reverse and _heads(rng):
        images, timestep = images.flip(0), 1 - timestep
    return images.contiguous(), timestep


def _heads(rng: Random) -> bool:
    return rng.random() < 0.5


def _cropped(pixels: Tensor, options: AugmentOptions, rng: Random) -> Tensor:
    stored = pixels.shape[1]
    side = _side(stored, options, rng)
    top, left = (int(rng.random() * (stored - side + 1)) for _ in range(2))
    images = to_images(pixels[:, top : top + side, left : left + side])
    if side == options.crop:
        return images
    # Antialiased: a shrunk picture must look like one that was taken at this size.
    size = (options.crop, options.crop)
    return F.interpolate(images, size, mode="bicubic", antialias=True).clamp_(0, 1)


def _side(stored: int, options: AugmentOptions, rng: Random) -> int:
    """Choose the side of what becomes a picture of ``options.crop`` px: half to twice as much."""
    side = options.crop
    if options.resize and _heads(rng):
        largest = min(2 * side, max(stored, side))
        side = round(side * 2 ** rng.uniform(-1, log2(largest / side)))
    return min(side, stored)
