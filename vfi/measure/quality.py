"""How close a made frame is to the real one: error, structure, sharpness.

PSNR rewards blur where motion is uncertain, so sharpness is told beside it; and most of a frame often
stands still, so there is one of what moves.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

_LEAST_ERROR = 1e-9  # mean square; equal pictures have 90 dB
_LEAST_ENERGY = 1e-9  # of a picture without any edge
_SURROUNDINGS = 15  # px; compare the 11 of SSIM. Wide enough to join the two sides of what moves
_WINDOW = 11  # px
_DEVIATION = 1.5  # px


def rounded(image: Tensor) -> Tensor:
    """Round to 8 bits, as a file would hold it; same shape and range, [0, 1]."""
    return image.clamp(0, 1).mul(255).round() / 255


def psnr(made: Tensor, real: Tensor) -> float:
    """Return the peak signal-to-noise ratio in dB, 90 at most.

    Args:
        made: any shape, in [0, 1].
        real: the same shape.
    """
    return psnr_of((made - real).square().mean().item())


def psnr_of(error: float) -> float:
    """Convert a mean square error of values in [0, 1] to dB."""
    return -10 * math.log10(max(error, _LEAST_ERROR))


def motion_psnr(made: Tensor, real: Tensor, before: Tensor, after: Tensor) -> float:
    """Return the PSNR of what moves: errors count as much as the frames around them differ there.

    ``-10 log10(sum(weight * error) / sum(weight))``, both [H, W]: ``error`` is the mean over the colours
    of ``(made - real)^2``, ``weight`` the mean over the colours, and over a window of 15x15 px, of
    ``|after - before|``. At the border the window is as much of it as lies in the frame. No optical flow is
    estimated, so no network's idea of motion is taken for the truth. Where nothing differs at all it is
    the PSNR.

    A change of light counts as motion. What jumps further than its own size is weighted where it was and
    will be, but not where it is in between.

    Args:
        made: [1, 3, H, W] in [0, 1].
        real: the same shape.
        before: of the two frames that it was made from; the same shape.
        after: likewise.

    Returns:
        dB, 90 at most.
    """
    change = (after - before).abs().mean(1, keepdim=True)
    weight = F.avg_pool2d(
        change, _SURROUNDINGS, stride=1, padding=_SURROUNDINGS // 2, count_include_pad=False
    )
    error = (made - real).square().mean(1, keepdim=True)
    total = weight.sum(dtype=torch.float64).item()
    if total == 0:
        return psnr_of(error.mean().item())
    return psnr_of((weight * error).sum(dtype=torch.float64).item() / total)


def ssim(made: Tensor, real: Tensor) -> float:
    """Structural similarity, mean over pixels and colours; 1 for equal pictures.

    Reference: Wang et al., "Image Quality Assessment", IEEE TIP 2004: Gaussian window of 11 px with
    a deviation of 1.5 px, K1 = 0.01, K2 = 0.03. The window of smaller pictures is as large as they are.

    Args:
        made: [1, 3, H, W] in [0, 1].
        real: the same shape.
    """
    rows, columns = (_bell(min(_WINDOW, side)) for side in made.shape[2:])
    window = torch.outer(rows, columns).expand(3, 1, -1, -1)

    def mean(image: Tensor) -> Tensor:
        return F.conv2d(image, window, groups=3)

    mean_x, mean_y = mean(made), mean(real)
    var_x, var_y = mean(made * made) - mean_x**2, mean(real * real) - mean_y**2
    covariance = mean(made * real) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return (luminance * (2 * covariance + c2) / (var_x + var_y + c2)).mean().item()


def _bell(size: int) -> Tensor:
    line = torch.exp(-((torch.arange(float(size)) - (size - 1) / 2) ** 2) / (2 * _DEVIATION**2))
    return line / line.sum()


def sharpness(made: Tensor, real: Tensor) -> float:
    """Return how sharp a made frame is, relative to the real one.

    The ratio of gradient energies, the mean squared differences of neighbouring pixels: 1 is as sharp
    as the real frame, less is blurred, more has edges or noise that are not there.

    Args:
        made: [..., H, W].
        real: the same shape.
    """
    return _gradient_energy(made) / _gradient_energy(real)


def _gradient_energy(image: Tensor) -> float:
    energy = sum(image.diff(dim=dim).square().sum().item() for dim in (-1, -2))
    return energy / image.numel() + _LEAST_ENERGY
