"""RIFELoadModel: a checkpoint becomes a RIFE_MODEL."""

from __future__ import annotations

import logging

from comfy_api.latest import io

from ..rife_arch import load_rife
from ..rife_arch.load import PRECISIONS, Precision
from .support.model_paths import find_checkpoint, list_choices
from .support.progress import show_text
from .support.sockets import CATEGORY, ManagedModel, RifeModelType, host_precision, make_patcher

_log = logging.getLogger(__name__)


class RIFELoadModel(io.ComfyNode):
    """Load a RIFE network, recognised by its weights."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="RIFELoadModel",
            display_name="Load RIFE Model",
            category=CATEGORY,
            description="Load a RIFE frame interpolation checkpoint. Versions are downloaded to "
            "models/frame_interpolation when they are not on disk.",
            search_aliases=[
                "rife",
                "frame interpolation",
                "vfi",
                "interpolation model",
                "FrameInterpolationModelLoader",
            ],
            inputs=[
                io.Combo.Input(
                    "model",
                    options=list_choices(),
                    default="4.25",
                    tooltip="A version (found on disk under its usual names, else downloaded once) "
                    "or a file of your own. 4.25 suits most clips.",
                ),
                io.Combo.Input(
                    "precision",
                    options=list(PRECISIONS),
                    default="auto",
                    advanced=True,
                    tooltip="Of the convolutions; motion and blending always use fp32. auto takes "
                    "fp16 where the GPU does it well, bf16 on CPUs made for it, else fp32.",
                ),
                io.Boolean.Input(
                    "torch_compile",
                    default=False,
                    optional=True,  # appended: workflows saved without it still run
                    advanced=True,
                    tooltip="Let torch compile the network: the first frame of a size takes a "
                    "minute, the others may be faster on a GPU. Goes on without where it fails.",
                ),
            ],
            outputs=[RifeModelType.Output(display_name="model", tooltip="For the RIFE nodes.")],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls, model: str, precision: Precision, torch_compile: bool = False
    ) -> io.NodeOutput:
        """Load the checkpoint into main memory; the GPU gets it when a node runs."""
        path = find_checkpoint(model)
        rife = load_rife(path, precision=host_precision(precision), torch_compile=torch_compile)
        _log.info("loaded RIFE %s (%s) from %s", rife.name, rife.precision, path)
        show_text(cls, f"RIFE {rife.name}, {rife.precision}")
        return io.NodeOutput(ManagedModel(rife, make_patcher(rife.network)))
