"""What a frame looks like once it has the statistics of another."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vfi.frames import to_uint8
from vfi.preprocess.color_match import Match, Statistics, find_correction

MEAN, HISTOGRAM = Statistics.MEAN_AND_SPREAD, Statistics.HISTOGRAM
BOTH = pytest.mark.parametrize("statistics", [MEAN, HISTOGRAM])
LEVEL = 1 / 255


def picture(low: float = 0.2, high: float = 0.8) -> Tensor:
    """A gradient of another colour in each channel, [64, 96, 3]."""
    x = torch.linspace(0, 1, 96).expand(64, 96)
    y = torch.linspace(0, 1, 64)[:, None].expand(64, 96)
    return low + (high - low) * torch.stack((x, y, (x + y) / 2), -1)


def matched(pixels: Tensor, wanted: Tensor, statistics: Statistics) -> Tensor:
    return find_correction([pixels], [wanted], statistics).apply(pixels)


@BOTH
def test_brightness_contrast_and_tint_are_undone(statistics: Statistics) -> None:
    drifted = picture() * torch.tensor([1.1, 1.0, 0.9]) + 0.03
    assert (matched(drifted, picture(), statistics) - picture()).abs().max() < LEVEL


def test_gamma_is_undone_by_the_histogram_alone() -> None:
    errors = [
        (matched(picture() ** 0.7, picture(), statistics) - picture()).abs().max()
        for statistics in (HISTOGRAM, MEAN)
    ]
    assert errors[0] < 1.5 * LEVEL < 3 * LEVEL < errors[1]


@BOTH
def test_clipped_white_does_not_pull_the_frame_along(statistics: Statistics) -> None:
    bright = picture(0.0, 1.0)
    bright[:32] = 1.0
    out = matched((bright * 1.1).clamp(0, 1), bright, statistics)
    assert abs(out.mean() - bright.mean()) < LEVEL / 4


@BOTH
def test_half_a_correction_is_half_as_far(statistics: Statistics) -> None:
    drifted = picture() + 0.1
    correction = find_correction([drifted], [picture()], statistics)
    assert correction.change == pytest.approx(0.1, abs=1e-3)
    half = correction.apply(drifted, 0.5)
    assert (half - (picture() + 0.05)).abs().max() < LEVEL / 4
    assert correction.apply(drifted, 0.0) is drifted


@BOTH
def test_no_value_leaves_its_range(statistics: Statistics) -> None:
    dark, bright = picture(0.0, 0.5), picture(0.5, 1.0)
    frame = torch.cat((bright, torch.tensor([0.0, 1.0, 0.0]).expand(64, 96, 3)), 1)
    out = find_correction([dark], [bright], statistics).apply(frame)
    assert out.min() >= 0
    assert out.max() <= 1


@BOTH
def test_light_beyond_white_stays_beyond_white(statistics: Statistics) -> None:
    frame = picture()
    frame[0, 0] = 4.0
    out = find_correction([picture()], [picture() + 0.1], statistics).apply(frame)
    assert (out[0, 0] >= 4.0).all()


@BOTH
def test_alpha_stays_and_what_it_hides_has_no_say(statistics: Statistics) -> None:
    alpha = torch.zeros(64, 96, 1)
    alpha[:, :48] = 1
    alpha[:, 40:48] = 0.5
    clean, drifted = (torch.cat((colours, alpha), -1) for colours in (picture(), picture() + 0.1))
    drifted[:, 48:, :3] = 0.9
    out = matched(drifted, clean, statistics)
    assert torch.equal(out[..., 3:], alpha)
    assert (out[:, :48] - clean[:, :48]).abs().max() < LEVEL


@BOTH
def test_nothing_is_changed_where_all_is_transparent(statistics: Statistics) -> None:
    clear = torch.cat((picture(), torch.zeros(64, 96, 1)), -1)
    assert find_correction([clear], [clear * 0.5], statistics).change == 0


@BOTH
def test_frames_of_8_bits_are_rounded(statistics: Statistics) -> None:
    out = matched(to_uint8(picture() + 0.1), to_uint8(picture()), statistics)
    assert out.dtype == torch.uint8
    assert (out.int() - to_uint8(picture()).int()).abs().max() <= 1


@BOTH
def test_half_precision_stays_half_precision(statistics: Statistics) -> None:
    out = matched((picture() + 0.1).half(), picture().half(), statistics)
    assert out.dtype == torch.float16
    assert (out - picture()).abs().max() < LEVEL


@BOTH
def test_noise_in_a_flat_frame_is_not_stretched(statistics: Statistics) -> None:
    flat = torch.full((64, 96, 3), 0.5) + 0.2 * LEVEL * torch.rand(64, 96, 3)
    out = matched(flat, picture(), statistics)
    assert out.std() < 3 * picture().std() if statistics is HISTOGRAM else out.std() < LEVEL


@BOTH
def test_brighter_stays_brighter(statistics: Statistics) -> None:
    torch.manual_seed(1)
    curve = find_correction([torch.rand(64, 96, 3)], [picture()], statistics).curve
    assert (curve.diff(dim=0) >= 0).all()


def test_fade_ends_after_as_many_frames_as_asked_for() -> None:
    match = Match(MEAN, 4)
    assert [match.weight(number) for number in range(6)] == [1, 0.75, 0.5, 0.25, 0, 0]
    assert Match(MEAN, 0).weight(1000) == 1
