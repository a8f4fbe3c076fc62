"""HDR becomes SDR: as bright as it was where SDR can show it, compressed above."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from tests.helpers.jobs import greys
from vfi.color import HLG, PQ, SDR, Color, LightLevel, MasteringDisplay
from vfi.read.tone_map import ToneMapper

pytestmark = pytest.mark.usefixtures("one_thread")

BRIGHT = replace(PQ, light_level=LightLevel(4000, 0))
ON_4000 = replace(
    PQ,
    mastering=MasteringDisplay(
        (34000, 16000), (13250, 34500), (7500, 3000), (15635, 16450), (1, 40_000_000)
    ),
)


def pq(luminance: float) -> float:
    """BT.2100, table 4: cd/m² to a signal."""
    power = (luminance / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def hlg(luminance: float) -> float:
    """BT.2100, table 5: cd/m² of a grey on a display that reaches 1000 to a signal."""
    scene = (luminance / 1000) ** (1 / 1.2)
    if scene <= 1 / 12:
        return (3 * scene) ** 0.5
    return 0.17883277 * math.log(12 * scene - 0.28466892) + 0.55991073


def shown(luminance: float) -> float:
    """The code value of 8 bits with which a display of gamma 2.4, white at 203 cd/m², shows it."""
    return 255 * (luminance / 203) ** (1 / 2.4)


def levels(color: Color, *signals: float) -> list[float]:
    """What greys become, in code values of 8 bits."""
    pixels = torch.tensor(signals)[None, :, None].expand(1, -1, 3)
    mapped = ToneMapper(color)(pixels)
    assert torch.allclose(mapped, mapped[..., :1], atol=1e-5), "greys stay grey"
    return (255 * mapped[0, :, 0]).tolist()


@pytest.mark.parametrize(("color", "signal"), [(PQ, pq), (HLG, hlg)], ids=["PQ", "HLG"])
@pytest.mark.parametrize("luminance", [0.0, 0.1, 1.0, 10.0, 26.0])
def test_dark_and_middle_tones_stay_as_bright(
    color: Color, signal: Callable[[float], float], luminance: float
) -> None:
    assert levels(color, signal(luminance)) == pytest.approx([shown(luminance)], abs=0.1)


@pytest.mark.parametrize("color", [PQ, HLG, BRIGHT], ids=["PQ", "HLG", "PQ up to 4000"])
def test_lighter_stays_lighter(color: Color) -> None:
    steps = torch.linspace(0, 1, 200).tolist()
    mapped = levels(color, *steps)
    assert all(second > first - 0.01 for first, second in pairwise(mapped))
    assert mapped[0] == 0
    assert mapped[-1] == pytest.approx(255, abs=0.01)


def test_what_is_white_in_hdr_leaves_room_for_lights() -> None:
    white, lamp = levels(PQ, pq(203), pq(600))
    assert 220 < white < 240
    assert white + 10 < lamp < 255


@pytest.mark.parametrize("color", [BRIGHT, ON_4000], ids=["light level", "mastering display"])
def test_brighter_film_is_compressed_more(color: Color) -> None:
    (usual,), (bright,) = levels(PQ, pq(900)), levels(color, pq(900))
    assert bright < usual - 3


@pytest.mark.parametrize("peak", [100, 203])
def test_film_no_brighter_than_sdr_is_not_compressed(peak: int) -> None:
    color = replace(PQ, light_level=LightLevel(peak, 0))
    assert levels(color, pq(90)) == pytest.approx([shown(90)], abs=0.1)
    assert levels(color, pq(203)) == pytest.approx([255], abs=0.1)


def test_colour_of_bt709_comes_back_from_bt2020() -> None:
    # Red of BT.709 at 50 cd/m², by the matrix of BT.2087 in BT.2020.
    in_bt2020 = torch.tensor([[[pq(50 * part) for part in (0.6274, 0.0691, 0.0164)]]])
    red, green, blue = (255 * ToneMapper(PQ)(in_bt2020))[0, 0].tolist()
    assert red == pytest.approx(shown(50), abs=1)
    assert max(green, blue) < 6  # of rounding alone: 0.02 cd/m²


def test_bright_colour_keeps_its_hue() -> None:
    bright = torch.tensor([[[pq(900), pq(600), pq(300)]]])
    red, green, blue = (ToneMapper(Color("bt709", PQ.transfer))(bright)[0, 0] ** 2.4).tolist()
    assert red < 1
    assert (green / red, blue / red) == pytest.approx((2 / 3, 1 / 3), abs=0.001)


def test_alpha_is_not_touched() -> None:
    pixels = torch.tensor([[[0.5, 0.5, 0.5, 0.25]]])
    mapped = ToneMapper(HLG)(pixels)
    assert mapped[0, 0, 3] == 0.25
    assert pixels[0, 0].tolist() == [0.5, 0.5, 0.5, 0.25]


def test_clip_is_another_one_and_sdr() -> None:
    clip = replace(greys([128, 64]), color=PQ)
    mapped = clip.tone_mapped()
    assert (mapped.color, mapped.identity == clip.identity) == (SDR, False)
    first, second = (frame for frame in mapped.frames())
    expected: Tensor = ToneMapper(PQ)(torch.full((4, 6, 3), 64 / 255))
    assert torch.allclose(second.pixels, expected)
    assert (first.time, second.time) == (0, Fraction(1))
