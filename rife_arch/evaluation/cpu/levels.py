"""The weights and lookup tables of each block, for one frame size and flow scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...networks import ActivatedConv, FlowBlock, IFNet
from ..resampling import read_positions
from .kernels import Enlargement
from .layout import Grid, Layout, block_head, reordered_stem


@dataclass(frozen=True, slots=True)
class UpdateGrid:
    """Where the pixels of a block's update lie in memory.

    Attributes:
        grid: finds its pixels.
        reduction: frame size over grid size.
        row_size: floats in a row of the head's output, which has ``side`` x ``side`` pixels of
            the update in each of its own.
    """

    grid: Grid
    reduction: int
    row_size: int

    @staticmethod
    def of(height: int, width: int, reduction: int, side: int, channels: int) -> UpdateGrid:
        """Describe the update for a frame of ``height`` x ``width`` px."""
        height, width = height // reduction, width // reduction
        grid = Grid.of(height, width, side, channels)
        return UpdateGrid(grid, reduction, (width + side) * side * channels)


@dataclass(frozen=True, slots=True)
class Level:
    """One block: its weights as they are used here, and the tables for its input.

    Attributes:
        block: for the convolutions between stem and head.
        stem: the first convolution, reading pixels as ``kernels`` writes them.
        head: weight and bias of the last, returning flow in px of the frame.
        scale: by which its input is reduced.
        height: of the input, px.
        width: of the input, px.
        rows: float32, rows of the frame that are sampled.
        cols: float32, columns that are sampled.
        enlargements: of all earlier updates, to the sampled pixels.
        carry: of the update before, to the pixels of the input.
        update: where its own update lies.
    """

    block: FlowBlock
    stem: ActivatedConv
    head: tuple[Tensor, Tensor]
    scale: int
    height: int
    width: int
    rows: np.ndarray
    cols: np.ndarray
    enlargements: list[Enlargement]
    carry: Enlargement
    update: UpdateGrid

    @property
    def samples(self) -> int:
        """How many sampled rows, or columns, are averaged to a pixel of the input."""
        return 1 if self.scale == 1 else 2


def make_levels(
    network: IFNet, layout: Layout, height: int, width: int, flow_scale: float
) -> list[Level]:
    """Prepare all blocks for frames of ``height`` x ``width`` px."""
    levels: list[Level] = []
    updates: list[UpdateGrid] = []
    positions = layout.input_positions(network.config)
    scales = network.config.block_scales
    for block, full_scale in zip(network.flow_blocks(), scales, strict=True):
        scale = int(full_scale / flow_scale)
        is_last = len(levels) == len(scales) - 1
        # Of the last block only flow and mask are needed.
        channels = 5 if is_last else 5 + network.config.hidden_features
        reduction = int(block.enlargement(scale))
        update = UpdateGrid.of(height, width, reduction, block.head_side, channels)
        levels.append(
            Level(
                block,
                reordered_stem(block.halvings[0], positions, layout.pixel),
                block_head(block, channels, block.enlargement(scale)),
                scale,
                *(height // scale, width // scale),
                *_tables(height, width, scale, updates),
                update,
            )
        )
        updates.append(update)
    return levels


def _tables(
    height: int, width: int, scale: int, updates: list[UpdateGrid]
) -> tuple[np.ndarray, np.ndarray, list[Enlargement], Enlargement]:
    """Prepare what a block of this scale reads of the frames and of the blocks before it."""
    rows, cols = read_positions(height, scale), read_positions(width, scale)
    all_pixels = torch.arange(height // scale), torch.arange(width // scale)
    if updates:
        last = updates[-1]
        carry = last.grid.enlarged(*all_pixels, last.reduction // scale)
    else:
        carry = Grid(np.zeros(1, np.int64), np.zeros(1, np.int64)).enlarged(*all_pixels, height)
    enlargements = [update.grid.enlarged(rows, cols, update.reduction) for update in updates]
    return rows.float().numpy(), cols.float().numpy(), enlargements, carry
