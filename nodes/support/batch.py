"""Image batches: interpolation, and memory for the result."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import partial

import comfy.model_management
import torch
from comfy_api.latest import io
from torch import Tensor

from ...rife_arch import Features, Quality, Scale, parse_scale
from ...rife_arch.models import count_working_bytes
from ...vfi.errors import InputError
from ...vfi.frames import as_float, with_float_pixels
from ...vfi.jobs import InterpolationJob
from ...vfi.preprocess import Cut
from ...vfi.synthesis import Interpolator, interpolate_stream
from .interpolation_inputs import InterpolationOptions
from .progress import Progress, cancellable
from .sockets import ManagedModel

_LIBRARIES = 128 << 20  # bytes, of workspaces that do not depend on the frame
_log = logging.getLogger(__name__)


def interpolate_clip(
    model: ManagedModel,
    job: InterpolationJob,
    options: InterpolationOptions,
    node: type[io.ComfyNode],
    on_redrawn: Callable[[int], object],
) -> Tensor:
    """Interpolate a clip into a batch.

    Args:
        model: from the loader.
        job: the clip, and the moments of the result.
        options: the inputs that the interpolating nodes share.
        node: where to say how much is left.
        on_redrawn: see ``Preparation.apply``.

    Returns:
        [M, H, W, C] floating point, the dtype of the clip's frames if they have one; allocated once
        and filled, so never held twice.
    """
    clip = job.clip
    cuts: list[Cut] = []
    with closing(clip.frames()) as source:
        # A list, as the result's size depends on all of it: views of a batch, or frames of a file,
        # which are bytes until they are used.
        prepared, schedule = job.preparation.apply(
            cancellable(source), job.schedule, cuts.append, on_redrawn
        )
        frames = list(prepared)
    if cuts:
        numbers = ", ".join(str(cut.number) for cut in cuts)
        _log.info("%d scene cuts, at frames %s", len(cuts), numbers)
    total = schedule.count(frames[-1].time, frames[-1].duration)
    like = as_float(frames[0].pixels)[None]
    interpolator = make_interpolator(model, clip.height, clip.width, options)
    stream = interpolate_stream(
        with_float_pixels(frames), interpolator, schedule, at_cut=job.at_cut
    )
    return to_batch(stream, total, like, node)


def make_interpolator(
    model: ManagedModel, height: int, width: int, options: InterpolationOptions
) -> Interpolator[Features]:
    """Load the model onto its device, and wrap it for ``interpolate_stream``."""
    scale, quality = parse_scale(options.scale), options.quality
    rife = model.load(estimate_working_bytes(model, height, width, scale, quality))
    rife.require_evaluation(scale=scale)
    return Interpolator(
        partial(rife.encode, scale=scale),
        partial(rife.interpolate_each, quality=quality),
        rife.device,
        partial(rife.draft_each, quality=quality),
    )


def model_settings(model: ManagedModel, options: InterpolationOptions) -> list[str]:
    """List the settings that change the pixels, besides those of the job."""
    scale, device = parse_scale(options.scale), model.device  # the network may not be there yet
    evaluation = model.rife.evaluation(scale, device)
    return [model.rife.identity_on(device), repr((evaluation, scale, options.quality))]


def to_batch(
    frames: Iterable[Tensor], count: int, like: Tensor, node: type[io.ComfyNode] | None = None
) -> Tensor:
    """Collect ``count`` frames in a batch of the size and dtype of ``like``, with progress.

    Args:
        frames: [H, W, C] each.
        count: how many there are.
        like: [1 or more, H, W, C].
        node: where to say how much is left.

    Raises:
        InputError: the batch does not fit into memory; no frame has been made yet.
    """
    require_memory(count, like)
    device = comfy.model_management.intermediate_device()
    out = torch.empty((count, *like.shape[1:]), dtype=like.dtype, device=device)
    progress = Progress(count, node=node)
    for index, pixels in enumerate(frames):
        out[index] = pixels
        progress(index + 1, pixels)
    return out


def require_memory(num_frames: int, like: Tensor) -> None:
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


def estimate_working_bytes(
    model: ManagedModel, height: int, width: int, scale: Scale = 1.0, quality: Quality = "fast"
) -> int:
    """Estimate the memory that a network needs besides its weights to make one frame, bytes.

    What its tensors need is counted. A third is added for what libraries take, and for memory that lies
    idle between tensors: on a CPU without strips, in fp32 at 1920x1088, the peak memory of the process
    grew by 500 bytes per pixel for 4.26, 360 for 4.0 and 390 for 3.6, where 390, 304 and 310 are counted.
    """
    if model.device.type == "cpu":
        return 0  # ComfyUI makes no room there, and counting takes some tenths of a second
    counted = count_working_bytes(model.rife.network, height, width, scale=scale, quality=quality)
    return counted * 4 // 3 + _LIBRARIES
