"""RIFEExportPNG: an image batch becomes numbered files."""

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

# What the user chooses -> which files get the workflow, None: none.
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
            description="Save frames losslessly as 0000000.png, 0000001.png, ... in a folder of "
            "their own, with the workflow inside. Transparency (RGBA) is kept.",
            search_aliases=["rife", "save frames", "save image", "png sequence", "image sequence"],
            inputs=[
                io.Image.Input("images", tooltip="The frames in order."),
                prefix_input("RIFE"),
                io.Combo.Input(
                    "bit_depth",
                    ["8", "16"],
                    default="8",
                    optional=True,
                    tooltip="Bits per channel. 16 keeps what lies between two of 255 levels, for "
                    "grading or another pass; such files are several times as large.",
                ),
                io.Int.Input(
                    "compression",
                    default=4,
                    min=0,
                    max=9,
                    display_mode=io.NumberDisplay.slider,
                    optional=True,
                    advanced=True,
                    tooltip="0 is fastest and largest, 9 slowest and smallest. The picture is the "
                    "same at any.",
                ),
                io.Combo.Input(
                    "workflow_in",
                    list(_WORKFLOW_IN),
                    default="every file",
                    optional=True,
                    advanced=True,
                    tooltip="Which files restore the graph when they are dropped on ComfyUI. A big "
                    "graph in each of many small files takes space.",
                ),
                dither_input(),
            ],
            outputs=[io.String.Output(display_name="folder", tooltip="Where the files are.")],
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
        shown = [
            ui.SavedResult(
                path.name, f"{subfolder}/{folder.name}".lstrip("/"), io.FolderType.output
            )
            for path in sorted(folder.iterdir())
        ]
        return io.NodeOutput(str(folder), ui=ui.SavedImages(shown))
