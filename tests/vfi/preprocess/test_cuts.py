from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.parsing import parsed
from vfi.errors import InputError
from vfi.frames import Frame
from vfi.preprocess.cuts import Cut, CutList, parse_cuts, with_cuts
from vfi.preprocess.scene_detection import DEFAULT_THRESHOLD

F = Fraction


def clip(count: int, rate: int = 10, cut_at: int = 99) -> Iterator[Frame]:
    """An image of random colours, and from ``cut_at`` on another one."""
    scenes = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    for number in range(count):
        yield Frame(scenes[int(number >= cut_at)], F(number, rate))


def marked(frames: Iterator[Frame]) -> list[int]:
    return [number for number, frame in enumerate(frames) if frame.begins_scene]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", CutList()),
        ("48, 96", CutList(frozenset({48, 96}))),
        ("2.5s 1s 7", CutList(frozenset({7}), (F(1), F(5, 2)))),
    ],
)
def test_cuts_are_read_as_frames_or_seconds(text: str, expected: CutList) -> None:
    assert parse_cuts(text) == expected


@pytest.mark.parametrize(
    "text", ["1.5", "two", "s", "1/0s", "-1", "-1s", "1e99s", "nans", "٣", "1" * 13]
)
def test_text_that_is_no_cut_is_explained(text: str) -> None:
    with pytest.raises(InputError, match=f"must be frame numbers.*not '{text}'"):
        parse_cuts(text)


def test_given_cuts_are_marked_and_reported() -> None:
    found: list[Cut] = []
    frames = with_cuts(clip(8), 0, parse_cuts("2 0.45s 0.5s 0"), found.append)
    assert marked(frames) == [2, 5]
    assert found == [Cut(2, F(2, 10)), Cut(5, F(5, 10))]


def test_found_cuts_join_those_given() -> None:
    found: list[Cut] = []
    assert marked(
        with_cuts(clip(12, cut_at=6), DEFAULT_THRESHOLD, parse_cuts("3"), found.append)
    ) == [3, 6]
    assert [cut.number for cut in found] == [3, 6]


def test_nothing_is_marked_without_cuts() -> None:
    assert marked(with_cuts(clip(12, cut_at=6), 0, CutList(), pytest.fail)) == []


@given(st.text("0123456789s., e-/٣\0") | st.text())
def test_any_text_is_cuts_or_one_short_error(text: str) -> None:
    cuts = parsed(parse_cuts, text) or CutList()
    assert all(number >= 0 for number in cuts.numbers)
    assert list(cuts.times) == sorted(set(cuts.times))


TIMES = st.sets(st.fractions(0, 3, max_denominator=1001), max_size=5)


@given(st.sets(st.integers(0, 30), max_size=5), TIMES)
def test_frames_that_begin_a_scene_are_those_at_or_first_after_each_cut(
    numbers: set[int], times: set[F]
) -> None:
    text = " ".join([*map(str, numbers), *(f"{time}s" for time in times)])
    after = {next(n for n in range(32) if F(n, 10) >= time) for time in times}
    frames = (Frame(torch.zeros(1, 1, 3), F(n, 10)) for n in range(32))
    cuts: list[Cut] = []
    assert marked(with_cuts(frames, 0, parse_cuts(text), cuts.append)) == sorted(
        (numbers | after) - {0}
    )
