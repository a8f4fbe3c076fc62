from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import pytest
import torch

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
