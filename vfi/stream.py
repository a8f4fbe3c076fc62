"""Source frames in, output frames out, one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import repeat
from typing import Generic

from torch import Tensor

from .errors import InputError
from .frames import Frame, from_planar, to_planar
from .protocol import FeaturesT, Interpolator
from .timing import EndRule, count_at_end, timesteps_between


def interpolate_stream(
    frames: Iterable[Frame],
    interpolator: Interpolator[FeaturesT],
    rate: Fraction,
    *,
    last_duration: Fraction,
    end: EndRule = EndRule.FULL_DURATION,
) -> Iterator[Tensor]:
    """Resample a clip in time to ``rate`` frames per second.

    A source frame whose time is asked for is passed on untouched: the same tensor. Two frames and
    their features are alive at a time, however long the clip. Each frame is encoded at most once.

    Args:
        frames: at least two, times strictly increasing from 0; consumed lazily.
        interpolator: the model.
        rate: output frames per second.
        last_duration: seconds the source shows its last frame.
        end: where the output ends.

    Yields:
        [H, W, C], dtype of the source; treat as read-only.

    Raises:
        InputError: fewer than two frames.
    """
    iterator = iter(frames)
    current = next(iterator, None)
    if current is None:
        raise InputError("expected at least two frames to interpolate between, got none.")
    count = 1
    pair_maker = _PairInterpolator(interpolator)
    for following in iterator:
        count += 1
        timesteps = list(timesteps_between(current.time, following.time, rate))
        if timesteps and timesteps[0] == 0:
            yield current.pixels
            del timesteps[0]
        if timesteps:
            yield from pair_maker.interpolate(current, following, timesteps)
        current = following
    if count == 1:
        raise InputError(
            "expected at least two frames to interpolate between, got one. Use a longer clip."
        )
    yield from repeat(current.pixels, count_at_end(current.time, last_duration, rate, end))


class _PairInterpolator(Generic[FeaturesT]):
    """Interpolates pairs and keeps the features of the newest two frames."""

    def __init__(self, interpolator: Interpolator[FeaturesT]) -> None:
        self._interpolator = interpolator
        self._features: dict[Fraction, FeaturesT] = {}

    def interpolate(
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
