from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.speed_curves import curves
from vfi.timing import SpeedCurve, parse_ramp

F = Fraction


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


def test_speed_after_the_last_point_is_the_last_points() -> None:
    curve = parse_ramp("0:2 2:0.5")
    assert curve.shown_at(F(5)) - curve.shown_at(F(3)) == 4
    assert curve.shown_at(F(3)) - curve.shown_at(F(2)) == 2


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
