"""RIFEExportPNG: save an image batch as numbered PNG files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Literal

from comfy_api.latest import io, ui
from torch import Tensor

from ..vfi.jobs import render
from ..vfi.write import ImageSequenceWriter
from .support.batch import batch_frames
from .support.encoding_inputs import dither_input, prefix_input
from .support.output_files import metadata_of, new_output
from .support.progress import Progress
from .support.sockets import CATEGORY, require_frames

# Option -> ``metadata_in`` of the writer; None: no file gets the workflow.
_WORKFLOW_IN: Mapping[str, Literal["all", "first"] | None] = {
    "every file": "all",
    "first file": "first",
    "no file": None,
}


class RIFEExportPNG(io.ComfyNode):
    """Save a batch as numbered PNG files."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="RIFEExportPNG",
            display_name="RIFE Export PNG",
            category=CATEGORY,
            description="Save frames losslessly as 0000000.png, 0000001.png, ... in a new folder, "
            "with the workflow embedded. Transparency (RGBA) is kept.",
            search_aliases=["rife", "save frames", "save image", "png sequence", "image sequence"],
            inputs=[
                io.Image.Input("images", tooltip="Frames in order, RGB or RGBA."),
                prefix_input("RIFE"),
                io.Combo.Input(
                    "bit_depth",
                    ["8", "16"],
                    default="8",
                    optional=True,
                    tooltip="Bits per channel. 8 suits most uses. 16 also keeps values between the "
                    "256 levels of 8 bits, for grading or further processing; files are several "
                    "times as large.",
                ),
                io.Int.Input(
                    "compression",
                    default=4,
                    min=0,
                    max=9,
                    display_mode=io.NumberDisplay.slider,
                    optional=True,
                    advanced=True,
                    tooltip="0 is fastest and largest, 9 slowest and smallest. The image is the same "
                    "at every level.",
                ),
                io.Combo.Input(
                    "workflow_in",
                    list(_WORKFLOW_IN),
                    default="every file",
                    optional=True,
                    advanced=True,
                    tooltip="Which files carry the workflow: drop one on ComfyUI to restore it. With "
                    "a large workflow and many small files, first file saves space.",
                ),
                dither_input(),
            ],
            outputs=[io.String.Output(display_name="folder", tooltip="Path of the folder.")],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls,
        images: Tensor,
        filename_prefix: str,
        bit_depth: str = "8",
        compression: int = 4,
        workflow_in: str = "every file",
        dither: bool = False,
    ) -> io.NodeOutput:
        """Write the folder, which appears under its name when it is complete."""
        require_frames(images)
        _, height, width, channels = images.shape
        folder, subfolder = new_output(filename_prefix, width, height)
        metadata_in = _WORKFLOW_IN[workflow_in]
        writer = ImageSequenceWriter(
            folder,
            bit_depth=int(bit_depth),
            has_alpha=channels == 4,
            compress_level=compression,
            metadata=metadata_of(cls) if metadata_in else None,
            metadata_in=metadata_in or "all",
        )
        progress = Progress(len(images), shows_frames=False)
        render(partial(batch_frames, images), [writer], on_frame=progress, dither=dither)
        saved = [
            ui.SavedResult(
                path.name, f"{subfolder}/{folder.name}".lstrip("/"), io.FolderType.output
            )
            for path in sorted(folder.iterdir())
        ]
        return io.NodeOutput(str(folder), ui=ui.SavedImages(saved))
