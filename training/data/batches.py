"""Batches, each made from its number alone: nothing is remembered from one to the next."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, groupby, islice
from pathlib import Path
from random import Random

import torch
from torch import Tensor

from vfi.errors import InputError

from .augment import augment, choose_triplet, timestep_of, to_images
from .bins import bin_of
from .manifest import Sample
from .options import LEAST_SIDE, AugmentOptions
from .store import read_frames

# [3, 3, S, S] float32 in [0, 1]: first, middle, last; timestep; clip
_Item = tuple[Tensor, Fraction, str]


@dataclass(frozen=True)
class Batch:
    """Frames to be made again, and what they are made from; on the CPU.

    Attributes:
        img0: [B, 3, S, S] float32 in [0, 1], the earlier frames.
        img1: the same, the later ones.
        truth: the same, those in between.
        timestep: [B, 1, 1, 1] float32 in (0, 1), where they are in between.
        clips: the clip that each is from.
    """

    img0: Tensor
    img1: Tensor
    truth: Tensor
    timestep: Tensor
    clips: tuple[str, ...]

    def to(self, device: torch.device) -> Batch:
        """Return it on a device."""
        return Batch(
            self.img0.to(device),
            self.img1.to(device),
            self.truth.to(device),
            self.timestep.to(device),
            self.clips,
        )


class Batches:
    """Samples to train on, drawn by chance and varied.

    A bin of motion (:data:`bins.EDGES`) is drawn first, as often as the square root of the number of
    its samples says: of 900 slow samples and 100 fast ones, a quarter of what is drawn is fast, and
    each fast one is drawn three times as often as a slow one, not nine times. In a bin each sample is
    as likely as any other. Draws do not depend on each other, so some samples come twice before
    others come once.
    """

    def __init__(
        self,
        cache: Path,
        samples: Sequence[Sample],
        options: AugmentOptions,
        batch_size: int,
        seed: int,
    ) -> None:
        """Read nothing yet.

        Args:
            cache: that the samples are in.
            samples: of a manifest; those that are held out are left out.
            options: how they are varied.
            batch_size: B of a batch.
            seed: of all that is chosen by chance.

        Raises:
            InputError: there are none to train on.
        """
        bins: defaultdict[int, list[Sample]] = defaultdict(list)
        for sample in samples:
            if not sample.held_out:
                bins[bin_of(sample.motion)].append(sample)
        if not bins:
            raise InputError(
                f"{cache} has no samples to train on: all are held out. Add clips, or hold out less."
            )
        self._cache, self._options, self._batch_size, self._seed = cache, options, batch_size, seed
        self._bins = [bins[number] for number in sorted(bins)]
        self._sums = list(accumulate(len(each) ** 0.5 for each in self._bins))

    def batch(self, step: int, items: slice | None = None) -> Batch:
        """Make a batch; the same arguments give the same pixels, in any order of calls.

        Args:
            step: number of the batch.
            items: which part of it to make; None for all of it.

        Raises:
            InputError: no item is asked for.
            DecodeError: the file of a sample is missing or damaged.
        """
        numbers = range(self._batch_size)[items or slice(None)]
        if not numbers:
            raise InputError(
                f"A batch has items 0 to {self._batch_size - 1}; {items} asks for none of them. Make "
                "the batch at least as large as the number of its parts."
            )
        return _stacked([self._item(step, number) for number in numbers])

    def prefetch(
        self,
        requests: Iterable[tuple[int, slice | None]],
        ahead: int = 4,
        workers: int = 2,
    ) -> Generator[Batch, None, None]:
        """Yield what :meth:`batch` gives for each request, in order, made ahead in threads.

        Close it, or read it to its end: the threads end with it.

        Args:
            requests: step and items of each batch; may be endless.
            ahead: how many batches are made, or wait, besides the one that is used.
            workers: threads.

        Raises:
            InputError, DecodeError: see :meth:`batch`; in the place of the batch that cannot be made.
        """
        source = iter(requests)
        pool = ThreadPoolExecutor(workers, thread_name_prefix="batches")
        try:
            waiting: deque[Future[Batch]] = deque()
            while True:
                for request in islice(source, max(1, ahead) - len(waiting)):
                    waiting.append(pool.submit(self.batch, *request))
                if not waiting:
                    return
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _item(self, step: int, number: int) -> _Item:
        # Python's promise: seeds and ``random()`` mean the same in all versions.
        rng = Random(f"{self._seed}/{step}/{number}")
        sample = self._draw(rng)
        triplet = choose_triplet(sample.times, self._options.timesteps, rng)
        pixels = read_frames(self._cache, sample)[list(triplet)]
        timestep = timestep_of(sample.times, triplet)
        return *augment(pixels, timestep, self._options, rng), sample.clip

    def _draw(self, rng: Random) -> Sample:
        lot = rng.random() * self._sums[-1]
        chosen = next(own for own, end in zip(self._bins, self._sums, strict=True) if lot < end)
        return chosen[int(rng.random() * len(chosen))]


def held_out_in_order(samples: Sequence[Sample]) -> list[Sample]:
    """List what is held out, in the order of :func:`held_out_batches`."""
    return sorted((each for each in samples if each.held_out), key=_shown_side, reverse=True)


def held_out_batches(cache: Path, samples: Sequence[Sample], batch_size: int) -> Iterator[Batch]:
    """Yield all that is held out, always the same: first, middle and last frame of each sample.

    Pictures are not varied; they are cut around their middle to a multiple of 64 px. A batch has
    pictures of one size, the largest come first; it may have less than ``batch_size``.

    Args:
        cache: that the samples are in.
        samples: of a manifest; those to train on are left out.
        batch_size: of a batch, at most.

    Raises:
        DecodeError: the file of a sample is missing or damaged.
    """
    for side, group in groupby(held_out_in_order(samples), key=_shown_side):
        while part := list(islice(group, batch_size)):
            yield _stacked([_fixed(cache, sample, side) for sample in part])


def _shown_side(sample: Sample) -> int:
    return sample.side // LEAST_SIDE * LEAST_SIDE


def _fixed(cache: Path, sample: Sample, side: int) -> _Item:
    count = len(sample.times)
    triplet = (0, count // 2, count - 1)
    start = (sample.side - side) // 2
    pixels = read_frames(cache, sample)[list(triplet)]
    images = to_images(pixels[:, start : start + side, start : start + side])
    return images, timestep_of(sample.times, triplet), sample.clip


def _stacked(items: Sequence[_Item]) -> Batch:
    img0, truth, img1 = torch.stack([images for images, _, _ in items], dim=1)  # [3, B, 3, S, S]
    timestep = torch.tensor([float(timestep) for _, timestep, _ in items])
    clips = tuple(clip for _, _, clip in items)
    return Batch(img0, img1, truth, timestep[:, None, None, None], clips)
