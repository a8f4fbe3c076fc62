from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfi.errors import InputError
from vfi.timing.schedule import (
    EndRule,
    Schedule,
    SpeedCurve,
    SpeedPoint,
    constant_speed,
    format_rate,
    parse_moment,
    parse_ramp,
    parse_rate,
)

F = Fraction
LAST, FULL = EndRule.LAST_FRAME, EndRule.FULL_DURATION
FILM, NTSC = F(24000, 1001), F(60000, 1001)
NORMAL = SpeedCurve()

rates = st.fractions(min_value=F(1, 2), max_value=240, max_denominator=1001)
speeds = st.fractions(min_value=F(1, 8), max_value=8, max_denominator=100)
variable_times = st.lists(
    st.fractions(min_value=F(1, 240), max_value=2, max_denominator=1000), min_size=2, max_size=20
).map(lambda durations: [sum(durations[:index], F(0)) for index in range(len(durations))])


@st.composite
def curves(draw: st.DrawFn) -> SpeedCurve:
    steps = draw(st.lists(st.fractions(F(1, 10), 3, max_denominator=50), min_size=1, max_size=5))
    times = [sum(steps[1 : index + 1], F(0)) for index in range(len(steps))]
    return SpeedCurve(tuple(SpeedPoint(time, draw(speeds)) for time in times))


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
def test_two_hours_end_on_the_exact_last_moment(target: F) -> None:
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


@given(variable_times, rates, curves(), st.sampled_from(EndRule))
def test_outputs_are_one_interval_apart_and_inside_their_pairs(
    times: list[F], rate: F, speed: SpeedCurve, end: EndRule
) -> None:
    schedule = Schedule(rate, F(1, 24), end, speed)
    shown = [speed.shown_at(time) for time in times]
    moments: list[F] = []
    for (start, stop), steps in zip(pairwise(shown), pairs(times, schedule), strict=True):
        assert all(0 <= step < 1 for step in steps)
        moments += [start + step * (stop - start) for step in steps]
    assert moments == [index / rate for index in range(len(moments))]


@given(variable_times, rates, speeds)
def test_every_original_whose_moment_is_asked_for_is_shown(
    times: list[F], rate: F, speed: F
) -> None:
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


# --- speed ---------------------------------------------------------------------------------------


def test_ramp_takes_the_time_of_its_mean_speed() -> None:
    curve = parse_ramp("0:1 2:0.25 3:1")
    assert curve.shown_at(F(2)) == 2 / F(5, 8)
    assert curve.shown_at(F(3)) == 2 / F(5, 8) + 1 / F(5, 8)
    assert curve.shown_at(F(4)) == curve.shown_at(F(3)) + 1


def test_speed_changes_evenly_as_one_watches() -> None:
    curve = parse_ramp("0:1 3:2")  # two seconds: 1.25 source seconds in the first, 1.75 in the next
    assert curve.shown_at(F(5, 4)) == 1
    assert curve.shown_at(F(3)) == 2


def test_speed_before_the_first_point_is_the_first_points() -> None:
    assert parse_ramp("2:0.5 3:1").shown_at(F(1)) == 2


@given(curves(), st.lists(st.fractions(0, 20, max_denominator=1001), min_size=2, unique=True))
def test_time_never_stands_still_nor_runs_back(curve: SpeedCurve, times: list[F]) -> None:
    shown = [curve.shown_at(time) for time in sorted(times)]
    assert all(second > first for first, second in pairwise(shown))


@given(curves(), st.fractions(0, 20, max_denominator=1001))
def test_shown_time_is_the_integral_of_one_over_the_speed(curve: SpeedCurve, time: F) -> None:
    step = F(1, 10_000)
    pace = (curve.shown_at(time + step) - curve.shown_at(time)) / step
    slowest = 1 / max(point.speed for point in curve.points)
    fastest = 1 / min(point.speed for point in curve.points)
    assert slowest - F(1, 10**6) <= pace <= fastest + F(1, 10**6)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "no point"),
        ("1", "without a colon"),
        ("0:1 0:2", "0 s after 0 s"),
        ("2:1 1:2", "1 s after 2 s"),
        ("-1:1", "below 0"),
        ("x:1", "the time 'x'"),
        ("0:0", "a number above 0"),
        ("0:fast", "a number above 0"),
    ],
)
def test_text_that_is_no_ramp_is_explained(text: str, found: str) -> None:
    with pytest.raises(InputError, match=f"expected .*{found}"):
        parse_ramp(text)


# --- rates as text -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("24", F(24)),
        ("23.976", FILM),
        ("23.98", FILM),
        ("29.97", F(30000, 1001)),
        ("59.94", NTSC),
        ("24000/1001", FILM),
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
    assert [format_rate(F(x)) for x in (24, FILM, F(25, 2))] == ["24", "23.976", "12.5"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("12.5", Fraction(25, 2)), ("1:02.5", Fraction(125, 2)), ("1:00:01", 3601)],
)
def test_moment_is_seconds_or_minutes_or_hours(text: str, seconds: Fraction) -> None:
    assert parse_moment(text) == seconds


@pytest.mark.parametrize("text", ["", "a", "-1", "1:-2", "1:2:3:4", "1/2", "nan", "inf"])
def test_moment_that_is_none_is_explained(text: str) -> None:
    with pytest.raises(InputError, match="expected seconds such as"):
        parse_moment(text)
