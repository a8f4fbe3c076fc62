"""The evaluation of ``pyramid`` on a CPU, with compiled loops around the convolutions.

The same algebra, and the same result to rounding. A block's input is written once, as the
convolution reads it: channels last, both warped frames, then everything else. A block's head
(deconvolution and pixel shuffle) is one 2x2 convolution whose output pixels lie in blocks; readers
look up where a pixel lies, so nothing is shuffled (docs/pyramid.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...networks import IFNet, Interpolated, Motion, Pair
from ..layout import Layout, averaging_head
from .encoding import FrameEncoder
from .kernels import Enlargement, Frames
from .layout import kernels_for
from .levels import Level, Stem, make_levels
from .memory import Scratch, ScratchPool, empty_frames, flattened
from .threads import Workers, chunks

_CHUNK_ROWS = 16
"""Sampled rows that a thread handles at a time, so that their flow stays in its cache."""


class FusedPyramid:
    """Evaluates one network on the CPU; keeps tables and buffers for the last frame size."""

    def __init__(self, network: IFNet) -> None:
        self._network = network
        self._workers = Workers()
        self._encode = FrameEncoder(network, self._workers)
        self._evaluation: _Evaluation | None = None

    def warm_up(self) -> float:
        """Compile or load the loops, so that the first frame does not wait; returns seconds."""
        started = perf_counter()
        side = self._network.config.pad_multiple(1)
        frame = self.encode_frame(torch.zeros(1, 3, side, side))
        self(Pair(frame, frame), torch.full((1, 1, 1, 1), 0.5), 1)
        return perf_counter() - started

    def encode_frame(self, img: Tensor) -> Tensor:
        """Attach its features to a frame, interleaved.

        Args:
            img: [B, 3, H, W] float32 in [0, 1].

        Returns:
            [B, 3 + C, H, W] float32, a view of memory that is [B, H, W, 3 + C + padding].
        """
        return self._encode(img)

    def __call__(
        self, pair: Pair, timestep: Tensor, flow_scale: float, averages: bool = False
    ) -> Tensor:
        """Interpolate; see ``Pyramid``."""
        evaluation = self._evaluation_of(pair, flow_scale)
        items = zip(pair.items(), timestep.flatten().tolist(), strict=True)
        results = [evaluation(item, time, averages) for item, time in items]
        return results[0] if len(results) == 1 else torch.cat(results)

    def with_motion(
        self, pair: Pair, timestep: Tensor, flow_scale: float, averages: bool = False
    ) -> Interpolated:
        """Interpolate, and return the motion as well; see ``Pyramid``."""
        evaluation = self._evaluation_of(pair, flow_scale)
        parts: list[Interpolated] = []
        for item, time in zip(pair.items(), timestep.flatten().tolist(), strict=True):
            planes = empty_frames(1, 5, *pair.frame0.shape[2:])
            frame = evaluation(item, time, averages, planes[0].numpy())
            parts.append(Interpolated(frame, Motion(planes[:, :4], planes[:, 4:], planes[:, 5:])))
        return Interpolated.concatenated(parts)

    def _evaluation_of(self, pair: Pair, flow_scale: float) -> _Evaluation:
        """Return tables and buffers for the size of a pair."""
        height, width = pair.frame0.shape[2:]
        key = (height, width, flow_scale, self._network.dtype)
        if self._evaluation is None or self._evaluation.key != key:
            self._evaluation = _Evaluation(key, self._network, self._workers)
        return self._evaluation


class _Evaluation:
    """Everything that depends on frame size, flow scale and precision, and the steps themselves."""

    def __init__(
        self, key: tuple[int, int, float, torch.dtype], network: IFNet, workers: Workers
    ) -> None:
        self.key = key
        height, width, flow_scale, dtype = key
        self._layout = layout = Layout.of(network.config)
        self._workers = workers
        self._kernels = kernels_for(layout, dtype)
        self._dtype = dtype
        self._scratch = ScratchPool()
        self._levels = make_levels(network, layout, height, width, flow_scale)
        all_pixels = torch.arange(height), torch.arange(width)
        updates = [level.update for level in self._levels]
        self._final = [update.grid.enlarged(*all_pixels, update.reduction) for update in updates]

    def __call__(
        self, pair: Pair, timestep: float, averages: bool, planes: np.ndarray | None = None
    ) -> Tensor:
        """Interpolate one pair: [1, 3, H, W] float32, interleaved in memory.

        The last block is averaged with its output for the swapped pair if ``averages``. Flow and
        mask logits are written to ``planes`` [5, H, W] if given.
        """
        height, width = pair.frame0.shape[2:]
        frames = Frames(self._flat(pair.frame0), self._flat(pair.frame1), height, width)
        *levels, last = self._levels
        updates: list[np.ndarray] = []
        for level in levels:
            (x,) = self._trunks(level, frames, timestep, updates, [level.stem])
            updates.append(flattened(F.conv2d(x.float(), *level.head, padding=1)))
        stems, head = [last.stem], last.head
        if averages:
            stems, head = [last.stem, last.swapped_stem(timestep)], averaging_head(*last.head)
        x = torch.cat(self._trunks(last, frames, timestep, updates, stems), 1)
        return self._blend(last, x, head, frames, updates, planes)

    def _flat(self, frame: Tensor) -> np.ndarray:
        """View an interleaved frame as a flat array."""
        batch, _, height, width = frame.shape
        size = height * width * self._layout.frame
        assert batch == 1
        assert frame.stride()[1:] == (1, width * self._layout.frame, self._layout.frame)
        return frame.as_strided((size,), (1,)).numpy()

    def _trunks(
        self,
        level: Level,
        frames: Frames,
        timestep: float,
        updates: Sequence[np.ndarray],
        stems: Sequence[Stem],
    ) -> list[Tensor]:
        """Run a block up to its head, once for each of ``stems``.

        Its input is assembled and halved twice in strips of rows.
        """
        row_bytes = level.width * self._layout.pixel * self._dtype.itemsize

        def halve(rows: slice) -> list[Tensor]:
            read = level.rows_for(rows)
            with self._scratch.lend() as scratch:
                x = self._input(level, frames, timestep, updates, read, scratch)
                return [level.halved(x, stem, is_top=rows.start == 0) for stem in stems]

        rows_per_row = level.height // level.num_trunk_rows
        strips = self._workers.strips(level.num_trunk_rows, rows_per_row * row_bytes)
        halved = zip(*self._workers.map(halve, strips), strict=True)
        return [
            level.block.units(parts[0] if len(parts) == 1 else torch.cat(parts, 2))
            for parts in halved
        ]

    def _input(
        self,
        level: Level,
        frames: Frames,
        timestep: float,
        updates: Sequence[np.ndarray],
        rows: slice,
        scratch: Scratch,
    ) -> Tensor:
        """Assemble rows of a block's input, [1, C, n, w] channels last."""
        layout, samples = self._layout, level.samples
        num_rows, row_size = rows.stop - rows.start, level.width * layout.pixel
        is_half = self._dtype == torch.bfloat16
        out = scratch.get("input", num_rows * row_size, np.uint16 if is_half else np.float32)
        previous = updates[-1] if updates else np.zeros(layout.summed + layout.carried, np.float32)
        numbers = np.float32(level.scale), np.float32(timestep)
        total = scratch.get("total", _CHUNK_ROWS * len(level.cols) * layout.summed)
        if not updates:  # else the first update overwrites it
            total.fill(0)
        buffers = self._line(level.enlargements, scratch), scratch.get("pixel", layout.pixel)
        for begin, end in chunks(0, num_rows, _CHUNK_ROWS // samples):
            here = slice(rows.start + begin, rows.start + end)
            read = slice(samples * here.start, samples * here.stop)
            self._sum_updates(total, updates, level.enlargements, read, buffers[0])
            self._kernels.block_input(
                out[begin * row_size : end * row_size],
                frames,
                total,
                (level.rows[read], level.cols, samples),
                (previous, level.carry.rows(here.start, here.stop)),
                numbers,
                buffers,
            )
        x = torch.from_numpy(out).view(self._dtype)
        return x.view(1, num_rows, level.width, layout.pixel).permute(0, 3, 1, 2)

    def _line(self, enlargements: Sequence[Enlargement], scratch: Scratch) -> np.ndarray:
        """Return a buffer for one row of any update that is read."""
        columns = max((len(e.col_at) for e in enlargements), default=1)
        return scratch.get("line", columns * max(self._layout.summed, self._layout.carried))

    def _sum_updates(
        self,
        total: np.ndarray,
        updates: Sequence[np.ndarray],
        enlargements: Sequence[Enlargement],
        rows: slice,
        line: np.ndarray,
    ) -> None:
        """Add up all updates at some of the sampled rows."""
        for index, (update, enlargement) in enumerate(zip(updates, enlargements, strict=True)):
            here = enlargement.rows(rows.start, rows.stop)
            self._kernels.add_enlarged(total, update, here, line, index == 0)

    def _blend(
        self,
        level: Level,
        x: Tensor,
        head: tuple[Tensor, Tensor],
        frames: Frames,
        updates: Sequence[np.ndarray],
        planes: np.ndarray | None,
    ) -> Tensor:
        """Run the last head and blend the colours, in strips: its output is the largest array."""
        result = empty_frames(1, frames.height, frames.width, 3)
        out = result.view(-1).numpy()

        def fill(rows: slice) -> None:
            *earlier, enlargement = (e.rows(rows.start, rows.stop) for e in self._final)
            update, enlargement = self._part_of_update(level, x, head, enlargement)
            parts, enlargements = [*updates, update], [*earlier, enlargement]
            with self._scratch.lend() as scratch:
                total = scratch.get("total", _CHUNK_ROWS * frames.width * self._layout.summed)
                buffers = self._line(enlargements, scratch), scratch.get("pixel", 8)
                for begin, end in chunks(0, rows.stop - rows.start, _CHUNK_ROWS):
                    self._sum_updates(total, parts, enlargements, slice(begin, end), buffers[0])
                    carry = update, enlargement.rows(begin, end)
                    self._kernels.blend(out, frames, total, rows.start + begin, carry, buffers)
                    if planes is not None:
                        here = slice(rows.start + begin, rows.start + end)
                        self._write_motion(planes[:, here], total, carry)

        self._workers.map(fill, self._workers.strips(frames.height, 64 * frames.width))
        return result.permute(0, 3, 1, 2)

    def _write_motion(
        self, out: np.ndarray, total: np.ndarray, carry: tuple[np.ndarray, Enlargement]
    ) -> None:
        """Write rows of flow and mask logits, [5, n, W]; see ``kernels.blend``."""
        update, enlargement = carry
        summed, (_, num_rows, width) = self._layout.summed, out.shape
        sums = total[: num_rows * width * summed].reshape(num_rows, width, summed)
        out[:4] = sums[..., :4].transpose(2, 0, 1)
        mask_is_carried = self._layout.carried > 0
        out[4] = _enlarged(update[summed:], enlargement) if mask_is_carried else sums[..., 4]

    def _part_of_update(
        self, level: Level, x: Tensor, head: tuple[Tensor, Tensor], enlargement: Enlargement
    ) -> tuple[np.ndarray, Enlargement]:
        """Run a head only where some rows of the result read it, and shift the lookup to there."""
        row_size = level.update.row_size
        first = int(enlargement.above[0]) // row_size
        last = int(enlargement.below[-1]) // row_size
        # Output j of the head reads rows j - 1 and j of x; one more on both sides is cut by padding.
        start, stop = max(first - 1, 0), min(last + 1, x.shape[2])
        update = flattened(F.conv2d(x[:, :, start:stop].float(), *head, padding=1))
        shift = start * row_size
        above, below = enlargement.above - shift, enlargement.below - shift
        return update, enlargement._replace(above=above, below=below)


def _enlarged(source: np.ndarray, enlargement: Enlargement) -> np.ndarray:
    """Enlarge one channel of an update, [n, m]; ``source`` begins with its first value."""
    above, below, row_weight, col_at, left, right, col_weight = enlargement
    upper, lower = source[above[:, None] + col_at], source[below[:, None] + col_at]
    lines = upper + row_weight[:, None] * (lower - upper)
    return lines[:, left] + col_weight * (lines[:, right] - lines[:, left])
