"""From an image batch to another one: interpolation, and room for the result."""

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
    """Show a batch at the moments of a schedule.

    Args:
        model: from the loader.
        images: [N, H, W, 3 or 4] in [0, 1], frames ``schedule.last_duration`` apart.
        schedule: the moments.
        options: how.

    Returns:
        [M, H, W, C], dtype of ``images``, made once: nothing of it is ever there twice.
    """
    require_frames(images)
    num_frames, height, width, _ = images.shape
    duration = schedule.last_duration
    preparation = options.preparation(num_frames)
    source = (Frame(pixels, index * duration) for index, pixels in enumerate(images))
    cuts: list[Cut] = []
    # All of them at once: they are views of the batch, and their number decides the result's.
    prepared, schedule = preparation.apply(cancellable(source), schedule, cuts.append)
    frames = list(prepared)
    total = schedule.count(frames[-1].time)
    if cuts:
        _log.info("%d cuts, at frames %s", len(cuts), ", ".join(str(cut.number) for cut in cuts))
    interpolator = make_interpolator(model, height, width, options)
    stream = interpolate_stream(frames, interpolator, schedule, at_cut=AtCut(options.at_cut))
    return to_batch(stream, total, images)


def batch_frames(images: Tensor, *, first: int, bit_depth: int) -> Generator[Tensor, None, None]:  # noqa: ARG001
    """Yield the frames of a batch from number ``first`` on: a ``FrameSource``."""
    for number in range(first, len(images)):
        yield images[number]


def make_interpolator(
    model: ManagedModel, height: int, width: int, options: InterpolationOptions
) -> Interpolator[Features]:
    """Bring the model onto its device, and make of it what a stream needs."""
    rife = model.load(estimate_working_bytes(height, width))
    return Interpolator(
        partial(rife.encode, scale=float(options.scale)),
        partial(rife.interpolate_each, quality=options.quality),
        rife.device,
    )


def model_settings(model: ManagedModel, options: InterpolationOptions) -> list[str]:
    """List what decides the pixels beside the clip's own settings."""
    scale = float(options.scale)
    return [model.rife.identity, repr((model.rife.evaluation(scale), scale, options.quality))]


def to_batch(frames: Iterable[Tensor], count: int, like: Tensor) -> Tensor:
    """Put ``count`` frames into a batch of the size and type of ``like``, with progress.

    Raises:
        InputError: it does not fit; no frame has been made yet.
    """
    _require_room(count, like)
    device = comfy.model_management.intermediate_device()
    out = torch.empty((count, *like.shape[1:]), dtype=like.dtype, device=device)
    progress = Progress(count)
    for index, pixels in enumerate(frames):
        out[index] = pixels
        progress(index + 1, pixels)
    return out


def _require_room(num_frames: int, like: Tensor) -> None:
    """Refuse a result that does not fit, before the work and not after it."""
    _, height, width, _ = like.shape
    needed = num_frames * like[0].nbytes
    device = comfy.model_management.intermediate_device()
    free = comfy.model_management.get_free_memory(device)
    if needed > free:
        raise InputError(
            f"result: expected {num_frames} frames of {width}x{height} to fit into memory, but "
            f"they take {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free. Take a part of the "
            "clip, ask for fewer frames, or use RIFE Interpolate Video, which keeps a few only."
        )


def estimate_working_bytes(height: int, width: int) -> int:
    """Estimate what the network needs beside its weights for one frame, bytes.

    Peak of the process over that before, on a CPU without strips, fp32, 1920x1088: 500 bytes per
    pixel for 4.26, 510 for 4.20, 520 for 4.25.heavy, 940 for 4.26.heavy, 360 for 4.0, 390 for 3.6.
    """
    return 1000 * height * width
