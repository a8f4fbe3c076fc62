"""Interpolate a clip: source frames in, output frames out, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction
from functools import partial
from itertools import chain, islice, repeat
from typing import Generic

import torch
from torch import Tensor

from ..alpha import cross_fade, premultiply_image, unpremultiply_image
from ..errors import InputError
from ..frames import Frame, from_planar, to_planar
from ..timing import Schedule
from .arrival import Pending, to_host
from .protocol import FeaturesT, Interpolator
from .still_regions import protect, restore_still, still_region

Compare = Callable[[Tensor, Tensor, int], Tensor]


class AtCut(str, Enum):
    """What is shown between the two frames of a scene cut."""

    NEAREST = "nearest"
    """Whichever of the two is nearer in time: no mix of scenes, and no long freeze."""
    HOLD = "hold"
    """The last frame of the scene, until the next scene begins."""
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
    """Make the output frames that a schedule asks for.

    Where an output falls on a source frame, it is that frame: the same tensor. Two frames and their
    features are alive at a time, however long the clip, and each frame is encoded at most once. The
    model never gets a pair with a scene cut between. It gets frames with alpha premultiplied; the
    output has straight alpha again.

    Args:
        frames: at least two, RGB or RGBA, times strictly increasing from 0; consumed lazily. Those
            before the pair of the output ``first`` may be missing.
        interpolator: the model.
        schedule: the times of the outputs.
        at_cut: what is shown between the two frames of a scene cut.
        compare: takes the source frame on screen, an output, and the output's number; its result
            is yielded in place of the output.
        first: number of the first output that is wanted; those before are not made.

    Yields:
        [H, W, C], dtype of the source, or what ``compare`` returns; treat as read-only.

    Raises:
        InputError: fewer than two frames.
    """
    pair_interpolator = _PairInterpolator(interpolator, at_cut)
    return to_host(_interpolate_on_device(frames, pair_interpolator, schedule, compare, first))


def _interpolate_on_device(
    frames: Iterable[Frame],
    pair_interpolator: _PairInterpolator[FeaturesT],
    schedule: Schedule,
    compare: Compare | None,
    first: int,
) -> Iterator[Pending]:
    """Yield the outputs; new frames are on the model's device, and it may still be working on them."""
    iterator = iter(frames)
    current = next(iterator, None)
    if current is None:
        raise _too_few("no frames")
    is_alone = True
    num_scheduled = schedule.count_before(current.time)  # outputs of the pairs so far
    number = first  # of the next output
    held_back: list[Pending] = []  # at most one, which the end of the clip may cut off
    for following in iterator:
        is_alone = False
        timesteps = schedule.timesteps_between(current.time, following.time)
        wanted = timesteps[max(first - num_scheduled, 0) :]
        num_scheduled += len(timesteps)
        outputs = pair_interpolator.outputs(current, following, wanted)
        if compare:
            outputs = _compared(compare, current.pixels, outputs, num_scheduled - len(wanted))
        outputs = chain(held_back, outputs)
        for output in islice(outputs, max(schedule.count_certain(following.time) - number, 0)):
            number += 1
            yield output
        held_back = list(outputs)
        current = following
    if is_alone:
        raise _too_few("one frame")
    ending = repeat(Pending(current.pixels))
    if compare:
        ending = _compared(compare, current.pixels, ending, max(num_scheduled, first))
    count = schedule.count(current.time, current.duration)
    yield from islice(chain(held_back, ending), max(count - number, 0))


def _too_few(found: str) -> InputError:
    return InputError(
        f"This clip has {found}, and interpolation needs at least two. Use a longer clip."
    )


def _compared(
    compare: Compare, source: Tensor, outputs: Iterable[Pending], first: int
) -> Iterator[Pending]:
    """Let ``compare`` show outputs of one source frame, numbered from ``first``."""
    for number, output in enumerate(outputs, first):

        def shown(pixels: Tensor, number: int = number) -> Tensor:
            return compare(source, pixels, number)

        yield replace(output, shown=shown)


@dataclass(slots=True)
class _DeviceFrame(Generic[FeaturesT]):
    """A frame on the model's device.

    Attributes:
        image: [1, C, H, W] in [0, 1], premultiplied.
        straight: the same with straight alpha.
        features: of the model; None until they are needed.
    """

    image: Tensor
    straight: Tensor
    features: FeaturesT | None = None


@dataclass(frozen=True, slots=True)
class _Finishing:
    """From a model's images to outputs of a pair; see ``_DeviceFrame``."""

    frames: tuple[Frame, Frame]
    images: tuple[Tensor, Tensor]
    straight: tuple[Tensor, Tensor]
    still: Tensor | None

    def pixels(self, image: Tensor, time: float) -> Tensor:
        """Return the output at ``time``, [H, W, C], for an image [1, C, H, W] in [0, 1], premultiplied."""
        if self.still is not None:
            image = restore_still(image, *self.images, self.still, time)
        nearest = 0 if time <= 0.5 else 1
        mask = self.frames[nearest].mask
        if mask is not None:
            image = protect(image, self.images[nearest], mask)
        image = unpremultiply_image(image, *self.straight, time)
        return from_planar(image, self.frames[0].pixels.dtype)

    def mended(self, mend: Callable[[], Tensor | None], time: float) -> Tensor | None:
        """Return the output of an image that had to be made again, or None; waits."""
        image = mend()
        return None if image is None else self.pixels(image, time)


# Closer to a frame than this, nothing has moved by a visible part of a pixel, and what a network is
# told, a float32, may be 0 or 1.
_CLOSE = Fraction(1, 1_000_000)


class _PairInterpolator(Generic[FeaturesT]):
    """Makes the outputs of pairs, and keeps the newest two frames on the model's device."""

    def __init__(self, interpolator: Interpolator[FeaturesT], at_cut: AtCut) -> None:
        self._interpolator = interpolator
        self._at_cut = at_cut
        self._on_device: dict[Fraction, _DeviceFrame[FeaturesT]] = {}

    def outputs(
        self, frame0: Frame, frame1: Frame, timesteps: Sequence[Fraction]
    ) -> Iterator[Pending]:
        """Yield the outputs of a pair at increasing timesteps in [0, 1)."""
        num_first = sum(step <= _CLOSE for step in timesteps)
        num_last = sum(step >= 1 - _CLOSE for step in timesteps)
        between = timesteps[num_first : len(timesteps) - num_last]
        yield from repeat(Pending(frame0.pixels), num_first)
        if between:
            yield from self._between(frame0, frame1, between)
        yield from repeat(Pending(frame1.pixels), num_last)

    def _between(
        self, frame0: Frame, frame1: Frame, timesteps: Sequence[Fraction]
    ) -> Iterator[Pending]:
        if frame1.begins_scene:
            for step in timesteps:
                yield Pending(_output_at_cut(frame0, frame1, step, self._at_cut))
        else:
            yield from self._interpolate(frame0, frame1, timesteps)

    def _interpolate(
        self, frame0: Frame, frame1: Frame, timesteps: Sequence[Fraction]
    ) -> Iterator[Pending]:
        pair = {frame.time: self._to_device(frame) for frame in (frame0, frame1)}
        self._on_device = pair  # earlier frames are released here
        device_frame0, device_frame1 = pair.values()
        still = still_region(device_frame0.image, device_frame1.image)
        still_share = _share_of(still, frame0.pixels, frame1.pixels)
        if still_share == 1:
            for step in timesteps:
                yield Pending(cross_fade(frame0.pixels, frame1.pixels, float(step)))
            return
        features0, features1 = self._features(device_frame0), self._features(device_frame1)
        times = [float(timestep) for timestep in timesteps]
        finishing = _Finishing(
            (frame0, frame1),
            (device_frame0.image, device_frame1.image),
            (device_frame0.straight, device_frame1.straight),
            still if still_share else None,
        )
        if self._interpolator.draft is None or self._interpolator.device.type == "cpu":
            images = self._interpolator.interpolate(features0, features1, times)
            for time, image in zip(times, images, strict=True):
                yield Pending(finishing.pixels(image, time))
            return
        drafts = self._interpolator.draft(features0, features1, times)
        for time, draft in zip(times, drafts, strict=True):
            pixels = finishing.pixels(draft.image, time)
            yield Pending(pixels, partial(finishing.mended, draft.mended, time), draft.batch)

    def _to_device(self, frame: Frame) -> _DeviceFrame[FeaturesT]:
        if known := self._on_device.get(frame.time):
            return known
        straight = to_planar(frame.pixels, self._interpolator.device)
        return _DeviceFrame(premultiply_image(straight), straight)

    def _features(self, frame: _DeviceFrame[FeaturesT]) -> FeaturesT:
        if frame.features is None:
            frame.features = self._interpolator.encode(frame.image)
        return frame.features


def _share_of(still: Tensor, pixels0: Tensor, pixels1: Tensor) -> float:
    """Tell how much of a pair is still, as far as that is known without waiting for a GPU.

    Reading it would hold up the GPU at each pair. There, frames that are the same to the last bit are
    told by their source pixels; of all others some part may be still.

    Args:
        still: from ``still_region``, on the model's device.
        pixels0: of the source, [H, W, C].
        pixels1: the same shape.

    Returns:
        0: nothing is still; 1: everything; between them: some, or unknown.
    """
    if still.device.type == "cpu":
        return still.float().mean().item()
    in_memory = pixels0.device.type == pixels1.device.type == "cpu"
    return float(in_memory and _are_equal(pixels0, pixels1)) or 0.5


def _are_equal(pixels0: Tensor, pixels1: Tensor) -> bool:
    """Compare two frames; those that differ nearly always differ in a few of their rows as well."""
    few = slice(None, None, 64)
    return torch.equal(pixels0[few], pixels1[few]) and torch.equal(pixels0, pixels1)


def _output_at_cut(frame0: Frame, frame1: Frame, timestep: Fraction, at_cut: AtCut) -> Tensor:
    if at_cut is AtCut.BLEND:
        return cross_fade(frame0.pixels, frame1.pixels, float(timestep))
    if at_cut is AtCut.HOLD or timestep <= Fraction(1, 2):
        return frame0.pixels
    return frame1.pixels
