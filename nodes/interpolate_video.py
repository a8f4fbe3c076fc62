"""RIFEInterpolateVideo: make a video smoother, a few frames at a time."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import Input, io
from torch import Tensor

from ..vfi.tracks import AudioMode
from .support.checked import checked
from .support.encoding_inputs import (
    audio_mode_input,
    crf_input,
    dither_input,
    encoder_options_input,
    encoder_speed_input,
    hdr_input,
    pop_encoding,
    pop_hdr,
    prefix_input,
    preset_input,
    resume_input,
)
from .support.interpolate_file import TimingSettings, interpolate_to_file
from .support.interpolation_inputs import InterpolationOptions, option_inputs, scale_input
from .support.render_video import FileSettings
from .support.sockets import (
    ALIASES,
    CATEGORY,
    ManagedModel,
    RifeModelType,
    clip_input,
    clip_rate_input,
)
from .support.timing_inputs import AUTO_END, curve_input, mode_input
from .support.validation import check_inputs


class RIFEInterpolateVideo(io.ComfyNode):
    """Make a video smoother, from file to file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="RIFEInterpolateVideo",
            display_name="RIFE Interpolate Video",
            category=CATEGORY,
            description="Make a video of any length smoother and save it with its audio, subtitles, "
            "chapters and the workflow. Every option of RIFE Interpolate and Export Video (RIFE). "
            "Only a few frames are in memory at a time. A cancelled run resumes where it stopped.",
            search_aliases=[*ALIASES, "interpolate video", "long video", "video to video"],
            inputs=[
                RifeModelType.Input("model", tooltip="From Load RIFE Model."),
                clip_input(
                    "video",
                    "From Load Video, or any node that outputs a VIDEO; or images in order.",
                ),
                clip_rate_input("source_fps"),
                mode_input(),
                scale_input(),
                prefix_input("video/RIFE"),
                preset_input(),
                crf_input(),
                audio_mode_input(
                    " At another speed, audio keeps its pitch and subtitles are dropped; a speed that "
                    "varies drops both."
                ),
                *option_inputs(),
                encoder_options_input(),
                resume_input(),
                dither_input(),
                encoder_speed_input(),
                hdr_input(),
                curve_input(),
            ],
            outputs=[
                io.Video.Output(display_name="video", tooltip="The finished file."),
                io.Float.Output(display_name="fps", tooltip="Frame rate of the result."),
                io.Int.Output(display_name="count", tooltip="Number of frames."),
            ],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo, io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, input_types: dict[str, str], **values: Any) -> bool:
        """Refuse what is wrong before anything runs."""
        return check_inputs(cls, values, input_types, clip="video", rate="source_fps")

    @classmethod
    @checked
    def execute(
        cls,
        model: ManagedModel,
        video: Tensor | Input.Video,
        source_fps: float,
        filename_prefix: str,
        mode: dict[str, Any] | None = None,
        **options: Any,
    ) -> io.NodeOutput:
        """Write the file, which appears under its name when it is complete."""
        settings = FileSettings(
            pop_encoding(options),
            filename_prefix,
            AudioMode(options.pop("audio", AudioMode.COPY.value)),
            hdr=pop_hdr(options),
            resumes=options.pop("resume", True),
        )
        timing = TimingSettings(
            source_fps, mode or {}, options.pop("end", AUTO_END), options.pop("curve", None)
        )
        result, job = interpolate_to_file(
            cls, lambda: model, video, timing, InterpolationOptions(**options), settings
        )
        return io.NodeOutput(
            result.video, float(job.shown_rate), result.outcome.count, ui=result.ui
        )
