from __future__ import annotations

import pytest
import torch

from rife_arch.networks.warp import backward_warp, sample, sample_features


def test_zero_flow_returns_the_image() -> None:
    image = torch.rand(2, 3, 7, 9)
    torch.testing.assert_close(backward_warp(image, torch.zeros(2, 2, 7, 9)), image)


def test_flow_points_to_where_the_pixel_is_read() -> None:
    image = torch.rand(1, 1, 8, 8)
    flow = torch.zeros(1, 2, 8, 8)
    flow[:, 0] = 2  # x
    flow[:, 1] = 1  # y
    out = backward_warp(image, flow)
    torch.testing.assert_close(out[..., :7, :6], image[..., 1:, 2:])


def test_positions_outside_read_the_border() -> None:
    image = torch.rand(1, 1, 4, 6)
    out = backward_warp(image, torch.full((1, 2, 4, 6), -100.0))
    torch.testing.assert_close(out, image[..., :1, :1].expand(1, 1, 4, 6))


def test_half_a_pixel_is_the_mean_of_two() -> None:
    image = torch.tensor([[[[0.0, 1.0, 3.0]]]])
    flow = torch.tensor([0.5, 0.0]).reshape(1, 2, 1, 1).expand(1, 2, 1, 3)
    torch.testing.assert_close(backward_warp(image, flow), torch.tensor([[[[0.5, 2.0, 3.0]]]]))


def test_wrong_flow_shape_names_both_shapes() -> None:
    with pytest.raises(ValueError, match=r"\[1, 2, 4, 4\].*\[1, 3, 4, 4\].*\[1, 4, 4, 4\]"):
        backward_warp(torch.rand(1, 3, 4, 4), torch.zeros(1, 4, 4, 4))


def test_half_precision_positions_stay_exact_on_a_wide_frame() -> None:
    ramp = torch.arange(2048.0).reshape(1, 1, 1, 2048).expand(1, 1, 2, 2048)
    out = backward_warp(ramp, torch.zeros(1, 2, 2, 2048, dtype=torch.float16))
    torch.testing.assert_close(out, ramp, atol=1e-3, rtol=0)


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("size", [(2, 2), (8, 12)])
def test_features_are_sampled_as_pictures_are(
    size: tuple[int, int], layout: torch.memory_format
) -> None:
    image = torch.randn(1, 16, *size).contiguous(memory_format=layout)
    rows, cols = torch.arange(size[0])[1::2], torch.arange(size[1])[::2]
    flow = 6 * torch.randn(1, 2, len(rows), len(cols))  # leads outside as well
    found = sample_features(image, flow, rows, cols)
    torch.testing.assert_close(found, sample(image, flow, rows, cols), atol=1e-5, rtol=1e-5)
    assert found.is_contiguous(memory_format=layout)


def test_flow_that_is_no_number_reads_some_pixel() -> None:
    image = torch.randn(1, 16, 4, 4).contiguous(memory_format=torch.channels_last)
    flow = torch.tensor([float("nan"), float("inf")]).reshape(1, 2, 1, 1).expand(1, 2, 4, 4)
    found = sample_features(image, flow, torch.arange(4), torch.arange(4))
    assert found.isfinite().all()
