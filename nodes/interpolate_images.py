"""RIFEInterpolate: make an image batch smoother."""

from __future__ import annotations

import logging
from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..vfi.timing import EndRule, Schedule
from .support.batch import interpolate_batch
from .support.interpolation_inputs import (
    InterpolationOptions,
    model_inputs,
    option_inputs,
    scale_input,
)
from .support.progress import Stopwatch, show_text
from .support.sockets import ALIASES, CATEGORY, ManagedModel, exact_rate, frame_rate_input

_log = logging.getLogger(__name__)


class RIFEInterpolate(io.ComfyNode):
    """Add new frames between those of an image batch."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="RIFEInterpolate",
            display_name="RIFE Interpolate",
            category=CATEGORY,
            description="Make a clip smoother: N frames become (N - 1) x multi + 1. The original "
            "frames are kept unchanged. Play the result at multi times the frame rate.",
            search_aliases=[*ALIASES, "multiply frames", "FrameInterpolate"],
            inputs=[
                *model_inputs(),
                io.Int.Input(
                    "multi",
                    default=2,
                    min=2,
                    max=64,
                    tooltip="Multiplier of the frame rate: 2 turns 16 fps into 32.",
                ),
                scale_input(),
                *option_inputs(EndRule.LAST_FRAME),
                frame_rate_input(
                    "fps",
                    16.0,
                    "Frame rate of the source: 16 for Wan, 24 for most others. Only sets the fps "
                    "output.",
                    optional=True,
                ),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="Original and new frames."),
                io.Int.Output(display_name="count", tooltip="Number of frames."),
                io.Float.Output(
                    display_name="fps", tooltip="Frame rate that keeps the original speed."
                ),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls,
        model: ManagedModel,
        images: Tensor,
        multi: int,
        fps: float = 16.0,
        end: str = EndRule.LAST_FRAME.value,
        **options: Any,
    ) -> io.NodeOutput:
        """Fill the output batch frame by frame."""
        if note := model.rife.note_on_multiplier(multi):
            _log.warning("%s", note)
        source_rate = exact_rate(fps)
        rate = multi * source_rate
        schedule = Schedule(rate, 1 / source_rate, EndRule(end))
        stopwatch = Stopwatch()
        out = interpolate_batch(model, images, schedule, InterpolationOptions(**options))
        counts = len(images), len(out)
        show_text(cls, stopwatch.summary(counts, (source_rate, rate), model.rife.name))
        return io.NodeOutput(out, len(out), float(rate))
