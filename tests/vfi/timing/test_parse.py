from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.parsing import parsed
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
        ("1e12:1", "the time '1e12' is later than any clip is long"),
    ],
)
def test_invalid_ramp_is_refused_with_the_reason_and_an_example(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=f"Invalid speed ramp: .*{reason}.*0:1 2:0.25 3:1"):
        parse_ramp(text)


def test_ramp_of_a_thousand_points_is_the_longest() -> None:
    points = [f"{second}:1" for second in range(1001)]
    assert len(parse_ramp(" ".join(points[:-1])).points) == 1000
    with pytest.raises(InputError, match="it has 1001 points, and at most 1000 are taken"):
        parse_ramp(" ".join(points))


def test_points_of_a_ramp_may_be_separated_by_commas() -> None:
    assert parse_ramp("0:1, 1:2,2:3") == parse_ramp("0:1 1:2 2:3")


def test_speeds_of_a_billion_and_its_inverse_are_the_limits() -> None:
    assert (parse_speed("1e9"), parse_speed("1e-9")) == (F(10**9), F(1, 10**9))


@pytest.mark.parametrize("text", ["", "0", "-1", "1/0", "fast", "nan", "1e-10", "1e10", "1e99999"])
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
        ("5", F(5)),
        ("1.0", F(1)),
        ("2997/100", F(2997, 100)),
    ],
)
def test_typed_rates_are_read_as_what_people_mean(text: str, rate: F) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("23.98", FILM),
        ("23.9711", FILM),
        ("23.9809", FILM),
        ("23.971", F(23971, 1000)),
        ("23.982", F(11991, 500)),
        ("23.9", F(239, 10)),
        ("0.998", F(1000, 1001)),
        ("0.004", F(1, 250)),
    ],
)
def test_decimals_mean_an_ntsc_rate_within_five_thousandths(text: str, rate: F) -> None:
    assert parse_rate(text) == rate


NO_RATES = ["0", "-24", "fast", "", "1/0", "nan", "inf", "0.0009", "4001", "1e400", "1e99999999999"]


@pytest.mark.parametrize("text", [*NO_RATES, "1_000", "٢٤", "24\0", "9" * 5000, "2" + "4" * 40])
def test_text_that_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(
        InputError, match=r"is no frame rate; give one such as 24.*from 0.001 to 4000"
    ) as e:
        parse_rate(text)
    assert len(str(e.value)) < 200


@pytest.mark.parametrize("text", ["0.001", "1/1000", "4000", "1000", "0.2", " 24 "])
def test_rates_from_a_thousandth_to_four_thousand_are_taken(text: str) -> None:
    assert parse_rate(text) == F(text)


def test_rates_are_shown_as_people_write_them() -> None:
    rates = (24, FILM, F(25, 2), F(600_000_001, 10_000_000))
    assert [format_rate(F(x)) for x in rates] == ["24", "23.976", "12.5", "60"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("12.5", Fraction(25, 2)), ("1:02.5", Fraction(125, 2)), ("1:00:01", 3601)],
)
def test_timestamp_is_seconds_or_minutes_or_hours(text: str, seconds: Fraction) -> None:
    assert parse_timestamp(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "a", "-1", "1:-2", "1:2:3:4", "1/2", "nan", "inf", "1e9", "1" * 40]
)
def test_text_that_is_no_timestamp_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InputError, match=r"is not a time\. Write seconds, such as"):
        parse_timestamp(text)


def test_time_beyond_any_clip_is_refused() -> None:
    assert parse_timestamp("1000000000") == 10**9
    for text in ("1000000001", "999999999:00:00"):
        with pytest.raises(InputError, match=r"is later than any clip is long"):
            parse_timestamp(text)


# --- whatever is typed ---------------------------------------------------------------------------

NUMBERS = st.text("0123456789.eE+-/:s, ٣½_\0\n", max_size=60)


@pytest.mark.parametrize(
    ("parse", "least", "most"),
    [
        (parse_rate, F(1, 1000), F(4000)),
        (parse_speed, F(1, 10**9), F(10**9)),
        (parse_timestamp, F(0), F(10**9)),
    ],
)
@given(text=NUMBERS | st.text())
def test_any_text_is_a_value_in_its_bounds_or_one_short_error(
    parse: Callable[[str], F], least: F, most: F, text: str
) -> None:
    value = parsed(parse, text)
    assert value is None or least <= value <= most


RAMPS = st.lists(st.tuples(NUMBERS, NUMBERS).map(":".join), max_size=5).map(" ".join)


@given(RAMPS | st.text())
def test_any_list_of_points_is_a_ramp_that_ends_or_one_short_error(text: str) -> None:
    curve = parsed(parse_ramp, text)
    assert curve is None or 0 < curve.shown_at(F(3600)) < 10**13


@given(st.fractions(F(1, 1000), F(4000), max_denominator=1001))
def test_rate_as_a_fraction_is_read_as_it_is(rate: F) -> None:
    assert parse_rate(f"{rate.numerator}/{rate.denominator}") == rate
