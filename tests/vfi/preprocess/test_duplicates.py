from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.helpers.discs import HEIGHT, WIDTH, disc
from tests.helpers.writers import video_writer
from vfi.frames import Frame
from vfi.preprocess.duplicates import redraw_duplicates, smooth_duplicates
from vfi.read.video import probe_video, read_video


def position(pixels: Tensor) -> float:
    """The column of the disc's centre, measured in the image."""
    light = (pixels[..., 0].float() - 130).clamp(min=0)
    return float((light.sum(0) * torch.arange(WIDTH)).sum() / light.sum())


def shown(slots: list[float], speed: float = 3.0, rate: int = 24) -> list[Frame]:
    """Frame k shows the disc where it is at time ``slots[k]``, in frames."""
    return [
        Frame(disc(20 + speed * moment), Fraction(number, rate))
        for number, moment in enumerate(slots)
    ]


def converted(count: int, per_slot: Fraction) -> list[float]:
    """What ``count`` frames show when a lower rate is put into a higher by repeating."""
    return [float(number * per_slot // 1 / per_slot) for number in range(count)]


def pairs(frames: list[Frame]) -> Iterator[tuple[Frame, Frame]]:
    return pairwise(frames)


def times(frames: list[Frame], rate: int = 24) -> list[Fraction]:
    return [frame.time * rate for frame in frames]


def unevenness(frames: list[Frame], speed: float = 3.0, rate: int = 24) -> float:
    """How far, in px, the disc is from where even motion would have it, at most."""
    return max(
        abs(position(frame.pixels) - position(frames[0].pixels) - speed * float(frame.time) * rate)
        for frame in frames
    )


def compressed(frames: list[Frame], folder: Path, crf: int) -> list[Frame]:
    path = folder / "clip.mp4"
    with video_writer(path, width=WIDTH, height=HEIGHT, rate=Fraction(24), crf=crf) as writer:
        for frame in frames:
            writer.write(frame.pixels.numpy())
    return list(read_video(probe_video(path)))


CONVERSIONS = {
    "12 in 24": Fraction(1, 2),
    "8 in 24": Fraction(1, 3),
    "6 in 24": Fraction(1, 4),
    "12 in 60": Fraction(1, 5),
    "24 in 30": Fraction(4, 5),
    "25 in 30": Fraction(5, 6),
    "16 in 24": Fraction(2, 3),
    "16 in 30": Fraction(8, 15),
    "24 in 60": Fraction(2, 5),
    "15 in 24": Fraction(5, 8),
}


@pytest.mark.parametrize("per_slot", CONVERSIONS.values(), ids=CONVERSIONS)
def test_rate_put_into_a_higher_one_moves_evenly_again(per_slot: Fraction) -> None:
    count = 30 + -30 % per_slot.denominator  # whole cycles
    speed = 80 / count
    source = shown(converted(count, per_slot), speed)
    out = list(smooth_duplicates(source))
    assert unevenness(source, speed) > 0.4 * speed
    assert unevenness(out[:-1], speed) < 0.05  # the last frame keeps its time
    assert len(out) in (count * per_slot, count * per_slot + 1)


@pytest.mark.parametrize("per_slot", CONVERSIONS.values(), ids=CONVERSIONS)
@pytest.mark.parametrize("count", [1, 2, 3, 4, 11, 17, 24, 31])
def test_clip_keeps_its_first_and_last_frame(per_slot: Fraction, count: int) -> None:
    source = shown(converted(count, per_slot), 2)
    out = list(smooth_duplicates(source))
    assert out[0] == source[0]
    assert out[-1] == source[-1]
    assert all(earlier.time < later.time for earlier, later in pairs(out))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=30))
def test_times_increase_and_lie_near_the_source_whatever_repeats(counts: list[int]) -> None:
    images = [torch.full((1, 1, 3), number % 2 * 255, dtype=torch.uint8) for number in range(30)]
    source = [
        Frame(pixels, Fraction(0))
        for pixels, n in zip(images, counts, strict=False)
        for _ in [0] * n
    ]
    source = [Frame(frame.pixels, Fraction(number)) for number, frame in enumerate(source)]
    out = list(smooth_duplicates(source))
    assert (out[0], out[-1]) == (source[0], source[-1])
    assert all(earlier.time < later.time for earlier, later in pairs(out))
    first_shown = {id(frame.pixels): frame.time for frame in reversed(source)}
    assert {id(frame.pixels) for frame in out} == set(first_shown)
    for frame in out:
        held = sum(other.pixels is frame.pixels for other in source)
        assert -1 < frame.time - first_shown[id(frame.pixels)] < max(held, 1)


def test_clip_without_repeats_is_passed_on_as_it_is() -> None:
    source = shown(list(range(20)))
    assert list(smooth_duplicates(source)) == source


def test_single_repeat_is_bridged_where_it_is() -> None:
    source = shown([0, 1, 2, 3, 3, 5, 6, 7, 8, 9, 10, 11])
    assert times(list(smooth_duplicates(source))) == [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11]


def test_conversion_that_begins_in_the_clip_is_smoothed_from_there() -> None:
    moments = [*range(9), *(9 + moment for moment in converted(20, Fraction(4, 5)))]
    out = times(list(smooth_duplicates(shown(moments, 2.5))))
    assert out[:7] == list(range(7))
    assert {later - earlier for earlier, later in pairwise(out[9:23])} == {Fraction(5, 4)}


def test_conversion_that_ends_in_the_clip_is_smoothed_to_there() -> None:
    moments = [*converted(15, Fraction(4, 5)), *range(12, 30)]
    out = list(smooth_duplicates(shown(moments, 2.5)))
    assert [float(time) for time in times(out)[:12]] == [1.25 * k for k in range(12)]
    assert times(out)[12:] == list(range(15, 33))


def test_freeze_stays_a_freeze() -> None:
    source = shown([0, 1, 2, 3, 4, *[5] * 12, *range(5, 12)])
    assert list(smooth_duplicates(source)) == source


def test_freeze_in_doubled_material_stays_a_freeze() -> None:
    moments = [0, 0, 1, 1, 2, 2, *[3] * 12, 4, 4, 5, 5, 6, 6]
    expected = [0, 2, 4, *range(6, 18), 18, 20, 22, 23]
    assert times(list(smooth_duplicates(shown(moments)))) == expected


def test_variable_rate_is_spread_over_the_time_it_takes() -> None:
    timestamps = [0, 2, 3, 4, 6, 10, 12, 13, 14, 16, 20]
    images = [disc(20 + 5 * moment) for moment in (0, 1, 2, 3, 3, 4, 5, 6, 7, 7, 8)]
    source = [
        Frame(p, Fraction(timestamp)) for p, timestamp in zip(images, timestamps, strict=True)
    ]
    assert [float(frame.time) for frame in smooth_duplicates(source)] == [
        0,
        2.5,
        5,
        7.5,
        10,
        12.5,
        15,
        17.5,
        20,
    ]


# --- compressed clips ----------------------------------------------------------------------------


@pytest.mark.parametrize("crf", [18, 23, 28])
@pytest.mark.parametrize("conversion", ["12 in 24", "8 in 24", "24 in 30"])
def test_compression_does_not_hide_repeats(conversion: str, crf: int, tmp_path: Path) -> None:
    moments = converted(30, CONVERSIONS[conversion])
    source = compressed(shown(moments, 2.5), tmp_path, crf)
    out = list(smooth_duplicates(source))
    assert len(out) in (len(set(moments)), len(set(moments)) + 1)
    assert unevenness(out[:-1], 2.5) < 0.3


@pytest.mark.parametrize("crf", [18, 28])
def test_freeze_survives_compression(crf: int, tmp_path: Path) -> None:
    moments = [0, 0, 1, 1, 2, 2, 3, 3, *[4] * 14, 5, 5, 6, 6, 7, 7, 8, 8]
    out = list(smooth_duplicates(compressed(shown(moments), tmp_path, crf)))
    still = [frame for frame in out if abs(position(frame.pixels) - 32) < 0.5]
    assert still[-1].time * 24 == 21


@pytest.mark.parametrize("crf", [18, 28])
def test_slow_motion_is_not_a_duplicate(crf: int, tmp_path: Path) -> None:
    source = compressed(shown(list(range(24)), speed=0.25), tmp_path, crf)
    assert len(list(smooth_duplicates(source))) >= 23


def test_slow_motion_after_fast_motion_is_not_a_duplicate() -> None:
    moments = [*range(0, 80, 8), *(72 + 0.5 * number for number in range(1, 15))]
    source = shown(moments, speed=0.5)
    assert list(smooth_duplicates(source)) == source


@pytest.mark.parametrize(
    "steps",
    [[0.5, 0.5, 0.5, 0.75] * 6, [0.4] * 9 + [0.4, 0.4, 0.4, 1.5] * 4],
    ids=["even", "jerky"],
)
def test_slow_motion_that_speeds_up_is_not_a_duplicate(steps: list[float]) -> None:
    source = shown([sum(steps[:number]) for number in range(len(steps))], speed=1)
    assert list(smooth_duplicates(source)) == source


def test_moving_mouth_in_a_still_frame_is_not_a_duplicate(tmp_path: Path) -> None:
    source = []
    for number, opening in enumerate([0, 3, 5, 6, 5, 3] * 4):
        pixels = disc(64)
        pixels[40 : 44 + opening, 60:68] //= 3
        source.append(Frame(pixels, Fraction(number, 24)))
    assert len(list(smooth_duplicates(compressed(source, tmp_path, 23)))) == 24


# --- redrawn -------------------------------------------------------------------------------------


def kept(counts: list[int], cut: int | None = None) -> tuple[list[int], int]:
    """Numbers of the frames that are passed on, where frame k is shown ``counts[k]`` times.

    Also how many were dropped, as they are reported. ``cut`` is a frame that begins a scene.
    """
    moments = [moment for moment, count in enumerate(counts) for _ in range(count)]
    source = [replace(f, begins_scene=n == cut) for n, f in enumerate(shown(moments))]
    dropped: list[int] = []
    out = list(redraw_duplicates(source, dropped.append))
    assert all(frame is source[int(frame.time * 24)] for frame in out)
    return [int(frame.time * 24) for frame in out], sum(dropped)


def test_repeats_between_two_frames_are_dropped_and_counted() -> None:
    assert kept([1, 1, 3, 1, 2, 1]) == ([0, 1, 2, 5, 6, 8], 3)


def test_conversion_of_rates_keeps_the_times_of_all_other_frames() -> None:
    assert kept([1, 1, 1, 2] * 4 + [1]) == ([n for n in range(21) if n % 5 != 4 or n == 20], 4)


def test_repeats_at_the_beginning_are_dropped_and_those_at_the_end_stay() -> None:
    assert kept([3, 1, 1, 3]) == ([0, 3, 4, 5, 6, 7], 2)


@pytest.mark.parametrize(("length", "num_dropped"), [(5, 4), (6, 0), (12, 0)])
def test_only_a_run_that_is_no_freeze_is_redrawn(length: int, num_dropped: int) -> None:
    numbers, dropped = kept([1, 1, length, 1, 2, 1])
    assert dropped == num_dropped + 1
    assert len(numbers) == 6 + length - dropped


def test_repeats_before_a_cut_stay() -> None:
    assert kept([1, 3, 3, 1], cut=4) == ([0, 1, 2, 3, 4, 7], 2)


def test_cut_given_at_a_repeat_begins_a_scene_there() -> None:
    assert kept([1, 4, 1, 1], cut=3) == ([0, 1, 2, 3, 5, 6], 1)


@pytest.mark.parametrize("redraws", [False, True])
def test_only_some_frames_are_alive_at_a_time(redraws: bool) -> None:
    alive: weakref.WeakSet[Tensor] = weakref.WeakSet()
    most = 0

    def counted() -> Iterator[Frame]:
        for number in range(300):
            pixels = torch.full((1, 1, 3), number // 5 % 2, dtype=torch.uint8)
            alive.add(pixels)
            yield Frame(pixels, Fraction(number))

    prepared = redraw_duplicates(counted(), id) if redraws else smooth_duplicates(counted())
    for _frame in prepared:
        most = max(most, len(alive))
    del _frame, prepared
    gc.collect()
    assert most <= 35
    assert not alive
