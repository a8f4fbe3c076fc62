from __future__ import annotations

import pytest
import torch

from vfi.visualize.motion_sheet import colour_motion, difference, draw_tiles, longest_motion


@pytest.mark.parametrize(
    ("motion", "colour"),
    [
        ((4.0, 0.0), (1, 0, 0)),  # right: red
        ((-4.0, 0.0), (0, 1, 1)),  # left: cyan
        ((0.0, 0.0), (1, 1, 1)),  # none: white
        ((2.0, 0.0), (1, 0.5, 0.5)),  # half as far: half as strong
        ((40.0, 0.0), (1, 0, 0)),  # farther than the longest: no stronger
    ],
)
def test_hue_is_direction_and_strength_is_distance(
    motion: tuple[float, float], colour: tuple[float, ...]
) -> None:
    flow = torch.tensor(motion).expand(2, 3, 2)
    shown = colour_motion(flow, longest=4.0)
    assert shown.shape == (2, 3, 3)
    assert torch.allclose(shown[0, 0], torch.tensor(colour, dtype=torch.float32), atol=1e-6)


def test_directions_around_the_circle_have_colours_of_their_own() -> None:
    angles = torch.arange(6) * torch.pi / 3
    flow = torch.stack((angles.cos(), angles.sin()), -1)[None]
    shown = colour_motion(flow, 1.0)[0].round().int().tolist()
    assert shown == [[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1]]


def test_few_wild_pixels_do_not_count() -> None:
    flow = torch.full((100, 100, 2), 3.0)
    flow[0, :10] = 500.0
    assert longest_motion(flow) == pytest.approx(3 * 2**0.5)


def test_difference_is_black_where_frames_agree() -> None:
    first = torch.full((2, 2, 3), 0.5)
    second = first.clone()
    second[0, 0] = 0.6
    shown = difference(first, second)
    assert shown[1, 1].tolist() == [0, 0, 0]
    assert shown[0, 0].tolist() == pytest.approx([0.4] * 3)


def test_tiles_stand_row_by_row_and_fit_the_screen() -> None:
    white, grey = torch.ones(540, 960, 3), torch.full((540, 960, 1), 0.5)
    sheet = draw_tiles([("a", white), ("b", grey), ("c", white)], num_columns=2)
    assert sheet.shape == (2 * (16 + 270 + 8) + 8, 2 * (480 + 8) + 8, 3)
    assert sheet[100, 100].tolist() == [1, 1, 1]
    assert sheet[100, 600].tolist() == pytest.approx([128 / 255] * 3)
