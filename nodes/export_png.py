"""ExportPNGRIFE: save the frames of a clip as numbered PNG files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from comfy_api.latest import Input, io, ui
from torch import Tensor

from ..vfi.files import list_media
from ..vfi.jobs import ConversionJob, fit_color, render
from ..vfi.write import ImageSequenceWriter
from .support.checked import checked
from .support.clip_source import open_frames
from .support.encoding_inputs import dither_input, hdr_input, pop_hdr, prefix_input
from .support.images import notes_on
from .support.output_files import metadata_of, new_output
from .support.progress import Outcome, Progress, Stopwatch, check_cancelled, show_outcome
from .support.sockets import EXPORT_CATEGORY, clip_input

# Option -> ``metadata_in`` of the writer; None: no file gets the workflow.
_WORKFLOW_IN: Mapping[str, Literal["all", "first"] | None] = {
    "every file": "all",
    "first file": "first",
    "no file": None,
}


class ExportPNGRIFE(io.ComfyNode):
    """Save the frames of a clip as numbered PNG files."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="ExportPNGRIFE",
            display_name="Export PNG (RIFE)",
            category=EXPORT_CATEGORY,
            description="Save frames losslessly as 0000000.png, 0000001.png, ... in a new folder, "
            "with the workflow embedded. Transparency (RGBA) is kept.",
            search_aliases=["save frames", "save image", "png sequence", "image sequence"],
            inputs=[
                clip_input("images", "Frames in order, RGB or RGBA; or a VIDEO."),
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
                hdr_input(),
            ],
            outputs=[io.String.Output(display_name="folder", tooltip="Path of the folder.")],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo, io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    @checked
    def execute(
        cls,
        images: Tensor | Input.Video,
        filename_prefix: str,
        bit_depth: str = "8",
        compression: int = 4,
        workflow_in: str = "every file",
        dither: bool = False,
        **options: Any,
    ) -> io.NodeOutput:
        """Write the folder, which appears under its name when it is complete."""
        stopwatch = Stopwatch()
        notes = notes_on(images)
        with open_frames(images) as source:
            clip = fit_color(source, None, pop_hdr(options), notes.append)
            folder = new_output(filename_prefix, clip.width, clip.height)
            metadata_in = _WORKFLOW_IN[workflow_in]
            writer = ImageSequenceWriter(
                folder.path,
                bit_depth=int(bit_depth),
                has_alpha=clip.has_alpha,
                compress_level=compression,
                metadata=metadata_of(cls) if metadata_in else None,
                metadata_in=metadata_in or "all",
            )
            progress = Progress(clip.num_frames, node=cls, shows_frames=False)
            frames = partial(ConversionJob(clip).frames, check=check_cancelled)
            count = render(frames, [writer], on_frame=progress, dither=dither)
        outcome = Outcome(count, None, stopwatch.seconds, file=f"{folder.shown_name}/")
        show_outcome(cls, outcome, notes)
        saved = [
            ui.SavedResult(path.name, folder.shown_name, io.FolderType.output)
            for path in list_media(folder.path, {".png"})
        ]
        return io.NodeOutput(str(folder.path), ui=ui.SavedImages(saved))
