"""RIFELoadModel: load a checkpoint as a RIFE_MODEL."""

from __future__ import annotations

from comfy_api.latest import io

from ..rife_arch import EVALUATIONS, Evaluation
from ..rife_arch.load import PRECISIONS, Precision
from .support.checked import checked
from .support.devices import AUTO, check_device, choose_device, device_input
from .support.model_inputs import check_checkpoint, checkpoint_input
from .support.model_paths import find_checkpoint
from .support.progress import show_text
from .support.sockets import CATEGORY, RifeModelType, load_managed
from .support.validation import check_choices


class RIFELoadModel(io.ComfyNode):
    """Load a RIFE network, recognised by its weights."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="RIFELoadModel",
            display_name="Load RIFE Model",
            category=CATEGORY,
            description="Load a RIFE frame interpolation checkpoint. A version that is not on disk "
            "is downloaded to models/frame_interpolation.",
            search_aliases=[
                "interpolation model",
                "FrameInterpolationModelLoader",
            ],
            inputs=[
                checkpoint_input(),
                io.Combo.Input(
                    "precision",
                    options=list(PRECISIONS),
                    default="auto",
                    advanced=True,
                    tooltip="Precision of the convolutions; motion and blending always use fp32. auto "
                    "uses fp16 on GPUs that are fast at it, bf16 on such CPUs, otherwise fp32.",
                ),
                io.Boolean.Input(
                    "torch_compile",
                    default=False,
                    optional=True,  # appended: workflows saved without it still run
                    advanced=True,
                    tooltip="Compile the network with torch: the first frame of each size takes about "
                    "a minute, the others may be faster on a GPU. Where compiling fails, the network "
                    "runs uncompiled.",
                ),
                io.Combo.Input(
                    "evaluation",
                    options=list(EVALUATIONS),
                    default="auto",
                    optional=True,
                    advanced=True,
                    tooltip="How frames are computed; all ways give the same result. auto uses the fastest: "
                    "compiled loops on a CPU; on a GPU what is fastest there, which is measured at the first "
                    "frames of a size. Choose another only to compare, or to get around a fault.",
                ),
                device_input(),
            ],
            outputs=[
                RifeModelType.Output(display_name="model", tooltip="Connect it to the RIFE nodes.")
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def validate_inputs(cls, model: str | None, device: str | None = AUTO) -> bool:
        """Refuse a model that is neither listed nor found, and what is no device, before anything runs."""
        return check_choices(check_checkpoint(model), check_device(device))

    @classmethod
    @checked
    def execute(
        cls,
        model: str,
        precision: Precision,
        torch_compile: bool = False,
        evaluation: Evaluation = "auto",
        device: str = AUTO,
    ) -> io.NodeOutput:
        """Load the checkpoint into main memory; it moves to its device when a node uses it."""
        found, note = choose_device(device)
        managed = load_managed(
            find_checkpoint(model),
            precision,
            torch_compile=torch_compile,
            evaluation=evaluation,
            device=found,
        )
        text = f"RIFE {managed.rife.name} · {managed.rife.precision}"
        show_text(cls, text if device == AUTO else f"{text} · {found}", [note] if note else [])
        return io.NodeOutput(managed)
