"""From an image batch to another one: what the interpolating nodes share."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import comfy.model_management
import torch
from comfy_api.latest import io
from torch import Tensor

from ...rife_arch import QUALITIES, Features, Quality
from ...vfi.errors import InputError
from ...vfi.frames import Frame
from ...vfi.preprocess import DEFAULT_THRESHOLD, Cut, Duplicates, Preparation, parse_cuts
from ...vfi.synthesis import AtCut, Interpolator, interpolate_stream
from ...vfi.timing import EndRule, Schedule
from .progress import Progress, cancellable
from .sockets import ManagedModel, RifeModelType, require_pictures

_log = logging.getLogger(__name__)
_SCALES = ["0.25", "0.5", "1", "2", "4"]


@dataclass(frozen=True)
class ClipOptions:
    """The inputs that the interpolating nodes share, by their names."""

    scale: str = "1"
    quality: Quality = "fast"
    loop: bool = False
    scene_threshold: float = DEFAULT_THRESHOLD
    at_cut: str = AtCut.NEAREST.value
    duplicates: str = Duplicates.KEEP.value
    mask: Tensor | None = None
    end: str = EndRule.FULL_DURATION.value
    cuts: str = ""

    def preparation(self, num_frames: int | None) -> Preparation:
        """Say what is done to the frames of a clip; None: nobody knows how many there are."""
        return Preparation(
            scene_threshold=self.scene_threshold,
            cuts=parse_cuts(self.cuts),
            masks=_masks(self.mask, num_frames),
            duplicates=Duplicates(self.duplicates),
            loop=self.loop,
        )


def _masks(mask: Tensor | None, num_frames: int | None) -> Sequence[Tensor]:
    """Split a MASK [H, W] or [M, H, W] into one for all frames or one for each."""
    if mask is None:
        return ()
    masks = list(mask if mask.ndim == 3 else mask[None])
    if num_frames is not None and len(masks) not in (1, num_frames):
        raise InputError(
            f"mask: expected one mask, or one for each of {num_frames} frames, got {len(masks)}. "
            "Take one of them, or as many as there are frames."
        )
    return masks


def model_inputs() -> list[io.Input]:
    """Describe what every interpolating node begins with."""
    return [
        RifeModelType.Input("model", tooltip="From Load RIFE Model."),
        io.Image.Input("images", tooltip="The frames in order, at least two, RGB or RGBA."),
    ]


def scale_input() -> io.Input:
    """Describe the input ``scale``."""
    return io.Combo.Input(
        "scale",
        options=_SCALES,
        default="1",
        tooltip="Resolution at which motion is estimated. Try 0.5 for 4K or when fast "
        "things tear; 2 for small, fine motion.",
    )


def scene_threshold_input(tooltip: str) -> io.Input:
    """Describe the input ``scene_threshold``, whose cuts are used in one way or another."""
    return io.Float.Input(
        "scene_threshold",
        default=DEFAULT_THRESHOLD,
        min=0.0,
        max=1.0,
        step=0.01,
        display_mode=io.NumberDisplay.slider,
        optional=True,
        tooltip=tooltip,
    )


def cuts_input() -> io.Input:
    """Describe the input ``cuts``."""
    return io.String.Input(
        "cuts",
        default="",
        optional=True,
        advanced=True,
        tooltip="Cuts you know, in addition: numbers from 0 of the first frames of scenes, such "
        "as 48, 96. RIFE Detect Cuts gives such a list.",
    )


def option_inputs(end: EndRule) -> list[io.Input]:
    """Describe the optional inputs in their order; workflows saved without them still run.

    Args:
        end: the default of the input of this name.
    """
    return [
        io.Combo.Input(
            "quality",
            options=list(QUALITIES),
            default="fast",
            optional=True,
            tooltip="better averages each new frame with one made from the pair in reverse "
            "order, at twice the time; best also with mirrored ones, at four times.",
        ),
        io.Boolean.Input(
            "loop",
            default=False,
            optional=True,
            tooltip="For a clip that repeats: interpolate from the last frame to the first as "
            "well. A last frame that is the first one already is left out.",
        ),
        scene_threshold_input(
            "How much a frame must stand out to count as the first of a new scene. Lower finds more "
            "cuts; 0 finds none. Two scenes are never mixed by the network."
        ),
        io.Combo.Input(
            "at_cut",
            options=[rule.value for rule in AtCut],
            default=AtCut.NEAREST.value,
            optional=True,
            advanced=True,
            tooltip="What is shown between two scenes: the nearest frame, the last one of the "
            "scene (hold), or a cross-fade (blend).",
        ),
        io.Combo.Input(
            "duplicates",
            options=[rule.value for rule in Duplicates],
            default=Duplicates.KEEP.value,
            optional=True,
            advanced=True,
            tooltip="smooth leaves repeated frames out and spreads the motion evenly over their "
            "time, as for 12 fps animation at 24 fps. keep takes every frame as it is.",
        ),
        io.Combo.Input(
            "end",
            options=[rule.value for rule in EndRule],
            default=end.value,
            optional=True,
            advanced=True,
            tooltip="last-frame ends on the last source frame; full-duration shows it as long as "
            "the source does, so that the length fits the sound. A loop has no end.",
        ),
        io.Mask.Input(
            "mask",
            optional=True,
            tooltip="Where nothing may move, such as text and logos: there the nearest source "
            "frame is shown. One mask for all frames, or one for each.",
        ),
        cuts_input(),
    ]


def interpolate_batch(
    model: ManagedModel, images: Tensor, schedule: Schedule, options: ClipOptions
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
    require_pictures(images)
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


def make_interpolator(
    model: ManagedModel, height: int, width: int, options: ClipOptions
) -> Interpolator[Features]:
    """Bring the model onto its device, and make of it what a stream needs."""
    rife = model.load(estimate_working_bytes(height, width))
    return Interpolator(
        partial(rife.encode, scale=float(options.scale)),
        partial(rife.interpolate_each, quality=options.quality),
        rife.device,
    )


def model_settings(model: ManagedModel, options: ClipOptions) -> list[str]:
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
