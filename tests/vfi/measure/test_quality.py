"""Measures of a made frame, on pictures whose figures are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.helpers.networks import random_image
from vfi.measure import motion_psnr, psnr, rounded, sharpness, ssim

IMAGE = random_image(0, 96, 128)


def blurred(size: int) -> torch.Tensor:
    return F.avg_pool2d(IMAGE, size, 1, size // 2, count_include_pad=False)


@pytest.mark.parametrize(("change", "decibels"), [(0.1, 20.0), (0.01, 40.0), (0.0, 90.0)])
def test_psnr_is_ten_times_the_logarithm_of_the_error(change: float, decibels: float) -> None:
    grey = torch.full((1, 3, 16, 16), 0.5)
    assert psnr(grey + change, grey) == pytest.approx(decibels, abs=0.01)


def test_equal_frames_are_alike_and_as_sharp() -> None:
    assert ssim(IMAGE, IMAGE) == pytest.approx(1)
    assert sharpness(IMAGE, IMAGE) == 1


def test_more_blur_is_less_alike_and_less_sharp() -> None:
    images = [IMAGE, blurred(3), blurred(9)]
    assert sorted((ssim(image, IMAGE) for image in images), reverse=True) == [
        ssim(image, IMAGE) for image in images
    ]
    values = [sharpness(image, IMAGE) for image in images]
    assert values[0] > values[1] > values[2] > 0


def test_noise_is_sharper_than_the_real_frame() -> None:
    noise = torch.randn(IMAGE.shape, generator=torch.Generator().manual_seed(0))
    assert sharpness(IMAGE + 0.05 * noise, IMAGE) > 1.2


def test_half_the_contrast_has_a_quarter_of_the_energy() -> None:
    assert sharpness(IMAGE / 2, IMAGE) == pytest.approx(0.25, abs=0.001)


def test_structure_ignores_a_shift_in_brightness_that_error_does_not() -> None:
    brighter = IMAGE * 0.8 + 0.1
    assert ssim(brighter, IMAGE * 0.8) > 0.95
    assert psnr(brighter, IMAGE * 0.8) == pytest.approx(20, abs=0.01)


def test_flat_and_tiny_pictures_have_figures() -> None:
    flat = torch.full((1, 3, 4, 6), 0.25)
    assert (ssim(flat, flat), sharpness(flat, flat)) == (pytest.approx(1), 1)


def test_values_are_rounded_as_a_file_holds_them() -> None:
    values = torch.tensor([-0.1, 0.4 / 255, 0.6 / 255, 1.2])
    assert rounded(values).mul(255).tolist() == [0, 0, 1, 255]


def test_error_counts_as_much_as_the_frames_around_it_differ() -> None:
    before, after, real, made = (random_image(seed, 40, 52) for seed in range(4))
    after[..., :20, :] = before[..., :20, :]  # what stands still
    change = np.abs((after - before).numpy()[0]).mean(0)
    weight = np.array(
        [
            [change[max(0, y - 7) : y + 8, max(0, x - 7) : x + 8].mean() for x in range(52)]
            for y in range(40)
        ]
    )
    error = ((made - real).numpy()[0] ** 2).mean(0)
    expected = -10 * np.log10((weight * error).sum() / weight.sum())
    assert motion_psnr(made, real, before, after) == pytest.approx(expected, abs=1e-4)


def test_error_where_nothing_moves_does_not_count() -> None:
    before, after, made = IMAGE.clone(), IMAGE.clone(), IMAGE.clone()
    after[..., :32, :] = 1 - after[..., :32, :]
    made[..., 64:, :] = 0
    assert motion_psnr(made, IMAGE, before, after) == pytest.approx(90)
    assert psnr(made, IMAGE) < 20


def test_frames_that_are_equal_have_the_plain_psnr() -> None:
    made = IMAGE + 0.1
    assert motion_psnr(made, IMAGE, IMAGE, IMAGE) == pytest.approx(psnr(made, IMAGE))
