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
from torch import Tensor

from ...networks import IFNet, Interpolated, Motion, Pair
from ..layout import Layout
from .convolution import Size
from .encoding import FrameEncoder
from .kernels import Enlargement, Frames, Updates
from .layout import kernels_for
from .levels import Level, Stem, make_levels
from .memory import Scratch, ScratchPool, as_tensor, empty_frames
from .threads import Workers
from .trunk import Head, Trunk

_CHUNK_ROWS = 16
"""Sampled rows whose flow is summed up at a time, so that it stays in a core's cache."""


class FusedPyramid:
    """Evaluates one network on the CPU; keeps tables and buffers for the last frame size."""

    def __init__(self, network: IFNet) -> None:
        self._network = network
        self._workers = Workers()
        self._encode = FrameEncoder(network, self._workers)
        self._trunks = [Trunk(block, self._workers) for block in network.flow_blocks()]
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
        with self._workers.taking_over():
            return self._encode(img)

    def __call__(
        self, pair: Pair, timestep: Tensor, flow_scale: float, averages: bool = False
    ) -> Tensor:
        """Interpolate; see ``Pyramid``."""
        evaluation = self._evaluation_of(pair, flow_scale)
        items = zip(pair.items(), timestep.flatten().tolist(), strict=True)
        with self._workers.taking_over():
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
            with self._workers.taking_over():
                frame = evaluation(item, time, averages, planes.view(-1).numpy())
            parts.append(Interpolated(frame, Motion(planes[:, :4], planes[:, 4:], planes[:, 5:])))
        return Interpolated.concatenated(parts)

    def _evaluation_of(self, pair: Pair, flow_scale: float) -> _Evaluation:
        """Return tables and buffers for the size of a pair."""
        height, width = pair.frame0.shape[2:]
        key = (height, width, flow_scale, self._network.dtype)
        if self._evaluation is None or self._evaluation.key != key:
            self._evaluation = _Evaluation(key, self._network, self._trunks, self._workers)
        return self._evaluation


class _Evaluation:
    """Everything that depends on frame size, flow scale and precision, and the steps themselves."""

    def __init__(
        self,
        key: tuple[int, int, float, torch.dtype],
        network: IFNet,
        trunks: Sequence[Trunk],
        workers: Workers,
    ) -> None:
        self.key = key
        height, width, flow_scale, dtype = key
        self._layout = layout = Layout.of(network.config)
        self._workers = workers
        self._kernels = kernels_for(layout, dtype)
        self._dtype = dtype
        self._number = np.uint16 if dtype == torch.bfloat16 else np.float32  # NumPy has no bfloat16
        self._scratch = ScratchPool()
        self._nothing = np.zeros(layout.summed + layout.carried, np.float32)
        self._levels = make_levels(network, workers, trunks, layout, height, width, flow_scale)
        all_pixels = torch.arange(height), torch.arange(width)
        updates = [level.update for level in self._levels]
        self._final = [update.grid.enlarged(*all_pixels, update.reduction) for update in updates]

    def __call__(
        self, pair: Pair, timestep: float, averages: bool, planes: np.ndarray | None = None
    ) -> Tensor:
        """Interpolate one pair: [1, 3, H, W] float32, interleaved in memory.

        The last block is averaged with its output for the swapped pair if ``averages``. Flow and
        mask logits are written to ``planes``, flat [5, H, W], if given.
        """
        height, width = pair.frame0.shape[2:]
        frames = Frames(self._flat(pair.frame0), self._flat(pair.frame1), height, width)
        *levels, last = self._levels
        updates: list[np.ndarray] = []
        with self._scratch.lend() as scratch:
            for level in levels:
                x = self._trunk(level, frames, timestep, updates, [level.stem], scratch)
                updates.append(level.head.in_parallel(x, level.trunk_size))
            stems, head = [last.stem], last.head
            if averages:
                stems, head = [last.stem, last.swapped_stem(timestep)], last.head.averaging
            x = self._trunk(last, frames, timestep, updates, stems, scratch)
            return self._blend(last, x, head, frames, updates, planes)

    def _flat(self, frame: Tensor) -> np.ndarray:
        """View an interleaved frame as a flat array."""
        batch, _, height, width = frame.shape
        size = height * width * self._layout.frame
        assert batch == 1
        assert frame.stride()[1:] == (1, width * self._layout.frame, self._layout.frame)
        return frame.as_strided((size,), (1,)).numpy()

    def _trunk(
        self,
        level: Level,
        frames: Frames,
        timestep: float,
        updates: Sequence[np.ndarray],
        stems: Sequence[Stem],
        scratch: Scratch,
    ) -> np.ndarray:
        """Run a block up to its head; returns flat [H, W, C], or one C after the other for each of ``stems``.

        Its input is assembled and halved twice in strips of rows.
        """
        size, width = level.trunk_size, level.trunk.channels
        halved = [
            as_tensor(
                scratch.get(f"halved {i}", size.height * size.width * width, self._number),
                *(size.height, size.width, width),
            ).view(self._dtype)
            for i in range(len(stems))
        ]

        def halve(rows: slice) -> None:
            read = level.rows_for(rows)
            with self._scratch.lend() as own:
                x = self._input(level, frames, timestep, updates, read, own)
                for stem, out in zip(stems, halved, strict=True):
                    out[:, :, rows] = level.halved(x, stem, is_top=rows.start == 0)

        row_bytes = level.height // size.height * level.width * self._layout.pixel
        strips = self._workers.strips(size.height, row_bytes * self._dtype.itemsize)
        self._workers.map(halve, strips)
        step = width * len(stems)
        result = scratch.get("trunk", size.height * size.width * step)
        for index, x in enumerate(halved):
            level.trunk(x, result[index * width :], step, scratch)
        return result

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
        out = scratch.get("input", num_rows * row_size, self._number)
        read = slice(samples * rows.start, samples * rows.stop)
        carry = level.carry.rows(rows.start, rows.stop)
        total = scratch.get("total", _CHUNK_ROWS * len(level.cols) * layout.summed)
        line, pixel = self._line(level.enlargements, scratch), scratch.get("pixel", layout.pixel)
        write = self._kernels.block_input if samples == 1 else self._kernels.averaged_input
        write(
            out,
            frames,
            self._updates(
                updates, [e.rows(read.start, read.stop) for e in level.enlargements], carry
            ),
            (level.rows[read], level.cols),
            (updates[-1] if updates else self._nothing, carry),
            (np.float32(level.scale), np.float32(timestep)),
            (total, line, pixel),
        )
        x = torch.from_numpy(out).view(self._dtype)
        return x.view(1, num_rows, level.width, layout.pixel).permute(0, 3, 1, 2)

    def _updates(
        self,
        updates: Sequence[np.ndarray],
        enlargements: Sequence[Enlargement],
        unread: Enlargement,
    ) -> Updates:
        """Gather updates for a loop; ``unread`` stands where there is none."""
        number = len(self._levels) - 1
        if not updates:
            return Updates.of([self._nothing], [unread], number).none()
        return Updates.of(updates, enlargements, number)

    def _line(self, enlargements: Sequence[Enlargement], scratch: Scratch) -> np.ndarray:
        """Return a buffer for one row of any update that is read."""
        columns = max((len(e.col_at) for e in enlargements), default=1)
        return scratch.get("line", columns * max(self._layout.summed, self._layout.carried))

    def _blend(
        self,
        level: Level,
        x: np.ndarray,
        head: Head,
        frames: Frames,
        updates: Sequence[np.ndarray],
        planes: np.ndarray | None,
    ) -> Tensor:
        """Run the last head and blend the colours, in strips: its output is the largest array."""
        result = empty_frames(1, frames.height, frames.width, 3)
        out, planes = result.view(-1).numpy(), np.empty(0, np.float32) if planes is None else planes

        def fill(rows: slice) -> None:
            *earlier, enlargement = (e.rows(rows.start, rows.stop) for e in self._final)
            update, enlargement = self._part_of_update(level, x, head, enlargement)
            parts, enlargements = [*updates, update], [*earlier, enlargement]
            with self._scratch.lend() as scratch:
                total = scratch.get("total", _CHUNK_ROWS * frames.width * self._layout.summed)
                buffers = total, self._line(enlargements, scratch)
                read = Updates.of(parts, enlargements, len(parts))
                self._kernels.blend(out, planes, frames, read, rows.start, buffers)

        self._workers.map(fill, self._workers.strips(frames.height, 64 * frames.width))
        return result.permute(0, 3, 1, 2)

    def _part_of_update(
        self, level: Level, x: np.ndarray, head: Head, enlargement: Enlargement
    ) -> tuple[np.ndarray, Enlargement]:
        """Run a head only where some rows of the result read it, and shift the lookup to there."""
        row_size = level.update.row_size
        first = int(enlargement.above[0]) // row_size
        last = int(enlargement.below[-1]) // row_size
        # Output j of the head reads rows j - 1 and j of x; one more on both sides is cut by padding.
        size = level.trunk_size
        start, stop = max(first - 1, 0), min(last + 1, size.height)
        part = x[start * size.width * head.inputs : stop * size.width * head.inputs]
        update = head(part, Size(stop - start, size.width))
        shift = start * row_size
        above, below = enlargement.above - shift, enlargement.below - shift
        return update, enlargement._replace(above=above, below=below)
