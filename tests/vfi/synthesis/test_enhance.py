from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from tests.helpers.stand_in_models import Sum
from vfi.frames import Frame
from vfi.synthesis.enhance import enhance_stream


def clip(values: list[int], cuts: tuple[int, ...] = ()) -> Iterator[Frame]:
    for number, value in enumerate(values):
        pixels = torch.full((2, 2, 3), value, dtype=torch.uint8)
        yield Frame(pixels, Fraction(number), number in cuts)


def enhanced(frames: Iterator[Frame] | list[Frame], first: int = 0) -> list[int]:
    return [int(pixels[0, 0, 0]) for pixels in enhance_stream(frames, Sum()(), first=first)]


def test_each_frame_is_helped_by_the_one_before_and_the_first_by_the_second() -> None:
    assert enhanced(clip([10, 20, 50, 100])) == [12, 21, 52, 105]


@pytest.mark.parametrize("count", range(6))
def test_as_many_frames_come_out_as_go_in(count: int) -> None:
    assert len(enhanced(clip([10] * count))) == count


def test_frame_alone_helps_itself() -> None:
    assert enhanced(clip([100])) == [110]


@pytest.mark.parametrize(
    ("cuts", "expected"),
    [((2,), [12, 21, 55, 105]), ((1,), [11, 22, 52, 105]), ((1, 2, 3), [11, 22, 55, 110])],
)
def test_frame_after_a_cut_helps_itself(cuts: tuple[int, ...], expected: list[int]) -> None:
    assert enhanced(clip([10, 20, 50, 100], cuts)) == expected


@pytest.mark.parametrize("first", range(6))
def test_begin_in_the_middle_gives_the_same_frames(first: int) -> None:
    values, cuts = [10, 20, 50, 100, 30], (3,)
    assert enhanced(clip(values, cuts), first) == enhanced(clip(values, cuts))[first:]


def test_each_frame_is_encoded_and_made_once() -> None:
    model = Sum()
    list(enhance_stream(clip([10, 20, 30, 40, 50], (2,)), model()))
    assert (model.num_encoded, model.num_enhanced) == (5, 5)


def test_frames_before_the_first_wanted_cost_the_model_nothing() -> None:
    model = Sum()
    list(enhance_stream(clip([10, 20, 30, 40, 50]), model(), first=3))
    assert (model.num_encoded, model.num_enhanced) == (3, 2)  # and the one that helps


def test_repeated_tensor_is_made_once() -> None:
    frames = list(clip([10, 20, 30]))
    frames.insert(2, replace(frames[1], time=Fraction(3, 2)))
    model = Sum()
    out = list(enhance_stream(frames, model()))
    assert [int(pixels[0, 0, 0]) for pixels in out] == [12, 21, 21, 32]
    assert model.num_enhanced == 3


def test_alpha_is_passed_on_and_what_is_seen_is_enhanced() -> None:
    frames = [
        Frame(torch.tensor([[[0.8, 0.8, 0.8, 0.5], [0.9, 0.0, 0.0, 0.0]]]), Fraction(number))
        for number in range(2)
    ]
    for pixels in enhance_stream(frames, Sum()()):
        torch.testing.assert_close(pixels[0, 0], torch.tensor([0.88, 0.88, 0.88, 0.5]))
        assert pixels[0, 1].tolist() == frames[0].pixels[0, 1].tolist()  # nothing is seen of it


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float16])
def test_frames_keep_their_size_and_type(dtype: torch.dtype) -> None:
    frames = [Frame(torch.zeros(3, 5, 3, dtype=dtype), Fraction(number)) for number in range(3)]
    assert {(p.shape, p.dtype) for p in enhance_stream(frames, Sum()())} == {((3, 5, 3), dtype)}


def test_deep_frame_keeps_what_lies_between_levels() -> None:
    frame = Frame(torch.full((1, 1, 3), 0.1234), Fraction(0))
    (pixels,) = enhance_stream([frame], Sum()())
    torch.testing.assert_close(pixels, frame.pixels * 1.1)


def test_long_clip_needs_no_more_frames_than_a_short_one() -> None:
    alive: list[weakref.ref[Tensor]] = []
    most = 0

    def source() -> Iterator[Frame]:
        for frame in clip([1] * 300):
            alive.append(weakref.ref(frame.pixels))
            yield frame

    for _ in enhance_stream(source(), Sum()()):
        gc.collect(0)
        most = max(most, sum(ref() is not None for ref in alive))
    assert most <= 3
