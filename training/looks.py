"""Looks at the held-out samples while a network is trained: figures, and a strip of pictures."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

import torch
from torch import Tensor

from rife_arch import IFNetConfig, RifeModel
from rife_arch.networks import build_network
from vfi.frames import from_planar
from vfi.measure import psnr, rounded, ssim
from vfi.visualize import draw_crops

from .data import Batch

NUM_SHOWN = 4  # samples of a strip
_GAIN = 4  # by which differences are enlarged in a strip


@dataclass(frozen=True)
class Look:
    """How well the held-out samples are made.

    Attributes:
        psnrs: of each, dB.
        ssims: of each.
        pictures: what was made of those that are shown, [1, 3, S, S] in [0, 1], by their numbers.
        truths: the real frames of those, likewise.
    """

    psnrs: Sequence[float]
    ssims: Sequence[float]
    pictures: Mapping[int, Tensor] = field(repr=False)
    truths: Mapping[int, Tensor] = field(repr=False)

    @property
    def psnr(self) -> float:
        """Mean, dB."""
        return fmean(self.psnrs)

    @property
    def ssim(self) -> float:
        """Mean."""
        return fmean(self.ssims)


class Looker:
    """Makes the held-out frames with any weights of a network, as inference makes them."""

    def __init__(self, config: IFNetConfig, device: torch.device) -> None:
        self._config, self._device = config, device

    def look(
        self, weights: Mapping[str, Tensor], batches: Iterable[Batch], shown: Container[int]
    ) -> Look:
        """Make all frames of ``batches``, rounded to 8 bits, and compare them with the real ones.

        Args:
            weights: of the network; not modified.
            batches: what is held out.
            shown: numbers, from 0, of those whose pictures are kept.
        """
        network = build_network(self._config, {name: weights[name].clone() for name in weights})
        model = RifeModel(network.to(self._device), "in training")
        psnrs: list[float] = []
        ssims: list[float] = []
        pictures: dict[int, Tensor] = {}
        truths: dict[int, Tensor] = {}
        for batch in batches:
            frames = model(batch.img0, batch.img1, batch.timestep.flatten()).cpu()
            for made, real in zip(rounded(frames).split(1), batch.truth.split(1), strict=True):
                if len(psnrs) in shown:
                    pictures[len(psnrs)], truths[len(psnrs)] = made, real
                psnrs.append(psnr(made, real))
                ssims.append(ssim(made, real))
        return Look(psnrs, ssims, pictures, truths)


def choose_shown(clips: Sequence[str]) -> list[int]:
    """Choose the samples of a strip: the middle one of as many clips as fit.

    Args:
        clips: which each sample is from.
    """
    by_clip: dict[str, list[int]] = {}
    for number, clip in enumerate(clips):
        by_clip.setdefault(clip, []).append(number)
    middles = [numbers[len(numbers) // 2] for numbers in by_clip.values()]
    return sorted(middles[:: -(-len(middles) // NUM_SHOWN)])


def draw_strip(base: Look, tuned: Look, title: str) -> Tensor:
    """Draw a row for each sample that is shown: the real frame, base, fine-tuned, what changed.

    Args:
        base: what the network made of them before.
        tuned: what it makes of them now.
        title: one line.

    Returns:
        [H, W, 3] float32 in [0, 1].
    """
    tiles: list[tuple[str, Tensor]] = []
    size = min(truth.shape[-1] for truth in base.truths.values())
    for index, truth in base.truths.items():
        before, now = base.pictures[index], tuned.pictures[index]
        change = ((now - before) * _GAIN + 0.5).clamp(0, 1)
        tiles += [
            ("the real frame", truth),
            (f"before: {base.psnrs[index]:.2f} dB", before),
            (f"now: {tuned.psnrs[index]:.2f} dB", now),
            (f"what changed, x{_GAIN}", change),
        ]
    crops = [(name, from_planar(tile[..., :size, :size], torch.uint8)) for name, tile in tiles]
    return draw_crops(crops, 4, title)
