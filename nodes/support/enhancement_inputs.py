"""Inputs that the enhancing nodes share, and the model they use."""

from __future__ import annotations

from comfy_api.latest import io

from ...rife_arch import EncodedFrame
from ...vfi.synthesis import FrameEnhancer
from .interpolation_inputs import cuts_input, scene_threshold_input
from .sockets import EnhancerType, ManagedEnhancer

SAFA_ALIASES = ["rife", "safa", "enhance video", "restore", "denoise", "deblur", "clean up"]


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
