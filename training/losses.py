"""How far made frames are from real ones, as training sees it.

Laplacian pyramid: Bojanowski et al., "Optimizing the Latent Space of Generative Networks", ICML 2018, in
the form of RIFE's own training (model/laplacian.py of github.com/hzwer/ECCV2022-RIFE), and with what is
left after the last level, so that a change of colour all over the frame counts too. Census:
Meister et al., "UnFlow", AAAI 2018. Perceptual: Johnson et al., ECCV 2016, on VGG-19.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rife_arch.checkpoints import read_named
from vfi.errors import InputError

_LEVELS = 5
_BELL = (1.0, 4.0, 6.0, 4.0, 1.0)
_CENSUS_SIDE = 7  # px
_CENSUS_SOFTNESS = 0.81  # of the sign of a difference of grey values in [0, 255], squared
_CENSUS_TOLERANCE = 0.1  # between two signs, squared
_LUMA = (0.299, 0.587, 0.114)
# Convolutions of VGG-19 by their numbers in torchvision's list of layers, as far as they are needed; the
# second before each halving, whose activations are compared.
_VGG_CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30)
_VGG_LAYERS = (2, 7, 12, 21, 30)
_VGG_POOLED_AFTER = (2, 7, 16, 25)
_VGG_MEAN, _VGG_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class LossOptions:
    """What a loss is made of.

    Attributes:
        block_decay: the weight of a block's frame relative to the next one's; 0 counts the last only.
        census: weight of the census loss of the last frame; 0 leaves it out.
        perceptual: weight of the perceptual loss of the last frame; 0 leaves it out.
        vgg: weights of VGG-19 as torchvision publishes them, for the perceptual loss.
    """

    block_decay: float = 0.8
    census: float = 0.0
    perceptual: float = 0.0
    vgg: Path | None = None


class Loss(nn.Module):
    """The loss of a batch."""

    def __init__(self, options: LossOptions) -> None:
        """Prepare what is fixed.

        Raises:
            InputError: the perceptual loss lacks its weights.
            CheckpointError: they cannot be read.
        """
        super().__init__()
        self._options = options
        self.vgg: PerceptualDistance | None = None
        if options.perceptual:
            if options.vgg is None:
                raise InputError(
                    "--perceptual compares features of VGG-19, whose weights are not part of this. Name its file "
                    "with --vgg: vgg19-dcbb9e9d.pth, as torchvision publishes it."
                )
            self.vgg = PerceptualDistance(read_vgg(options.vgg))

    def forward(self, steps: Sequence[Tensor], truth: Tensor) -> Tensor:
        """Return the loss, a scalar.

        Args:
            steps: [B, 3, H, W] for each block, coarse to fine, in [0, 1].
            truth: the real frame, the same shape.
        """
        count, decay = len(steps), self._options.block_decay
        weights = [decay ** (count - 1 - index) for index in range(count)]
        loss = truth.new_zeros(())
        for weight, frame in zip(weights, steps, strict=True):
            if weight:
                loss = loss + weight * laplacian_distance(frame, truth)
        if self._options.census:
            loss = loss + self._options.census * census_distance(steps[-1], truth)
        if self.vgg is not None:
            loss = loss + self._options.perceptual * self.vgg(steps[-1], truth)
        return loss


def laplacian_distance(made: Tensor, real: Tensor) -> Tensor:
    """Sum the mean absolute differences over the levels of Laplacian pyramids.

    Args:
        made: [B, C, H, W]; H and W at least 48.
        real: the same shape.
    """
    # A pyramid is linear: that of the difference is the difference of the pyramids.
    rest = made.float() - real.float()
    distance = rest.new_zeros(())
    for _ in range(_LEVELS):
        smaller = _blurred(rest)[:, :, ::2, ::2]
        distance = distance + (rest - _enlarged(smaller, rest)).abs().mean()
        rest = smaller
    return distance + rest.abs().mean()


def _blurred(image: Tensor) -> Tensor:
    """Blur [B, C, H, W] with the binomial window of 5x5 px; the border is reflected."""
    channels = image.shape[1]
    line = image.new_tensor(_BELL) / sum(_BELL)
    padded = F.pad(image, (2, 2, 2, 2), mode="reflect")
    rows = F.conv2d(padded, line.view(1, 1, 5, 1).expand(channels, 1, 5, 1), groups=channels)
    return F.conv2d(rows, line.view(1, 1, 1, 5).expand(channels, 1, 1, 5), groups=channels)


def _enlarged(smaller: Tensor, like: Tensor) -> Tensor:
    """Put every pixel at an even place of a picture twice as large, and blur the zeros between away."""
    larger = torch.zeros_like(like)
    larger[:, :, ::2, ::2] = smaller
    return 4 * _blurred(larger)


def census_distance(made: Tensor, real: Tensor) -> Tensor:
    """Compare which neighbours of each pixel are brighter, so that brightness itself does not count.

    Args:
        made: [B, 3, H, W] in [0, 1]; larger than 7x7.
        real: the same shape.
    """
    squares = (_census(made) - _census(real)).square()
    distance = (squares / (_CENSUS_TOLERANCE + squares)).mean(1)
    border = _CENSUS_SIDE // 2
    return distance[:, border:-border, border:-border].mean()


def _census(image: Tensor) -> Tensor:
    """Return the soft sign of each neighbour's difference, [B, 49, H, W]."""
    grey = (image.float() * image.new_tensor(_LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True) * 255
    side = _CENSUS_SIDE
    places = torch.eye(side * side, device=image.device).view(side * side, 1, side, side)
    difference = F.conv2d(grey, places, padding=side // 2) - grey
    return difference / (_CENSUS_SOFTNESS + difference.square()).sqrt()


class PerceptualDistance(nn.Module):
    """The mean absolute difference of features of VGG-19, averaged over five depths."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        """Take ``features.N.weight`` and ``features.N.bias`` of the network; see ``read_vgg``."""
        super().__init__()
        self.layers = nn.ModuleDict()
        for number in _VGG_CONVOLUTIONS:
            weight = weights[f"features.{number}.weight"].float()
            layer = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
            layer.load_state_dict(
                {"weight": weight, "bias": weights[f"features.{number}.bias"].float()}
            )
            self.layers[str(number)] = layer
        self.requires_grad_(False)
        self.register_buffer("mean", torch.tensor(_VGG_MEAN).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(_VGG_DEVIATION).view(1, 3, 1, 1))

    def forward(self, made: Tensor, real: Tensor) -> Tensor:
        """Return the distance of [B, 3, H, W] in [0, 1], at least 16x16 px."""
        pairs = list(zip(self._features(made), self._features(real.detach()), strict=True))
        return torch.stack([(x - y).abs().mean() for x, y in pairs]).mean()

    def _features(self, image: Tensor) -> list[Tensor]:
        x = (image.float() - self.get_buffer("mean")) / self.get_buffer("deviation")
        found: list[Tensor] = []
        for number, layer in self.layers.items():
            x = F.relu(layer(x))
            if int(number) in _VGG_LAYERS:
                found.append(x)
            if int(number) in _VGG_POOLED_AFTER:
                x = F.max_pool2d(x, 2)
        return found


def read_vgg(path: Path) -> dict[str, Tensor]:
    """Read the convolutions of VGG-19.

    Raises:
        CheckpointError: the file cannot be read.
        InputError: it is another network.
    """
    weights = read_named(path, "features.")
    parts = ("weight", "bias")
    names = [f"features.{number}.{part}" for number in _VGG_CONVOLUTIONS for part in parts]
    missing = [name for name in names if name not in weights]
    if missing:
        raise InputError(
            f"{path} is not VGG-19: it lacks {missing[0]}. Take vgg19-dcbb9e9d.pth, as "
            "torchvision publishes it; vgg19_bn is another network."
        )
    return weights
