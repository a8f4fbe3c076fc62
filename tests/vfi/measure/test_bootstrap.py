"""Intervals of means: against those that statistics knows in closed form."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from vfi.measure import find_intervals, num_drawn

STUDENT = {8: 2.365, 40: 2.023}  # 97.5 %, of one degree of freedom less


def values(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("count", STUDENT)
def test_interval_of_clips_of_one_frame_is_that_of_student(count: int) -> None:
    sample = values(0, count, 1)
    (found,) = find_intervals(sample, [str(number) for number in range(count)])
    half = STUDENT[count] * sample.std(ddof=1) / sqrt(count)
    assert found.mean == pytest.approx(sample.mean())
    assert found.low == pytest.approx(sample.mean() - half, abs=0.15 * half)
    assert found.high == pytest.approx(sample.mean() + half, abs=0.15 * half)


@pytest.mark.parametrize("count", [5, 30])
def test_interval_holds_the_truth_about_19_times_in_20(count: int) -> None:
    """Clips whose frames are nearly alike: to draw frames would be right in a third of all cases."""
    clips = [str(number) for number in range(count) for _ in range(10)]
    trials = 300
    means = values(1, count, trials).repeat(10, axis=0)
    found = find_intervals(means + 0.1 * values(2, count * 10, trials), clips)
    held = sum((each.low or 0) <= 0 <= (each.high or 0) for each in found)
    assert 0.91 <= held / trials <= 0.985


def test_frames_of_a_clip_stay_together() -> None:
    sample = np.array([[0.0]] * 50 + [[1.0]] * 50)
    (apart,) = find_intervals(sample, [str(number) for number in range(100)])
    (together,) = find_intervals(sample, [str(number // 10) for number in range(100)])
    assert together.high is not None
    assert apart.high is not None
    assert (together.high - 0.5) > 2.5 * (apart.high - 0.5)


def test_clips_count_as_many_times_as_they_have_frames() -> None:
    (found,) = find_intervals(np.array([[0.0], [1.0], [1.0], [1.0]]), ["a", "b", "b", "b"])
    assert found.mean == 0.75


def test_frames_are_drawn_where_there_is_one_clip() -> None:
    sample = values(0, 8, 1)
    assert num_drawn(["a"] * 8) == (8, "frames")
    assert num_drawn([*["a"] * 7, "b"]) == (2, "clips")
    assert find_intervals(sample, ["a"] * 8) == find_intervals(sample, list("abcdefgh"))


def test_single_frame_has_no_interval() -> None:
    assert find_intervals(np.array([[3.0, 4.0]]), ["a"]) == [(3, None, None), (4, None, None)]


def test_same_draws_give_the_same_interval_again() -> None:
    sample, clips = values(0, 20, 2), [str(number // 2) for number in range(20)]
    assert find_intervals(sample, clips) == find_intervals(sample, clips)
