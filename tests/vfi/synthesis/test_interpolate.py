from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from tests.helpers.stand_in_models import Blend
from vfi.errors import InputError
from vfi.frames import Frame
from vfi.synthesis import Interpolator
from vfi.synthesis.interpolate import (
    AtCut,
    _interpolate_on_device,
    _PairInterpolator,
    interpolate_stream,
)
from vfi.timing import EndRule, Schedule, constant_speed
from vfi.visualize.comparison import Layout, Montage


def schedule(rate: float, end: EndRule = EndRule.FULL_DURATION, speed: int = 1) -> Schedule:
    """A clip of one frame per second, shown ``rate`` times per second."""
    return Schedule(Fraction(rate), Fraction(1), end, constant_speed(Fraction(speed)))


def to_last_frame(rate: int) -> Schedule:
    return schedule(rate, EndRule.LAST_FRAME)


def clip(values: list[int], dtype: torch.dtype = torch.uint8, size: int = 2) -> Iterator[Frame]:
    for index, value in enumerate(values):
        yield Frame(torch.full((size, size, 3), value, dtype=dtype), Fraction(index))


def first_values(frames: Iterator[Tensor]) -> list[float]:
    return [frame[0, 0, 0].item() for frame in frames]


def test_new_frames_lie_between_originals() -> None:
    out = interpolate_stream(clip([0, 100, 200]), Blend()(), to_last_frame(2))
    assert first_values(out) == [0, 50, 100, 150, 200]


def test_full_duration_holds_the_last_frame() -> None:
    out = interpolate_stream(clip([0, 90]), Blend()(), schedule(3))
    assert first_values(out) == [0, 30, 60, 90, 90, 90]


def test_originals_are_passed_on_as_the_same_tensor() -> None:
    frames = list(clip([7, 8]))
    out = list(interpolate_stream(frames, Blend()(), schedule(2)))
    assert out[0] is frames[0].pixels
    assert out[2] is frames[1].pixels


@pytest.mark.parametrize("rate", [2 + Fraction(1, 10**8), 2 - Fraction(1, 10**8)])
def test_moment_next_to_a_frame_is_that_frame(rate: Fraction) -> None:
    times: list[float] = []

    class Listening(Blend):
        def interpolate(self, first: Tensor, second: Tensor, timesteps: Sequence[float]):
            times.extend(timesteps)
            return super().interpolate(first, second, timesteps)

    out = list(
        interpolate_stream(clip([0, 90, 180, 60]), Listening()(), Schedule(rate, Fraction(1)))
    )
    assert [frame[0, 0, 0].item() for frame in out][:7] == [0, 45, 90, 135, 180, 120, 60]
    assert times == pytest.approx([0.5] * 3)


def test_new_values_are_rounded_not_truncated() -> None:
    out = interpolate_stream(clip([0, 6]), Blend()(), schedule(8))
    assert first_values(out)[:5] == [0, 1, 2, 2, 3]


def test_floating_point_frames_stay_so() -> None:
    frames = clip([0, 1], torch.float32)
    out = list(interpolate_stream(frames, Blend()(), schedule(4)))
    assert {frame.dtype for frame in out} == {torch.float32}
    assert first_values(iter(out))[:4] == [0, 0.25, 0.5, 0.75]


def test_each_frame_is_encoded_once() -> None:
    model = Blend()
    list(interpolate_stream(clip([0, 9] * 4), model(), schedule(4)))
    assert model.num_encoded == 8


def test_lower_rate_drops_frames_and_encodes_nothing_it_does_not_need() -> None:
    model = Blend()
    out = interpolate_stream(clip([0, 10, 20, 30]), model(), schedule(0.5))
    assert first_values(out) == [0, 20]
    assert model.num_encoded == 0


def test_speed_shows_other_moments_at_the_same_rate() -> None:
    out = interpolate_stream(clip([0, 100, 200]), Blend()(), schedule(1, speed=2))
    assert first_values(out) == [0, 200]


def test_result_at_a_very_low_rate_is_not_longer_than_the_source() -> None:
    source = clip([0, 10, 20, 30, 40])  # five seconds; an output lasts 3.6
    assert first_values(interpolate_stream(source, Blend()(), schedule(0.28))) == [0]


def test_only_a_few_frames_are_alive_at_a_time() -> None:
    alive: weakref.WeakSet[Tensor] = weakref.WeakSet()
    most = 0

    def counted() -> Iterator[Frame]:
        for frame in clip([1, 9] * 500):
            alive.add(frame.pixels)
            yield frame

    for _frame in interpolate_stream(counted(), Blend()(), schedule(2)):
        most = max(most, len(alive))
    del _frame
    gc.collect()
    assert most <= 3
    assert not alive


def test_frames_are_read_no_further_than_needed() -> None:
    source = clip([0, 1, 2, 3])
    out = interpolate_stream(source, Blend()(), schedule(2))
    next(out)
    assert next(source).time == 2


@pytest.mark.parametrize(("values", "found"), [([], "no frames"), ([1], "one frame")])
def test_fewer_than_two_frames_are_refused(values: list[int], found: str) -> None:
    out = interpolate_stream(clip(values), Blend()(), schedule(2))
    with pytest.raises(InputError, match=f"has {found}, and interpolation needs at least two"):
        list(out)


# --- cuts ----------------------------------------------------------------------------------------


class Refusal(Blend):
    """A model that must not be asked."""

    def encode(self, img: Tensor) -> Tensor:
        raise AssertionError


def scenes(values: list[int], *first_frames: int) -> Iterator[Frame]:
    for index, frame in enumerate(clip(values)):
        yield replace(frame, begins_scene=index in first_frames)


@pytest.mark.parametrize(
    ("at_cut", "expected"),
    [
        (AtCut.NEAREST, [0, 0, 0, 200, 200]),
        (AtCut.HOLD, [0, 0, 0, 0, 200]),
        (AtCut.BLEND, [0, 50, 100, 150, 200]),
    ],
)
def test_what_is_shown_at_a_cut(at_cut: AtCut, expected: list[int]) -> None:
    out = interpolate_stream(scenes([0, 200], 1), Refusal()(), to_last_frame(4), at_cut=at_cut)
    assert first_values(out) == expected


def test_frames_of_a_scene_are_interpolated_as_ever() -> None:
    out = interpolate_stream(scenes([0, 20, 200, 220], 2), Blend()(), to_last_frame(2))
    assert first_values(out) == [0, 10, 20, 20, 200, 210, 220]


# --- still regions, masks, montage ---------------------------------------------------------------


class White(Blend):
    """A model whose frames are white."""

    def interpolate(
        self, features0: Tensor, features1: Tensor, timesteps: Sequence[float]
    ) -> Iterator[Tensor]:
        for _ in timesteps:
            yield torch.ones_like(features0)


def test_what_does_not_move_stays_as_it_is() -> None:
    frames = [frame.pixels for frame in clip([100, 100], size=20)]
    frames[1][:, 10:] = 180
    source = [Frame(pixels, Fraction(time)) for time, pixels in enumerate(frames)]
    _, new, _ = interpolate_stream(source, White()(), to_last_frame(2))
    assert (new[:, :8] == 100).all()
    assert (new[:, 8:] == 255).all()  # the motion, and two pixels around it


def test_repeated_frame_is_not_given_to_the_model() -> None:
    out = interpolate_stream(clip([100, 101]), Refusal()(), to_last_frame(2))
    assert first_values(out) == [100, 100, 101]


def test_mask_shows_the_nearest_original() -> None:
    mask = torch.tensor([[1.0, 0.5], [0.0, 0.0]])
    source = [replace(frame, mask=mask) for frame in clip([0, 200])]
    _, early, late, _ = interpolate_stream(source, White()(), to_last_frame(3))
    assert early[..., 0].tolist() == [[0, 128], [255, 255]]
    assert late[..., 0].tolist() == [[200, 228], [255, 255]]


def test_montage_shows_each_output_beside_the_source_frame_that_plays() -> None:
    montage = Montage(Layout.SIDE_BY_SIDE, 2, 2, Fraction(2))
    out = interpolate_stream(clip([0, 200]), Blend()(), schedule(2), compare=montage.compose)
    assert [frame[0, :, 0].tolist() for frame in out] == [
        [0, 0, 0, 0],
        [0, 0, 100, 100],
        [200, 200, 200, 200],
        [200, 200, 200, 200],
    ]


@pytest.mark.parametrize("end", EndRule)
@pytest.mark.parametrize("rate", [0.5, 1, 2.5, 3])
def test_stream_that_goes_on_gives_the_rest_of_the_whole(end: EndRule, rate: float) -> None:
    values = [0, 30, 90, 60, 200]
    whole = first_values(interpolate_stream(clip(values), Blend()(), schedule(rate, end)))
    for first in range(len(whole) + 1):
        rest = interpolate_stream(clip(values), Blend()(), schedule(rate, end), first=first)
        assert first_values(rest) == whole[first:]


def test_stream_that_goes_on_leaves_earlier_pairs_to_themselves() -> None:
    model = Blend()
    list(interpolate_stream(clip([0, 30, 90, 60]), model(), to_last_frame(2), first=5))
    assert model.num_encoded == 2  # of the last pair alone


@pytest.mark.parametrize("rate", [2, 2.25, 2.4])
def test_comparison_is_told_the_number_of_each_output(rate: float) -> None:
    def number_only(before: Tensor, after: Tensor, number: int) -> Tensor:
        return torch.tensor(number)

    total = round(4 * rate)
    for first in range(total):
        frames = clip([0, 50, 100, 150])
        out = interpolate_stream(
            frames, Blend()(), schedule(rate), compare=number_only, first=first
        )
        assert [frame.item() for frame in out] == list(range(first, total))


# --- on a device that one should not wait for ----------------------------------------------------


class OnMeta(Blend):
    """A model on torch's meta device, where nothing can be read: whoever tries gets an error."""

    def __init__(self) -> None:
        super().__init__()
        self.pairs = 0

    def __call__(self) -> Interpolator[Tensor]:
        return Interpolator(self.encode, self.interpolate, torch.device("meta"))

    def interpolate(
        self, first: Tensor, second: Tensor, timesteps: Sequence[float]
    ) -> Iterator[Tensor]:
        self.pairs += 1
        return super().interpolate(first, second, timesteps)


def outputs_on_meta(frames: list[Frame]) -> tuple[list[Tensor], int]:
    """The outputs as they come from the device, and how many pairs the model got."""
    model = OnMeta()
    pairs = _PairInterpolator(model(), AtCut.NEAREST)
    outputs = _interpolate_on_device(frames, pairs, to_last_frame(2), None, 0)
    return [output.pixels for output in outputs], model.pairs


@pytest.mark.parametrize("channels", [3, 4])
def test_nothing_is_read_from_a_gpu_between_decoding_and_encoding(channels: int) -> None:
    pictures = torch.randint(0, 256, (4, 70, 8, channels), dtype=torch.uint8)
    frames = [
        Frame(pixels, Fraction(number), mask=torch.rand(70, 8))
        for number, pixels in enumerate(pictures)
    ]
    outputs, num_pairs = outputs_on_meta(frames)
    assert [pixels.device.type for pixels in outputs] == ["cpu", "meta"] * 3 + ["cpu"]
    assert num_pairs == 3


def test_repeated_frame_is_not_given_to_a_gpu_either() -> None:
    picture = torch.randint(0, 256, (70, 8, 3), dtype=torch.uint8)
    changed = picture.clone()
    changed[1, 1, 1] ^= 255  # in a row that is not among the few that are compared first
    frames = [
        Frame(pixels, Fraction(number))
        for number, pixels in enumerate((picture, picture.clone(), changed))
    ]
    outputs, num_pairs = outputs_on_meta(frames)
    assert [pixels.device.type for pixels in outputs] == ["cpu", "cpu", "cpu", "meta", "cpu"]
    assert torch.equal(outputs[1], picture)
    assert num_pairs == 1
