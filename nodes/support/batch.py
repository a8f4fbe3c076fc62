"""Image batches: interpolation, and memory for the result."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable
from functools import partial

import comfy.model_management
import torch
from torch import Tensor

from ...rife_arch import Features
from ...vfi.errors import InputError
from ...vfi.frames import Frame
from ...vfi.preprocess import Cut
from ...vfi.synthesis import AtCut, Interpolator, interpolate_stream
from ...vfi.timing import Schedule
from .interpolation_inputs import InterpolationOptions
from .progress import Progress, cancellable
from .sockets import ManagedModel, require_frames

_log = logging.getLogger(__name__)


def interpolate_batch(
    model: ManagedModel, images: Tensor, schedule: Schedule, options: InterpolationOptions
) -> Tensor:
    """Interpolate a batch at the timestamps of a schedule.

    Args:
        model: from the loader.
        images: [N, H, W, 3 or 4] in [0, 1], frames ``schedule.last_duration`` apart.
        schedule: the timestamps of the result.
        options: the inputs that the interpolating nodes share.

    Returns:
        [M, H, W, C], dtype of ``images``; allocated once and filled, so never held twice.
    """
    require_frames(images)
    num_frames, height, width, _ = images.shape
    duration = schedule.last_duration
    preparation = options.preparation(num_frames)
    source = (Frame(pixels, index * duration) for index, pixels in enumerate(images))
    cuts: list[Cut] = []
    # A list costs nothing, as the frames are views of the batch; the result's size depends on it.
    prepared, schedule = preparation.apply(cancellable(source), schedule, cuts.append)
    frames = list(prepared)
    total = schedule.count(frames[-1].time)
    if cuts:
        numbers = ", ".join(str(cut.number) for cut in cuts)
        _log.info("%d scene cuts, at frames %s", len(cuts), numbers)
    interpolator = make_interpolator(model, height, width, options)
    stream = interpolate_stream(frames, interpolator, schedule, at_cut=AtCut(options.at_cut))
    return to_batch(stream, total, images)


def batch_frames(images: Tensor, *, first: int, bit_depth: int) -> Generator[Tensor, None, None]:  # noqa: ARG001
    """Yield the frames of a batch from number ``first`` on; a ``FrameSource``."""
    for number in range(first, len(images)):
        yield images[number]


def make_interpolator(
    model: ManagedModel, height: int, width: int, options: InterpolationOptions
) -> Interpolator[Features]:
    """Load the model onto its device, and wrap it for ``interpolate_stream``."""
    rife = model.load(estimate_working_bytes(height, width))
    return Interpolator(
        partial(rife.encode, scale=float(options.scale)),
        partial(rife.interpolate_each, quality=options.quality),
        rife.device,
    )


def model_settings(model: ManagedModel, options: InterpolationOptions) -> list[str]:
    """List the settings that change the pixels, besides those of the job."""
    scale = float(options.scale)
    return [model.rife.identity, repr((model.rife.evaluation(scale), scale, options.quality))]


def to_batch(frames: Iterable[Tensor], count: int, like: Tensor) -> Tensor:
    """Collect ``count`` frames in a batch of the size and dtype of ``like``, with progress.

    Raises:
        InputError: the batch does not fit into memory; no frame has been made yet.
    """
    _require_memory(count, like)
    device = comfy.model_management.intermediate_device()
    out = torch.empty((count, *like.shape[1:]), dtype=like.dtype, device=device)
    progress = Progress(count)
    for index, pixels in enumerate(frames):
        out[index] = pixels
        progress(index + 1, pixels)
    return out


def _require_memory(num_frames: int, like: Tensor) -> None:
    """Refuse a result that does not fit into memory, before any frame is made."""
    _, height, width, _ = like.shape
    needed = num_frames * like[0].nbytes
    device = comfy.model_management.intermediate_device()
    free = comfy.model_management.get_free_memory(device)
    if needed > free:
        raise InputError(
            f"Not enough memory: {num_frames} frames of {width}x{height} take {needed / 1e9:.1f} GB, "
            f"{free / 1e9:.1f} GB are free. Use a shorter clip, make fewer frames, or use RIFE "
            "Interpolate Video, which keeps only a few frames in memory."
        )


def estimate_working_bytes(height: int, width: int) -> int:
    """Estimate the memory that the network needs besides its weights for one frame, bytes.

    Measured as the growth of the process's peak memory, on a CPU without strips, fp32, 1920x1088:
    500 bytes per pixel for 4.26, 510 for 4.20, 520 for 4.25.heavy, 940 for 4.26.heavy, 360 for 4.0,
    390 for 3.6.
    """
    return 1000 * height * width
