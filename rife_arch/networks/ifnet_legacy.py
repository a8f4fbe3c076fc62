"""Networks before 3.9: the single-file HDv3 (3.5-3.8) and the three-file HDv2 and HDv3 (2.0-3.1).

They know the middle of a pair only; ``timestep`` is accepted, so that all networks share one call
signature, and ignored.
Attribute names follow the checkpoints' keys. Sources: IFNet_HDv2.py and IFNet_HDv3.py of the
releases, as kept by github.com/HolyWu/vs-rife up to v1.3.0.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .blocks import Motion, conv, deconv, resize
from .config import HDv3Config, ThreeFileConfig
from .pair import Averaging, Interpolated, Pair
from .refinement import ContextNet, FusionNet


class _SkipPair(nn.Sequential):
    """Two activated convolutions with a skip around both."""

    def __init__(self, width: int) -> None:
        super().__init__(conv(width, width, prelu=True), conv(width, width, prelu=True))

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  the name nn.Sequential gives it
        """Map [B, C, H, W] to the same shape."""
        return super().forward(input) + input


def _stem(inputs: int, width: int) -> nn.Sequential:
    half = width // 2
    return nn.Sequential(
        conv(inputs, half, stride=2, prelu=True), conv(half, width, stride=2, prelu=True)
    )


class HDv3Block(nn.Module):
    """A block with one head for the flow and one for the mask."""

    def __init__(self, config: HDv3Config) -> None:
        super().__init__()
        width = config.width
        self.ends_at_half = not config.two_step_heads
        self.conv0 = _stem(3 + 3 + 1 + 4, width)
        self.convblock0 = _SkipPair(width)
        self.convblock1 = _SkipPair(width)
        self.convblock2 = _SkipPair(width)
        self.convblock3 = _SkipPair(width)
        if config.two_step_heads:
            self.conv1 = self._two_steps(width, 4)
            self.conv2 = self._two_steps(width, 1)
        else:
            self.conv1 = nn.Sequential(deconv(width, 4))
            self.conv2 = deconv(width, 1)

    @staticmethod
    def _two_steps(width: int, outputs: int) -> nn.Sequential:
        half = width // 2
        return nn.Sequential(deconv(width, half), nn.PReLU(half), deconv(half, outputs))

    def forward(self, warped: Pair, motion: Motion, scale: float) -> Motion:
        """Return what to add to ``motion``, at the resolution of the frames."""
        frames = torch.cat((warped.frame0, warped.frame1, motion.mask_logits), 1)
        x = torch.cat((resize(frames, 1 / scale), resize(motion.flow, 1 / scale) / scale), 1)
        x = self.conv0(x.to(next(self.parameters()).dtype))
        for pair in (self.convblock0, self.convblock1, self.convblock2, self.convblock3):
            x = pair(x)
        factor = 2 * scale if self.ends_at_half else scale
        flow = resize(self.conv1(x).float(), factor) * factor
        return Motion(flow, resize(self.conv2(x).float(), factor), motion.hidden)


class HDv3Net(nn.Module):
    """3.5, 3.6 and 3.8."""

    def __init__(self, config: HDv3Config) -> None:
        super().__init__()
        self.config = config
        self.blocks = nn.ModuleList(HDv3Block(config) for _ in config.block_scales)

    def encode_frame(self, img: Tensor) -> Tensor:
        """Return the frame: there is no encoder."""
        return img

    def forward(
        self, pair: Pair, timestep: Tensor, flow_scale: float = 1.0, averaging: Averaging = "none"
    ) -> Tensor:
        """Make the middle frame, [B, 3, H, W] in [0, 1]; see ``IFNet.forward``."""
        return self.with_motion(pair, timestep, flow_scale, averaging).frame

    def with_motion(
        self, pair: Pair, timestep: Tensor, flow_scale: float = 1.0, averaging: Averaging = "none"
    ) -> Interpolated:
        """Make the middle frame, and return the motion as well."""
        if self.config.adaptive and len(timestep) > 1:  # each item adapts to its own motion
            items = zip(pair.items(), timestep.split(1), strict=True)
            return Interpolated.concatenated(
                [self.with_motion(item, t, flow_scale, averaging) for item, t in items]
            )
        motion = self._estimate_motion(
            pair, flow_scale, "all" if self.config.averages else averaging
        )
        return Interpolated(pair.blended(motion), motion)

    def _estimate_motion(self, pair: Pair, flow_scale: float, averaging: Averaging) -> Motion:
        motion = _no_motion(pair)
        scales = self._adapted_scales(pair, motion, flow_scale)
        average_from = {"none": len(scales), "last": len(scales) - 1, "all": 0}[averaging]
        for index, (block, scale) in enumerate(zip(self.blocks, scales, strict=True)):
            warped = pair.warped(motion.flow)
            update = block(warped, motion, scale)
            if index >= average_from:
                swapped_update = block(warped.swapped(), motion.swapped(), scale)
                update = update.averaged(swapped_update.swapped())
            motion = motion.corrected(update)
        return motion

    def _adapted_scales(self, pair: Pair, motion: Motion, flow_scale: float) -> list[float]:
        scales = [scale / flow_scale for scale in self.config.block_scales]
        if self.config.adaptive:
            coarse_flow = self.blocks[0](pair, motion, 2 * scales[0]).flow
            if bool(coarse_flow.abs().max() > 16 * scales[0]):
                return [2 * scale for scale in scales]
        return scales


def _no_motion(pair: Pair) -> Motion:
    batch, _, height, width = pair.frame0.shape
    zeros = pair.frame0.new_zeros(batch, 5, height, width)
    return Motion(zeros[:, :4], zeros[:, 4:], zeros[:, 5:])


class HalfFlowBlock(nn.Module):
    """A block of the three-file networks; its flow has half the resolution of its input."""

    def __init__(self, config: ThreeFileConfig, index: int) -> None:
        super().__init__()
        width = config.widths[index]
        self.has_skips = config.has_skips
        self.conv0 = _stem(6 if index == 0 else 10, width)
        if config.has_skips:
            self.convblock0 = _SkipPair(width)
            self.convblock1 = _SkipPair(width)
            self.convblock2 = _SkipPair(width)
        else:
            self.convblock = nn.Sequential(*(conv(width, width, prelu=True) for _ in range(6)))
        self.conv1 = deconv(width, 4)

    def forward(self, warped: Pair, flow: Tensor | None, scale: float) -> Tensor:
        """Return the change of flow, [B, 4, H/2, W/2] px of that size.

        Args:
            warped: both frames as warped so far, [B, 3, H, W].
            flow: [B, 4, H, W] px, the estimate so far; None for the first block.
            scale: factor by which the input is reduced before and the output enlarged after.
        """
        # In 2.x the flow that convolutions read and return is in px of the whole frame.
        unit = scale if self.has_skips else 1
        x = resize(torch.cat((warped.frame0, warped.frame1), 1), 1 / scale)
        if flow is not None:
            x = torch.cat((x, resize(flow, 1 / scale) / unit), 1)
        x = self.conv0(x.to(next(self.parameters()).dtype))
        if self.has_skips:
            x = self.convblock2(self.convblock1(self.convblock0(x)))
        else:
            x = self.convblock(x)
        return resize(self.conv1(x).float(), scale) * unit


class ThreeFileNet(nn.Module):
    """HDv2 2.0-2.4 and HDv3 3.0/3.1: flow at half resolution, then a fusion network."""

    def __init__(self, config: ThreeFileConfig) -> None:
        super().__init__()
        self.config = config
        self.blocks = nn.ModuleList(HalfFlowBlock(config, i) for i in range(len(config.widths)))
        self.contextnet = ContextNet(base=32, at_half=True, prelu=True)
        self.unet = FusionNet()

    def encode_frame(self, img: Tensor) -> Tensor:
        """Return the frame: there is no encoder."""
        return img

    def forward(
        self, pair: Pair, timestep: Tensor, flow_scale: float = 1.0, averaging: Averaging = "none"
    ) -> Tensor:
        """Make the middle frame, [B, 3, H, W] in [0, 1]; see ``IFNet.forward``."""
        return self.with_motion(pair, timestep, flow_scale, averaging).frame

    def with_motion(
        self, pair: Pair, _timestep: Tensor, flow_scale: float = 1.0, _averaging: Averaging = "none"
    ) -> Interpolated:
        """Make the middle frame, and return the motion as well."""
        half_flow = self._estimate_flow(pair, flow_scale)
        context = self.contextnet.warped_features(pair, half_flow)
        flow = resize(half_flow, 2) * 2
        warped = pair.warped(flow)
        out = self.unet(warped, flow, context)
        motion = Motion(flow, out[:, 3:4], out[:, 4:])
        blend = torch.lerp(warped.frame1, warped.frame0, torch.sigmoid(motion.mask_logits))
        return Interpolated((blend + torch.sigmoid(out[:, :3]) * 2 - 1).clamp(0, 1), motion)

    def _estimate_flow(self, pair: Pair, flow_scale: float) -> Tensor:
        """Return flow [B, 4, H/2, W/2] px; here ``flow_scale`` resizes the frames themselves."""
        pair = Pair(resize(pair.frame0, flow_scale), resize(pair.frame1, flow_scale))
        half_flow = self.blocks[0](pair, None, self.config.block_scales[0])
        for block, scale in zip(self.blocks[1:], self.config.block_scales[1:], strict=True):
            flow = resize(half_flow, 2) * 2
            half_flow = half_flow + block(pair.warped(flow), flow, scale)
        return resize(half_flow, 1 / flow_scale) / flow_scale
