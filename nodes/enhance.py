"""RIFEEnhance: an image batch becomes a cleaner one."""

from __future__ import annotations

from fractions import Fraction

from comfy_api.latest import io
from torch import Tensor

from ..vfi.frames import Frame
from ..vfi.preprocess import DEFAULT_THRESHOLD, parse_cuts, with_cuts
from ..vfi.synthesis import enhance_stream
from .support.batch import to_batch
from .support.enhancement_inputs import (
    SAFA_ALIASES,
    cut_inputs,
    enhancer_input,
    make_frame_enhancer,
)
from .support.progress import Stopwatch, log_cut, show_text
from .support.sockets import CATEGORY, ManagedEnhancer, require_frames


class RIFEEnhance(io.ComfyNode):
    """Clean up the frames of an image batch."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="RIFEEnhance",
            display_name="RIFE Enhance",
            category=CATEGORY,
            description="Make each frame of a clip anew, cleaner, with the help of the one before "
            "it. Number and size stay as they are. Put it before RIFE Interpolate: it takes seconds "
            "per frame on a CPU.",
            search_aliases=SAFA_ALIASES,
            inputs=[
                enhancer_input(),
                io.Image.Input("images", tooltip="The frames in order, one or more, RGB or RGBA."),
                *cut_inputs(),
            ],
            outputs=[io.Image.Output(display_name="images", tooltip="As many frames as before.")],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls,
        enhancer: ManagedEnhancer,
        images: Tensor,
        scene_threshold: float = DEFAULT_THRESHOLD,
        cuts: str = "",
    ) -> io.NodeOutput:
        """Fill the output batch frame by frame."""
        require_frames(images)
        count, height, width, _ = images.shape
        stopwatch = Stopwatch()
        source = (Frame(pixels, Fraction(number)) for number, pixels in enumerate(images))
        frames = with_cuts(source, scene_threshold, parse_cuts(cuts), log_cut)
        stream = enhance_stream(frames, make_frame_enhancer(enhancer, height, width))
        out = to_batch(stream, count, images)
        show_text(cls, stopwatch.speed(count, enhancer.enhancer.name))
        return io.NodeOutput(out)
