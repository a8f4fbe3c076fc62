"""Transparency: what is not seen changes nothing, and what is seen keeps its colour."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from tests.helpers.stand_in_models import Blend
from vfi.alpha import cross_fade, mix_images, premultiply, premultiply_image, unpremultiply_image
from vfi.frames import Frame, to_uint8
from vfi.preprocess import Part, Seam, concatenate
from vfi.preprocess.seams import begins_with_repeat
from vfi.synthesis.interpolate import AtCut, interpolate_stream
from vfi.timing.schedule import EndRule, Schedule
from vfi.visualize.comparison import Layout, Montage

BLACK = (0.0, 0.0, 0.0)
RED, GREEN, BLUE = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
DTYPES = pytest.mark.parametrize(
    "convert", [to_uint8, lambda pixels: pixels], ids=["uint8", "float"]
)


def plain(colour: Sequence[float], alpha: float, size: int = 12) -> Tensor:
    """One colour everywhere, [size, size, 4] in [0, 1]."""
    return torch.tensor([*colour, float(alpha)]).repeat(size, size, 1)


def image(colour: Sequence[float], alpha: float) -> Tensor:
    """One pixel, [1, 4, 1, 1]."""
    return torch.tensor([*colour, alpha]).view(1, 4, 1, 1)


def values(pixels: Tensor) -> list[float]:
    """The first pixel of [H, W, C], in [0, 1]."""
    most = 1 if pixels.is_floating_point() else 255
    return (pixels[0, 0].float() / most).tolist()


class KeepingBlend(Blend):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[Tensor] = []

    def encode(self, img: Tensor) -> Tensor:
        self.given.append(img)
        return super().encode(img)


def between(
    first: Tensor, second: Tensor, model: KeepingBlend | None = None, **options: object
) -> Tensor:
    """What a stream shows in the middle of two frames."""
    frames = [Frame(first, Fraction(0)), Frame(second, Fraction(1))]
    if "at_cut" in options:
        frames[1] = replace(frames[1], begins_scene=True)
    schedule = Schedule(Fraction(2), Fraction(1), EndRule.LAST_FRAME)
    shown = list(interpolate_stream(frames, (model or KeepingBlend())(), schedule, **options))  # pyright: ignore
    assert shown[0] is first or options.get("compare")
    assert shown[-1] is second or options.get("compare")
    return shown[1]


# --- premultiplication --------------------------------------------------------------------------


def test_straight_colours_come_back() -> None:
    straight = torch.rand(1, 4, 5, 7)
    back = unpremultiply_image(premultiply_image(straight), straight, straight, 0.5)
    torch.testing.assert_close(back, straight)


def test_frames_without_alpha_are_passed_on() -> None:
    rgb = torch.rand(1, 3, 5, 7)
    assert premultiply_image(rgb) is rgb
    assert unpremultiply_image(rgb, rgb, rgb, 0.5) is rgb


def test_bytes_are_seen_as_fractions_are() -> None:
    pixels = to_uint8(torch.rand(5, 7, 4))
    torch.testing.assert_close(premultiply(pixels) / 255, premultiply(pixels.float() / 255))


@pytest.mark.parametrize(
    ("alphas", "expected"),
    [
        ((1, 0), [1, 0, 0, 0.5]),
        ((0, 1), [0, 1, 0, 0.5]),
        ((0, 0), [0.5, 0.5, 0, 0]),
        ((1, 1), [0.5, 0.5, 0, 1]),
        ((0.75, 0.25), [0.75, 0.25, 0, 0.5]),
    ],
)
def test_colour_counts_as_much_as_it_is_opaque(
    alphas: tuple[float, float], expected: list[float]
) -> None:
    out = mix_images(image(RED, alphas[0]), image(GREEN, alphas[1]), 0.5)
    torch.testing.assert_close(out.flatten(), torch.tensor(expected), atol=1e-5, rtol=0)


def test_nothing_has_the_colours_of_the_neighbours() -> None:
    gone = torch.zeros(1, 4, 1, 1)
    out = unpremultiply_image(gone, image(BLUE, 0), image(BLUE, 0), 0.5)
    assert out.flatten().tolist() == [0, 0, 1, 0]
    out = unpremultiply_image(gone, image(BLUE, 0), image(RED, 1), 0.5)
    torch.testing.assert_close(out.flatten(), torch.tensor([1.0, 0, 0, 0]), atol=1e-5, rtol=0)


# --- the stream ----------------------------------------------------------------------------------


@DTYPES
def test_model_is_given_premultiplied_colours(convert: Callable[[Tensor], Tensor]) -> None:
    model = KeepingBlend()
    between(convert(plain(RED, 0.2)), convert(plain(GREEN, 1)), model)
    assert [x[0, :, 0, 0].tolist() for x in model.given] == [
        pytest.approx([0.2, 0, 0, 0.2]),
        [0, 1, 0, 1],
    ]


@DTYPES
def test_new_frame_has_straight_colours_without_the_hidden_ones(
    convert: Callable[[Tensor], Tensor],
) -> None:
    out = between(convert(plain(RED, 1)), convert(plain(GREEN, 0)))
    assert values(out) == pytest.approx([1, 0, 0, 0.5], abs=0.003)


@pytest.mark.parametrize("at_cut", AtCut)
def test_cross_fade_at_a_cut_is_without_the_hidden_ones(at_cut: AtCut) -> None:
    out = between(plain(RED, 1), plain(GREEN, 0), at_cut=at_cut)
    assert values(out) == pytest.approx([1, 0, 0, 0.5 if at_cut is AtCut.BLEND else 1], abs=1e-5)


def test_still_frame_is_no_work_whatever_is_hidden() -> None:
    model = KeepingBlend()
    out = between(plain(RED, 0), plain(GREEN, 0), model)
    assert model.given == []
    assert values(out) == pytest.approx([0.5, 0.5, 0, 0])


def test_change_of_alpha_alone_is_no_stillness() -> None:
    model = KeepingBlend()
    out = between(plain(BLACK, 1), plain(BLACK, 0.5), model)
    assert len(model.given) == 2
    assert values(out) == pytest.approx([0, 0, 0, 0.75])


def test_masked_frame_is_the_original() -> None:
    mask = torch.ones(12, 12)
    frames = [
        Frame(to_uint8(plain(colour, alpha)), Fraction(time), mask=mask)
        for time, (colour, alpha) in enumerate([((0.9, 0.5, 0.1), 0.3), (BLUE, 1)])
    ]
    schedule = Schedule(Fraction(2), Fraction(1), EndRule.LAST_FRAME)
    _, new, _ = interpolate_stream(frames, KeepingBlend()(), schedule)
    assert torch.equal(new, frames[0].pixels)


def test_montage_keeps_alpha() -> None:
    out = between(
        plain(RED, 0.2),
        plain(RED, 0.4),
        compare=Montage(Layout.SIDE_BY_SIDE, 12, 12, Fraction(2)).compose,
    )
    assert out.shape == (12, 24, 4)
    assert out[0, 0].tolist() == pytest.approx([1, 0, 0, 0.2])
    assert out[0, 12].tolist() == pytest.approx([1, 0, 0, 0.3])


@DTYPES
def test_opaque_frames_are_as_those_without_alpha(convert: Callable[[Tensor], Tensor]) -> None:
    colours = [torch.rand(12, 12, 3) for _ in range(2)]
    rgb = between(*map(convert, colours))
    opaque = [torch.cat((x, torch.ones(12, 12, 1)), -1) for x in colours]
    rgba = between(*map(convert, opaque))
    torch.testing.assert_close(rgba[..., :3], rgb)
    assert (rgba[..., 3] == convert(torch.ones(1))).all()


@DTYPES
def test_cross_fade_of_opaque_frames_is_as_without_alpha(
    convert: Callable[[Tensor], Tensor],
) -> None:
    colours = [convert(torch.rand(12, 12, 3)) for _ in range(2)]
    one = convert(torch.ones(12, 12, 1))
    rgba = cross_fade(*(torch.cat((x, one), -1) for x in colours), 0.3)
    within = 1 if rgba.dtype == torch.uint8 else 1e-6  # a half may be rounded either way
    torch.testing.assert_close(rgba[..., :3], cross_fade(*colours, 0.3), atol=within, rtol=0)


def test_cross_fade_rounds_and_keeps_its_inputs() -> None:
    black, grey = torch.zeros(2, 2, 3, dtype=torch.uint8), torch.full((2, 2, 3), 3).byte()
    out = cross_fade(black, grey, 0.6)
    assert out.dtype == torch.uint8
    assert (out == 2).all()
    assert (black == 0).all()


def test_cross_fade_of_floating_point_frames_is_not_rounded() -> None:
    out = cross_fade(torch.zeros(2, 2, 3).half(), torch.ones(2, 2, 3).half(), 0.25)
    assert out.dtype == torch.float16
    assert (out == 0.25).all()


# --- clips ---------------------------------------------------------------------------------------


def test_repeat_is_told_by_what_is_seen() -> None:
    assert begins_with_repeat([plain(RED, 0)], [plain(GREEN, 0)])
    assert not begins_with_repeat([plain(BLACK, 0)], [plain(BLACK, 1)])


def test_overlap_of_clips_fades_without_the_hidden_colours() -> None:
    def only(pixels: Tensor) -> Generator[Frame, None, None]:
        yield Frame(pixels, Fraction(0))

    first = Part(lambda: only(plain(RED, 1)), Fraction(1))
    second = Part(lambda: only(plain(GREEN, 0)), Fraction(1), Seam(1, is_faded=True))
    (frame,) = concatenate([first, second])
    assert values(frame.pixels) == pytest.approx([1, 0, 0, 0.5], abs=1e-5)
