from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.speed_curves import curves, speeds
from vfi.errors import InputError
from vfi.timing import EndRule, Schedule, SpeedCurve, constant_speed

F = Fraction
LAST, FULL = EndRule.LAST_FRAME, EndRule.FULL_DURATION
FILM, NTSC = F(24000, 1001), F(60000, 1001)

rates = st.fractions(min_value=F(1, 2), max_value=240, max_denominator=1001)
variable_times = st.lists(
    st.fractions(min_value=F(1, 240), max_value=2, max_denominator=1000), min_size=2, max_size=20
).map(lambda durations: [sum(durations[:index], F(0)) for index in range(len(durations))])


def constant(num_frames: int, rate: F) -> list[F]:
    return [index / rate for index in range(num_frames)]


def pairs(times: list[F], schedule: Schedule) -> list[list[F]]:
    return [schedule.timesteps_between(start, stop) for start, stop in pairwise(times)]


def clip_of(num_frames: int, rate: F, target: F, end: EndRule = FULL) -> tuple[Schedule, F]:
    return Schedule(target, 1 / rate, end), (num_frames - 1) / rate


# --- where outputs lie ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (F(24), F(72), [[0, F(1, 3), F(2, 3)]] * 2),
        (F(16), F(24), [[0, F(2, 3)], [F(1, 3)]]),
        (F(16), F(30), [[0, F(8, 15)], [F(1, 15), F(9, 15)]]),
        (F(24), F(60), [[0, F(2, 5), F(4, 5)], [F(1, 5), F(3, 5)]]),
        (FILM, NTSC, [[0, F(2, 5), F(4, 5)], [F(1, 5), F(3, 5)]]),
        (
            FILM,
            F(60),
            [[0, F(400, 1001), F(800, 1001)], [F(199, 1001), F(599, 1001), F(999, 1001)]],
        ),
        (F(25), F(24), [[0], [F(1, 24)]]),
        (F(24), F(12), [[0], []]),
    ],
    ids=["24-72", "16-24", "16-30", "24-60", "23.976-59.94", "23.976-60", "25-24", "24-12"],
)
def test_outputs_of_the_first_two_pairs(source: F, target: F, expected: list[list[F]]) -> None:
    assert pairs(constant(3, source), Schedule(target, 1 / source)) == expected


def test_pair_of_a_variable_rate_clip_gets_as_many_outputs_as_it_lasts() -> None:
    steps = Schedule(F(20), F(1, 20)).timesteps_between(F(1, 10), F(4, 10))
    assert steps == [0, *(F(i, 6) for i in range(1, 6))]


def test_half_speed_gives_twice_as_many_outputs() -> None:
    schedule = Schedule(F(24), F(1, 24), speed=constant_speed(F(1, 2)))
    assert pairs(constant(3, F(24)), schedule) == [[0, F(1, 2)]] * 2


def test_double_speed_leaves_every_other_frame_out() -> None:
    schedule = Schedule(F(24), F(1, 24), speed=constant_speed(F(2)))
    assert pairs(constant(5, F(24)), schedule) == [[0], [], [0], []]


@pytest.mark.parametrize("target", [NTSC, 2 * FILM, F(60)], ids=["59.94", "47.952", "60"])
def test_two_hours_end_on_the_exact_last_time(target: F) -> None:
    schedule, last = clip_of(172_801, FILM, target, LAST)
    assert (schedule.count(last) - 1) / target == last == F(72072, 10)
    assert schedule.timesteps_between(last, last + 1 / FILM)[0] == 0


# --- how many there are --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("num_frames", "source", "target", "last", "full"),
    [
        (81, F(16), F(24), 121, 122),
        (81, F(16), F(30), 151, 152),
        (81, F(16), F(32), 161, 162),
        (81, F(16), F(60), 301, 304),
        (81, F(16), F(64), 321, 324),
        (49, F(24), F(60), 121, 123),
        (48, FILM, NTSC, 118, 120),
        (48, FILM, F(60), 118, 120),
        (50, F(25), F(24), 48, 48),
        (1, F(24), F(48), 1, 2),
        (2, F(24), F(48), 3, 4),
        (3, F(24), F(48), 5, 6),
    ],
)
def test_counts_by_end_rule(num_frames: int, source: F, target: F, last: int, full: int) -> None:
    for end, expected in ((LAST, last), (FULL, full)):
        schedule, time = clip_of(num_frames, source, target, end)
        assert schedule.count(time) == expected


def test_short_clip_at_a_low_rate_is_one_frame_at_least() -> None:
    schedule, last = clip_of(2, F(60), F(1))
    assert schedule.count(last) == 1


@pytest.mark.parametrize("end", EndRule)
def test_more_frames_than_anybody_wants_are_refused_with_their_number(end: EndRule) -> None:
    schedule = Schedule(F(100), F(0), end)
    assert schedule.count(F(99_999)) <= 10_000_000
    with pytest.raises(
        InputError, match=r"^The result would have 10,000,10\d frames; at most 10,000,"
    ):
        schedule.count(F(100_001))


def test_ten_million_frames_are_the_most() -> None:
    assert Schedule(F(100), F(0)).count(F(100_000)) == 10_000_000


def test_duration_of_the_last_frame_counts_where_it_is_known() -> None:
    assert Schedule(F(2), F(1)).count(F(3), F(5)) == 16
    assert Schedule(F(2), F(1)).count(F(3)) == 8


@pytest.mark.parametrize(("end", "count"), [(LAST, 7), (FULL, 6)])
def test_outputs_before_a_frame_are_certain_once_it_is_there(end: EndRule, count: int) -> None:
    assert Schedule(F(2), F(1), end).count_certain(F(3)) == count


def test_number_beyond_all_measure_is_told_by_its_power_of_ten() -> None:
    with pytest.raises(
        InputError, match=r"would have about 10\^31 frames; .* Choose a higher speed"
    ):
        Schedule(F(10**30), F(0)).count(F(10))


def test_gap_that_would_be_filled_for_ever_is_refused_with_its_place() -> None:
    schedule = Schedule(F(100), F(0))
    assert len(schedule.timesteps_between(F(1), F(1001))) == 100_000
    with pytest.raises(
        InputError, match=r"at 1\.000 s and 1001\.010 s, the result would have 100,001"
    ):
        schedule.timesteps_between(F(1), F(100101, 100))


@given(variable_times, rates, curves(), st.sampled_from(EndRule))
def test_outputs_are_one_interval_apart_and_inside_their_pairs(
    times: list[F], rate: F, speed: SpeedCurve, end: EndRule
) -> None:
    schedule = Schedule(rate, F(1, 24), end, speed)
    shown = [speed.shown_at(time) for time in times]
    outputs: list[F] = []
    for (start, stop), steps in zip(pairwise(shown), pairs(times, schedule), strict=True):
        assert all(0 <= step < 1 for step in steps)
        outputs += [start + step * (stop - start) for step in steps]
    assert outputs == [index / rate for index in range(len(outputs))]


@given(variable_times, rates, speeds)
def test_every_original_that_an_output_falls_on_is_shown(times: list[F], rate: F, speed: F) -> None:
    schedule = Schedule(rate, F(1, 24), speed=constant_speed(speed))
    for time, steps in zip(times[:-1], pairs(times, schedule), strict=True):
        is_asked = (time / speed * rate).denominator == 1
        assert (0 in steps) == is_asked


@given(variable_times, rates, curves(), st.fractions(F(1, 240), 1, max_denominator=240))
def test_full_duration_is_within_half_an_output(
    times: list[F], rate: F, speed: SpeedCurve, last_duration: F
) -> None:
    schedule = Schedule(rate, last_duration, FULL, speed)
    source = speed.shown_at(times[-1] + last_duration)
    count = schedule.count(times[-1])
    assert abs(count / rate - source) <= F(1, 2) / rate or count == 1


@given(variable_times, rates, curves(), st.sampled_from(EndRule))
def test_certain_outputs_are_among_those_of_any_longer_clip(
    times: list[F], rate: F, speed: SpeedCurve, end: EndRule
) -> None:
    schedule = Schedule(rate, F(1, 240), end, speed)
    assert schedule.count_certain(times[0]) <= schedule.count_certain(times[1])
    assert schedule.count_certain(times[-1]) <= schedule.count(times[-1])
