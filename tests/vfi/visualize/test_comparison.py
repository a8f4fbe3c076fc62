from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from torch import Tensor

from vfi.errors import InputError
from vfi.visualize.comparison import (
    Layout,
    Montage,
    frames_on_screen,
    label_texts,
    mean_difference,
    parse_labels,
    resampled_count,
    resampled_frames,
)


def flat(
    value: float, dtype: torch.dtype = torch.uint8, size: tuple[int, int] = (90, 201)
) -> Tensor:
    return torch.full((*size, 3), value, dtype=dtype)


def montage(layout: Layout, labels: tuple[str, str] = ("", ""), rate: int = 4) -> Montage:
    return Montage(layout, 90, 201, Fraction(rate), labels)


@pytest.mark.parametrize(
    ("layout", "height", "width"),
    [(Layout.SIDE_BY_SIDE, 90, 402), (Layout.STACKED, 180, 201), (Layout.SPLIT, 90, 201)],
)
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.float32])
def test_frame_has_the_size_and_type_that_were_promised(
    layout: Layout, height: int, width: int, channels: int, dtype: torch.dtype
) -> None:
    frame = torch.zeros(90, 201, channels, dtype=dtype)
    shown = montage(layout, ("before", "after"))
    out = shown.compose(frame, frame, 0)
    assert (shown.height, shown.width) == (height, width)
    assert (tuple(out.shape), out.dtype) == ((height, width, channels), dtype)


def test_side_by_side_has_before_at_the_left() -> None:
    out = montage(Layout.SIDE_BY_SIDE).compose(flat(10), flat(20), 0)
    assert torch.equal(out, torch.cat((flat(10), flat(20)), dim=1))


def test_stacked_has_before_above() -> None:
    out = montage(Layout.STACKED).compose(flat(10), flat(20), 0)
    assert torch.equal(out, torch.cat((flat(10), flat(20)), dim=0))


def test_split_has_before_at_the_left_of_a_white_line_and_after_at_its_right() -> None:
    out = montage(Layout.SPLIT).compose(flat(10), flat(20), 0)
    assert out[0, :, 0].tolist() == [10] * 100 + [255] + [20] * 100


def test_line_sweeps_over_the_whole_frame_and_back_in_four_seconds() -> None:
    split = montage(Layout.SPLIT)
    shown = [split.compose(flat(10), flat(20), number) for number in range(17)]
    widths = [int((frame[0, :, 0] == 10).sum()) for frame in shown]
    assert widths[:5] == sorted(widths[:5])
    assert widths[4:13] == sorted(widths[4:13], reverse=True)
    assert (widths[0], widths[4], widths[12], widths[16]) == (100, 201, 0, 100)


def test_line_moves_by_time_and_not_by_frames() -> None:
    slow, fast = (montage(Layout.SPLIT, rate=rate) for rate in (4, 8))
    assert torch.equal(slow.compose(flat(10), flat(20), 3), fast.compose(flat(10), flat(20), 6))


def test_frames_are_left_as_they_are() -> None:
    before, after = flat(10), flat(20)
    for layout in Layout:
        montage(layout, ("a", "b")).compose(before, after, 0)
    assert (before == 10).all()
    assert (after == 20).all()


# --- labels --------------------------------------------------------------------------------------


def test_labels_are_light_letters_on_shade_in_the_lower_corners() -> None:
    plain = montage(Layout.SIDE_BY_SIDE).compose(flat(100), flat(100), 0)
    out = montage(Layout.SIDE_BY_SIDE, ("16 fps", "32 fps")).compose(flat(100), flat(100), 0)
    for half, half_plain in zip(out.chunk(2, dim=1), plain.chunk(2, dim=1), strict=True):
        assert torch.equal(half[:60], half_plain[:60])
        assert half[-20:, :60].max() > 230
        assert half[-1, 0].tolist() == [40, 40, 40]
        assert half[-1, -1].tolist() == [100, 100, 100]


def test_labels_of_a_split_stand_at_its_two_sides() -> None:
    out = montage(Layout.SPLIT, ("16 fps", "32 fps")).compose(flat(100), flat(100), 0)
    assert out[-1, 0].tolist() == out[-1, -1].tolist() == [40, 40, 40]


def test_one_label_may_be_left_out() -> None:
    out = montage(Layout.STACKED, ("", "after")).compose(flat(100), flat(100), 0)
    assert (out[:90] == 100).all()
    assert not (out[90:] == 100).all()


def test_label_of_floating_point_frames_looks_the_same() -> None:
    labels = ("16 fps", "32 fps")
    whole = montage(Layout.STACKED, labels).compose(flat(51), flat(51), 0)
    floating = montage(Layout.STACKED, labels).compose(
        flat(0.2, torch.float32), flat(0.2, torch.float32), 0
    )
    assert torch.equal((floating * 255).round().to(torch.uint8), whole)


def test_label_hides_no_less_where_the_frame_is_transparent() -> None:
    clear = torch.zeros(90, 201, 4, dtype=torch.uint8)
    clear[..., 0] = 255  # a colour that must not show
    out = montage(Layout.STACKED, ("before", "")).compose(clear, clear, 0)
    assert out[0, 0].tolist() == [255, 0, 0, 0]
    assert out[89, 0].tolist() == [0, 0, 0, 153]


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (40, 3), (16, 16), (720, 1280)])
def test_any_label_fits_any_frame(size: tuple[int, int]) -> None:
    label = "a label that is longer than most frames are wide"
    shown = Montage(Layout.SPLIT, *size, Fraction(24), (label, label))
    assert shown.compose(flat(0, size=size), flat(0, size=size), 5).shape == (*size, 3)


def test_long_label_is_written_smaller_and_whole() -> None:
    out = montage(Layout.STACKED, ("m" * 25, "")).compose(flat(0), flat(0), 0)
    assert (out[:90, 197:] == 0).all()
    assert (out[:90, 120:197] > 0).any()


def test_letters_that_the_font_lacks_are_refused() -> None:
    for label in ("müde", "two\nlines", "a\0b"):
        with pytest.raises(
            InputError, match=r"has characters outside ASCII.*leave the label empty"
        ):
            montage(Layout.STACKED, (label, ""))


def test_label_that_nobody_can_read_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"^The label 'mmm.*\.\.\.' has 201 characters; at most 200"
    ):
        montage(Layout.STACKED, ("m" * 201, ""))


def test_rates_take_the_place_of_fps_in_braces() -> None:
    rates = Fraction(16), Fraction(60000, 1001)
    assert label_texts(("{fps} fps", "RIFE {fps}"), rates) == ("16 fps", "RIFE 59.94")


def test_two_labels_are_read_from_one_text() -> None:
    assert parse_labels("Original |RIFE 4.25") == ("Original", "RIFE 4.25")


@pytest.mark.parametrize("text", ["", "one", "a|b|c"])
def test_other_than_two_labels_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="two texts separated by a bar"):
        parse_labels(text)


# --- frames on screen ----------------------------------------------------------------------------


def test_frame_is_held_until_the_next_one_is_due() -> None:
    assert list(resampled_frames(3, Fraction(16), Fraction(24), 6)) == [0, 0, 1, 2, 2, 2]


def test_frames_of_an_hour_do_not_drift() -> None:
    rate = Fraction(24000, 1001)
    *_, last = resampled_frames(10**6, rate, Fraction(60), 3600 * 60 + 1)
    assert last == int(3600 * rate)


@pytest.mark.parametrize(
    ("num_frames", "rate", "expected"), [(81, 16, 162), (161, 32, 161), (1, 100, 1)]
)
def test_resampled_clip_lasts_as_long(num_frames: int, rate: int, expected: int) -> None:
    assert resampled_count(num_frames, Fraction(rate), Fraction(32)) == expected


def test_frames_shown_at_the_same_time_are_paired() -> None:
    shown = frames_on_screen((2, 4), (Fraction(8), Fraction(24)))
    assert shown == [(0, 0), (0, 1), (0, 2), (1, 3), (1, 3), (1, 3)]


def test_clips_of_equal_rates_are_paired_frame_by_frame() -> None:
    assert frames_on_screen((2, 3), (Fraction(16), Fraction(16))) == [(0, 0), (1, 1), (1, 2)]


@pytest.mark.parametrize(
    ("dtype", "peak"), [(torch.uint8, 255), (torch.float16, 1), (torch.float32, 1)]
)
def test_mean_difference_is_a_part_of_the_full_range(dtype: torch.dtype, peak: int) -> None:
    before, after = flat(0, dtype), flat(0, dtype)
    after[:45] = peak
    assert mean_difference(before, before) == 0
    assert mean_difference(before, after) == mean_difference(after, before) == 0.5


def test_what_transparency_hides_makes_no_difference() -> None:
    before, after = torch.zeros(4, 4, 4), torch.ones(4, 4, 4)
    after[..., 3] = 0
    assert mean_difference(before, after) == 0
