"""RIFEInterpolate: an image batch becomes a smoother one."""

from __future__ import annotations

import logging
from fractions import Fraction
from functools import partial

import comfy.model_management
import torch
from comfy_api.latest import io
from torch import Tensor

from ..rife_arch import QUALITIES, Quality
from ..vfi.errors import InputError
from ..vfi.frames import Frame
from ..vfi.protocol import Interpolator
from ..vfi.stream import interpolate_stream
from ..vfi.timing import EndRule, Schedule
from .types import CATEGORY, ManagedModel, RifeModelType, require_rgb, with_progress

_log = logging.getLogger(__name__)
_SCALES = ["0.25", "0.5", "1", "2", "4"]


class RIFEInterpolate(io.ComfyNode):
    """Put new frames between those of an image batch."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="RIFEInterpolate",
            display_name="RIFE Interpolate",
            category=CATEGORY,
            description="Make a clip smoother: N frames become (N - 1) x multi + 1. The original "
            "frames are passed on untouched. Play the result at multi times the frame rate.",
            search_aliases=["rife", "frame interpolation", "vfi", "slow motion", "fps", "smooth"],
            inputs=[
                RifeModelType.Input("model", tooltip="From Load RIFE Model."),
                io.Image.Input("images", tooltip="The frames in order, at least two, RGB."),
                io.Int.Input(
                    "multi",
                    default=2,
                    min=2,
                    max=64,
                    tooltip="How many times as many frames: 2 turns 16 fps into 32.",
                ),
                io.Combo.Input(
                    "scale",
                    options=_SCALES,
                    default="1",
                    tooltip="Resolution at which motion is estimated. Try 0.5 for 4K or when fast "
                    "things tear; 2 for small, fine motion.",
                ),
                io.Combo.Input(
                    "quality",
                    options=list(QUALITIES),
                    default="fast",
                    optional=True,  # appended: workflows saved without it still run
                    tooltip="better averages each new frame with one made from the pair in reverse "
                    "order, at twice the time; best also with mirrored ones, at four times.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="Originals and new frames."),
                io.Int.Output(display_name="count", tooltip="How many frames there are now."),
            ],
        )

    @classmethod
    def execute(
        cls,
        model: ManagedModel,
        images: Tensor,
        multi: int,
        scale: str,
        quality: Quality = "fast",
    ) -> io.NodeOutput:
        """Fill the output batch frame by frame."""
        require_rgb(images)
        num_frames, height, width, _ = images.shape
        # One frame per second: the source's rate does not matter here.
        schedule = Schedule(Fraction(multi), Fraction(1), EndRule.LAST_FRAME)
        total = schedule.count(Fraction(num_frames - 1))
        _require_room(total, height, width, images.dtype.itemsize)
        if note := model.rife.note_on_multiplier(multi):
            _log.warning("%s", note)
        rife = model.load(estimate_working_bytes(height, width))
        stream = interpolate_stream(
            (Frame(pixels, Fraction(index)) for index, pixels in enumerate(images)),
            Interpolator(
                partial(rife.encode, scale=float(scale)),
                partial(rife.interpolate_each, quality=quality),
                rife.device,
            ),
            schedule,
        )
        device = comfy.model_management.intermediate_device()
        out = torch.empty((total, height, width, 3), dtype=images.dtype, device=device)
        for index, pixels in enumerate(with_progress(stream, total)):
            out[index] = pixels
        return io.NodeOutput(out, total)


def _require_room(num_frames: int, height: int, width: int, itemsize: int) -> None:
    """Refuse a result that does not fit, before the work and not after it."""
    needed = num_frames * height * width * 3 * itemsize
    device = comfy.model_management.intermediate_device()
    free = comfy.model_management.get_free_memory(device)
    if needed > free:
        raise InputError(
            f"result: expected {num_frames} frames of {width}x{height} to fit into memory, but "
            f"they take {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free. Interpolate a part "
            "of the clip, lower multi, or use inference_video.py, which keeps a few frames only."
        )


def estimate_working_bytes(height: int, width: int) -> int:
    """Estimate what the network needs beside its weights for one frame, bytes.

    Peak of the process over that before, on a CPU without strips, fp32, 1920x1088: 500 bytes per
    pixel for 4.26, 510 for 4.20, 520 for 4.25.heavy, 940 for 4.26.heavy, 360 for 4.0, 390 for 3.6.
    """
    return 1000 * height * width
