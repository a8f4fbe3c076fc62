"""The v4 network, one class for all its generations: the plain forward, written to be read.

A pair of frames is encoded, then each block, coarse to fine, takes both frames warped by the
current flow and corrects flow and mask. The result is a blend of the two warped frames.

Reference: Huang et al., "Real-Time Intermediate Flow Estimation for Video Frame Interpolation",
ECCV 2022, arXiv:2011.06294; generations 4.0-4.26 from github.com/hzwer/Practical-RIFE.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn

from .blocks import FeatureEncoder, FlowBlock, Motion
from .config import IFNetConfig
from .pair import Averaging, Interpolated, Pair
from .refinement import ContextNet, RefineNet


class IFNet(nn.Module):
    """Estimate motion between two frames at a timestep, and blend them there."""

    def __init__(self, config: IFNetConfig) -> None:
        super().__init__()
        self.config = config
        if config.encoder is not None:
            self.encode = FeatureEncoder(config.encoder)
        self.blocks = nn.ModuleList(FlowBlock(config, i) for i in range(len(config.widths)))
        if config.refines:
            self.contextnet = ContextNet(prelu=config.prelu)
            self.unet = RefineNet(prelu=config.prelu)

    def set_precision(self, dtype: torch.dtype) -> None:
        """Convert the convolutions whose precision does not show in the result.

        The encoder stays float32: motion is estimated from its features, and bfloat16 there costs
        up to 8 dB (docs/decisions).
        """
        for block in self.flow_blocks():
            block.set_precision(dtype)
        if self.config.refines:
            self.contextnet.to(dtype)
            self.unet.to(dtype)

    def fold(self) -> None:
        """Simplify loaded weights for inference; the state dict changes, the result does not."""
        for block in self.flow_blocks():
            block.fold()

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the convolutions."""
        return self.flow_blocks()[0].dtype

    def flow_blocks(self) -> list[FlowBlock]:
        """List the blocks, coarse to fine."""
        return cast("list[FlowBlock]", list(self.blocks))

    def encode_frame(self, img: Tensor) -> Tensor:
        """Attach its features to a frame: [B, 3, H, W] in [0, 1] -> [B, 3 + C, H, W] float32."""
        if self.config.encoder is None:
            return img
        return torch.cat((img, self.encode(img)), 1)

    def forward(
        self, pair: Pair, timestep: Tensor, flow_scale: float = 1.0, averaging: Averaging = "none"
    ) -> Tensor:
        """Interpolate at ``timestep``.

        Args:
            pair: the encoded frames; height and width divisible by ``config.pad_multiple``.
            timestep: [B, 1, 1, 1] float32 in (0, 1).
            flow_scale: resolution of flow estimation relative to the default.
            averaging: which blocks are averaged with their outputs for the swapped pair.

        Returns:
            [B, 3, H, W] float32 in [0, 1] for frames in [0, 1]: a convex blend, plus the
            refinement where there is one.
        """
        return self.with_motion(pair, timestep, flow_scale, averaging).frame

    def with_motion(
        self, pair: Pair, timestep: Tensor, flow_scale: float = 1.0, averaging: Averaging = "none"
    ) -> Interpolated:
        """Interpolate, and return the motion as well; see ``forward``."""
        if self.config.adaptive and len(timestep) > 1:  # each item adapts to its own motion
            items = zip(pair.items(), timestep.split(1), strict=True)
            return Interpolated.concatenated(
                [self.with_motion(item, t, flow_scale, averaging) for item, t in items]
            )
        motion = _last(self._motions(pair, timestep, flow_scale, averaging))
        warped = pair.colours().warped(motion.flow)
        blend = _blended(warped, motion)
        if not self.config.refines:
            return Interpolated(blend, motion)
        context = self.contextnet.warped_features(pair.colours(), motion.flow)
        refinement = self.unet(pair.colours(), warped, motion, context)
        return Interpolated((blend + refinement).clamp(0, 1), motion)

    def every_step(self, pair: Pair, timestep: Tensor, flow_scale: float = 1.0) -> list[Tensor]:
        """Interpolate with the motion as each block leaves it: what training compares with the truth.

        Returns:
            [B, 3, H, W] for each block, coarse to fine; the last is what ``forward`` returns, except
            for a refinement. An adaptive network is run at its own scales, whatever it finds.
        """
        scales = self._scales(flow_scale)
        motions = self._run_blocks(pair, timestep, scales, len(scales), may_adapt=False)
        return [_blended(pair.colours().warped(motion.flow), motion) for motion in motions]

    def _scales(self, flow_scale: float) -> tuple[float, ...]:
        return tuple(scale / flow_scale for scale in self.config.block_scales)

    def _motions(
        self, pair: Pair, timestep: Tensor, flow_scale: float, averaging: Averaging
    ) -> Iterator[Motion]:
        scales = self._scales(flow_scale)
        average_from = {"none": len(scales), "last": len(scales) - 1, "all": 0}[averaging]
        return self._run_blocks(
            pair, timestep, scales, average_from, may_adapt=self.config.adaptive
        )

    def _run_blocks(
        self,
        pair: Pair,
        timestep: Tensor,
        scales: tuple[float, ...],
        average_from: int,
        *,
        may_adapt: bool,
    ) -> Iterator[Motion]:
        """Yield the motion as each block leaves it.

        Blocks from ``average_from`` on are averaged with the swapped pair. Where the scales adapt,
        the motion begins anew.
        """
        motion: Motion | None = None
        for index, (block, scale) in enumerate(zip(self.flow_blocks(), scales, strict=True)):
            warped = pair if motion is None else pair.warped(motion.flow)
            update = self._run_block(block, pair, warped, timestep, motion, scale)
            if index >= average_from:
                reverse = None if motion is None else motion.swapped()
                swapped_update = self._run_block(
                    block, pair.swapped(), warped.swapped(), 1 - timestep, reverse, scale
                )
                update = update.averaged(swapped_update.swapped())
            if may_adapt and index == 1 and _moves_far(update.flow):
                doubled = tuple(2 * scale for scale in scales)
                # As released, the first block of the second run is never averaged.
                yield from self._run_blocks(
                    pair, timestep, doubled, max(1, average_from), may_adapt=False
                )
                return
            if motion is None:
                motion = update
            else:
                mode = self.config.accumulates_mask
                motion = motion.corrected(update, accumulates_mask=mode)
            yield motion

    def _run_block(
        self,
        block: FlowBlock,
        pair: Pair,
        warped: Pair,
        timestep: Tensor,
        motion: Motion | None,
        scale: float,
    ) -> Motion:
        """Assemble a block's input, in the order its weights expect, and run it."""
        height, width = pair.frame0.shape[2:]
        times = timestep.expand(-1, 1, height, width)
        parts = [times] if self.config.takes_timestep else []
        if motion is None:
            return block(torch.cat([pair.as_input(), *parts], 1), None, scale)
        if self.config.keeps_unwarped:
            parts = [pair.as_input(), *parts, warped.as_input()]
        else:
            parts = [warped.as_input(), *parts]
        x = torch.cat([*parts, motion.mask_logits, motion.hidden], 1)
        return block(x, motion.flow, scale)


def _last(motions: Iterator[Motion]) -> Motion:
    last = next(motions)  # a network has at least one block
    for motion in motions:
        last = motion
    return last


def _blended(warped: Pair, motion: Motion) -> Tensor:
    return torch.lerp(warped.frame1, warped.frame0, torch.sigmoid(motion.mask_logits))


def _moves_far(flow: Tensor) -> bool:
    # 32 px, in both directions. Source: IFNet_HDv3.py of release 4.0.
    return bool(flow[:, :2].abs().max() > 32) and bool(flow[:, 2:].abs().max() > 32)
