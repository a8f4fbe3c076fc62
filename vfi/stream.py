"""Source frames in, output frames out, one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import chain, islice, repeat
from typing import Generic

from torch import Tensor

from .errors import InputError
from .frames import Frame, from_planar, to_planar
from .protocol import FeaturesT, Interpolator
from .timing import Schedule


def interpolate_stream(
    frames: Iterable[Frame],
    interpolator: Interpolator[FeaturesT],
    schedule: Schedule,
) -> Iterator[Tensor]:
    """Show a clip at the moments of a schedule.

    A source frame whose time is asked for is passed on untouched: the same tensor. Two frames and
    their features are alive at a time, however long the clip. Each frame is encoded at most once.

    Args:
        frames: at least two, times strictly increasing from 0; consumed lazily.
        interpolator: the model.
        schedule: the moments.

    Yields:
        [H, W, C], dtype of the source; treat as read-only.

    Raises:
        InputError: fewer than two frames.
    """
    iterator = iter(frames)
    current = next(iterator, None)
    if current is None:
        raise _too_few("none")
    is_alone = True
    pair_maker = _PairInterpolator(interpolator)
    num_yielded = 0
    early: list[Tensor] = []  # made, but perhaps not before the clip's end: at most one
    for following in iterator:
        is_alone = False
        timesteps = schedule.timesteps_between(current.time, following.time)
        outputs = pair_maker.show(current, following, timesteps)
        outputs = chain(early, outputs)
        for pixels in islice(outputs, schedule.count_certain(following.time) - num_yielded):
            num_yielded += 1
            yield pixels
        early = list(outputs)
        current = following
    if is_alone:
        raise _too_few("one")
    ending = chain(early, repeat(current.pixels))
    yield from islice(ending, schedule.count(current.time) - num_yielded)


def _too_few(found: str) -> InputError:
    return InputError(
        f"expected at least two frames to interpolate between, got {found}. Use a longer clip."
    )


class _PairInterpolator(Generic[FeaturesT]):
    """Shows pairs, and keeps the features of the newest two frames."""

    def __init__(self, interpolator: Interpolator[FeaturesT]) -> None:
        self._interpolator = interpolator
        self._features: dict[Fraction, FeaturesT] = {}

    def show(self, frame0: Frame, frame1: Frame, timesteps: Sequence[Fraction]) -> Iterator[Tensor]:
        """Yield the pair at increasing timesteps in [0, 1)."""
        if timesteps and timesteps[0] == 0:
            yield frame0.pixels
            timesteps = timesteps[1:]
        if timesteps:
            yield from self._interpolate(frame0, frame1, timesteps)

    def _interpolate(
        self, frame0: Frame, frame1: Frame, timesteps: Sequence[Fraction]
    ) -> Iterator[Tensor]:
        pair = {frame.time: self._encoded(frame) for frame in (frame0, frame1)}
        self._features = pair  # features of earlier frames are released here
        features0, features1 = pair.values()
        times = [float(timestep) for timestep in timesteps]
        for image in self._interpolator.interpolate(features0, features1, times):
            yield from_planar(image, frame0.pixels.dtype)

    def _encoded(self, frame: Frame) -> FeaturesT:
        known = self._features.get(frame.time)
        if known is not None:
            return known
        return self._interpolator.encode(to_planar(frame.pixels, self._interpolator.device))
