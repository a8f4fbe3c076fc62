"""SAFAEnhanceVideo: clean up a video, a few frames at a time."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from comfy_api.latest import Input, io

from ..vfi.jobs import EnhancementJob, FrameSource, fit_color
from ..vfi.preprocess import DEFAULT_THRESHOLD, parse_cuts
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
from .support.enhancement_inputs import (
    SAFA_ALIASES,
    cut_inputs,
    enhancer_input,
    make_frame_enhancer,
)
from .support.progress import check_cancelled, log_cut, show_outcome
from .support.render_video import FileSettings, render_video
from .support.sockets import SAFA_CATEGORY, ManagedEnhancer
from .support.validation import check_inputs
from .support.video_source import open_source


class SAFAEnhanceVideo(io.ComfyNode):
    """Clean up a video, from file to file."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="SAFAEnhanceVideo",
            display_name="SAFA Enhance Video",
            category=SAFA_CATEGORY,
            description="Clean up a video of any length and save it with its audio, subtitles, "
            "chapters and the workflow. Size and frame rate stay the same. Only a few frames are in "
            "memory at a time. A cancelled run resumes where it stopped.",
            search_aliases=SAFA_ALIASES,
            inputs=[
                enhancer_input(),
                io.Video.Input(
                    "video", tooltip="From Load Video, or any node that outputs a VIDEO."
                ),
                prefix_input("video/RIFE"),
                preset_input(),
                crf_input(),
                audio_mode_input(),
                *cut_inputs(),
                encoder_options_input(),
                resume_input(),
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
        return check_inputs(cls, values, input_types)

    @classmethod
    @checked
    def execute(
        cls,
        model: ManagedEnhancer,
        video: Input.Video,
        filename_prefix: str,
        audio: str = AudioMode.COPY.value,
        scene_threshold: float = DEFAULT_THRESHOLD,
        cuts: str = "",
        resume: bool = True,
        **options: Any,
    ) -> io.NodeOutput:
        """Write the file, which appears under its name when it is complete."""
        encoding, hdr = pop_encoding(options), pop_hdr(options)
        network = model.enhancer
        notes: list[str] = []
        opened = open_source(video, alpha=encoding.keeps_alpha, notify=notes.append)
        with opened as source:
            clip = fit_color(source, encoding, hdr, notes.append)
            job = EnhancementJob(clip, scene_threshold, parse_cuts(cuts), encoding.dither)

            def load() -> FrameSource:
                enhancer = make_frame_enhancer(model, clip.height, clip.width)
                return partial(job.frames, enhancer, log_cut, check=check_cancelled)

            settings = FileSettings(encoding, filename_prefix, AudioMode(audio))
            key = job.resume_key(network.identity_on(model.device)) if resume else None
            result = render_video(cls, job, settings, load, resume_key=key)
        show_outcome(cls, replace(result.outcome, model=network.name), notes)
        return io.NodeOutput(result.video, ui=result.ui)
