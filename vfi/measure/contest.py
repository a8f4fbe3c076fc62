"""Each entrant makes the same frames, one entrant after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from time import perf_counter
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..frames import to_planar
from ..synthesis import Interpolator
from .quality import motion_psnr, psnr, rounded, sharpness, ssim
from .sample import Triplet

BLOCK = 16  # px, of the maps of errors
Perceptual = Callable[[Tensor, Tensor], float]
"""Measures two pictures [1, 3, H, W] in [0, 1]."""


class Setting(NamedTuple):
    """What an entrant is: names, for people and for comparison.

    Attributes:
        model: the checkpoint.
        scale: of motion estimation; "" for what has none.
        quality: the quality mode; "" for what has none.
    """

    model: str
    scale: str = ""
    quality: str = ""

    def __str__(self) -> str:
        return f"{self.model}, {self.way}" if self.scale else self.model

    @property
    def way(self) -> str:
        """How the checkpoint is used."""
        return f"scale {self.scale}, {self.quality}"


BLEND = Setting("blend")
"""A plain mean of both frames: what no network is needed for."""


@dataclass(frozen=True)
class Entrant:
    """A network with the setting it is used in."""

    setting: Setting
    interpolator: Interpolator[Any]


@dataclass(frozen=True)
class Score:
    """Of one made frame.

    Attributes:
        psnr: dB.
        ssim: 1 for the real frame.
        sharpness: 1 for as sharp as the real frame, less is blurred.
        seconds: to encode one frame and make another, as each new frame of a clip takes it.
        errors: mean square errors of blocks of 16x16 px, [H / 16, W / 16] rounded up.
        motion_psnr: dB, of what moves.
        lpips: perceptual distance, 0 for the real frame; None where it was not measured.
    """

    psnr: float
    ssim: float
    sharpness: float
    seconds: float
    errors: Tensor
    motion_psnr: float
    lpips: float | None = None


@dataclass(frozen=True)
class Scores:
    """Of all frames that an entrant has made."""

    setting: Setting
    each: Sequence[Score]

    @property
    def psnr(self) -> float:
        """Mean, dB."""
        return fmean(score.psnr for score in self.each)

    @property
    def ssim(self) -> float:
        """Mean."""
        return fmean(score.ssim for score in self.each)

    @property
    def sharpness(self) -> float:
        """Mean."""
        return fmean(score.sharpness for score in self.each)

    @property
    def lpips(self) -> float | None:
        """Mean; None where it was not measured."""
        found = [score.lpips for score in self.each if score.lpips is not None]
        return fmean(found) if found else None

    @property
    def seconds(self) -> float:
        """Median; without the first, for which loops are compiled and memory is taken."""
        return median(score.seconds for score in self.each[1:] or self.each)

    def times_ahead_of(self, other: Scores) -> int:
        """Count the frames that are closer to the real ones than those of another."""
        return sum(a.psnr > b.psnr for a, b in zip(self.each, other.each, strict=True))


def compete(
    entrants: Iterable[Entrant],
    triplets: Sequence[Triplet],
    on_frame: Callable[[Setting], object] = lambda _: None,
) -> Iterator[Scores]:
    """Let each entrant make all the frames; one entrant is alive at a time.

    Args:
        entrants: taken one by one, so that their networks can be loaded one by one.
        triplets: at least one.
        on_frame: called for each made frame; what it raises ends the work.

    Yields:
        The scores of each entrant, in their order, and at last those of ``BLEND``.
    """
    for entrant in with_blend(entrants):
        yield _score_all(entrant, triplets, on_frame)


def with_blend(entrants: Iterable[Entrant]) -> Iterator[Entrant]:
    """Pass entrants on, and then the blend."""
    yield from entrants
    yield blend_entrant()


def blend_entrant() -> Entrant:
    """Return the plain mean as an entrant."""
    return Entrant(BLEND, Interpolator(lambda image: image, _blend, torch.device("cpu")))


def make_frame(interpolator: Interpolator[Any], triplet: Triplet) -> tuple[Tensor, float]:
    """Make the frame in the middle of a triplet.

    Returns:
        [1, 3, H, W] in [0, 1] in main memory, rounded to 8 bits; and the seconds it took.
    """
    before, after = (
        to_planar(pixels, interpolator.device) for pixels in (triplet.before, triplet.after)
    )
    first = interpolator.encode(before)
    started = perf_counter()
    last = interpolator.encode(after)
    (made,) = interpolator.interpolate(first, last, [triplet.timestep])
    made = made.cpu()  # waits for the device
    return rounded(made), perf_counter() - started


def _score_all(
    entrant: Entrant, triplets: Sequence[Triplet], on_frame: Callable[[Setting], object]
) -> Scores:
    scores: list[Score] = []
    for triplet in triplets:
        scores.append(score_frame(entrant.interpolator, triplet))
        on_frame(entrant.setting)
    return Scores(entrant.setting, scores)


def score_frame(
    interpolator: Interpolator[Any], triplet: Triplet, perceptual: Perceptual | None = None
) -> Score:
    """Make the frame in the middle of a triplet, and compare it with the real one.

    Args:
        interpolator: makes it.
        triplet: the frames.
        perceptual: measures the LPIPS of two pictures; None for none.
    """
    made, seconds = make_frame(interpolator, triplet)
    cpu = torch.device("cpu")
    before, real, after = (
        to_planar(pixels, cpu) for pixels in (triplet.before, triplet.real, triplet.after)
    )
    errors = (made - real).square_().mean(1, keepdim=True)
    return Score(
        psnr(made, real),
        ssim(made, real),
        sharpness(made, real),
        seconds,
        F.avg_pool2d(errors, BLOCK, ceil_mode=True)[0, 0],
        motion_psnr(made, real, before, after),
        perceptual(made, real) if perceptual else None,
    )


def _blend(img0: Tensor, img1: Tensor, timesteps: Sequence[float]) -> Iterator[Tensor]:
    return (torch.lerp(img0, img1, timestep) for timestep in timesteps)
