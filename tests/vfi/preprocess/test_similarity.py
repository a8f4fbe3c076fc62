from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.helpers.discs import HEIGHT, WIDTH, disc
from vfi.preprocess.similarity import (
    apparent_motion,
    block_change,
    make_thumbnail,
    scene_difference,
)

LIGHT_NOISE = 0.08  # px of apparent motion; light compression (CRF 20) stays below


# --- scenes --------------------------------------------------------------------------------------


def test_thumbnails_of_one_scene_differ_little_and_of_others_much() -> None:
    generator = torch.Generator().manual_seed(0)
    cells = torch.rand(2, 3, 8, 8, generator=generator)
    scene, other = F.interpolate(cells, (64, 64), mode="bilinear").permute(0, 2, 3, 1)
    thumbnail = make_thumbnail(scene, 32)
    assert scene_difference(thumbnail, thumbnail) == 0
    same = (scene * 0.6, scene.roll(6, 1), scene + 0.2)  # darker, moved, brighter
    assert max(scene_difference(thumbnail, make_thumbnail(pixels, 32)) for pixels in same) < 0.2
    assert scene_difference(thumbnail, make_thumbnail(other, 32)) > 0.4


def test_thumbnail_is_the_same_of_8_bits_and_of_floats() -> None:
    pixels = torch.randint(0, 256, (64, 64, 3), dtype=torch.uint8)
    assert torch.allclose(make_thumbnail(pixels, 32), make_thumbnail(pixels / 255, 32), atol=1e-5)


def test_colours_of_equal_luma_have_no_contrast() -> None:
    pixels = torch.zeros(64, 64, 3)
    pixels[:, ::4, 0] = pixels[:, 1::4, 0] = 1
    pixels[:, 2::4, 1] = pixels[:, 3::4, 1] = 0.299 / 0.587
    assert make_thumbnail(pixels, 32).abs().max() < 1e-3


def test_noise_in_the_dark_has_less_contrast_than_a_scene() -> None:
    noise = torch.rand(64, 64, 3)
    in_the_dark, in_light = (make_thumbnail(noise * level, 32).abs().mean() for level in (0.01, 1))
    assert in_the_dark < 0.2 < 0.7 < in_light < 1


@pytest.mark.parametrize("shift", [(1, 0), (0, 1), (2, 3), (5, 4)])
def test_motion_by_any_number_of_pixels_is_followed(shift: tuple[int, int]) -> None:
    scene = torch.rand(48, 48)
    down, right = shift
    moved = scene[4 + down : 36 + down, 4 + right : 36 + right]
    assert scene_difference(scene[4:36, 4:36], moved) < 0.4


# --- the same frame, encoded once more -----------------------------------------------------------


def test_change_of_a_few_blocks_is_ignored_and_of_all_measured() -> None:
    before, after = torch.zeros(2, 160, 160, 3)  # 400 blocks
    after[:8, :8] = 1
    assert block_change(before, after) == 0
    after[:] = 0.25
    assert block_change(before, after) == 0.25


# --- motion since the last frame -------------------------------------------------------------------


def test_equal_frames_do_not_move() -> None:
    assert apparent_motion(disc(30), disc(30).clone()) == 0


@pytest.mark.parametrize("convert", [lambda p: p, lambda p: p / 255], ids=["uint8", "float"])
def test_noise_moves_less_than_half_a_pixel_of_motion(
    convert: Callable[[Tensor], Tensor],
) -> None:
    noise = torch.randint(-2, 3, (HEIGHT, WIDTH, 3))
    noisy = (disc(30).int() + noise).clamp(0, 255).to(torch.uint8)
    noise_moves = apparent_motion(convert(disc(30)), convert(noisy))
    assert 0 < noise_moves < LIGHT_NOISE < apparent_motion(convert(disc(30)), convert(disc(30.5)))


def test_frames_of_different_size_move_without_bound() -> None:
    assert apparent_motion(disc(30), disc(30)[:-1]) == float("inf")


def test_rest_of_the_frame_is_skipped_once_enough_is_found() -> None:
    other = disc(50)
    assert 0.4 <= apparent_motion(disc(30), other, enough=0.4) <= apparent_motion(disc(30), other)


@pytest.mark.parametrize("convert", [lambda p: p, lambda p: p.float() / 255], ids=["8", "float"])
def test_motion_is_that_of_premultiplied_colours(convert: Callable[[Tensor], Tensor]) -> None:
    def rgba(colours: Tensor, alpha: int) -> Tensor:
        return convert(torch.cat((colours, torch.full_like(colours[..., :1], alpha)), -1))

    assert apparent_motion(rgba(disc(30), 0), rgba(disc(50), 0)) == 0
    assert apparent_motion(rgba(disc(30), 255), rgba(disc(50), 255)) > LIGHT_NOISE
    black = torch.zeros_like(disc(30))
    assert apparent_motion(rgba(black, 255), rgba(black, 128)) > LIGHT_NOISE
