from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vfi.synthesis.still_regions import protect, restore_still, still_region


def grey(value: float, size: int = 12) -> Tensor:
    return torch.full((1, 3, size, size), value / 255)


def test_moving_pixel_moves_its_neighbourhood() -> None:
    moved = grey(100)
    moved[0, 1, 6, 6] = 1
    still = still_region(grey(100), moved)
    expected = torch.ones(1, 1, 12, 12, dtype=torch.bool)
    expected[..., 4:9, 4:9] = False
    assert torch.equal(still, expected)


@pytest.mark.parametrize(("change", "expected"), [(0, True), (2, True), (3, False), (-3, False)])
def test_flicker_of_two_levels_is_still(change: int, expected: bool) -> None:
    assert bool(still_region(grey(100), grey(100 + change)).all()) is expected


def test_still_region_fades_over_what_little_differs() -> None:
    still = torch.zeros(1, 1, 12, 12, dtype=torch.bool)
    still[..., 0] = True
    out = restore_still(grey(255), grey(100), grey(102), still, 0.5)
    assert torch.allclose(out[..., 0], torch.tensor(101 / 255))
    assert torch.equal(out[..., 1:], grey(255)[..., 1:])


def test_soft_mask_blends() -> None:
    mask = torch.linspace(0, 1, 12, dtype=torch.float64).expand(12, 12)
    out = protect(grey(0), grey(255), mask)
    assert torch.allclose(out, mask.float().expand(1, 3, 12, 12))
