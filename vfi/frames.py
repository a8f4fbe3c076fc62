"""Frames, and the one place where their layouts and number ranges change.

A frame is [H, W, C], the layout of files and of ComfyUI's IMAGE: uint8 in [0, 255] from a file of
8 bits, float32 in [0, 1] from a file of more bits and from ComfyUI. A model takes and gives
[1, C, H, W] float32 in [0, 1].
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import torch
from einops import rearrange
from torch import Tensor

from .errors import InputError

_MOST_NAMED = 5  # damaged frames in a message


@dataclass(frozen=True, slots=True)
class Frame:
    """The pixels of one video frame, when it is shown, and what is known of it.

    Attributes:
        pixels: [H, W, C] RGB or RGBA with straight colours, uint8 in [0, 255] or floating point in
            [0, 1].
        time: seconds from the start of the clip.
        begins_scene: there is a scene cut between the frame before and this one.
        mask: [H, W] floating point in [0, 1], 1 where the frame is protected from interpolation
            (text, logos); None protects nothing.
        duration: seconds for which its file shows it; None if the file does not say.
        source_time: ``time`` in its clip, where it is shown at another one now; else None.
    """

    pixels: Tensor
    time: Fraction
    begins_scene: bool = False
    mask: Tensor | None = None
    duration: Fraction | None = None
    source_time: Fraction | None = None

    @property
    def read_at(self) -> Fraction:
        """Time at which its clip has these pixels."""
        return self.time if self.source_time is None else self.source_time

    def shown_at(self, time: Fraction) -> Frame:
        """Return the same frame, shown at another time."""
        return replace(self, time=time, source_time=None if time == self.read_at else self.read_at)


def to_planar(pixels: Tensor, device: torch.device) -> Tensor:
    """Convert a frame to a model's input: [H, W, C] -> [1, C, H, W] float32 in [0, 1].

    Args:
        pixels: [H, W, C] uint8 or floating point; never modified.
        device: where the result lives.
    """
    planar = rearrange(to_device(pixels, device), "h w c -> 1 c h w")
    if pixels.dtype == torch.uint8:
        return planar.float().div_(255)
    return planar.float().contiguous()


def from_planar(image: Tensor, dtype: torch.dtype) -> Tensor:
    """Convert a model's output to a frame of ``dtype``, same device: [1, C, H, W] -> [H, W, C]."""
    pixels = rearrange(image, "1 c h w -> h w c")
    pixels = to_uint8(pixels) if dtype == torch.uint8 else pixels.clamp(0, 1).to(dtype)
    return pixels.contiguous()


def to_device(pixels: Tensor, device: torch.device) -> Tensor:
    """Copy to a device, a GPU without waiting for it."""
    if device.type == "cuda" and pixels.device.type == "cpu":
        return pixels.pin_memory().to(device, non_blocking=True)
    return pixels.to(device)


def as_float(pixels: Tensor) -> Tensor:
    """Convert uint8 to float32 in [0, 1]; floating point is passed on as it is."""
    return pixels if pixels.is_floating_point() else pixels.float().div_(255)


def with_float_pixels(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Convert the pixels of frames with :func:`as_float`."""
    return (replace(frame, pixels=as_float(frame.pixels)) for frame in frames)


def count_non_finite(pixels: Tensor) -> int:
    """Count the values that float32 cannot hold: NaN, infinity, and what is beyond its range."""
    if not pixels.is_floating_point():
        return 0
    # One pass that allocates nothing tells nearly always; a sum may overflow, so then they are counted.
    if bool(pixels.sum(dtype=torch.float32).isfinite()):
        return 0
    return int(pixels.float().isfinite().logical_not_().sum())


def non_finite(name: str, damaged: Sequence[str], num_frames: int | None = None) -> InputError:
    """Say which frames of ``name`` hold NaN or infinity, each described by an item of ``damaged``.

    A network spreads one such value over the whole of the neighbouring frames.
    """
    shown = ", ".join(damaged[:_MOST_NAMED])
    more = f" and {len(damaged) - _MOST_NAMED} more" if len(damaged) > _MOST_NAMED else ""
    hold = "holds" if len(damaged) == 1 else "hold"
    of_all = f" of {num_frames}" if num_frames is not None else ""
    frames = "frame" if (num_frames or len(damaged)) == 1 else "frames"
    return InputError(
        f"{name}: {len(damaged)}{of_all} {frames} {hold} values that are NaN or infinite: {shown}{more}. They come from a step before, "
        "often a VAE or a model that overflows in fp16: run that in bf16 or fp32, or leave these "
        "frames out."
    )


def finite(frames: Iterable[Frame], name: str) -> Iterator[Frame]:
    """Pass frames on, and refuse the first that holds NaN or infinity.

    Raises:
        InputError: such a frame; it is named by its number, from 0.
    """
    for number, frame in enumerate(frames):
        if count := count_non_finite(frame.pixels):
            raise non_finite(name, [f"frame {number} ({count} values)"])
        yield frame


def to_uint8(pixels: Tensor) -> Tensor:
    """Convert to uint8: clamped to [0, 1], rounded to the nearest code value, never truncated."""
    if pixels.dtype == torch.uint8:
        return pixels
    return pixels.float().clamp(0, 1).mul_(255).round_().to(torch.uint8)


def to_dithered_uint8(pixels: Tensor) -> Tensor:
    """Convert to uint8 so that a gradient shows no bands: ordered dithering.

    A value between two code values is rounded up at as many pixels of each 8x8 block as its
    fraction says, so the average stays. Code values themselves, such as those of an 8-bit source,
    do not change, and the pattern is the same in every frame, so nothing flickers.

    Args:
        pixels: [H, W, C] uint8 or floating point.
    """
    if pixels.dtype == torch.uint8:
        return pixels
    height, width, _ = pixels.shape
    side = len(_BAYER)
    tiles = _BAYER.repeat(-(-height // side), -(-width // side))[:height, :width, None]
    levels = pixels.float().clamp(0, 1).mul_(255)
    return levels.add_(tiles.to(levels.device)).floor_().to(torch.uint8)


def to_bit_depth(pixels: Tensor, bit_depth: int, *, dither: bool = False) -> Tensor:
    """Convert to uint8 for 8 bits, dithered if wanted, uint16 for 16, or float32 for 32."""
    if bit_depth > 16:
        return as_float(pixels).float().clamp(0, 1)
    if bit_depth > 8:
        return to_uint16(pixels)
    return to_dithered_uint8(pixels) if dither else to_uint8(pixels)


def _bayer_matrix(order: int) -> Tensor:
    """Return the thresholds of ordered dithering, [2^order, 2^order] in (0, 1) (Bayer, 1973)."""
    ranks = torch.zeros(1, 1)
    for _ in range(order):
        rows = (4 * ranks, 4 * ranks + 2), (4 * ranks + 3, 4 * ranks + 1)
        ranks = torch.cat([torch.cat(row, 1) for row in rows])
    # Half a step from 0 and from 1: a code value that float32 holds inexactly is not moved.
    return (ranks + 0.5) / ranks.numel()


_BAYER = _bayer_matrix(3)


def from_16_bits(values: npt.NDArray[np.uint16]) -> npt.NDArray[np.float32]:
    """Convert [0, 65535] to float32 in [0, 1]; :func:`to_uint16` gives the same values back."""
    pixels = values.astype(np.float32)
    pixels /= 65535
    return pixels


def to_uint16(pixels: Tensor) -> Tensor:
    """Convert [0, 1] to uint16 in [0, 65535]: clamped and rounded like :func:`to_uint8`."""
    # Through int32: torch converts to uint16, but does little else with it.
    return pixels.float().clamp(0, 1).mul_(65535).round_().to(torch.int32).to(torch.uint16)
