"""Nodes that clean up frames: RIFELoadEnhancer, RIFEEnhance."""

from __future__ import annotations

import logging
from fractions import Fraction

from comfy_api.latest import io
from torch import Tensor

from ..rife_arch import EncodedFrame, load_enhancer
from ..rife_arch.catalog import load_enhancers
from ..rife_arch.load import PRECISIONS, Precision
from ..rife_arch.networks import SAFA_RELEASE
from ..vfi.frames import Frame
from ..vfi.preprocess import DEFAULT_THRESHOLD, parse_cuts, with_cuts
from ..vfi.synthesis import FrameEnhancer, enhance_stream
from .support.interpolation_inputs import cuts_input, scene_threshold_input, to_batch
from .support.model_paths import find_checkpoint, list_enhancers
from .support.progress import Stopwatch, show_text, tell_cut
from .support.sockets import (
    CATEGORY,
    EnhancerType,
    ManagedEnhancer,
    hand_over,
    host_precision,
    require_pictures,
)

_log = logging.getLogger(__name__)
SAFA_ALIASES = ["rife", "safa", "enhance video", "restore", "denoise", "deblur", "clean up"]


class RIFELoadEnhancer(io.ComfyNode):
    """Load a network that enhances, recognised by its weights."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="RIFELoadEnhancer",
            display_name="Load RIFE Enhancer",
            category=CATEGORY,
            description="Load SAFA, which cleans up the frames of a video. Its file has to be saved "
            "by hand, into models/frame_interpolation; without it, the error says from where.",
            search_aliases=SAFA_ALIASES,
            inputs=[
                io.Combo.Input(
                    "model",
                    options=list_enhancers(),
                    default=SAFA_RELEASE,
                    tooltip="A release (found on disk under its usual names) or a file of your own.",
                ),
                io.Combo.Input(
                    "precision",
                    options=list(PRECISIONS),
                    default="auto",
                    advanced=True,
                    tooltip="Of most convolutions; motion and the choice of scales always use fp32. "
                    "auto takes fp16 where the GPU does it well, else fp32.",
                ),
            ],
            outputs=[
                EnhancerType.Output(display_name="enhancer", tooltip="For the nodes that enhance.")
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(cls, model: str, precision: Precision) -> io.NodeOutput:
        """Load the checkpoint into main memory; the GPU gets it when a node runs."""
        path = find_checkpoint(model, load_enhancers())
        enhancer = load_enhancer(path, precision=host_precision(precision))
        _log.info("loaded %s (%s) from %s", enhancer.name, enhancer.precision, path)
        show_text(cls, f"{enhancer.name}, {enhancer.precision}")
        return io.NodeOutput(ManagedEnhancer(enhancer, hand_over(enhancer.network)))


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
        require_pictures(images)
        count, height, width, _ = images.shape
        stopwatch = Stopwatch()
        source = (Frame(pixels, Fraction(number)) for number, pixels in enumerate(images))
        frames = with_cuts(source, scene_threshold, parse_cuts(cuts), tell_cut)
        stream = enhance_stream(frames, make_frame_enhancer(enhancer, height, width))
        out = to_batch(stream, count, images)
        show_text(cls, stopwatch.speed(count, enhancer.enhancer.name))
        return io.NodeOutput(out)


def enhancer_input() -> io.Input:
    """Describe the input ``enhancer``."""
    return EnhancerType.Input("enhancer", tooltip="From Load RIFE Enhancer.")


def cut_inputs() -> list[io.Input]:
    """Describe the optional inputs that say where scenes begin."""
    return [
        scene_threshold_input(
            "How much a frame must stand out to count as the first of a new scene, which is enhanced "
            "with itself. Lower finds more cuts; 0 finds none."
        ),
        cuts_input(),
    ]


def make_frame_enhancer(
    managed: ManagedEnhancer, height: int, width: int
) -> FrameEnhancer[EncodedFrame]:
    """Bring the network onto its device, and make of it what a stream needs."""
    # Peak of the process over that before, on a CPU, fp32, 832x512: 1570 bytes per pixel.
    enhancer = managed.load(1800 * height * width)
    return FrameEnhancer(enhancer.encode, enhancer.enhance, enhancer.device)
