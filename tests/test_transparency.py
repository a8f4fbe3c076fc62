"""A see-through clip with released weights: what is between has clean edges."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial

import pytest
import torch
from torch import Tensor

from rife_arch import Quality, RifeModel
from vfi.frames import Frame
from vfi.synthesis.interpolate import interpolate_stream
from vfi.synthesis.protocol import Interpolator
from vfi.timing.schedule import EndRule, Schedule

HEIGHT, WIDTH, RADIUS, STEP = 96, 160, 26.0, 12.0
COLOUR = torch.tensor([0.9, 0.6, 0.2])


def alpha_of_disc(x: float) -> Tensor:
    """A disc with an edge of about 8 px around column ``x``, [H, W]."""
    row, column = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    return torch.sigmoid((RADIUS - ((row - HEIGHT / 2) ** 2 + (column - x) ** 2).sqrt()) / 2)


def disc(x: float, hidden: float) -> Tensor:
    """The disc on nothing, [H, W, 4]; ``hidden`` is the grey under alpha 0."""
    alpha = alpha_of_disc(x)[..., None]
    colours = torch.where(alpha > 1 / 255, COLOUR, torch.tensor(hidden))
    return torch.cat((colours, torch.where(alpha > 1 / 255, alpha, 0)), -1)


def middle(model: RifeModel, first: Tensor, second: Tensor, quality: Quality) -> Tensor:
    frames = [Frame(first, Fraction(0)), Frame(second, Fraction(1))]
    interpolate = partial(model.interpolate_each, quality=quality)
    interpolator = Interpolator(model.encode, interpolate, model.device)
    schedule = Schedule(Fraction(2), Fraction(1), EndRule.LAST_FRAME)
    return list(interpolate_stream(frames, interpolator, schedule))[1]


@pytest.mark.weights
@pytest.mark.parametrize("hidden", [0.0, 1.0], ids=["black", "white"])
@pytest.mark.parametrize("quality", ["fast", "best"])
def test_disc_between_two_frames_is_where_it_must_be_without_a_fringe(
    quality: Quality, hidden: float, released_model: Callable[[str], RifeModel]
) -> None:
    left, right = disc(60, hidden), disc(60 + STEP, hidden)
    out = middle(released_model("4.26"), left, right, quality)
    alpha, expected = out[..., 3], alpha_of_disc(60 + STEP / 2)
    wrong = (alpha - expected).abs()
    assert wrong.mean() < 0.002
    assert wrong.max() < 0.03  # 0.64 where nothing moves
    assert (out[alpha > 0.02][:, :3] - COLOUR).abs().max() < 1e-4
