"""Context and fusion networks: they add detail that warping cannot supply.

Two forms share one structure: the refinement of the paper, 3.9 and 4.0-4.4, which works on the
finished blend, and the fusion of HDv2 and HDv3 3.0/3.1, at half its resolution, which also makes
the mask. Attribute names follow the checkpoints' keys.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .blocks import Motion, activated, conv, deconv, resize
from .pair import Pair
from .warp import backward_warp

Context = list[tuple[Tensor, Tensor]]
"""Warped features of both frames at 1/2, 1/4, 1/8 and 1/16 of the flow's resolution."""


class DoubleConv(nn.Sequential):
    """Two activated 3x3 convolutions, the first halving the resolution."""

    def __init__(self, inputs: int, outputs: int, *, prelu: bool) -> None:
        super().__init__()
        self.conv1 = conv(inputs, outputs, stride=2, prelu=prelu)
        self.conv2 = conv(outputs, outputs, prelu=prelu)


class ContextNet(nn.Module):
    """Features of each frame at four resolutions, warped by the estimated flow.

    Args:
        base: channels of the first resolution.
        at_half: the flow, and so all features, have half the frame's resolution (HDv2, 3.0, 3.1).
        prelu: the kind of activation.
    """

    def __init__(self, *, base: int = 16, at_half: bool = False, prelu: bool) -> None:
        super().__init__()
        self.at_half = at_half
        if at_half:
            self.conv0 = DoubleConv(3, base, prelu=prelu)
        self.conv1 = DoubleConv(base if at_half else 3, base, prelu=prelu)
        self.conv2 = DoubleConv(base, 2 * base, prelu=prelu)
        self.conv3 = DoubleConv(2 * base, 4 * base, prelu=prelu)
        self.conv4 = DoubleConv(4 * base, 8 * base, prelu=prelu)

    def warped_features(self, pair: Pair, flow: Tensor) -> Context:
        """Return the features of both frames, each warped by its half of ``flow`` [B, 4, h, w]."""
        features0 = self._features(pair.frame0, flow[:, :2])
        features1 = self._features(pair.frame1, flow[:, 2:])
        return list(zip(features0, features1, strict=True))

    def _features(self, img: Tensor, flow: Tensor) -> list[Tensor]:
        x = img.to(next(self.parameters()).dtype)
        if self.at_half:
            x = self.conv0(x)
        features: list[Tensor] = []
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = layer(x)
            flow = resize(flow, 0.5) / 2
            features.append(backward_warp(x, flow))
        return features


class _UNet(nn.Module):
    """Four steps down, each concatenating its context, and four up."""

    def __init__(self, inputs: int, base: int, *, prelu: bool) -> None:
        super().__init__()
        self.down0 = DoubleConv(inputs, 2 * base, prelu=prelu)
        self.down1 = DoubleConv(4 * base, 4 * base, prelu=prelu)
        self.down2 = DoubleConv(8 * base, 8 * base, prelu=prelu)
        self.down3 = DoubleConv(16 * base, 16 * base, prelu=prelu)
        self.up0 = activated(deconv(32 * base, 8 * base), prelu=prelu)
        self.up1 = activated(deconv(16 * base, 4 * base), prelu=prelu)
        self.up2 = activated(deconv(8 * base, 2 * base), prelu=prelu)
        self.up3 = activated(deconv(4 * base, base), prelu=prelu)

    def _run(self, x: Tensor, context: Context) -> Tensor:
        skips = [self.down0(x)]
        for layer, features in zip((self.down1, self.down2, self.down3), context, strict=False):
            skips.append(layer(torch.cat((skips[-1], *features), 1)))
        x = self.up0(torch.cat((skips.pop(), *context[3]), 1))
        for layer in (self.up1, self.up2, self.up3):
            x = layer(torch.cat((x, skips.pop()), 1))
        return x


class RefineNet(_UNet):
    """The refinement of the paper, 3.9 and 4.0-4.4."""

    def __init__(self, *, prelu: bool) -> None:
        super().__init__(17, 16, prelu=prelu)
        self.conv = nn.Conv2d(16, 3, 3, 1, 1)

    def forward(self, pair: Pair, warped: Pair, motion: Motion, context: Context) -> Tensor:
        """Return what to add to the blend, [B, 3, H, W] in (-1, 1)."""
        frames = (pair.frame0, pair.frame1, warped.frame0, warped.frame1)
        x = torch.cat((*frames, motion.mask_logits, motion.flow), 1)
        out = self._run(x.to(self.conv.weight.dtype), context)
        return torch.sigmoid(self.conv(out).float()) * 2 - 1


class FusionNet(_UNet):
    """The fusion of HDv2 and HDv3 3.0/3.1: residual and mask from the warped frames."""

    def __init__(self) -> None:
        super().__init__(32, 32, prelu=True)
        self.conv0 = DoubleConv(10, 32, prelu=True)
        self.conv = deconv(32, 4)

    def forward(self, warped: Pair, flow: Tensor, context: Context) -> Tensor:
        """Return residual [B, 3, H, W] and mask [B, 1, H, W], both before their sigmoid."""
        x = torch.cat((warped.frame0, warped.frame1, flow), 1)
        x = self.conv0(x.to(self.conv.weight.dtype))
        return self.conv(self._run(x, context)).float()
