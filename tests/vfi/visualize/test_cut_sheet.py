from __future__ import annotations

import pytest
import torch

from vfi.visualize.cut_sheet import MOST_CUTS, ShownCut, draw_sheet, shrink


def cut(caption: str = "29 | 30") -> ShownCut:
    red, blue = torch.zeros(2, 60, 80, 3, dtype=torch.uint8)
    red[..., 0], blue[..., 2] = 255, 255
    return ShownCut(red, blue, caption)


def count_pixels(sheet: torch.Tensor, colour: tuple[float, float, float]) -> int:
    return int((sheet == torch.tensor(colour)).all(-1).sum())


def test_both_frames_of_each_cut_are_shown_whole() -> None:
    sheet = draw_sheet([cut()] * 3, "3 cuts")
    assert count_pixels(sheet, (1, 0, 0)) == 3 * 60 * 80
    assert count_pixels(sheet, (0, 0, 1)) == 3 * 60 * 80


def test_caption_and_title_are_written() -> None:
    plain = draw_sheet([cut("")], "")
    assert not torch.equal(draw_sheet([cut("29 | 30")], ""), plain)
    assert not torch.equal(draw_sheet([cut("")], "1 cut"), plain)


def test_sheet_without_cuts_is_small_and_says_so() -> None:
    sheet = draw_sheet([], "no cuts")
    assert sheet.shape[1] == 480
    assert sheet.shape[0] < 100
    assert sheet.max() > 0.8


def test_sheet_of_many_cuts_is_bounded() -> None:
    pixels = shrink(torch.zeros(4000, 4000, 3))
    many = [ShownCut(pixels, pixels, "0 | 1")] * 500
    height, width, _ = draw_sheet(many, "500 cuts").shape
    assert (width <= 1010, height <= 4300) == (True, True)
    assert draw_sheet(many[:MOST_CUTS], "").shape == draw_sheet(many, "").shape


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((480, 960), (120, 240)),
        ((960, 480), (240, 120)),
        ((30, 20), (30, 20)),
        ((1, 9000), (1, 240)),
    ],
)
def test_frames_are_made_small_and_keep_their_shape(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    small = shrink(torch.full((*size, 3), 0.5))
    assert small.shape == (*expected, 3)
    assert small.unique().tolist() == [128]


def test_transparent_frames_are_shown_on_black() -> None:
    assert shrink(torch.full((20, 30, 4), 0.5)).unique().tolist() == [64]
