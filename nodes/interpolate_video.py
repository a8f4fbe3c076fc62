"""RIFEInterpolateVideo: make a video smoother, a few frames at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

from comfy_api.latest import Input, io

from ..vfi.errors import InputError
from ..vfi.jobs import FrameSource, InterpolationJob, fit_color, plan_job
from ..vfi.read import Clip
from ..vfi.synthesis import AtCut
from ..vfi.timing import (
    EndRule,
    Schedule,
    SpeedCurve,
    constant_speed,
    parse_ramp,
    parse_speed,
)
from ..vfi.tracks import AudioMode
from .support.batch import make_interpolator, model_settings
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
from .support.interpolation_inputs import (
    InterpolationOptions,
    option_inputs,
    scale_input,
)
from .support.progress import check_cancelled, log_cut, show_text
from .support.render_video import render_video
from .support.sockets import (
    ALIASES,
    CATEGORY,
    ManagedModel,
    RifeModelType,
    exact_rate,
    frame_rate_input,
)
from .support.video_source import open_source


@dataclass(frozen=True)
class _Mode:
    """One way to time the result.

    Attributes:
        inputs: makes the inputs of this mode.
        read: frame rate of the source and values of the inputs -> rate and speed of the result.
    """

    inputs: Callable[[], list[io.Input]]
    read: Callable[[Fraction, dict[str, Any]], tuple[Fraction, SpeedCurve]]


def _multi_inputs() -> list[io.Input]:
    return [
        io.Int.Input(
            "multi",
            default=2,
            min=2,
            max=64,
            tooltip="Multiplier of the frame rate: 2 turns 16 fps into 32.",
        )
    ]


def _rate_input(default: float) -> io.Input:
    # The same tooltip in every mode: the front end looks its translation up by the input's name.
    return frame_rate_input(
        "fps",
        default,
        "Frame rate of the result, above or below the source's; 0 keeps the source's. 23.976, 29.97 "
        "and 59.94 mean the exact broadcast rates.",
        least=0.0,
    )


def _rate_inputs() -> list[io.Input]:
    return [_rate_input(60.0)]


def _speed_inputs() -> list[io.Input]:
    return [
        io.Float.Input(
            "speed",
            default=0.5,
            min=0.01,
            max=100.0,
            step=0.01,
            tooltip="Playback speed: 0.5 is half speed (slow motion), 2 is double speed.",
        ),
        _rate_input(0.0),
    ]


def _ramp_inputs() -> list[io.Input]:
    return [
        io.String.Input(
            "ramp",
            default="0:1 1:0.25 2:1",
            tooltip="Points as time:speed, in seconds of the source. The default slows down to a "
            "quarter of the speed at second 1 and is back to normal at second 2. Between points the "
            "speed changes evenly.",
        ),
        _rate_input(0.0),
    ]


def _read_rate(source: Fraction, values: dict[str, Any]) -> Fraction:
    return exact_rate(values["fps"]) if values["fps"] else source


_MODES = {
    "multiplier": _Mode(_multi_inputs, lambda source, v: (v["multi"] * source, SpeedCurve())),
    "target fps": _Mode(_rate_inputs, lambda source, v: (_read_rate(source, v), SpeedCurve())),
    "speed": _Mode(
        _speed_inputs,
        lambda source, v: (
            _read_rate(source, v),
            constant_speed(parse_speed(f"{v['speed']:.6f}")),
        ),
    ),
    "speed ramp": _Mode(
        _ramp_inputs, lambda source, v: (_read_rate(source, v), parse_ramp(v["ramp"]))
    ),
}


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
            "chapters and the workflow. Only a few frames are in memory at a time. A cancelled run "
            "resumes where it stopped.",
            search_aliases=[*ALIASES, "interpolate video", "long video", "video to video"],
            inputs=[
                RifeModelType.Input("model", tooltip="From Load RIFE Model."),
                io.Video.Input(
                    "video", tooltip="From Load Video, or any node that outputs a VIDEO."
                ),
                io.DynamicCombo.Input(
                    "mode",
                    options=[
                        io.DynamicCombo.Option(name, mode.inputs()) for name, mode in _MODES.items()
                    ],
                    tooltip="How the result is timed: a multiple of the source's frame rate, a fixed "
                    "rate, another speed, or a speed that varies.",
                ),
                scale_input(),
                prefix_input("video/RIFE"),
                preset_input(optional=False),
                crf_input(),
                audio_mode_input(
                    " At another speed, audio keeps its pitch and subtitles are dropped; a speed that "
                    "varies drops both."
                ),
                *option_inputs(EndRule.FULL_DURATION),
                encoder_options_input(),
                resume_input(),
                dither_input(),
                encoder_speed_input(),
                hdr_input(),
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
    def execute(
        cls,
        model: ManagedModel,
        video: Input.Video,
        filename_prefix: str,
        mode: dict[str, Any] | None = None,
        audio: str = AudioMode.COPY.value,
        resume: bool = True,
        **options: Any,
    ) -> io.NodeOutput:
        """Write the file, which appears under its name when it is complete."""
        encoding, hdr = pop_encoding(options), pop_hdr(options)
        interpolation = InterpolationOptions(**options)
        notes: list[str] = []
        with open_source(video, alpha=encoding.keeps_alpha) as source:
            clip = fit_color(source, encoding, hdr, notes.append)
            job = _plan(clip, mode or {}, interpolation, dither=encoding.dither)

            def load() -> FrameSource:
                interpolator = make_interpolator(model, clip.height, clip.width, interpolation)
                return partial(job.frames, interpolator, log_cut, check=check_cancelled)

            result = render_video(
                cls,
                job,
                encoding,
                prefix=filename_prefix,
                audio=audio,
                resume_key=job.resume_key(*model_settings(model, interpolation))
                if resume
                else None,
                load=load,
            )
        counts, rates = (clip.num_frames, result.count), (clip.rate, job.shown_rate)
        show_text(cls, result.stopwatch.summary(counts, rates, model.rife.name), notes)
        return io.NodeOutput(result.video, float(job.shown_rate), result.count, ui=result.ui)


def _plan(
    clip: Clip, values: dict[str, Any], options: InterpolationOptions, *, dither: bool
) -> InterpolationJob:
    name = values.get("mode", "")
    mode = _MODES.get(name)
    if mode is None:  # ComfyUI does not validate a DynamicCombo
        raise InputError(f"mode must be one of {', '.join(_MODES)}, got {name or 'none'}.")
    rate, speed = mode.read(clip.rate, values)
    return plan_job(
        clip,
        Schedule(rate, 1 / clip.rate, EndRule(options.end), speed),
        preparation=options.preparation(None),
        at_cut=AtCut(options.at_cut),
        dither=dither,
    )
