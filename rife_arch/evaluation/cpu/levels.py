"""The weights and lookup tables of each block, for one frame size and flow scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ...networks import ActivatedConv, FlowBlock, IFNet
from ..enlarged_stem import EnlargedStem
from ..layout import Layout, block_head, reordered_stem
from ..resampling import read_positions
from .convolution import Size
from .kernels import Enlargement
from .layout import Grid
from .threads import Workers
from .trunk import Head, Trunk

Stem = ActivatedConv | EnlargedStem


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
        block: for the convolution after the stem.
        stem: the first convolution, reading pixels as ``kernels`` writes them.
        trunk: the convolutions that keep the resolution.
        head: the last, returning flow in px of the frame.
        scale: by which its input is reduced; below 1 the stem enlarges it, and reads one pixel
            more on each side.
        height: of the input as the stem reads it, px.
        width: of the input, px.
        rows: float32, rows of the frame that are sampled.
        cols: float32, columns that are sampled.
        enlargements: of all earlier updates, to the sampled pixels.
        carry: of the update before, to the pixels of the input.
        update: where its own update lies.
        swapped_stem: makes the stem that reads a pixel as the swapped pair's, for a timestep.
    """

    block: FlowBlock
    stem: Stem
    trunk: Trunk
    head: Head
    scale: float
    height: int
    width: int
    rows: np.ndarray
    cols: np.ndarray
    enlargements: list[Enlargement]
    carry: Enlargement
    update: UpdateGrid
    swapped_stem: Callable[[float], Stem]

    @property
    def samples(self) -> int:
        """How many sampled rows, or columns, are averaged to a pixel of the input."""
        return 1 if self.scale <= 1 else 2

    @property
    def trunk_size(self) -> Size:
        """Of the picture after both convolutions that halve."""
        if self.scale < 1:
            return Size((self.height - 2) // 2, (self.width - 2) // 2)
        return Size(self.height // 4, self.width // 4)

    def rows_for(self, trunk_rows: slice) -> slice:
        """Return which rows of the input some rows of the trunk depend on."""
        # Row i of a halving convolution reads rows 2i - 1, 2i and 2i + 1.
        start, stop = trunk_rows.start, trunk_rows.stop
        if self.scale < 1:  # row j of the stem reads j - 1, j and j + 1; the first input row is -1
            return slice(max(2 * start - 1, 0), 2 * stop + 2)
        return slice(max(4 * start - 3, 0), 4 * stop)

    def halved(self, x: Tensor, stem: Stem, *, is_top: bool) -> Tensor:
        """Run both convolutions that halve, the first as ``stem``, on some rows of the input."""
        pad = int(is_top)
        x = stem(x, is_top=is_top) if isinstance(stem, EnlargedStem) else stem(x, pad)
        return self.block.halvings[1](x, pad)


def make_levels(
    network: IFNet,
    workers: Workers,
    trunks: Sequence[Trunk],
    layout: Layout,
    height: int,
    width: int,
    flow_scale: float,
) -> list[Level]:
    """Prepare all blocks for frames of ``height`` x ``width`` px."""
    levels: list[Level] = []
    updates: list[UpdateGrid] = []
    positions = layout.input_positions(network.config)
    scales = network.config.block_scales
    for block, trunk, full_scale in zip(network.flow_blocks(), trunks, scales, strict=True):
        scale = full_scale / flow_scale
        is_last = len(levels) == len(scales) - 1
        # Of the last block only flow and mask are needed.
        channels = 5 if is_last else 5 + network.config.hidden_features
        factor = block.enlargement(scale)
        head, side = block_head(block, channels, factor)
        # An update above the frame's resolution is reduced by the head.
        update = UpdateGrid.of(height, width, max(1, int(factor)), side, channels)
        levels.append(
            Level(
                block,
                _stem(block, positions, layout.pixel, scale),
                trunk,
                Head(workers, *head),
                scale,
                *_input_size(height, width, scale),
                *_tables(height, width, scale, updates),
                update,
                partial(_swapped_stem, block, layout.swapped(positions), layout.pixel, scale),
            )
        )
        updates.append(update)
    return levels


def _stem(block: FlowBlock, positions: Sequence[int], pixel: int, scale: float) -> Stem:
    stem = reordered_stem(block.halvings[0], positions, pixel)
    return EnlargedStem(stem) if scale < 1 else stem


def _swapped_stem(
    block: FlowBlock, positions: Sequence[int], pixel: int, scale: float, timestep: float
) -> Stem:
    """Make a stem that sees, in the pixels of a pair, those of the swapped pair."""
    stem = reordered_stem(block.halvings[0], positions, pixel)
    mask, time = (
        positions[-5 - block.config.hidden_features],
        positions[-6 - block.config.hidden_features],
    )
    with torch.no_grad():
        stem.layer.weight[:, mask] *= -1
        stem.layer.weight[:, time] *= (1 - timestep) / timestep
    return EnlargedStem(stem) if scale < 1 else stem


def _input_size(height: int, width: int, scale: float) -> tuple[int, int]:
    if scale < 1:  # with a border of one pixel
        return height + 2, width + 2
    return height // int(scale), width // int(scale)


def _tables(
    height: int, width: int, scale: float, updates: list[UpdateGrid]
) -> tuple[np.ndarray, np.ndarray, list[Enlargement], Enlargement]:
    """Prepare what a block of this scale reads of the frames and of the blocks before it."""
    reduction = max(1, int(scale))
    rows, cols = read_positions(height, reduction), read_positions(width, reduction)
    pixels = torch.arange(height // reduction), torch.arange(width // reduction)
    if scale < 1:
        rows, cols = pixels = _bordered(rows), _bordered(cols)
    if updates:
        last = updates[-1]
        carry = last.grid.enlarged(*pixels, last.reduction // reduction)
    else:
        carry = Grid(np.zeros(1, np.int64), np.zeros(1, np.int64)).enlarged(*pixels, height)
    enlargements = [update.grid.enlarged(rows, cols, update.reduction) for update in updates]
    return rows.float().numpy(), cols.float().numpy(), enlargements, carry


def _bordered(positions: Tensor) -> Tensor:
    """Repeat the first and the last position."""
    return torch.cat((positions[:1], positions, positions[-1:]))
