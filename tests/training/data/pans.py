"""Clips of a picture that pans, for the tests of what is cut of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from tests.helpers.clips import Picture, write_clip, write_pictures
from training.data import CutOptions, Manifest, prepare

SMALL = CutOptions(size=64, most_per_clip=30)


def pan(
    positions: Sequence[float], seed: int = 0, width: int = 96, height: int = 64
) -> list[Picture]:
    """Pictures of [height, width, 3], each ``positions`` px further to the right."""
    values = np.random.RandomState(seed).randint(0, 256, (height // 8, 125, 3)).astype(np.uint8)
    texture = np.asarray(Image.fromarray(values).resize((1000, height)))
    return [np.ascontiguousarray(texture[:, int(at) : int(at) + width]) for at in positions]


def steps(count: int, step: int = 4) -> list[int]:
    """Positions of a pan of ``count`` pictures."""
    return [step * number for number in range(count)]


def write_pan(path: Path, count: int = 14, step: int = 4, seed: int = 0) -> Path:
    """Write a lossless video of a pan; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_clip(path, pan(steps(count, step), seed))


def write_folder(path: Path, pictures: list[Picture]) -> Path:
    """Write a folder of numbered pictures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_pictures(path, pictures)


def prepare_quietly(folder: Path, cache: Path, options: CutOptions = SMALL) -> Manifest:
    """Prepare a folder; nothing is told."""
    return prepare(folder, cache, options, lambda _: None, lambda *_: None)


def position_in(frame: Tensor, texture: Picture) -> int:
    """Find how far a pan had come where a crop of its full height was cut: px."""
    crop = frame.numpy()
    width = crop.shape[1]
    places = range(texture.shape[1] - width + 1)
    return next(at for at in places if np.array_equal(texture[:, at : at + width], crop))
