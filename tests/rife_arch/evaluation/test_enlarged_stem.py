"""The folded first convolution against enlarging, then convolving."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from rife_arch.evaluation.enlarged_stem import EnlargedStem
from rife_arch.networks.blocks import conv, resize


@pytest.mark.parametrize("prelu", [False, True])
@pytest.mark.parametrize(("height", "width"), [(5, 8), (1, 1), (2, 3)])
def test_it_equals_enlarging_then_convolving_up_to_the_borders(
    height: int, width: int, prelu: bool
) -> None:
    layer = conv(7, 6, stride=2, prelu=prelu).requires_grad_(False)
    x = torch.randn(2, 7, height, width)
    found = EnlargedStem(layer)(F.pad(x, (1, 1, 1, 1), mode="replicate"), is_top=True)
    torch.testing.assert_close(found, layer(resize(x, 2)), atol=1e-5, rtol=1e-5)


def test_rows_below_the_top_read_the_row_above() -> None:
    layer, x = conv(3, 4, stride=2, prelu=False).requires_grad_(False), torch.randn(1, 3, 6, 4)
    rows = F.pad(x, (1, 1, 0, 1), mode="replicate")[:, :, 2:]
    found = EnlargedStem(layer)(rows, is_top=False)
    torch.testing.assert_close(found, layer(resize(x, 2))[:, :, 3:], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("prelu", [False, True])
def test_bfloat16_stays_and_rounds_about_as_much(prelu: bool) -> None:
    layer = conv(7, 6, stride=2, prelu=prelu).requires_grad_(False)
    x = torch.randn(1, 7, 6, 8)
    expected = layer(resize(x, 2))
    x = F.pad(x, (1, 1, 1, 1), mode="replicate").bfloat16()
    found = EnlargedStem(layer.bfloat16())(x, is_top=True)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), expected, atol=0.03, rtol=0.03)
