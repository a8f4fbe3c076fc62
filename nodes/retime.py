"""RIFERetime and RIFESpeedRamp: change the frame rate or the speed of an image batch."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Protocol

from comfy_api.latest import io
from torch import Tensor

from ..vfi.timing import (
    EndRule,
    Schedule,
    SpeedCurve,
    SpeedPoint,
    constant_speed,
    parse_ramp,
    parse_speed,
)
from .support.batch import interpolate_batch
from .support.interpolation_inputs import (
    InterpolationOptions,
    model_inputs,
    option_inputs,
    scale_input,
)
from .support.progress import Stopwatch, show_text
from .support.sockets import ALIASES, CATEGORY, ManagedModel, exact_rate, frame_rate_input

_NUM_CURVE_POINTS = 33


class Curve(Protocol):
    """The part of ComfyUI's CURVE that is used here."""

    def interp(self, x: float) -> float:
        """Return the height of the curve at ``x``, both in [0, 1]."""
        ...


class RIFERetime(io.ComfyNode):
    """Resample an image batch to a frame rate, and change its speed."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="RIFERetime",
            display_name="RIFE Retime",
            category=CATEGORY,
            description="Convert a clip to any frame rate, such as 16 to 24 or 60 fps, and to any "
            "speed. Source frames that fall exactly on a timestamp of the result are kept unchanged.",
            search_aliases=[*ALIASES, "convert fps", "resample", "speed", "time lapse"],
            inputs=[
                *model_inputs(),
                *_rate_inputs(),
                io.Float.Input(
                    "speed",
                    default=1.0,
                    min=0.01,
                    max=100.0,
                    step=0.01,
                    tooltip="Playback speed: 0.5 is half speed (slow motion), 2 is double speed.",
                ),
                scale_input(),
                *option_inputs(EndRule.FULL_DURATION),
            ],
            outputs=_outputs(),
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls,
        model: ManagedModel,
        images: Tensor,
        source_fps: float,
        target_fps: float,
        speed: float,
        **options: Any,
    ) -> io.NodeOutput:
        """Fill the output batch frame by frame."""
        curve = constant_speed(parse_speed(f"{speed:.6f}"))
        return _retime(cls, model, images, (source_fps, target_fps), curve, options)


class RIFESpeedRamp(io.ComfyNode):
    """Vary the speed of an image batch."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="RIFESpeedRamp",
            display_name="RIFE Speed Ramp",
            category=CATEGORY,
            description="Vary the speed of a clip: slow it down in one place, speed it up in another. "
            "Write the points of the ramp as text, or connect a Curve Editor.",
            search_aliases=[*ALIASES, "time remap", "speed curve", "velocity edit"],
            inputs=[
                *model_inputs(),
                *_rate_inputs(),
                io.String.Input(
                    "ramp",
                    default="0:1 1:0.25 2:1",
                    tooltip="Points as time:speed, in seconds of the source. The default slows down "
                    "to a quarter of the speed at second 1 and is back to normal at second 2. Between "
                    "points the speed changes evenly.",
                ),
                scale_input(),
                *option_inputs(EndRule.FULL_DURATION),
                io.Custom("CURVE").Input(
                    "curve",
                    optional=True,
                    tooltip="From a Curve Editor, instead of the text. Left to right is the whole "
                    "clip; bottom to top is a quarter of the speed to four times the speed, and the "
                    "middle is normal speed.",
                    extra_dict={"forceInput": True},  # a socket: a built-in editor is never empty
                ),
            ],
            outputs=_outputs(),
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls,
        model: ManagedModel,
        images: Tensor,
        source_fps: float,
        target_fps: float,
        ramp: str,
        curve: Curve | None = None,
        **options: Any,
    ) -> io.NodeOutput:
        """Fill the output batch frame by frame."""
        if curve is None:
            speed = parse_ramp(ramp)
        else:
            speed = read_curve(curve, len(images) / exact_rate(source_fps))
        return _retime(cls, model, images, (source_fps, target_fps), speed, options)


def read_curve(curve: Curve, duration: Fraction) -> SpeedCurve:
    """Convert a curve over [0, 1] to speeds: height 0 is 1/4, 0.5 is 1, 1 is 4.

    Args:
        curve: x is the position in the clip.
        duration: of the clip, seconds.
    """
    points: list[SpeedPoint] = []
    for index in range(_NUM_CURVE_POINTS):
        position = Fraction(index, _NUM_CURVE_POINTS - 1)
        height = min(max(curve.interp(float(position)), 0.0), 1.0)
        speed = Fraction(round(1000 * 4 ** (2 * height - 1)), 1000)
        points.append(SpeedPoint(position * duration, speed))
    return SpeedCurve(tuple(points))


def _retime(
    node: type[io.ComfyNode],
    model: ManagedModel,
    images: Tensor,
    rates: tuple[float, float],
    speed: SpeedCurve,
    options: dict[str, Any],
) -> io.NodeOutput:
    clip_options = InterpolationOptions(**options)
    source_rate, rate = (exact_rate(fps) for fps in rates)
    schedule = Schedule(rate, 1 / source_rate, EndRule(clip_options.end), speed)
    stopwatch = Stopwatch()
    out = interpolate_batch(model, images, schedule, clip_options)
    counts = len(images), len(out)
    show_text(node, stopwatch.summary(counts, (source_rate, rate), model.rife.name))
    return io.NodeOutput(out, float(rate), len(out))


def _rate_inputs() -> list[io.Input]:
    return [
        frame_rate_input(
            name, default, f"{text} 23.976, 29.97 and 59.94 mean the exact broadcast rates."
        )
        for name, default, text in (
            ("source_fps", 16.0, "Frame rate of the source: 16 for Wan, 24 for most others."),
            ("target_fps", 24.0, "Frame rate of the result, above or below the source's."),
        )
    ]


def _outputs() -> list[io.Output]:
    return [
        io.Image.Output(display_name="images", tooltip="Frames at the target frame rate."),
        io.Float.Output(display_name="fps", tooltip="The target frame rate."),
        io.Int.Output(display_name="count", tooltip="Number of frames."),
    ]
