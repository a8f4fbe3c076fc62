"""Measures of a made frame, on pictures whose figures are known."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from tests.helpers.networks import random_image
from vfi.measure import psnr, rounded, sharpness, ssim

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
