"""RIFEInterpolate: make a clip smoother, in memory."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import torch
from comfy_api.latest import Input, InputImpl, Types, io
from torch import Tensor

from ..vfi.jobs import HdrMode, InterpolationJob, fit_color
from ..vfi.read import read_audio
from ..vfi.tracks import AudioMode
from .support.batch import interpolate_clip, require_memory
from .support.checked import checked
from .support.clip_source import open_clip, with_audio
from .support.interpolate_file import TimingSettings, plan_interpolation
from .support.interpolation_inputs import InterpolationOptions, option_inputs, scale_input
from .support.progress import Outcome, Stopwatch, show_outcome
from .support.sockets import (
    ALIASES,
    CATEGORY,
    ManagedModel,
    RifeModelType,
    clip_input,
    clip_rate_input,
)
from .support.sound import Sound, read_audio_input
from .support.timing_inputs import AUTO_END, Curve, curve_input, mode_input
from .support.validation import check_inputs


class RIFEInterpolate(io.ComfyNode):
    """Interpolate a clip, and keep its frames in memory."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="RIFEInterpolate",
            display_name="RIFE Interpolate",
            category=CATEGORY,
            description="Make a clip smoother, or change its frame rate or its speed: new frames "
            "between those of the source, which are kept unchanged where they are shown. Takes images "
            "or a VIDEO, and gives both.",
            search_aliases=[
                *ALIASES,
                "multiply frames",
                "FrameInterpolate",
                "retime",
                "speed ramp",
                "time remap",
                "convert fps",
            ],
            inputs=[
                RifeModelType.Input("model", tooltip="From Load RIFE Model."),
                clip_input(
                    "images",
                    "Frames in order, at least two, RGB or RGBA; or a VIDEO, with its sound.",
                ),
                clip_rate_input("source_fps"),
                mode_input(),
                scale_input(),
                *option_inputs(),
                io.Audio.Input(
                    "audio",
                    optional=True,
                    tooltip="Sound for the video output, in place of that of a VIDEO. It follows the "
                    "speed and keeps its pitch; a speed that varies drops it.",
                ),
                curve_input(),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="Original and new frames."),
                io.Float.Output(display_name="fps", tooltip="Frame rate of the result."),
                io.Int.Output(display_name="count", tooltip="Number of frames."),
                io.Video.Output(
                    display_name="video", tooltip="The frames with their rate and sound."
                ),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def validate_inputs(cls, input_types: dict[str, str], **values: Any) -> bool:
        """Refuse what is wrong before anything runs."""
        return check_inputs(cls, values, input_types, clip="images", rate="source_fps")

    @classmethod
    @checked
    def execute(
        cls,
        model: ManagedModel,
        images: Tensor | Input.Video,
        source_fps: float,
        mode: dict[str, Any] | None = None,
        end: str = AUTO_END,
        audio: object = None,
        curve: Curve | None = None,
        **options: Any,
    ) -> io.NodeOutput:
        """Fill the output batch frame by frame."""
        stopwatch = Stopwatch()
        timing = TimingSettings(source_fps, mode or {}, end, curve)
        interpolation = InterpolationOptions(**options)
        notes: list[str] = []
        own_sound = read_audio_input(audio, "audio", notes.append)
        opened = open_clip(
            images, source_fps, rate_name="source_fps", alpha=True, notify=notes.append
        )
        with opened as source, with_audio(source, own_sound) as heard:
            clip = fit_color(heard, None, HdrMode.TONE_MAP, notes.append)
            is_batch = isinstance(images, Tensor)
            job = plan_interpolation(clip, timing, interpolation, is_batch=is_batch)
            channels = 4 if clip.has_alpha else 3
            like = torch.empty(1, clip.height, clip.width, channels, device="meta")
            require_memory(job.num_frames or 0, like)
            if note := timing.note_on(model):
                notes.append(note)
            redrawn: list[int] = []
            out = interpolate_clip(model, job, interpolation, cls, redrawn.append)
            sound = _sound(job, own_sound, len(out) / job.shown_rate)
            if job.tempo is None and clip.tracks and clip.tracks.audio:
                notes.append("sound was left out: the speed varies")
        outcome = Outcome(
            len(out),
            job.shown_rate,
            stopwatch.seconds,
            source_count=clip.num_frames,
            source_rate=clip.rate,
            model=f"RIFE {model.rife.name}",
            num_redrawn=interpolation.count_redrawn(redrawn),
        )
        show_outcome(cls, outcome, notes)
        video = _video(out, job.shown_rate, sound)
        return io.NodeOutput(out, float(job.shown_rate), len(out), video)


def _sound(job: InterpolationJob, sound: Sound | None, duration: Fraction) -> dict[str, Any] | None:
    """Return the AUDIO that goes with a result of this many seconds, if there is any."""
    if sound is not None and job.tempo == 1:  # as it is, with all its bits
        return sound.as_audio(int(duration * sound.sample_rate))
    tracks = job.tracks(AudioMode.ENCODE)
    found = tracks and read_audio(tracks, duration)
    if not found:
        return None
    waveform, rate = found
    return {"waveform": waveform[None], "sample_rate": rate}


def _video(images: Tensor, rate: Fraction, audio: dict[str, Any] | None) -> Input.Video:
    alpha = images[..., 3] if images.shape[-1] == 4 else None
    components = Types.VideoComponents(
        images=images[..., :3],
        frame_rate=rate,
        audio=audio,
        alpha=alpha,
    )
    return InputImpl.VideoFromComponents(components)
