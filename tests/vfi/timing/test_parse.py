from __future__ import annotations

from fractions import Fraction

import pytest

from vfi.errors import InputError
from vfi.timing import format_rate, parse_ramp, parse_rate, parse_speed, parse_timestamp

F = Fraction
FILM, NTSC = F(24000, 1001), F(60000, 1001)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no points"),
        ("1", "has no colon"),
        ("0:1 0:2", "0 s comes after 0 s"),
        ("2:1 1:2", "1 s comes after 2 s"),
        ("-1:1", "the time '-1' is below 0"),
        ("x:1", "the time 'x' is not a number"),
    ],
)
def test_invalid_ramp_is_refused_with_the_reason_and_an_example(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=f"Invalid speed ramp: .*{reason}.*0:1 2:0.25 3:1"):
        parse_ramp(text)


@pytest.mark.parametrize("text", ["", "0", "-1", "1/0", "fast"])
def test_speed_must_be_above_0(text: str) -> None:
    with pytest.raises(InputError, match=f"above 0, such as 0.5, not '{text}'"):
        parse_speed(text)


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
def test_timestamp_is_seconds_or_minutes_or_hours(text: str, seconds: Fraction) -> None:
    assert parse_timestamp(text) == seconds


@pytest.mark.parametrize("text", ["", "a", "-1", "1:-2", "1:2:3:4", "1/2", "nan", "inf"])
def test_text_that_is_no_timestamp_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InputError, match=r"is not a time\. Write seconds, such as"):
        parse_timestamp(text)
