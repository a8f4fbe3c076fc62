"""SAFAEnhance: clean up an image batch."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..vfi.frames import Frame
from ..vfi.preprocess import DEFAULT_THRESHOLD, parse_cuts, with_cuts
from ..vfi.synthesis import enhance_stream
from .support.batch import to_batch
from .support.checked import checked
from .support.enhancement_inputs import (
    SAFA_ALIASES,
    cut_inputs,
    enhancer_input,
    make_frame_enhancer,
)
from .support.images import notes_on
from .support.progress import Outcome, Stopwatch, log_cut, show_outcome
from .support.sockets import SAFA_CATEGORY, ManagedEnhancer
from .support.validation import check_inputs


class SAFAEnhance(io.ComfyNode):
    """Clean up the frames of an image batch."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="SAFAEnhance",
            display_name="SAFA Enhance",
            category=SAFA_CATEGORY,
            description="Clean up each frame of a clip with the help of the previous one. The number "
            "and size of the frames stay the same. Put it before RIFE Interpolate, where there are "
            "fewer frames: on a CPU it takes seconds per frame.",
            search_aliases=SAFA_ALIASES,
            inputs=[
                enhancer_input(),
                io.Image.Input("images", tooltip="Frames in order, at least one, RGB or RGBA."),
                *cut_inputs(),
            ],
            outputs=[
                io.Image.Output(
                    display_name="images", tooltip="The enhanced frames, as many as before."
                )
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def validate_inputs(cls, input_types: dict[str, str], **values: Any) -> bool:
        """Refuse what is wrong before anything runs."""
        return check_inputs(cls, values, input_types)

    @classmethod
    @checked
    def execute(
        cls,
        model: ManagedEnhancer,
        images: Tensor,
        scene_threshold: float = DEFAULT_THRESHOLD,
        cuts: str = "",
    ) -> io.NodeOutput:
        """Fill the output batch frame by frame."""
        count, height, width, _ = images.shape
        stopwatch = Stopwatch()
        source = (Frame(pixels, Fraction(number)) for number, pixels in enumerate(images))
        frames = with_cuts(source, scene_threshold, parse_cuts(cuts), log_cut)
        stream = enhance_stream(frames, make_frame_enhancer(model, height, width))
        out = to_batch(stream, count, images, cls)
        name = model.enhancer.name
        outcome = Outcome(count, None, stopwatch.seconds, model=name)
        show_outcome(cls, outcome, notes_on(images))
        return io.NodeOutput(out)
