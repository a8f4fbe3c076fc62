"""The v4 network, one class for all its generations: the plain forward, written to be read.

A pair of frames is encoded, then each block, coarse to fine, looks at both frames warped by the
flow found so far and corrects flow and mask. The result is a blend of the two warped frames.

Reference: Huang et al., "Real-Time Intermediate Flow Estimation for Video Frame Interpolation",
ECCV 2022, arXiv:2011.06294; generations 4.0-4.26 from github.com/hzwer/Practical-RIFE.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .blocks import FeatureEncoder, FlowBlock, Motion
from .config import IFNetConfig
from .warp import backward_warp


@dataclass(frozen=True, slots=True)
class Pair:
    """Two frames, each with its features behind its colours, of equal padded size.

    Attributes:
        frame0: [B, 3 + C, H, W] float32, the earlier frame.
        frame1: [B, 3 + C, H, W] float32, the later frame.
    """

    frame0: Tensor
    frame1: Tensor

    def warped(self, flow: Tensor) -> Pair:
        """Warp both frames by ``flow`` [B, 4, H, W] px towards the wanted moment."""
        return Pair(
            backward_warp(self.frame0, flow[:, :2]), backward_warp(self.frame1, flow[:, 2:])
        )

    def items(self) -> list[Pair]:
        """Split the batch into pairs of batch size 1."""
        frames = zip(self.frame0.split(1), self.frame1.split(1), strict=True)
        return [Pair(frame0, frame1) for frame0, frame1 in frames]

    def swapped(self) -> Pair:
        """Exchange the frames: the same motion seen backwards."""
        return Pair(self.frame1, self.frame0)

    def colours(self) -> Pair:
        """Leave the features away: what the final blend needs."""
        return Pair(self.frame0[:, :3], self.frame1[:, :3])

    def as_input(self) -> Tensor:
        """Concatenate as blocks expect: both colours, then both features."""
        parts = (self.frame0[:, :3], self.frame1[:, :3], self.frame0[:, 3:], self.frame1[:, 3:])
        return torch.cat(parts, 1)


class IFNet(nn.Module):
    """Estimate motion between two frames at a timestep, and blend them there."""

    def __init__(self, config: IFNetConfig) -> None:
        super().__init__()
        self.config = config
        if config.encoder is not None:
            self.encode = FeatureEncoder(config.encoder)
        self.blocks = nn.ModuleList(FlowBlock(config, i) for i in range(len(config.widths)))

    def encode_frame(self, img: Tensor) -> Tensor:
        """Attach its features to a frame: [B, 3, H, W] in [0, 1] -> [B, 3 + C, H, W] float32."""
        if self.config.encoder is None:
            return img
        features = self.encode(img.to(self.encode.cnn0.weight.dtype))
        return torch.cat((img, features.float()), 1)

    def forward(
        self, pair: Pair, timestep: Tensor, flow_scale: float = 1.0, ensemble: bool = False
    ) -> Tensor:
        """Interpolate at ``timestep``.

        Args:
            pair: the encoded frames; height and width divisible by ``config.pad_multiple``.
            timestep: [B, 1, 1, 1] float32 in (0, 1).
            flow_scale: resolution of flow estimation relative to the default.
            ensemble: average each block with its view of the swapped pair.

        Returns:
            [B, 3, H, W] float32 in [0, 1] for frames in [0, 1]: a convex blend.
        """
        if self.config.adaptive and len(timestep) > 1:  # each item adapts to its own motion
            items = zip(pair.items(), timestep.split(1), strict=True)
            return torch.cat([self(item, t, flow_scale, ensemble) for item, t in items])
        scales = tuple(scale / flow_scale for scale in self.config.block_scales)
        ensemble_from = 0 if ensemble else len(scales)
        motion = self._estimate_motion(pair, timestep, scales, ensemble_from, self.config.adaptive)
        warped = pair.colours().warped(motion.flow)
        return torch.lerp(warped.frame1, warped.frame0, torch.sigmoid(motion.mask_logits))

    def _estimate_motion(
        self,
        pair: Pair,
        timestep: Tensor,
        scales: tuple[float, ...],
        ensemble_from: int,
        may_adapt: bool,
    ) -> Motion:
        """Run all blocks; those from ``ensemble_from`` on are averaged with the swapped pair."""
        motion: Motion | None = None
        for index, (block, scale) in enumerate(zip(self.blocks, scales, strict=True)):
            seen = pair if motion is None else pair.warped(motion.flow)
            update = block(seen.as_input(), timestep, motion, scale)
            if index >= ensemble_from:
                reverse = None if motion is None else motion.swapped()
                mirrored = block(seen.swapped().as_input(), 1 - timestep, reverse, scale)
                update = update.averaged(mirrored.swapped())
            if may_adapt and index == 1 and _moves_far(update.flow):
                doubled = tuple(2 * scale for scale in scales)
                # As released, the first block of the second run is never averaged.
                return self._estimate_motion(pair, timestep, doubled, max(1, ensemble_from), False)
            motion = update if motion is None else motion.corrected(update, self.config)
        assert motion is not None  # a network has at least one block
        return motion


def _moves_far(flow: Tensor) -> bool:
    # 32 px, in both directions. Source: IFNet_HDv3.py of release 4.0.
    return bool(flow[:, :2].abs().max() > 32) and bool(flow[:, 2:].abs().max() > 32)
