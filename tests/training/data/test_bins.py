"""Shares of slow and fast motion."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from training.data.bins import FairShare, bin_of


def kept(motions: list[float], most: int) -> list[int]:
    share, rng = FairShare(most), Random(0)
    numbers: set[int] = set()
    for number, motion in enumerate(motions):
        numbers.add(number)
        given_up = share.offer(number, motion, rng.random())
        numbers -= {given_up}
        assert len(numbers) <= most
    return sorted(numbers)


def shares(motions: list[float], most: int) -> Counter[int]:
    return Counter(bin_of(motions[number]) for number in kept(motions, most))


def test_bins_are_half_open() -> None:
    assert [bin_of(motion) for motion in (0.2, 0.99, 1, 2.5, 5, 9.9, 10, 99)] == [
        *(0, 0, 1, 2, 3, 3, 4, 4)
    ]


def test_all_are_kept_while_there_is_room() -> None:
    assert kept([0.5] * 10, 10) == list(range(10))


@pytest.mark.parametrize("order", [1, -1])
def test_rare_motion_keeps_its_samples_whenever_it_comes(order: int) -> None:
    motions = ([0.5] * 300 + [3] * 60 + [20] * 4)[::order]
    assert shares(motions, 30) == {0: 13, 2: 13, 4: 4}


def test_what_is_kept_is_from_the_whole_clip() -> None:
    numbers = kept([0.5] * 1000, 40)
    quarters = Counter(number // 250 for number in numbers)
    assert min(quarters[quarter] for quarter in range(4)) >= 4
