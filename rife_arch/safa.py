"""SAFA 0.5: two neighbouring frames in, one of them out, cleaned up.

Both frames are encoded at half their resolution. Four steps correct a state and a flow; each looks
at both frames warped by the flow so far and decides at which scale it works: at that of the
features, at a half or at a quarter of it. At last the frame is made anew from its own features, the
other's warped ones and two of the states.

Reference: Huang et al., "Scale-Adaptive Feature Aggregation for Efficient Space-Time Video
Super-Resolution", WACV 2024, arXiv:2310.17294; this network is that of release 0.5, source:
train_log_SAFA in pull request 146 of github.com/hzwer/Practical-RIFE. Attribute names follow the
checkpoint's keys.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import activated, conv, deconv, resize
from .config import SafaConfig
from .pair import Pair
from .warp import backward_warp

Router = Callable[[Tensor], Tensor]
"""Decides at which scale a step works: probabilities [B, 2] -> bool [B, 2]. Where the second is
false it is a quarter; else the first says whether it is the whole or a half."""

_FLOW_CHANNELS = 6  # towards both frames, and two that are only handed on


class HalvingUnit(nn.Module):
    """lrelu(deconv(lrelu(conv(x))) * beta + x), the convolution at half the resolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        halve = nn.Conv2d(width, 2 * width, 3, 2, 1)
        self.conv = nn.Sequential(halve, nn.LeakyReLU(0.2, inplace=True), deconv(2 * width, width))
        self.beta = nn.Parameter(torch.zeros(1, width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to the same shape; H and W even."""
        return F.leaky_relu(torch.addcmul(x, self.conv(x), self.beta), 0.2)


class _Step(nn.Module):
    """The convolutions of one step."""

    def __init__(self, config: SafaConfig) -> None:
        super().__init__()
        self.conv_stem = conv(config.step_inputs, config.width, prelu=False)
        self.conv_backbone = nn.ModuleList(HalvingUnit(config.width) for _ in range(config.depth))

    def forward(self, x: Tensor, scale: int) -> Tensor:
        """Make the next state, [B, C, h, w] of the size of ``x``, at 1 / ``scale`` of it."""
        state = self.conv_stem(resize(x, 1 / scale).to(self.conv_stem.layer.weight.dtype))
        for unit in self.conv_backbone:
            state = unit(state)
        return resize(state, scale)


class _Flow(nn.Module):
    """The encoder and the steps; they share what finds flow and scale."""

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
            activated(
                nn.Conv2d(width, width, 1), prelu=False
            ),  # its stride is in ``probabilities``
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(width, 2),
            nn.Sigmoid(),
        )

    def probabilities(self, x: Tensor) -> Tensor:
        """Say at which scale a step shall work, [B, 2] in (0, 1).

        The second layer has stride 2 and both see single pixels: the others need not be computed.
        """
        return self.getscale(x[:, :, ::2, ::2])


class SAFA(nn.Module):
    """Make a frame anew, with the help of its neighbour."""

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
        """Convert the convolutions whose precision is not seen.

        What encodes frames, finds flow and scale, and writes the picture stays float32.
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
        state = self.shuffle(torch.cat((own, other), 1).to(self.dtype))
        batch, _, height, width = own.shape
        flow = own.new_zeros(batch, _FLOW_CHANNELS, 2 * height, 2 * width)
        states: list[Tensor] = []
        for step in self.block.convblock:
            state, flow = self._run_step(cast("_Step", step), Pair(own, other), state, flow, router)
            states.append(state)
        warped = backward_warp(other, resize(flow[:, 2:4], 0.5) * 0.5)
        seen = torch.cat((own, warped, states[-1], states[-3]), 1).to(self.dtype)
        fused = self.lastconv1[0](torch.cat((self.lastconv0(seen), seen), 1))
        return self.lastconv1[2](self.lastconv1[1](fused.float()))

    def _run_step(
        self, step: _Step, pair: Pair, state: Tensor, flow: Tensor, router: Router
    ) -> tuple[Tensor, Tensor]:
        """Return the next state and flow.

        Flow is in px of the frame at the frame's resolution; features have half of both.
        """
        half = resize(flow, 0.5)  # as an input it keeps its unit
        warped = pair.warped(half[:, :4] * 0.5)
        timestep = half.new_zeros(len(half), 1, *half.shape[2:])  # trained for, always 0
        x = torch.cat((state, half, warped.frame0, warped.frame1, timestep), 1)
        scales = scales_of(router(self.block.probabilities(x)))
        # Each item at its own scale: that of one in a batch says nothing about the others.
        items = zip(x.split(1), scales, strict=True)
        state = torch.cat([step(item, scale) for item, scale in items])
        return state, flow + self.block.convflow(state.float())


def scales_of(choices: Tensor) -> list[int]:
    """Translate what a ``Router`` decided into the factors by which a step reduces its input."""
    return [(1 if whole else 2) if large else 4 for whole, large in choices.tolist()]
