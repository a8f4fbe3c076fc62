"""RIFEEnhanceVideo: a video becomes a cleaner file, a few frames at a time."""

from __future__ import annotations

from functools import partial
from typing import Any

from comfy_api.latest import Input, io

from ..vfi.jobs import EnhanceJob, FrameSource
from ..vfi.preprocess import DEFAULT_THRESHOLD, parse_cuts
from ..vfi.tracks import AudioMode
from .enhance import SAFA_ALIASES, cut_inputs, enhancer_input, make_frame_enhancer
from .support.encoding_inputs import (
    Encoding,
    crf_input,
    dither_input,
    encoder_options_input,
    encoder_speed_input,
    prefix_input,
    preset_input,
    resume_input,
)
from .support.progress import check_cancelled, show_text, tell_cut
from .support.render_video import make_video
from .support.sockets import CATEGORY, ManagedEnhancer, take
from .support.video_source import open_source


class RIFEEnhanceVideo(io.ComfyNode):
    """Clean up a video, from file to file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="RIFEEnhanceVideo",
            display_name="RIFE Enhance Video",
            category=CATEGORY,
            description="Clean up a video of any length and save it, with its size, rate, sound, "
            "subtitles, chapters and workflow. A few frames are in memory at a time; a run that "
            "was cancelled goes on where it stopped.",
            search_aliases=SAFA_ALIASES,
            inputs=[
                enhancer_input(),
                io.Video.Input("video", tooltip="From Load Video, or from a node that makes one."),
                prefix_input("video/RIFE"),
                preset_input(optional=False),
                crf_input(),
                io.Combo.Input(
                    "audio",
                    options=[mode.value for mode in AudioMode],
                    default=AudioMode.COPY.value,
                    tooltip="copy keeps the sound as it is, aac encodes it anew, none leaves it "
                    "out.",
                ),
                *cut_inputs(),
                encoder_options_input(),
                resume_input(),
                dither_input(),
                encoder_speed_input(),
            ],
            outputs=[io.Video.Output(display_name="video", tooltip="The finished file.")],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo, io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls,
        enhancer: ManagedEnhancer,
        video: Input.Video,
        filename_prefix: str,
        audio: str = AudioMode.COPY.value,
        scene_threshold: float = DEFAULT_THRESHOLD,
        cuts: str = "",
        resume: bool = True,
        **options: Any,
    ) -> io.NodeOutput:
        """Write the file, which appears under its name when it is complete."""
        encoding = take(options, Encoding)
        network = enhancer.enhancer
        with open_source(video, alpha=encoding.chosen.has_alpha) as clip:
            job = EnhanceJob(clip, scene_threshold, parse_cuts(cuts), encoding.dither)

            def load() -> FrameSource:
                model = make_frame_enhancer(enhancer, clip.height, clip.width)
                return partial(job.frames, model, tell_cut, check=check_cancelled)

            result = make_video(
                cls,
                job,
                encoding,
                prefix=filename_prefix,
                audio=audio,
                resume=[network.identity] if resume else None,
                load=load,
            )
        show_text(cls, result.stopwatch.speed(result.count, network.name))
        return io.NodeOutput(result.video, ui=result.shown)
