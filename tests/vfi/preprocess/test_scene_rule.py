"""The rule of the scene detector, in numbers: frames are levels, and differ by what lies between."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from vfi.frames import Frame
from vfi.preprocess import scene_detection
from vfi.preprocess.scene_detection import mark_cuts


def difference(level0: Tensor, level1: Tensor) -> float:
    return float((level0 - level1).abs())


@pytest.fixture(autouse=True)
def _levels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene_detection, "make_thumbnail", lambda pixels, side: pixels)
    monkeypatch.setattr(scene_detection, "scene_difference", difference)


def cuts_in(levels: Sequence[float], threshold: float = 0.25) -> list[int]:
    frames = [Frame(torch.tensor(level), Fraction(n)) for n, level in enumerate(levels)]
    return [n for n, (_, is_cut) in enumerate(mark_cuts(frames, threshold)) if is_cut]


@pytest.mark.parametrize(("more", "cuts"), [(0, []), (1 / 64, [2])])
def test_cut_differs_by_more_than_the_threshold_from_its_neighbours(
    more: float, cuts: list[int]
) -> None:
    level = 0.125 + 0.125 + 0.25 + more  # of the frame before, of its change, of the threshold
    assert cuts_in([0, 0.125, level, level, level]) == cuts


STEP = 0.375  # of animation: much for a scene, little between two scenes


@pytest.mark.parametrize("hold", [1, 2, 3, 4])
def test_drawing_that_is_held_for_up_to_four_frames_is_no_scene(hold: int) -> None:
    for step in (STEP, 0.5):
        assert cuts_in([step * (n // hold) for n in range(32)]) == []


@pytest.mark.parametrize(("calm", "cuts"), [(7, []), (8, [12])])
def test_scene_that_changed_within_eight_frames_is_a_busy_one(calm: int, cuts: list[int]) -> None:
    steps = [STEP * n for n in range(4)]
    assert cuts_in([*steps, *steps[-1:] * calm, *[4 * STEP] * 6]) == cuts


@pytest.mark.parametrize(("jump", "cuts"), [(0.5, []), (0.75, []), (0.8125, [5])])
def test_frame_or_two_missing_from_even_motion_is_no_cut(jump: float, cuts: list[int]) -> None:
    assert cuts_in([0.25 * n + (jump - 0.25 if n >= 5 else 0) for n in range(10)]) == cuts


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_scene_of_few_frames_between_two_others_has_two_cuts(length: int) -> None:
    assert cuts_in([*[0] * 6, *[0.75] * length, *[1.5] * 6]) == [6, 6 + length]


@pytest.mark.parametrize(("change", "cuts"), [(0.40625, []), (0.4375, [1])])
def test_scene_of_a_single_frame_is_taken_for_a_rather_busy_one(
    change: float, cuts: list[int]
) -> None:
    assert cuts_in([0, change]) == cuts


@pytest.mark.parametrize("length", [1, 2])
def test_scene_may_begin_right_after_the_image_from_before_a_flash_is_back(length: int) -> None:
    assert cuts_in([0, 0, 0, *[1] * length, 0, 0.9375, 0.9375, 0.9375]) == [4 + length]


def test_frame_after_which_the_image_from_before_is_back_begins_a_flash() -> None:
    assert cuts_in([0, 0, 0, 1, 0.6875, 0.6875, 0.6875]) == []
    assert cuts_in([0, 0, 0, 1, 1, 0.6875, 0.6875]) == []
    assert cuts_in([0, 0, 0, 1, 1, 0.75, 0.75]) == [3, 5]
    assert cuts_in([0, 0, 0, 0, 0, 1, 1, 1, 0]) == [5, 8]
