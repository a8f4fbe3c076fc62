"""Backward warping, the resampling step every RIFE generation shares.

Reference: Huang et al., "Real-Time Intermediate Flow Estimation for Video Frame
Interpolation", ECCV 2022, arXiv:2011.06294.
"""

from __future__ import annotations

from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor


def backward_warp(image: Tensor, flow: Tensor) -> Tensor:
    """Sample ``image`` where ``flow`` points.

    ``out[b, :, y, x] = image[b, :, y + flow[b, 1, y, x], x + flow[b, 0, y, x]]``,
    bilinear; positions outside the image read its border.

    Convention:
        Flow channels are (dx, dy) in px of ``image``'s own resolution, x right, y down.
        Pixel centres, ``align_corners=True``: the released weights were trained so.

    Args:
        image: [B, C, H, W] float, any value range (frames or encoder features).
        flow: [B, 2, H, W] float, px.

    Returns:
        [B, C, H, W], dtype and device of ``image``.

    Raises:
        ValueError: if ``flow`` is not [B, 2, H, W] for this image.
    """
    batch, _, height, width = image.shape
    if flow.shape != (batch, 2, height, width):
        raise ValueError(
            f"flow must be [{batch}, 2, {height}, {width}] to warp an image of shape "
            f"{list(image.shape)}, got {list(flow.shape)}"
        )
    rows = torch.arange(height, device=flow.device)
    return sample(image, flow, rows, torch.arange(width, device=flow.device))


def sample(image: Tensor, flow: Tensor, rows: Tensor, cols: Tensor) -> Tensor:
    """Warp only the pixels at the given rows and columns.

    ``out[b, :, i, j] = image[b, :, rows[i] + flow[b, 1, i, j], cols[j] + flow[b, 0, i, j]]``, with
    the conventions of ``backward_warp``.

    Args:
        image: [B, C, H, W] float.
        flow: [B, 2, h, w] float, px of ``image``.
        rows: [h] px, which rows of the frame to compute.
        cols: [w] px, which columns.

    Returns:
        [B, C, h, w], dtype and device of ``image``.
    """
    height, width = image.shape[2:]
    # Always float32: in float16 a normalised x on a 1920 px wide frame is off by up to 0.23 px.
    step_x, step_y = 2 / max(width - 1, 1), 2 / max(height - 1, 1)
    x = cols * step_x - 1, flow[:, 0].float(), step_x
    y = (rows * step_y - 1)[:, None], flow[:, 1].float(), step_y
    # Neither gradients nor an export to another engine follow what is written into a view.
    needs_graph = flow.requires_grad or torch.jit.is_tracing()  # pyright: ignore[reportPrivateImportUsage]
    grid = _added(x, y) if needs_graph else _added_in_place(x, y)
    padding = "border"
    if grid.device.type == "mps":  # has no border padding; clamped positions never read beyond it
        grid, padding = grid.clamp(-1, 1), "zeros"
    out = F.grid_sample(image.float(), grid, padding_mode=padding, align_corners=True)
    return out.to(image.dtype)


_Axis: TypeAlias = tuple[Tensor, Tensor, float]
"""Where the pixels are, the flow, and what one px of it is, along one axis of the grid."""


def _added(x: _Axis, y: _Axis) -> Tensor:
    """Return the grid [B, h, w, 2] in a way that gradients can follow."""
    return torch.stack([torch.add(base, flow, alpha=step) for base, flow, step in (x, y)], -1)


def _added_in_place(x: _Axis, y: _Axis) -> Tensor:
    """Return the same grid, each number written once."""
    flow = x[1]
    grid = torch.empty(*flow.shape, 2, device=flow.device)
    for axis, (base, flow, step) in enumerate((x, y)):
        torch.add(base, flow, alpha=step, out=grid[..., axis])
    return grid


def sample_features(image: Tensor, flow: Tensor, rows: Tensor, cols: Tensor) -> Tensor:
    """Warp as ``sample`` does, one item of many channels.

    On a CPU with channels-last memory, each pixel is the sum of four weighted rows of a table, which
    is 14 times as fast as torch's ``grid_sample``, which needs planes.

    Args:
        image: [1, C, H, W] float32, H and W at least 2.
        flow: [1, 2, h, w] float32, px of ``image``.
        rows: [h] px, which rows of the frame to compute.
        cols: [w] px, which columns.

    Returns:
        [1, C, h, w] float32; channels last where ``image`` is.
    """
    is_interleaved = image.is_contiguous(memory_format=torch.channels_last)
    if image.device.type != "cpu" or not is_interleaved:
        return sample(image, flow, rows.to(image.device), cols.to(image.device))
    channels, height, width = image.shape[1:]
    x, fraction_x = _clamp_and_split(cols + flow[0, 0], width)
    y, fraction_y = _clamp_and_split(rows[:, None] + flow[0, 1], height)
    corners = (y * width + x)[..., None] + torch.tensor((0, 1, width, width + 1))
    weights = torch.stack(
        (
            (1 - fraction_y) * (1 - fraction_x),
            (1 - fraction_y) * fraction_x,
            fraction_y * (1 - fraction_x),
            fraction_y * fraction_x,
        ),
        dim=-1,
    )
    table = image.permute(0, 2, 3, 1).reshape(-1, channels)  # a view
    sampled = F.embedding_bag(
        corners.view(-1, 4), table, per_sample_weights=weights.view(-1, 4), mode="sum"
    )
    return sampled.view(1, *flow.shape[2:], channels).permute(0, 3, 1, 2)


def _clamp_and_split(positions: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Split positions, clamped to the image, into a pixel index and a fraction."""
    positions = positions.nan_to_num().clamp_(0, length - 1)
    before = positions.floor().clamp_(max=length - 2)
    return before.long(), positions - before
