from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfi.timing import (
    EndRule,
    count_at_end,
    count_outputs,
    format_rate,
    parse_rate,
    timesteps_between,
)

F = Fraction
LAST, FULL = EndRule.LAST_FRAME, EndRule.FULL_DURATION
rates = st.fractions(min_value=F(1, 2), max_value=240, max_denominator=1001)


def timesteps(num_frames: int, source_rate: F, rate: F) -> list[list[F]]:
    times = [index / source_rate for index in range(num_frames)]
    return [list(timesteps_between(start, stop, rate)) for start, stop in pairwise(times)]


def test_multiplier_puts_equal_steps_into_every_pair() -> None:
    assert timesteps(3, F(24), F(72)) == [[0, F(1, 3), F(2, 3)]] * 2


def test_16_to_24_shows_every_third_output_as_an_original() -> None:
    assert timesteps(3, F(16), F(24)) == [[0, F(2, 3)], [F(1, 3)]]


def test_pair_of_a_variable_rate_clip_gets_as_many_outputs_as_it_lasts() -> None:
    assert list(timesteps_between(F(1, 10), F(4, 10), F(20))) == [
        0,
        *(F(i, 6) for i in range(1, 6)),
    ]


def test_2397_doubled_never_drifts_over_two_hours() -> None:
    rate = F(24000, 1001)
    start = 172_800 / rate
    assert list(timesteps_between(start, start + 1 / rate, 2 * rate)) == [0, F(1, 2)]


@pytest.mark.parametrize(
    ("num_frames", "source", "target", "last", "full"),
    [(81, 16, 32, 161, 162), (81, 16, 64, 321, 324), (2, 24, 48, 3, 4), (1, 24, 48, 1, 2)],
)
def test_counts_by_end_rule(
    num_frames: int, source: int, target: int, last: int, full: int
) -> None:
    assert count_outputs(num_frames, F(source), F(target), LAST) == last
    assert count_outputs(num_frames, F(source), F(target), FULL) == full


def test_last_frame_is_held_as_long_as_the_source_shows_it() -> None:
    assert count_at_end(F(80, 16), F(1, 16), F(48), FULL) == 3
    assert count_at_end(F(80, 16), F(1, 16), F(48), LAST) == 1


@given(st.integers(2, 40), rates, rates)
def test_outputs_of_all_pairs_and_the_end_add_up(num_frames: int, source: F, rate: F) -> None:
    inside = sum(map(len, timesteps(num_frames, source, rate)))
    for end in EndRule:
        at_end = count_at_end((num_frames - 1) / source, 1 / source, rate, end)
        assert inside + at_end == count_outputs(num_frames, source, rate, end)


@given(st.integers(2, 40), rates, rates)
def test_output_times_increase_by_exactly_one_interval(num_frames: int, source: F, rate: F) -> None:
    pairs = timesteps(num_frames, source, rate)
    times = [(index + step) / source for index, steps in enumerate(pairs) for step in steps]
    assert times == [index / rate for index in range(len(times))]
    assert all(0 <= step < 1 for steps in pairs for step in steps)


@given(st.integers(2, 40), rates, rates)
def test_full_duration_is_within_one_output_of_the_source(
    num_frames: int, source: F, rate: F
) -> None:
    duration = count_outputs(num_frames, source, rate, FULL) / rate
    assert 0 <= duration - num_frames / source < 1 / rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("24", F(24)),
        ("23.976", F(24000, 1001)),
        ("23.98", F(24000, 1001)),
        ("29.97", F(30000, 1001)),
        ("59.94", F(60000, 1001)),
        ("24000/1001", F(24000, 1001)),
        ("12.5", F(25, 2)),
        ("25.0", F(25)),
    ],
)
def test_typed_rates_are_read_as_what_people_mean(text: str, rate: F) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["0", "-24", "fast", ""])
def test_text_that_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"rate|Fraction"):
        parse_rate(text)


def test_rates_are_shown_as_people_write_them() -> None:
    assert [format_rate(F(x)) for x in (24, F(24000, 1001), F(25, 2))] == ["24", "23.976", "12.5"]
