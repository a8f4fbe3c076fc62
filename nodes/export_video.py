"""ExportVideoRIFE: save a clip as a video file."""

from __future__ import annotations

from functools import partial
from typing import Any

from comfy_api.latest import Input, io
from torch import Tensor

from ..vfi.jobs import ConversionJob, FrameSource, fit_color
from .support.checked import checked
from .support.clip_source import open_clip, with_audio
from .support.encoding_inputs import (
    crf_input,
    dither_input,
    encoder_options_input,
    encoder_speed_input,
    hdr_input,
    pop_encoding,
    pop_hdr,
    prefix_input,
    preset_input,
)
from .support.images import notes_on
from .support.progress import check_cancelled, show_outcome
from .support.render_video import FileSettings, render_video
from .support.sockets import EXPORT_CATEGORY, clip_input, clip_rate_input
from .support.sound import read_audio_input
from .support.validation import check_inputs


class ExportVideoRIFE(io.ComfyNode):
    """Save a clip as a video file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="ExportVideoRIFE",
            display_name="Export Video (RIFE)",
            category=EXPORT_CATEGORY,
            description="Save a clip as a video with the workflow embedded: an H.264 MP4 that plays "
            "everywhere, or the format of another preset.",
            search_aliases=[
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
                clip_input(
                    "images", "Frames in order, RGB or RGBA; or a VIDEO, with its rate and sound."
                ),
                clip_rate_input("fps"),
                prefix_input("video/RIFE"),
                preset_input(),
                crf_input(),
                io.Audio.Input(
                    "audio",
                    optional=True,
                    tooltip="Audio track, cut to the length of the video; in place of that of a VIDEO.",
                ),
                encoder_options_input(),
                dither_input(),
                encoder_speed_input(),
                hdr_input(),
            ],
            outputs=[io.Video.Output(display_name="video", tooltip="The finished file.")],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo, io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, input_types: dict[str, str], **values: Any) -> bool:
        """Refuse what is wrong before anything runs."""
        return check_inputs(cls, values, input_types, clip="images", rate="fps")

    @classmethod
    @checked
    def execute(
        cls,
        images: Tensor | Input.Video,
        fps: float,
        filename_prefix: str,
        audio: object = None,
        **options: Any,
    ) -> io.NodeOutput:
        """Encode the file, which appears under its name when it is complete."""
        encoding, hdr = pop_encoding(options), pop_hdr(options)
        notes = notes_on(images)
        sound = read_audio_input(audio, "audio", notes.append)
        if isinstance(images, Tensor) and images.shape[-1] == 4 and not encoding.keeps_alpha:
            notes.append(f"transparency was left out: preset {encoding.preset} has none")
        opened = open_clip(
            images, fps, rate_name="fps", alpha=encoding.keeps_alpha, notify=notes.append
        )
        with opened as source, with_audio(source, sound) as heard:
            job = ConversionJob(fit_color(heard, encoding, hdr, notes.append), encoding.dither)

            def load() -> FrameSource:
                return partial(job.frames, check=check_cancelled)

            result = render_video(cls, job, FileSettings(encoding, filename_prefix), load)
        show_outcome(cls, result.outcome, notes)
        return io.NodeOutput(result.video, ui=result.ui)
