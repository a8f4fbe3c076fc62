"""The parts of the v4 network: encoders, residual units and the flow block.

Attribute names follow the checkpoints' keys (``conv0``, ``convblock``, ``lastconv``, ``cnn0``,
``beta``), which fixes them.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import EncoderConfig, IFNetConfig


class Motion(NamedTuple):
    """The estimated motion of a pair, or one block's update to it.

    Attributes:
        flow: [B, 4, H, W] px; channels 0:2 towards img0, 2:4 towards img1, backward warping.
        mask_logits: [B, 1, H, W]; before the sigmoid, which weighs the warped img0.
        hidden: [B, F, H, W] features for the next block; F may be 0.
    """

    flow: Tensor
    mask_logits: Tensor
    hidden: Tensor

    def swapped(self) -> Motion:
        """Return the same motion for the swapped pair."""
        flow = torch.cat((self.flow[:, 2:], self.flow[:, :2]), 1)
        return Motion(flow, -self.mask_logits, self.hidden)

    def averaged(self, other: Motion) -> Motion:
        """Average flow and mask of two estimates; hidden features are those of this one."""
        flow = (self.flow + other.flow) / 2
        return Motion(flow, (self.mask_logits + other.mask_logits) / 2, self.hidden)

    def corrected(self, update: Motion, *, accumulates_mask: bool = True) -> Motion:
        """Add a block's update: add flow, replace hidden features, add or replace the mask."""
        mask_logits = update.mask_logits
        if accumulates_mask:
            mask_logits = self.mask_logits + mask_logits
        return Motion(self.flow + update.flow, mask_logits, update.hidden)


def resize(x: Tensor, factor: float) -> Tensor:
    """Resize [B, C, H, W] by ``factor``: bilinear, half-pixel centres, no antialiasing."""
    if factor == 1:
        return x
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def activated(layer: nn.Conv2d | nn.ConvTranspose2d, *, prelu: bool) -> nn.Sequential:
    """Append PReLU with learned slopes, or LeakyReLU 0.2."""
    activation = nn.PReLU(layer.out_channels) if prelu else nn.LeakyReLU(0.2, inplace=True)
    return nn.Sequential(layer, activation)


class ActivatedConv(nn.Sequential):
    """A 3x3 convolution and its activation, in one pass over memory where there is one."""

    def __init__(self, layer: nn.Conv2d, activation: nn.Module) -> None:
        super().__init__(layer, activation)

    @property
    def layer(self) -> nn.Conv2d:
        """The convolution."""
        return cast("nn.Conv2d", self[0])

    @property
    def activation(self) -> nn.Module:
        """What follows it."""
        return self[1]

    def forward(self, input: Tensor, pad_rows: int = 1) -> Tensor:  # noqa: A002  torch's name
        """Map [B, I, H, W] to [B, O, ...]; zeros around it, ``pad_rows`` above and below."""
        return self.with_weight(input, self.layer.weight, self.layer.stride, (pad_rows, 1))

    def with_weight(
        self, x: Tensor, weight: Tensor, stride: tuple[int, ...], padding: tuple[int, int]
    ) -> Tensor:
        """Do the same with another weight, stride and padding, rows first."""
        layer, activation = self.layer, self.activation
        is_trained = weight.requires_grad and torch.is_grad_enabled()  # oneDNN has no gradients
        if isinstance(activation, nn.LeakyReLU) and not is_trained and _can_fuse_activation(x):
            return torch.ops.mkldnn._convolution_pointwise(
                *(x, weight, layer.bias, padding, stride, layer.dilation, layer.groups),
                *("leaky_relu", [activation.negative_slope], ""),
            )
        out = F.conv2d(x, weight, layer.bias, stride, padding, layer.dilation, layer.groups)
        return activation(out)


def _can_fuse_activation(x: Tensor) -> bool:
    """Tell whether oneDNN, torch's library for x86 CPUs, takes a convolution with activation."""
    if x.device.type != "cpu" or not hasattr(torch.ops.mkldnn, "_convolution_pointwise"):
        return False
    if not torch.backends.mkldnn.enabled:  # switched off, as for an export to another engine
        return False
    if x.dtype == torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return x.dtype == torch.float32 and torch.backends.mkldnn.is_available()


def conv(inputs: int, outputs: int, stride: int = 1, *, prelu: bool) -> ActivatedConv:
    """Make an activated 3x3 convolution."""
    activation = nn.PReLU(outputs) if prelu else nn.LeakyReLU(0.2, inplace=True)
    return ActivatedConv(nn.Conv2d(inputs, outputs, 3, stride, 1), activation)


def deconv(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    """Make the 4x4 deconvolution that doubles the resolution everywhere in RIFE."""
    return nn.ConvTranspose2d(inputs, outputs, 4, 2, 1)


class FeatureEncoder(nn.Module):
    """Encode a frame: convolutions at half resolution, one deconvolution back."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        hidden = config.hidden
        self.short = config.short
        self.cnn0 = nn.Conv2d(3, hidden, 3, 2, 1)
        if not config.short:
            self.cnn1 = nn.Conv2d(hidden, hidden, 3, 1, 1)
            self.cnn2 = nn.Conv2d(hidden, hidden, 3, 1, 1)
        self.cnn3 = deconv(hidden, config.features)

    def forward(self, img: Tensor) -> Tensor:
        """Return features [B, C, H, W] of ``img`` [B, 3, H, W] in [0, 1]."""
        return self.cnn3(self.trunk(img))

    def trunk(self, img: Tensor) -> Tensor:
        """Run all but the deconvolution, [B, 3, H, W] -> [B, hidden, H/2, W/2]."""
        x = self.cnn0(img)
        if not self.short:
            x = F.leaky_relu(self.cnn1(F.leaky_relu(x, 0.2, inplace=True)), 0.2, inplace=True)
            x = F.leaky_relu(self.cnn2(x), 0.2, inplace=True)
        return x


class ResidualUnit(nn.Module):
    """One trunk unit of 4.5 and later: lrelu(conv(x) * beta + x), beta learned per channel."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, 1, 1, groups=groups)
        self.beta = nn.Parameter(torch.ones(1, width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, C, H, W] to the same shape."""
        return F.leaky_relu(torch.addcmul(x, self.conv(x), self.beta), 0.2)

    def folded(self) -> ActivatedConv:
        """Return the same unit as one convolution: scaled by beta, x added to its centre tap."""
        scale = self.beta.flatten()
        weight = self.conv.weight * scale[:, None, None, None]
        outputs = torch.arange(len(weight), device=weight.device)
        weight[outputs, outputs % weight.shape[1], 1, 1] += 1
        channels, groups = len(weight), self.conv.groups
        with torch.device("meta"):  # its weights are about to be replaced
            conv = nn.Conv2d(channels, channels, 3, 1, 1, groups=groups)
        bias = cast("Tensor", self.conv.bias) * scale
        conv.weight, conv.bias = nn.Parameter(weight), nn.Parameter(bias)
        return ActivatedConv(conv, nn.LeakyReLU(0.2, inplace=True))


class FlowBlock(nn.Module):
    """Estimate the change of flow and mask at one scale (IFBlock in the papers and upstream)."""

    def __init__(self, config: IFNetConfig, index: int) -> None:
        super().__init__()
        width = config.widths[index]
        self.config = config
        self.conv0 = nn.Sequential(
            conv(config.block_inputs(index), width // 2, stride=2, prelu=config.prelu),
            conv(width // 2, width, stride=2, prelu=config.prelu),
        )
        self.convblock = nn.Sequential(*(self._unit(width) for _ in range(8)))
        head = deconv(width, config.head_channels)
        self.lastconv = nn.Sequential(head, nn.PixelShuffle(2)) if config.shuffled_head else head

    def _unit(self, width: int) -> nn.Module:
        if self.config.residual == "unit":
            return ResidualUnit(width, self.config.groups)
        return conv(width, width, prelu=self.config.prelu)

    def forward(self, x: Tensor, flow: Tensor | None, scale: float) -> Motion:
        """Return the update to the current motion.

        Args:
            x: [B, C, H, W], the block's input without the flow.
            flow: [B, 4, H, W] px, the estimate so far; None for the first block.
            scale: factor by which the input is reduced before and the output enlarged after.

        Returns:
            The update, at the resolution of ``x``.
        """
        x = resize(x, 1 / scale)
        if flow is not None:
            x = torch.cat((x, resize(flow, 1 / scale) / scale), 1)
        x = self.trunk(self.first_convolution(x.to(self.dtype)))
        out = self.head(x, 5 + self.config.hidden_features).float()
        factor = self.enlargement(scale)
        out = resize(out, factor)  # -> [B, 5 + F, H, W]
        return Motion(out[:, :4] * factor, out[:, 4:5], out[:, 5:])

    @property
    def halvings(self) -> tuple[ActivatedConv, ActivatedConv]:
        """The two convolutions of stride 2 that a block begins with."""
        return cast("tuple[ActivatedConv, ActivatedConv]", tuple(self.conv0))

    def first_convolution(self, x: Tensor, *, pad_rows: int = 1) -> Tensor:
        """Halve [B, C, h, w] -> [B, width / 2, h/2, w/2]; ``pad_rows`` above and below."""
        return self.halvings[0](x, pad_rows)

    def trunk(self, x: Tensor) -> Tensor:
        """Run the rest of the convolutions, [B, width / 2, h, w] -> [B, width, h/2, w/2]."""
        return self.units(self.halvings[1](x))

    def units(self, stem: Tensor) -> Tensor:
        """Run the convolutions that keep the resolution, [B, width, h, w]."""
        out = self.convblock(stem)
        return out + stem if self.config.residual == "trunk" else out

    def head(self, x: Tensor, num_channels: int, *, halves: bool = False) -> Tensor:
        """Compute the first ``num_channels`` of flow, mask and features.

        ``halves`` reduces the result of a shuffled head by 2.
        """
        weight, bias, shuffle = self.head_layer(num_channels, halves=halves)
        out = F.conv_transpose2d(x.to(weight.dtype), weight, bias, 2, 1)
        return F.pixel_shuffle(out, shuffle) if shuffle > 1 else out

    def head_layer(self, num_channels: int, *, halves: bool) -> tuple[Tensor, Tensor, int]:
        """Return weight and bias of the head's deconvolution, and the factor of the shuffle after it.

        The mean of the 2x2 pixels that a shuffle makes of four channels is the mean of the channels.
        """
        shuffled = self.config.shuffled_head
        layer = cast("nn.Sequential", self.lastconv)[0] if shuffled else self.lastconv
        weight, bias = cast("tuple[Tensor, Tensor]", (layer.weight, layer.bias))
        # 4.6-4.20 have an unused sixth channel.
        if not shuffled:
            return weight[:, :num_channels], bias[:num_channels], 1
        weight, bias = weight[:, : 4 * num_channels], bias[: 4 * num_channels]
        if halves:
            return weight.unflatten(1, (-1, 4)).mean(2), bias.unflatten(0, (-1, 4)).mean(1), 1
        return weight, bias, 2

    def enlargement(self, scale: float) -> float:
        """Return the factor from the head's output to the frame."""
        # It ends at the block's resolution with a pixel shuffle, else at half of it.
        return scale if self.config.shuffled_head else 2 * scale

    def set_precision(self, dtype: torch.dtype) -> None:
        """Convert all but the head: a flow of 100 px in bfloat16 is up to 0.25 px off."""
        self.conv0.to(dtype)
        self.convblock.to(dtype)

    def fold(self) -> None:
        """Turn residual units into single convolutions, for speed; the result is the same."""
        for index, unit in enumerate(self.convblock):
            if isinstance(unit, ResidualUnit):
                self.convblock[index] = unit.folded()

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the convolutions before the head; all else is float32."""
        return self.halvings[0].layer.weight.dtype
