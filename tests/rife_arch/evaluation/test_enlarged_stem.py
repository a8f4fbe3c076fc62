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


def test_weights_keep_their_precision_and_order_in_memory() -> None:
    layer = conv(8, 8, stride=2, prelu=False).requires_grad_(False)
    layer.to(torch.bfloat16).to(memory_format=torch.channels_last)
    x = torch.randn(1, 8, 6, 6).to(torch.bfloat16, memory_format=torch.channels_last)
    out = EnlargedStem(layer)(x, is_top=True)
    assert out.dtype == torch.bfloat16
    assert out.is_contiguous(memory_format=torch.channels_last)
