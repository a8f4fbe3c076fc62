"""RIFEExportVideo: save an image batch as a video file."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from comfy_api.latest import InputImpl, io
from torch import Tensor

from ..vfi.jobs import render
from ..vfi.write import VideoWriter
from .support.batch import batch_frames
from .support.encoding_inputs import (
    crf_input,
    dither_input,
    encoder_options_input,
    encoder_speed_input,
    pop_encoding,
    prefix_input,
    preset_input,
)
from .support.output_files import audio_file, metadata_of, new_output, preview
from .support.progress import Progress, check_cancelled
from .support.sockets import CATEGORY, exact_rate, frame_rate_input, require_frames

_log = logging.getLogger(__name__)


class RIFEExportVideo(io.ComfyNode):
    """Save a batch as a video file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="RIFEExportVideo",
            display_name="RIFE Export Video",
            category=CATEGORY,
            description="Save frames as a video with the workflow embedded: an H.264 MP4 that plays "
            "everywhere, or the format of another preset.",
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
                io.Image.Input("images", tooltip="Frames in order, RGB or RGBA."),
                frame_rate_input(
                    "fps",
                    32.0,
                    "Frame rate of the video. The source's frame rate times multi keeps the speed. "
                    "23.976, 29.97 and 59.94 mean the exact broadcast rates.",
                ),
                prefix_input("video/RIFE"),
                crf_input(),
                io.Audio.Input(
                    "audio", optional=True, tooltip="Audio track, cut to the length of the video."
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
        require_frames(images)
        rate = exact_rate(fps)
        encoding = pop_encoding(options)
        _, height, width, channels = images.shape
        base, subfolder = new_output(filename_prefix, width, height)
        path = base.with_name(f"{base.name}{encoding.suffixes[0]}")
        if channels > 3 and not encoding.keeps_alpha:
            _log.warning(
                "%s: the alpha channel was dropped, preset %s has no transparency",
                path,
                encoding.preset,
            )
        frame_format = encoding.resolve(
            path, width=width, height=height, rate=rate, has_alpha=channels > 3
        )
        with audio_file(audio, len(images) / rate) as tracks:
            writer = VideoWriter(
                path,
                frame_format,
                tracks=tracks,
                metadata=metadata_of(cls),
                notify=_log.info,
                check=check_cancelled,
            )
            frames = partial(batch_frames, images)
            progress = Progress(len(images), shows_frames=False)
            render(frames, [writer], on_frame=progress, dither=encoding.dither)
        return io.NodeOutput(
            InputImpl.VideoFromFile(str(path)), ui=preview(encoding, path, subfolder)
        )
