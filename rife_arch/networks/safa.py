"""SAFA 0.5: two neighbouring frames in, one of them out, cleaned up.

Both frames are encoded at half their resolution. Four steps correct a state and a flow; each takes
both frames warped by the current flow and chooses the scale it works at: that of the features, a
half or a quarter of it. Finally the frame is reconstructed from its own features, the other's
warped ones and two of the states.

Reference: Huang et al., "Scale-Adaptive Feature Aggregation for Efficient Space-Time Video
Super-Resolution", WACV 2024, arXiv:2310.17294; this network is that of release 0.5, source:
train_log_SAFA in pull request 146 of github.com/hzwer/Practical-RIFE. Attribute names follow the
checkpoint's keys.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import activated, conv, deconv, resize
from .config import SafaConfig
from .pair import Pair
from .warp import sample_features

Router = Callable[[Tensor], Tensor]
"""Chooses the scale of a step: probabilities [B, 2] -> bool [B, 2]. Where the second is false the
scale is a quarter; else the first tells whether it is 1 or a half."""

_FLOW_CHANNELS = 6  # towards both frames, and two that are only passed to the next step
_ALL = slice(None)


class HalvingUnit(nn.Module):
    """lrelu(deconv(lrelu(conv(x))) * beta + x), the convolution at half the resolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        halve = nn.Conv2d(width, 2 * width, 3, 2, 1)
        self.conv = nn.Sequential(halve, nn.LeakyReLU(0.2, inplace=True), deconv(2 * width, width))
        self.beta = nn.Parameter(torch.zeros(1, width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to the same shape; H and W even."""
        out = self.conv(x)
        # In place: for large frames allocating costs more than writing.
        return F.leaky_relu_(torch.addcmul(x, out, self.beta, out=out), 0.2)


class _Step(nn.Module):
    """The convolutions of one step."""

    def __init__(self, config: SafaConfig) -> None:
        super().__init__()
        self.conv_stem = conv(config.step_inputs, config.width, prelu=False)
        self.conv_backbone = nn.ModuleList(HalvingUnit(config.width) for _ in range(config.depth))

    def forward(self, x: Tensor, scale: int) -> Tensor:
        """Return the next state, [1, C, h, w], from the input at 1 / ``scale`` of its size."""
        state = self.conv_stem(x)
        for unit in self.conv_backbone:
            state = unit(state)
        return resize(state, scale)


class _Flow(nn.Module):
    """The encoder and the steps, which share the layers for flow and scale."""

    def __init__(self, config: SafaConfig) -> None:
        super().__init__()
        width, hidden = config.width, config.encoder_width
        self.convimg = nn.Sequential(
            *(nn.Conv2d(3, hidden, 3, 2, 1), nn.LeakyReLU(0.2, inplace=True)),
            *(nn.Conv2d(hidden, hidden, 3, 1, 1), nn.LeakyReLU(0.2, inplace=True)),
            *(nn.Conv2d(hidden, hidden, 3, 1, 1), nn.LeakyReLU(0.2, inplace=True)),
            nn.Conv2d(hidden, width, 3, 1, 1),
        )
        self.convblock = nn.ModuleList(_Step(config) for _ in range(config.num_steps))
        self.convflow = nn.Sequential(
            nn.Conv2d(width, 4 * _FLOW_CHANNELS, 3, 1, 1), nn.PixelShuffle(2)
        )
        self.getscale = nn.Sequential(
            activated(nn.Conv2d(config.step_inputs, width, 1), prelu=False),
            activated(nn.Conv2d(width, width, 1), prelu=False),  # its stride: see ``_StepInput``
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(width, 2),
            nn.Sigmoid(),
        )

    def flow_update(self, state: Tensor) -> Tensor:
        """Return what a step adds to the flow, [1, 6, h, w], px of the frame.

        The layer's four outputs for a channel are pixels of the frame. Only their mean is used, which
        equals one output with the mean of their weights.
        """
        layer = cast("nn.Conv2d", self.convflow[0])
        weight, bias = (
            x.unflatten(0, (_FLOW_CHANNELS, 4)).mean(1)
            for x in cast("tuple[Tensor, Tensor]", (layer.weight, layer.bias))
        )
        return F.conv2d(state.float(), weight, bias, padding=1)


@dataclass(frozen=True, slots=True)
class _StepInput:
    """The input of a step, warped only at the pixels that are read.

    Attributes:
        pair: both frames, encoded, of batch size 1.
        state: [1, C, h, w] of the step before.
        flow: [1, 6, h, w] px of the frame, which has twice this resolution.
    """

    pair: Pair
    state: Tensor
    flow: Tensor

    def for_routing(self) -> list[Tensor]:
        """Return every second pixel, [1, ..., h/2, w/2] each.

        One of the layers that choose the scale has stride 2, and all are 1x1.
        """
        every = slice(None, None, 2)
        state, flow = self.state[:, :, every, every], self.flow[:, :, every, every]
        return [state, flow, *self._warped(every, every), _timestep(flow)]

    def reduced(self, scale: int) -> list[Tensor]:
        """Return everything at 1 / ``scale`` of its size, [1, ..., h / scale, w / scale] each."""
        state, flow = resize(self.state, 1 / scale), resize(self.flow, 1 / scale)
        return [state, flow, *self._reduced_frames(scale), _timestep(flow)]

    def _reduced_frames(self, scale: int) -> list[Tensor]:
        """Warp and resize both frames: a pixel becomes the mean of the 2x2 around its centre."""
        if scale == 1:
            return self._warped(_ALL, _ALL)
        places = [slice(scale // 2 + place, None, scale) for place in (-1, 0)]
        samples = [self._warped(rows, cols) for rows in places for cols in places]
        return [(a + b + c + d) / 4 for a, b, c, d in zip(*samples, strict=True)]

    def _warped(self, rows: slice, cols: slice) -> list[Tensor]:
        return [
            _warp(self.pair.frame0, self.flow[:, 0:2], rows, cols),
            _warp(self.pair.frame1, self.flow[:, 2:4], rows, cols),
        ]


def _warp(features: Tensor, flow: Tensor, rows: slice = _ALL, cols: slice = _ALL) -> Tensor:
    """Warp features by a flow in px of the frame, only at some rows and columns."""
    height, width = flow.shape[2:]
    crossings = torch.arange(height)[rows], torch.arange(width)[cols]
    return sample_features(features, flow[:, :, rows, cols] * 0.5, *crossings)


def _timestep(like: Tensor) -> Tensor:
    return torch.zeros_like(like[:, :1])  # an input of the trained network, always 0


class _ConcatBuffer:
    """Concatenates the input of a convolution, in memory that is reused for the next one.

    On a CPU allocating new memory takes ten times as long as writing to it.
    """

    def __init__(self, features: Tensor, most_channels: int) -> None:
        self._memory = None
        if features.device.type == "cpu":
            num_pixels = features.shape[2] * features.shape[3]
            self._memory = features.new_empty(most_channels * num_pixels)

    def __call__(self, *parts: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Concatenate [1, ..., h, w] to [1, C, h, w], valid until the next call."""
        if self._memory is None:
            return torch.cat(parts, 1).to(dtype)
        height, width = parts[0].shape[2:]
        channels = sum(part.shape[1] for part in parts)
        memory = self._memory.view(dtype)[: height * width * channels]
        interleaved = memory.view(1, height, width, channels)  # the fastest layout for convolutions
        return torch.cat(parts, 1, out=interleaved.permute(0, 3, 1, 2))


class SAFA(nn.Module):
    """Enhance a frame with the help of its neighbour."""

    def __init__(self, config: SafaConfig) -> None:
        super().__init__()
        width = config.width
        self.config = config
        self.block = _Flow(config)
        self.shuffle = conv(2 * width, width, prelu=False)
        self.lastconv0 = nn.Sequential(
            conv(4 * width, width, prelu=False),
            *(HalvingUnit(width) for _ in range(config.num_final_units)),
        )
        self.lastconv1 = nn.Sequential(
            conv(5 * width, 2 * width, prelu=False),
            nn.Conv2d(2 * width, 12, 3, 1, 1),
            nn.PixelShuffle(2),
        )

    def set_precision(self, dtype: torch.dtype) -> None:
        """Convert the convolutions whose precision does not show in the result.

        The encoder, the layers for flow and scale, and the last layer stay float32.
        """
        for part in (self.block.convblock, self.shuffle, self.lastconv0, self.lastconv1[0]):
            part.to(dtype)

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the convolutions."""
        return self.shuffle.layer.weight.dtype

    def encode_frame(self, img: Tensor) -> Tensor:
        """Encode a frame, [B, 3, H, W] in [0, 1] -> [B, C, H/2, W/2] float32."""
        return self.block.convimg(img)

    def forward(self, own: Tensor, other: Tensor, router: Router) -> Tensor:
        """Enhance one frame of a pair.

        Args:
            own: [B, C, H/2, W/2], the frame to enhance, encoded; H and W divisible by 16.
            other: its neighbour in time, likewise.
            router: see ``Router``.

        Returns:
            [B, 3, H, W] float32, about [0, 1], not clamped.
        """
        # One by one: each item chooses its own scales.
        return torch.cat([self._enhance(pair, router) for pair in Pair(own, other).items()])

    def _enhance(self, pair: Pair, router: Router) -> Tensor:
        own, other = pair.frame0, pair.frame1
        concat = _ConcatBuffer(own, max(self.config.step_inputs, 4 * self.config.width))
        state = self.shuffle(concat(own, other, dtype=self.dtype))
        flow = own.new_zeros(1, _FLOW_CHANNELS, *own.shape[2:])
        states: list[Tensor] = []
        for step in self.block.convblock:
            inputs = _StepInput(pair, state, flow)
            (scale,) = scales_of(router(self.block.getscale(concat(*inputs.for_routing()))))
            state = cast("_Step", step)(concat(*inputs.reduced(scale), dtype=self.dtype), scale)
            flow = flow + self.block.flow_update(state)
            states.append(state)
        warped = _warp(other, flow[:, 2:4])
        return self._reconstruct(concat(own, warped, states[-1], states[-3], dtype=self.dtype))

    def _reconstruct(self, features: Tensor) -> Tensor:
        """Return the enhanced frame, [1, 4 * C, h, w] -> [1, 3, H, W]."""
        fused = self.lastconv1[0](torch.cat((self.lastconv0(features), features), 1))
        return self.lastconv1[2](self.lastconv1[1](fused.float()))


def scales_of(choices: Tensor) -> list[int]:
    """Convert the choices of a ``Router`` to the factors by which a step reduces its input."""
    return [(1 if whole else 2) if large else 4 for whole, large in choices.tolist()]
