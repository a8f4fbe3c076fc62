"""Inputs that the enhancing nodes share, and their model."""

from __future__ import annotations

from comfy_api.latest import io

from ...rife_arch import EncodedFrame
from ...vfi.synthesis import FrameEnhancer
from .interpolation_inputs import cuts_input, scene_threshold_input
from .sockets import EnhancerType, ManagedEnhancer

SAFA_ALIASES = ["safa", "enhance video", "restore", "denoise", "deblur", "clean up"]


def enhancer_input() -> io.Input:
    """Describe the input ``model`` of the enhancing nodes."""
    return EnhancerType.Input("model", tooltip="From Load SAFA Model.")


def cut_inputs() -> list[io.Input]:
    """Describe the optional inputs for scene cuts."""
    return [
        scene_threshold_input(
            "How much a frame must differ from its neighbours to count as a scene cut. The first frame "
            "of a new scene is enhanced on its own. Lower finds more cuts; 0 turns detection off."
        ),
        cuts_input(),
    ]


def make_frame_enhancer(
    managed: ManagedEnhancer, height: int, width: int
) -> FrameEnhancer[EncodedFrame]:
    """Load the network onto its device, and wrap it for ``enhance_stream``."""
    # Measured as growth of the process's peak memory, CPU, fp32, 832x512: 1570 bytes per pixel.
    enhancer = managed.load(1800 * height * width)
    return FrameEnhancer(enhancer.encode, enhancer.enhance, enhancer.device)
