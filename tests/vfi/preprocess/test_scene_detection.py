from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from vfi.errors import InputError
from vfi.frames import Frame
from vfi.preprocess.scene_detection import mark_cuts


def texture(seed: int, height: int = 96, width: int = 160) -> Tensor:
    """An image with large and small things in it, like a photograph: [H, W, 3] in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.zeros(1, 3, height, width)
    for cells in (3, 6, 12, 24):
        noise = torch.rand(1, 3, cells, cells, generator=generator) - 0.5
        image += torch.nn.functional.interpolate(noise, (height, width), mode="bilinear")
    return (image[0].permute(1, 2, 0) * 0.4 + 0.5).clamp(0, 1)


def window(image: Tensor, left: int, width: int = 96) -> Tensor:
    return image[:, left : left + width]


def to_bytes(image: Tensor) -> Tensor:
    return (image * 255).round().to(torch.uint8)


def shot(seed: int, count: int) -> list[Tensor]:
    """A slow pan: 2 of 96 px per frame."""
    image = texture(seed)
    return [window(image, 2 * number) for number in range(count)]


def clip(images: list[Tensor]) -> list[Frame]:
    return [Frame(image, Fraction(number, 24)) for number, image in enumerate(images)]


def cuts_in(images: list[Tensor], **options: float) -> list[int]:
    marked = mark_cuts(clip(images), **options)
    return [number for number, (_, is_cut) in enumerate(marked) if is_cut]


SHOT = shot(1, 12)
OTHER = shot(2, 12)


@pytest.mark.parametrize("at", [1, 2, 6, 10, 11])
def test_cut_is_found_wherever_it_is(at: int) -> None:
    assert cuts_in(SHOT[:at] + OTHER[at:]) == [at]


def test_two_cuts_three_frames_apart_are_both_found() -> None:
    assert cuts_in(SHOT[:5] + OTHER[:3] + shot(3, 5)) == [5, 8]


def test_cut_from_black_and_to_a_bright_card_is_found() -> None:
    black, card = [torch.zeros(96, 96, 3)] * 4, [torch.ones(96, 96, 3)] * 4
    assert cuts_in(black + SHOT[:6] + card) == [4, 10]


def test_cut_in_a_clip_of_two_frames_is_found() -> None:
    assert cuts_in([SHOT[0], OTHER[0]]) == [1]


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_short_clip_without_cut_has_none(count: int) -> None:
    assert cuts_in(SHOT[:count]) == []


def test_fast_pan_is_no_cut() -> None:
    assert cuts_in([window(texture(1, width=320), 20 * number) for number in range(11)]) == []


def test_sudden_fast_pan_is_no_cut() -> None:
    image = texture(1, width=320)
    lefts = [0, 0, 0, 0, 18, 36, 54, 72]
    assert cuts_in([window(image, left) for left in lefts]) == []


def test_one_jerk_of_the_camera_is_no_cut() -> None:
    lefts = [0, 0, 0, 0, 20, 20, 20, 20]
    assert cuts_in([window(texture(1, width=320), left) for left in lefts]) == []


def test_light_switched_off_is_no_cut() -> None:
    assert cuts_in([p * (1 if number < 5 else 0.4) for number, p in enumerate(SHOT)]) == []


def test_noise_that_appears_in_black_is_no_cut() -> None:
    noise = [torch.rand(96, 96, 3) * 0.02 if number == 5 else 0 for number in range(10)]
    assert cuts_in([torch.zeros(96, 96, 3) + level for level in noise[:6]]) == []


@pytest.mark.parametrize("length", [1, 2])
@pytest.mark.parametrize("level", [0.0, 1.0], ids=["black", "white"])
def test_flash_is_no_cut(length: int, level: float) -> None:
    flash = [torch.full((96, 96, 3), level)] * length
    assert cuts_in(SHOT[:5] + flash + SHOT[5 + length :]) == []


def test_cut_soon_after_a_flash_is_found() -> None:
    assert cuts_in([*SHOT[:4], torch.ones(96, 96, 3), *SHOT[5:8], *OTHER[:4]]) == [8]


def test_fade_to_black_and_back_is_no_cut() -> None:
    levels = [1, 0.8, 0.6, 0.4, 0.2, 0, 0, 0.2, 0.4, 0.6, 0.8, 1]
    assert cuts_in([p * level for p, level in zip(SHOT, levels, strict=True)]) == []


def test_cross_fade_is_no_cut() -> None:
    weights = [0, 0, 0.14, 0.29, 0.43, 0.57, 0.71, 0.86, 1, 1, 1, 1]
    pairs = zip(SHOT, OTHER, weights, strict=True)
    assert cuts_in([torch.lerp(p, other, weight) for p, other, weight in pairs]) == []


def test_flicker_is_no_cut() -> None:
    assert cuts_in([p * (0.6 if number % 3 == 0 else 1) for number, p in enumerate(SHOT)]) == []


def test_repeated_frames_do_not_make_fast_action_look_like_cuts() -> None:
    generator = torch.Generator().manual_seed(0)
    moments = [torch.rand(96, 96, 3, generator=generator) * 0.3 + p * 0.7 for p in SHOT]
    busy = [torch.lerp(p, texture(seed)[:, :96], 0.45) for seed, p in enumerate(moments, 10)]
    assert cuts_in(busy) == []
    assert cuts_in([p for p in busy for _ in range(2)]) == []


def test_bytes_and_opaque_images_give_the_same_cuts() -> None:
    images = SHOT[:5] + OTHER[5:]
    assert cuts_in([to_bytes(p) for p in images]) == [5]
    assert cuts_in([with_alpha(p, torch.ones(96, 96)) for p in images]) == [5]
    assert cuts_in([to_bytes(with_alpha(p, torch.ones(96, 96))) for p in images]) == [5]


def with_alpha(image: Tensor, alpha: Tensor) -> Tensor:
    return torch.cat((image, alpha[..., None]), -1)


def bump(column: int) -> Tensor:
    """Alpha of a round thing with soft edges around a column, [96, 96]."""
    row, col = torch.meshgrid(torch.arange(96), torch.arange(96), indexing="ij")
    return torch.sigmoid(15 - ((row - 48) ** 2 + (col - column) ** 2).sqrt())


def test_colours_that_nobody_sees_make_no_cut() -> None:
    images = SHOT[:5] + OTHER[5:]
    hidden = [with_alpha(p, torch.zeros(96, 96)) for p in images]
    assert cuts_in(hidden) == []


@pytest.mark.parametrize("shade", [0.0, 0.5, 1.0])
def test_change_of_alpha_alone_is_a_cut(shade: float) -> None:
    shaded = torch.full((96, 96, 3), shade)
    alphas = [bump(20 + number) for number in range(6)] + [1 - bump(70)] * 6
    assert cuts_in([with_alpha(shaded, alpha) for alpha in alphas]) == [6]


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 500)])
def test_tiny_frames_are_taken(size: tuple[int, int]) -> None:
    assert cuts_in([torch.full((*size, 3), 0.5)] * 4) == []


def test_zero_switches_the_search_off() -> None:
    assert cuts_in(SHOT[:5] + OTHER[5:], threshold=0) == []


def test_higher_threshold_finds_less() -> None:
    assert cuts_in(SHOT[:5] + OTHER[5:], threshold=0.9) == []


def test_negative_threshold_is_refused_at_once() -> None:
    with pytest.raises(InputError, match=r"scene threshold must be 0 or more, not -0\.1"):
        mark_cuts([], -0.1)


def test_frames_are_passed_on_as_they_are() -> None:
    frames = clip(SHOT)
    assert all(out is frame for (out, _), frame in zip(mark_cuts(frames), frames, strict=True))


def test_only_a_few_frames_are_alive_at_a_time() -> None:
    alive: weakref.WeakSet[Tensor] = weakref.WeakSet()
    most = 0

    def counted() -> Iterator[Frame]:
        for number in range(40):
            pixels = torch.zeros(2, 2, 3)
            alive.add(pixels)
            yield Frame(pixels, Fraction(number))

    for _frame in mark_cuts(counted()):
        most = max(most, len(alive))
    del _frame
    gc.collect()
    assert most <= 7
    assert not alive
