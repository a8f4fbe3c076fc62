"""How much two frames differ: three measures, for three questions.

- Does a new scene begin? :func:`scene_difference` ignores motion, zooms and changes of brightness,
  and compares thumbnails.
- Is this the same frame, encoded once more? :func:`block_change` ignores what another encode
  changes, and notices any motion.
- Did anything move since the last frame of the same encode? :func:`apparent_motion` notices
  fractions of a pixel, in the smallest part of the frame.

They stay separate: block sizes, the handling of brightness and the statistic over the blocks all
differ, and each is tuned on clips for its own question. All compare premultiplied colours, so what
alpha hides makes no difference.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..alpha import premultiply, premultiply_image
from ..frames import to_planar

# --- does a new scene begin? ---------------------------------------------------------------------

COARSE, FINE = 32, 64  # px, side of a thumbnail
_THUMBNAIL_BLOCK = 8  # px of a thumbnail
_REACH = (
    8  # px of a thumbnail: in a coarse one motion of a quarter of the frame per frame is followed
)
_DARKNESS = 0.025  # contrast of a frame that is as good as black
_MOST_GAIN = 1.5  # beyond that, darkness may hide that another scene begins
_CONTRAST_FLOOR = 0.15  # contrast of a thumbnail; keeps noise in such a frame from counting
# Luma. Alpha counts as well, so that a black object on a transparent ground is found; where all is
# opaque it adds the same everywhere, which is subtracted with the mean.
_LUMA = (0.299, 0.587, 0.114, 0.5)
_SAMPLES = 256  # rows and columns of a frame that are looked at, about


def make_thumbnail(pixels: Tensor, side: int) -> Tensor:
    """Make what :func:`scene_difference` compares: [H, W, C] -> [side, side] float32, CPU.

    Premultiplied luma, less its mean, scaled to a contrast of nearly 1: a scene looks the same in
    any light. Frames without contrast stay without.
    """
    height, width, _ = pixels.shape
    rows, columns = max(1, height // _SAMPLES), max(1, width // _SAMPLES)
    sample = premultiply(pixels[::rows, ::columns])
    luma = sample @ sample.new_tensor(_LUMA[: sample.shape[-1]])
    if not pixels.is_floating_point():
        luma /= 255
    thumbnail = F.adaptive_avg_pool2d(luma[None], side)[0].cpu()
    thumbnail -= thumbnail.mean()
    return thumbnail / (thumbnail.abs().mean() + _DARKNESS)


def scene_difference(thumbnail0: Tensor, thumbnail1: Tensor) -> float:
    """Measure how much of two frames is not explained by motion or a change of brightness.

    Args:
        thumbnail0: from :func:`make_thumbnail`; ``COARSE`` follows faster motion, ``FINE`` sees
            smaller things.
        thumbnail1: likewise, of the same size.

    Returns:
        0 for the same frame, 0.7 to 1 for two that have nothing in common; symmetric.
    """
    thumbnail0, thumbnail1 = _in_same_light(thumbnail0, thumbnail1)
    residual, contrast = _match_blocks(thumbnail0, thumbnail1)
    residual_back, contrast_back = _match_blocks(thumbnail1, thumbnail0)
    return (residual + residual_back) / (contrast + contrast_back + 2 * _CONTRAST_FLOOR)


def _in_same_light(thumbnail0: Tensor, thumbnail1: Tensor) -> tuple[Tensor, Tensor]:
    """Raise the lower contrast to the higher: in dim light ``_DARKNESS`` takes more of it."""
    contrast0, contrast1 = (float(thumbnail.abs().mean()) for thumbnail in (thumbnail0, thumbnail1))
    gain = min(_MOST_GAIN, max(contrast0, contrast1) / max(min(contrast0, contrast1), 1e-6))
    if contrast0 < contrast1:
        return thumbnail0 * gain, thumbnail1
    return thumbnail0, thumbnail1 * gain


def _match_blocks(source: Tensor, target: Tensor) -> tuple[float, float]:
    """Find each block of ``target`` in ``source``, near its place; returns residual and contrast.

    Both are mean absolute values after each block's mean is subtracted.
    """
    padded = F.pad(source[None, None], (_REACH,) * 4, mode="replicate")[0, 0]
    side = source.shape[-1]
    shifted = padded.unfold(0, side, 1).unfold(1, side, 1)  # [17, 17, side, side]
    residual = _block_deviation(shifted - target).flatten(0, 1).amin(0)
    return residual.mean().item(), _block_deviation(target).mean().item()


def _block_deviation(image: Tensor) -> Tensor:
    """Measure the mean absolute deviation in each block: [..., 8 n, 8 m] -> [..., n, m]."""
    size = _THUMBNAIL_BLOCK
    blocks = image.unflatten(-1, (-1, size)).unflatten(-3, (-1, size))  # [..., n, 8, m, 8]
    return (blocks - blocks.mean((-3, -1), keepdim=True)).abs().mean((-3, -1))


# --- is this the same frame, encoded once more? --------------------------------------------------

_MEAN_BLOCK = 8  # px; compression hardly changes the mean of a block, motion does
_MOST_BLOCKS = 0.99


def block_change(pixels0: Tensor, pixels1: Tensor) -> float:
    """Measure the change of mean colour that 99 % of all blocks of 8x8 px stay below, in [0, 1].

    Args:
        pixels0: [H, W, C] uint8 in [0, 255] or floating point in [0, 1].
        pixels1: the same.
    """
    blocks0, blocks1 = (_block_means(pixels) for pixels in (pixels0, pixels1))
    return (blocks0 - blocks1).abs().flatten().quantile(_MOST_BLOCKS).item()


def _block_means(pixels: Tensor) -> Tensor:
    """[H, W, C] -> [1, C, H / 8, W / 8], rounded up."""
    image = premultiply_image(to_planar(pixels, torch.device("cpu")))
    return F.avg_pool2d(image, _MEAN_BLOCK, ceil_mode=True)


# --- did anything move? --------------------------------------------------------------------------

_MOTION_BLOCK = 32  # px; large enough to average compression noise, small enough for a mouth
_BAND = 2 * _MOTION_BLOCK  # rows at a time; what they take stays in the processor's cache
_SLOPE_FLOOR = 16  # code values per px; in flat parts noise is most of what changes


def apparent_motion(pixels0: Tensor, pixels1: Tensor, *, enough: float = float("inf")) -> float:
    """Measure how far the frame moves where it moves most.

    Per block of 32x32 px: change / (slope + a floor), both root mean squares; the largest of all
    blocks. A pan of s px gives about s / 2. Any change counts, so a fade counts as motion, and so
    does a change of alpha.

    Args:
        pixels0: [H, W, C] uint8 or floating point in [0, 1], RGB or RGBA.
        pixels1: the same shape and type.
        enough: px; once this much is found, the rest of the frame is skipped.

    Returns:
        px, roughly; 0 for equal frames, inf for frames of different shapes.
    """
    if pixels0.shape != pixels1.shape:
        return float("inf")
    if torch.equal(pixels0, pixels1):
        return 0.0
    most = 0.0
    for band0, band1 in zip(pixels0.split(_BAND), pixels1.split(_BAND), strict=True):
        most = max(most, _motion_in_band(band0, band1))
        if most >= enough:
            break
    return most


def _motion_in_band(pixels0: Tensor, pixels1: Tensor) -> float:
    image0, image1 = _code_values(pixels0), _code_values(pixels1)
    change = (image1 - image0).square_().sum(-1)
    slope = F.pad(image0.diff(dim=1).square_().sum(-1), (0, 1))
    slope += F.pad(image0.diff(dim=0).square_().sum(-1), (0, 0, 0, 1))
    return float((_block_rms(change) / (_block_rms(slope) + 3**0.5 * _SLOPE_FLOOR)).max())


def _code_values(pixels: Tensor) -> Tensor:
    """[H, W, C] -> [H, W, 3 or 4] float32 in [0, 255], premultiplied."""
    image = premultiply(pixels)
    return image * 255 if pixels.is_floating_point() else image


def _block_rms(squares: Tensor) -> Tensor:
    return F.avg_pool2d(squares[None], _MOTION_BLOCK, ceil_mode=True).sqrt_()
