"""Source frames in, output frames out, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from itertools import chain, islice, repeat
from typing import Generic

from torch import Tensor

from ..alpha import cross_fade, premultiply_image, unpremultiply_image
from ..errors import InputError
from ..frames import Frame, from_planar, to_host, to_planar
from ..timing import Schedule
from .protocol import FeaturesT, Interpolator
from .still_regions import protect, restore_still, still_region

Compare = Callable[[Tensor, Tensor, int], Tensor]


class AtCut(str, Enum):
    """What is shown between the last frame of a scene and the first of the next."""

    NEAREST = "nearest"
    """Whichever of the two is nearer in time: no mix of scenes, and no long freeze."""
    HOLD = "hold"
    """The last frame of the scene, until the next one begins."""
    BLEND = "blend"
    """A cross-fade of the two, without motion."""


def interpolate_stream(
    frames: Iterable[Frame],
    interpolator: Interpolator[FeaturesT],
    schedule: Schedule,
    *,
    at_cut: AtCut = AtCut.NEAREST,
    compare: Compare | None = None,
    first: int = 0,
) -> Iterator[Tensor]:
    """Show a clip at the moments of a schedule.

    A source frame whose time is asked for is passed on untouched: the same tensor. Two frames and
    their features are alive at a time, however long the clip. Each frame is encoded at most once. A
    pair with a cut between is never given to the model. Frames with alpha are given to it
    premultiplied, and what it makes of them is straight again.

    Args:
        frames: at least two, RGB or RGBA, times strictly increasing from 0; consumed lazily.
        interpolator: the model.
        schedule: the moments.
        at_cut: what is shown between two scenes.
        compare: puts the source frame on screen and an output, given its number, into one picture.
        first: number of the first output that is wanted; those before are not made.

    Yields:
        [H, W, C], dtype of the source, of the size that ``compare`` makes; treat as read-only.

    Raises:
        InputError: fewer than two frames.
    """
    pair_maker = _PairInterpolator(interpolator, at_cut)
    return to_host(_show_all(frames, pair_maker, schedule, compare, first))


def _show_all(
    frames: Iterable[Frame],
    pair_maker: _PairInterpolator[FeaturesT],
    schedule: Schedule,
    compare: Compare | None,
    first: int,
) -> Iterator[Tensor]:
    """Yield what a schedule asks for, new frames still on the model's device."""
    iterator = iter(frames)
    current = next(iterator, None)
    if current is None:
        raise _too_few("none")
    is_alone = True
    num_asked = 0  # outputs of the pairs so far
    number = first  # of the next output
    early: list[Tensor] = []  # made, but perhaps not before the clip's end: at most one
    for following in iterator:
        is_alone = False
        timesteps = schedule.timesteps_between(current.time, following.time)
        wanted = timesteps[max(first - num_asked, 0) :]
        num_asked += len(timesteps)
        outputs = pair_maker.show(current, following, wanted)
        if compare:
            outputs = _compared(compare, current.pixels, outputs, num_asked - len(wanted))
        outputs = chain(early, outputs)
        for pixels in islice(outputs, max(schedule.count_certain(following.time) - number, 0)):
            number += 1
            yield pixels
        early = list(outputs)
        current = following
    if is_alone:
        raise _too_few("one")
    ending = repeat(current.pixels)
    if compare:
        ending = _compared(compare, current.pixels, ending, max(num_asked, first))
    count = schedule.count(current.time, current.duration)
    yield from islice(chain(early, ending), max(count - number, 0))


def _too_few(found: str) -> InputError:
    return InputError(
        f"expected at least two frames to interpolate between, got {found}. Use a longer clip."
    )


def _compared(
    compare: Compare, source: Tensor, outputs: Iterable[Tensor], first: int
) -> Iterator[Tensor]:
    """Show outputs, the first of which has the number ``first``, together with one source frame."""
    for number, pixels in enumerate(to_host(outputs), first):
        yield compare(source, pixels, number)


@dataclass(slots=True)
class _Prepared(Generic[FeaturesT]):
    """A frame on the model's device.

    Attributes:
        image: [1, C, H, W] in [0, 1], its colours premultiplied where there is alpha.
        straight: the same as it came.
        features: of the model, once it has been asked for them.
    """

    image: Tensor
    straight: Tensor
    features: FeaturesT | None = None


class _PairInterpolator(Generic[FeaturesT]):
    """Shows pairs, and keeps the newest two frames on the model's device."""

    def __init__(self, interpolator: Interpolator[FeaturesT], at_cut: AtCut) -> None:
        self._interpolator = interpolator
        self._at_cut = at_cut
        self._prepared: dict[Fraction, _Prepared[FeaturesT]] = {}

    def show(self, frame0: Frame, frame1: Frame, timesteps: Sequence[Fraction]) -> Iterator[Tensor]:
        """Yield the pair at increasing timesteps in [0, 1)."""
        if timesteps and timesteps[0] == 0:
            yield frame0.pixels
            timesteps = timesteps[1:]
        if not timesteps:
            return
        if frame1.begins_scene:
            yield from (_show_cut(frame0, frame1, step, self._at_cut) for step in timesteps)
        else:
            yield from self._interpolate(frame0, frame1, timesteps)

    def _interpolate(
        self, frame0: Frame, frame1: Frame, timesteps: Sequence[Fraction]
    ) -> Iterator[Tensor]:
        pair = {frame.time: self._prepare(frame) for frame in (frame0, frame1)}
        self._prepared = pair  # earlier frames are released here
        image0, image1 = (prepared.image for prepared in pair.values())
        straight0, straight1 = (prepared.straight for prepared in pair.values())
        still = still_region(image0, image1)
        still_share = still.float().mean().item()  # asks a GPU once per pair
        if still_share == 1:
            yield from (cross_fade(frame0.pixels, frame1.pixels, float(t)) for t in timesteps)
            return
        features0, features1 = map(self._features, pair.values())
        times = [float(timestep) for timestep in timesteps]
        images = self._interpolator.interpolate(features0, features1, times)
        for time, image in zip(times, images, strict=True):
            if still_share:
                image = restore_still(image, image0, image1, still, time)
            nearest, original = (frame0, image0) if time <= 0.5 else (frame1, image1)
            if nearest.mask is not None:
                image = protect(image, original, nearest.mask)
            image = unpremultiply_image(image, straight0, straight1, time)
            yield from_planar(image, frame0.pixels.dtype)

    def _prepare(self, frame: Frame) -> _Prepared[FeaturesT]:
        if known := self._prepared.get(frame.time):
            return known
        straight = to_planar(frame.pixels, self._interpolator.device)
        return _Prepared(premultiply_image(straight), straight)

    def _features(self, prepared: _Prepared[FeaturesT]) -> FeaturesT:
        if prepared.features is None:
            prepared.features = self._interpolator.encode(prepared.image)
        return prepared.features


def _show_cut(frame0: Frame, frame1: Frame, timestep: Fraction, at_cut: AtCut) -> Tensor:
    if at_cut is AtCut.BLEND:
        return cross_fade(frame0.pixels, frame1.pixels, float(timestep))
    if at_cut is AtCut.HOLD or timestep <= Fraction(1, 2):
        return frame0.pixels
    return frame1.pixels
