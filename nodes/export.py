"""RIFEExportPNG and RIFEExportVideo: an image batch becomes files."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Literal

from comfy_api.latest import InputImpl, io, ui
from torch import Tensor

from ..vfi.frames import to_bit_depth
from ..vfi.write import PictureWriter, VideoWriter
from .support.encoding_inputs import (
    Encoding,
    audio_file,
    crf_input,
    dither_input,
    encoder_options_input,
    encoder_speed_input,
    metadata_of,
    new_output,
    prefix_input,
    preset_input,
    preview,
)
from .support.progress import check_cancelled, with_progress
from .support.sockets import CATEGORY, exact_rate, require_pictures, take

_log = logging.getLogger(__name__)
# What the user chooses -> which files PictureWriter puts the workflow into, None: none.
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
        require_pictures(images)
        _, height, width, channels = images.shape
        folder, subfolder = new_output(filename_prefix, width, height)
        metadata_in = _WORKFLOW_IN[workflow_in]
        writer = PictureWriter(
            folder,
            depth=int(bit_depth),
            has_alpha=channels == 4,
            compress_level=compression,
            metadata=metadata_of(cls) if metadata_in else None,
            metadata_in=metadata_in or "all",
        )
        with writer:
            for pixels in with_progress(images, len(images)):
                rounded = to_bit_depth(pixels, writer.depth, dither=dither)
                writer.write(rounded.cpu().numpy())
        shown = [
            ui.SavedResult(
                path.name, f"{subfolder}/{folder.name}".lstrip("/"), io.FolderType.output
            )
            for path in sorted(folder.iterdir())
        ]
        return io.NodeOutput(str(folder), ui=ui.SavedImages(shown))


class RIFEExportVideo(io.ComfyNode):
    """Save a batch as a video file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="RIFEExportVideo",
            display_name="RIFE Export Video",
            category=CATEGORY,
            description="Save frames as a video with the workflow inside: an H.264 MP4 that plays "
            "everywhere, or what another preset makes.",
            search_aliases=[
                "rife",
                "save video",
                "video combine",
                "VHS",
                "mp4",
                "webm",
                "gif",
                "prores",
                "ffmpeg",
            ],
            inputs=[
                io.Image.Input("images", tooltip="The frames in order."),
                io.Float.Input(
                    "fps",
                    default=32.0,
                    min=0.01,
                    max=1000.0,
                    step=0.001,
                    round=0.001,
                    tooltip="Frames per second: the source's rate times multi keeps the speed. "
                    "23.976, 29.97 and 59.94 mean the exact broadcast rates.",
                ),
                prefix_input("video/RIFE"),
                crf_input(),
                io.Audio.Input(
                    "audio", optional=True, tooltip="Sound, cut to the length of the picture."
                ),
                preset_input(optional=True),
                encoder_options_input(),
                dither_input(),
                encoder_speed_input(),
            ],
            outputs=[io.Video.Output(display_name="video", tooltip="The finished file.")],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls,
        images: Tensor,
        fps: float,
        filename_prefix: str,
        audio: dict[str, Any] | None = None,
        **options: Any,
    ) -> io.NodeOutput:
        """Encode the file, which appears under its name when it is complete."""
        rate = exact_rate(fps)
        encoding = take(options, Encoding)
        chosen = encoding.chosen
        _, height, width, channels = images.shape
        base, subfolder = new_output(filename_prefix, width, height)
        path = base.with_name(f"{base.name}{chosen.suffixes[0]}")
        has_alpha = channels > 3 and chosen.has_alpha
        if channels > 3 and not has_alpha:
            _log.warning("%s holds no transparency: the alpha channel was left out", path)
        with audio_file(audio, len(images) / rate) as tracks:
            writer = VideoWriter(
                path,
                width=width,
                height=height,
                rate=rate,
                preset=encoding.preset,
                crf=encoding.kept_crf,
                speed=encoding.kept_speed,
                options=encoding.options,
                has_alpha=has_alpha,
                depth=encoding.frame_depth,
                tracks=tracks,
                metadata=metadata_of(cls),
                notify=_log.info,
                check=check_cancelled,
            )
            with writer:
                for pixels in with_progress(images, len(images)):
                    kept = pixels[..., : 4 if has_alpha else 3]
                    rounded = to_bit_depth(kept, writer.depth, dither=encoding.dither)
                    writer.write(rounded.cpu().numpy())
        shown = preview(chosen, path, subfolder)
        return io.NodeOutput(InputImpl.VideoFromFile(str(path)), ui=shown)
