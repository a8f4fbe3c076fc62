"""Hypothesis strategies for speeds and speed curves."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import strategies as st

from vfi.timing import SpeedCurve, SpeedPoint

F = Fraction
speeds = st.fractions(min_value=F(1, 8), max_value=8, max_denominator=100)


@st.composite
def curves(draw: st.DrawFn) -> SpeedCurve:
    steps = draw(st.lists(st.fractions(F(1, 10), 3, max_denominator=50), min_size=1, max_size=5))
    times = [sum(steps[1 : index + 1], F(0)) for index in range(len(steps))]
    return SpeedCurve(tuple(SpeedPoint(time, draw(speeds)) for time in times))
