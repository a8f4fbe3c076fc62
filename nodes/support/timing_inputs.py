"""How the result is timed: the list ``mode`` of the interpolating nodes, and what it means."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import Any, Protocol

from comfy_api.latest import io

from ...vfi.errors import InputError
from ...vfi.read import Clip
from ...vfi.timing import (
    EndRule,
    Schedule,
    SpeedCurve,
    SpeedPoint,
    constant_speed,
    parse_ramp,
    parse_speed,
)
from .sockets import exact_rate, frame_rate_input

MULTIPLIER, TARGET_FPS, SPEED, SPEED_RAMP = "multiplier", "target fps", "speed", "speed ramp"
DEFAULT_RATE = 60.0  # fps
AUTO_END = "auto"
_NUM_CURVE_POINTS = 33


class Curve(Protocol):
    """The part of ComfyUI's CURVE that is used here."""

    def interp(self, x: float) -> float:
        """Return the height of the curve at ``x``, both in [0, 1]."""
        ...


@dataclass(frozen=True)
class _Mode:
    """One way to time the result.

    Attributes:
        inputs: makes the inputs of this mode.
        read: frame rate of the source and values of the inputs -> rate and speed of the result.
    """

    inputs: Callable[[], list[io.Input]]
    read: Callable[[Fraction, Mapping[str, Any]], tuple[Fraction, SpeedCurve]]


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
        "target_fps",
        default,
        "Frame rate of the result, above or below the source's; 0 keeps the source's. 23.976, 29.97 "
        "and 59.94 mean the exact broadcast rates.",
        least=0.0,
    )


def _rate_inputs() -> list[io.Input]:
    return [_rate_input(DEFAULT_RATE)]


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


def _read_rate(source: Fraction, values: Mapping[str, Any]) -> Fraction:
    return exact_rate(values["target_fps"]) if values["target_fps"] else source


def _read_speed(source: Fraction, values: Mapping[str, Any]) -> tuple[Fraction, SpeedCurve]:
    return _read_rate(source, values), constant_speed(parse_speed(f"{values['speed']:.6f}"))


_MODES = {
    MULTIPLIER: _Mode(_multi_inputs, lambda source, v: (v["multi"] * source, SpeedCurve())),
    TARGET_FPS: _Mode(_rate_inputs, lambda source, v: (_read_rate(source, v), SpeedCurve())),
    SPEED: _Mode(_speed_inputs, _read_speed),
    SPEED_RAMP: _Mode(
        _ramp_inputs, lambda source, v: (_read_rate(source, v), parse_ramp(v["ramp"]))
    ),
}


def mode_input(names: Sequence[str] = tuple(_MODES)) -> io.Input:
    """Describe the input ``mode``, which offers the named modes; the first is the default."""
    return io.DynamicCombo.Input(
        "mode",
        options=[io.DynamicCombo.Option(name, _MODES[name].inputs()) for name in names],
        tooltip="How the result is timed: a multiple of the source's frame rate, a fixed rate, another "
        "speed, or a speed that varies."
        if SPEED in names
        else "A fixed frame rate, or a multiple of the source's.",
    )


def curve_input() -> io.Input:
    """Describe the input ``curve``."""
    return io.Custom("CURVE").Input(
        "curve",
        optional=True,
        tooltip="From a Curve Editor, for mode speed ramp, instead of the text. Left to right is the "
        "whole clip; bottom to top is a quarter of the speed to four times the speed, and the middle "
        "is normal speed.",
        extra_dict={"forceInput": True},  # a socket: a built-in editor is never empty
    )


def read_timing(
    source_rate: Fraction, values: Mapping[str, Any]
) -> tuple[str, Fraction, SpeedCurve]:
    """Read the input ``mode``: its name, and rate and speed of the result.

    Raises:
        InputError: there is no such mode, or a value is none that it takes.
    """
    name = values.get("mode", "")
    mode = _MODES.get(name)
    if mode is None:  # ComfyUI does not validate a DynamicCombo
        raise InputError(f"mode must be one of {', '.join(_MODES)}, got {name or 'none'}.")
    return name, *mode.read(source_rate, values)


def check_mode(values: Mapping[str, Any] | None) -> None:
    """Check the input ``mode`` before a run, as far as its values are there.

    Args:
        values: None for a mode that there is not: ComfyUI leaves it out.

    Raises:
        InputError: see :func:`read_timing`.
    """
    if values is None:
        raise InputError(f"Choose a mode: one of {', '.join(_MODES)}.")
    mode = _MODES.get(values.get("mode", ""))
    names = [one.id for one in mode.inputs()] if mode else []
    if all(values.get(name) is not None for name in names):
        read_timing(Fraction(24), values)  # any rate: only what is written is checked


def plan_timing(
    clip: Clip, values: Mapping[str, Any], end: str, *, is_batch: bool, curve: Curve | None
) -> Schedule:
    """Return when the frames of the result are shown.

    Args:
        clip: the source.
        values: of the input ``mode``.
        end: of the input ``end``.
        is_batch: the source is images: a multiplier then ends on the last of them.
        curve: takes the place of the ramp.

    Raises:
        InputError: a value is none that the mode takes.
    """
    name, rate, speed = read_timing(clip.rate, values)
    if name == SPEED_RAMP and curve is not None:
        speed = read_curve(curve, _duration_of(clip))
    if end == AUTO_END:
        is_open = is_batch and name == MULTIPLIER
        end = (EndRule.LAST_FRAME if is_open else EndRule.FULL_DURATION).value
    return Schedule(rate, 1 / clip.rate, EndRule(end), speed)


def _duration_of(clip: Clip) -> Fraction:
    if clip.length is None:
        raise InputError(
            "The length of this video is not known before it is read, so curve cannot be laid over "
            "it. Disconnect curve, and write the ramp as text."
        )
    return clip.length


def read_curve(curve: Curve, duration: Fraction) -> SpeedCurve:
    """Convert a curve over [0, 1] to speeds: height 0 is 1/4, 0.5 is 1, 1 is 4.

    Args:
        curve: x is the position in the clip.
        duration: of the clip, seconds.
    """
    points: list[SpeedPoint] = []
    for index in range(_NUM_CURVE_POINTS):
        position = Fraction(index, _NUM_CURVE_POINTS - 1)
        given = curve.interp(float(position))
        if not isfinite(given):
            raise InputError(f"curve is {given} at {float(position):g}. Check the Curve Editor.")
        height = min(max(given, 0.0), 1.0)
        speed = Fraction(round(1000 * 4 ** (2 * height - 1)), 1000)
        points.append(SpeedPoint(position * duration, speed))
    return SpeedCurve(tuple(points))
