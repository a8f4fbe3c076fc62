"""The evaluation of ``pyramid`` on a GPU, with Triton kernels around the convolutions.

The same algebra, and the same result to rounding. A block's input is written once, as the convolution
reads it: channels last, both warped frames, then everything else. A block's head (deconvolution and
pixel shuffle) is one 2x2 convolution whose output pixels lie in squares; readers compute where a pixel
lies, so nothing is shuffled (docs/pyramid.md). Nothing waits for the GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from ...networks import IFNet, Interpolated, Motion, Pair
from ..layout import Layout, as_convolution
from ..tables import Tables
from .levels import Head, Level, make_levels
from .loops import Loops, TritonLoops, Update


def triton_version() -> str:
    """Return the version of Triton, whose import takes part of a second; empty where there is none."""
    try:
        import triton  # pyright: ignore[reportMissingImports]
    except ImportError:
        return ""
    return str(triton.__version__)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]


def triton_available() -> bool:
    """Tell whether Triton can be imported.

    Whether it works shows when a kernel is first compiled: see ``TritonPyramid.warm_up``.
    """
    return bool(triton_version())


class TritonPyramid:
    """Evaluates one network on a GPU; keeps weights in the layout of the kernels for two flow scales.

    Args:
        network: any for which ``supports_pyramid`` is true.
        loops: what runs the loops, if not Triton.

    Raises:
        ImportError: without Triton.
    """

    def __init__(self, network: IFNet, loops: Loops | None = None) -> None:
        config = network.config
        self._network = network
        self._layout = Layout.of(config)
        self._loops = loops or TritonLoops(self._layout, sums_mask=config.accumulates_mask)
        self._levels = Tables[list[Level]]()
        self._encoder_heads = Tables[Head]()

    @torch.inference_mode()
    def warm_up(self, flow_scale: float = 1) -> float:
        """Compile the kernels of a scale for a small frame, to find out whether they work; returns seconds.

        Those that average, give the motion or take a batch whose numbers need 64 bits are compiled when first used.

        Raises:
            Exception: whatever the compiler or the driver raises. Triton needs a C compiler.
        """
        started = perf_counter()
        side = self._network.config.pad_multiple(flow_scale)
        weight = self._network.flow_blocks()[0].halvings[0].layer.weight
        frame = self.encode_frame(torch.zeros(1, 3, side, side, device=weight.device))
        self(Pair(frame, frame), torch.full((1, 1, 1, 1), 0.5, device=weight.device), flow_scale)
        return perf_counter() - started

    def encode_frame(self, img: Tensor) -> Tensor:
        """Attach its features to a frame, interleaved.

        Args:
            img: [B, 3, H, W] float32 in [0, 1], in any memory format.

        Returns:
            [B, 3 + C, H, W] float32, a view of memory that is [B, H, W, 3 + C + padding].
        """
        batch, _, height, width = img.shape
        out = img.new_empty(batch, height, width, self._layout.frame)
        self._loops.interleave(out, img, self._features(img))
        return self._as_frame(out)

    def __call__(
        self, pair: Pair, timestep: Tensor, flow_scale: float, averages: bool = False
    ) -> Tensor:
        """Interpolate; see ``Pyramid``."""
        return self._interpolate(pair, timestep, flow_scale, averages, None)

    def with_motion(
        self, pair: Pair, timestep: Tensor, flow_scale: float, averages: bool = False
    ) -> Interpolated:
        """Interpolate, and return the motion as well; see ``Pyramid``."""
        batch, _, height, width = pair.frame0.shape
        planes = pair.frame0.new_empty(batch, 5, height, width)
        frame = self._interpolate(pair, timestep, flow_scale, averages, planes)
        return Interpolated(frame, Motion(planes[:, :4], planes[:, 4:], planes[:, 5:]))

    def _interpolate(
        self,
        pair: Pair,
        timestep: Tensor,
        flow_scale: float,
        averages: bool,
        planes: Tensor | None,
    ) -> Tensor:
        """Return [B, 3, H, W] float32, interleaved in memory; the motion goes to ``planes``."""
        pair = pair.mapped(self._interleaved)
        times = timestep.reshape(-1).float().contiguous()
        updates: list[Update] = []
        *levels, last = self._levels_for(flow_scale)
        for level in levels:
            x = self._block_input(level, pair, times, updates)
            updates.append(level.update(level.trunk(x, level.stem), level.head))
        x = self._block_input(last, pair, times, updates)
        trunk, head = last.trunk(x, last.stem), last.head
        if averages:
            assert last.averaging_head is not None  # the last block has it
            trunk = torch.cat((trunk, last.trunk(x, last.swapped_stem)), 1)
            head = last.averaging_head
        updates.append(last.update(trunk, head))
        batch, _, height, width = pair.frame0.shape
        out = pair.frame0.new_empty(batch, height, width, 3)
        self._loops.blend(out, pair, updates, planes)
        return out.permute(0, 3, 1, 2)

    def _block_input(
        self, level: Level, pair: Pair, times: Tensor, updates: Sequence[Update]
    ) -> Tensor:
        """Assemble a block's input, [B, P, h, w] in the type of its convolutions, channels last."""
        size = level.cells.size_of(pair.frame0)
        shape = len(pair.frame0), *size, self._layout.pixel
        out = torch.empty(shape, dtype=level.block.dtype, device=pair.frame0.device)
        self._loops.block_input(out, pair, times, updates, level.cells)
        return out.permute(0, 3, 1, 2)

    def _levels_for(self, flow_scale: float) -> list[Level]:
        weight = self._network.flow_blocks()[0].halvings[0].layer.weight
        key = (flow_scale, weight.dtype, weight.device)
        return self._levels.get(
            key, lambda: make_levels(self._network, self._layout, self._loops, flow_scale)
        )

    def _features(self, img: Tensor) -> Tensor | None:
        """Encode frames: features in squares of 2 px, as a head returns them."""
        if self._network.config.encoder is None:
            return None
        layer = self._network.encode.cnn3
        weight, bias = self._encoder_heads.get(
            layer.weight.device,
            lambda: as_convolution(layer.weight, cast("Tensor", layer.bias), shuffle=1),
        )
        out = F.conv2d(self._network.encode.trunk(img), weight, bias, padding=1)
        return out.contiguous(memory_format=torch.channels_last)

    def _as_frame(self, memory: Tensor) -> Tensor:
        """View [B, H, W, F] as [B, 3 + C, H, W]."""
        return memory.permute(0, 3, 1, 2)[:, : 3 + self._layout.num_features]

    def _interleaved(self, frame: Tensor) -> Tensor:
        """Return a frame as it is if ``encode_frame`` made it, else a copy in that layout."""
        batch, channels, height, width = frame.shape
        size = self._layout.frame
        if frame.stride()[1:] == (1, width * size, size):
            return frame
        out = frame.new_zeros(batch, height, width, size)
        out[..., :channels] = frame.permute(0, 2, 3, 1)
        return self._as_frame(out)
