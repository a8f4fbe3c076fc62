"""SAFALoadModel: load a checkpoint as a SAFA_MODEL."""

from __future__ import annotations

import logging

import comfy.model_management
from comfy_api.latest import io

from ..rife_arch import load_enhancer
from ..rife_arch.catalog import load_enhancers
from ..rife_arch.load import PRECISIONS, Precision
from ..rife_arch.networks import SAFA_RELEASE
from .support.checked import checked
from .support.enhancement_inputs import SAFA_ALIASES
from .support.model_paths import find_checkpoint, list_enhancers
from .support.progress import show_text
from .support.sockets import (
    SAFA_CATEGORY,
    EnhancerType,
    ManagedEnhancer,
    host_precision,
    make_patcher,
)

_log = logging.getLogger(__name__)


class SAFALoadModel(io.ComfyNode):
    """Load an enhancement network, recognised by its weights."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="SAFALoadModel",
            display_name="Load SAFA Model",
            category=SAFA_CATEGORY,
            description="Load SAFA, which cleans up the frames of a video. Save its weights by hand "
            "to models/frame_interpolation; while they are missing, the error says where to get them.",
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
                    tooltip="Precision of most convolutions; motion and the choice of scales always "
                    "use fp32. auto uses fp16 on GPUs that are fast at it, otherwise fp32.",
                ),
            ],
            outputs=[
                EnhancerType.Output(display_name="model", tooltip="Connect it to the SAFA nodes.")
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    @checked
    def execute(cls, model: str, precision: Precision) -> io.NodeOutput:
        """Load the checkpoint into main memory; it moves to the GPU when a node uses it."""
        path = find_checkpoint(model, load_enhancers())
        device = comfy.model_management.get_torch_device()
        enhancer = load_enhancer(path, precision=host_precision(precision, device))
        _log.info("loaded %s (%s) from %s", enhancer.name, enhancer.precision, path)
        show_text(cls, f"{enhancer.name} · {enhancer.precision}")
        return io.NodeOutput(ManagedEnhancer(enhancer, make_patcher(enhancer.network, device)))
