"""Inputs that decide how files are written, and the settings they give."""

from __future__ import annotations

from functools import cache
from typing import Any

from comfy_api.latest import io

from ...vfi.encode import (
    DEFAULT_PRESET,
    PRESETS,
    SPEEDS,
    EncodingSettings,
    find_preset,
    opens,
    parse_encoder_options,
)
from ...vfi.jobs import HdrMode
from ...vfi.tracks import AudioMode

_WITH_HDR = ", ".join(preset.name for preset in PRESETS.values() if preset.keeps_hdr)
_WITHOUT_SPEEDS = ", ".join(p.name for p in PRESETS.values() if not p.has_speeds)
_WITHOUT_CRF = ", ".join(preset.name for preset in PRESETS.values() if not preset.has_crf)


def pop_encoding(options: dict[str, Any]) -> EncodingSettings:
    """Remove the encoding inputs from ``options``, and return them as settings.

    A node shows ``crf`` and ``encoder_speed`` for every preset; presets that have none ignore them.
    """
    preset = find_preset(options.pop("preset", DEFAULT_PRESET))
    crf, speed = options.pop("crf", 20), options.pop("encoder_speed", "normal")
    return EncodingSettings(
        preset.name,
        crf if preset.has_crf else None,
        speed if speed != "normal" and preset.has_speeds else None,
        parse_encoder_options(options.pop("ffmpeg_options", "")),
        options.pop("dither", False),
    )


def pop_hdr(options: dict[str, Any]) -> HdrMode:
    """Remove the input ``hdr`` from ``options``, and return its value."""
    return HdrMode(options.pop("hdr", HdrMode.TONE_MAP.value))


def prefix_input(default: str) -> io.Input:
    """Describe the input ``filename_prefix``."""
    return io.String.Input(
        "filename_prefix",
        default=default,
        tooltip="Name of the result in ComfyUI's output folder; a/b saves it in a subfolder. A "
        "number is added, so nothing is overwritten.",
    )


def crf_input(*, advanced: bool = False) -> io.Input:
    """Describe the input ``crf``."""
    return io.Int.Input(
        "crf",
        default=20,
        min=0,
        max=51,
        display_mode=io.NumberDisplay.slider,
        advanced=advanced or None,
        tooltip="Quality: lower is better and larger. 17 looks lossless, 20 is very good, 28 is "
        "small; in web and webm, 24 is about as good as 20 in share. "
        f"Not used by {_WITHOUT_CRF}.",
    )


@cache
def _offered_presets() -> list[str]:
    """List the presets, without those for GPUs that have no encoder that opens on this machine.

    A workflow may name any; ``check_inputs`` says what is wrong with it here.
    """
    return [name for name, preset in PRESETS.items() if not preset.needs_gpu or opens(preset)]


def preset_input(*, advanced: bool = False) -> io.Input:
    """Describe the input ``preset``."""
    return io.Combo.Input(
        "preset",
        _offered_presets(),
        default=DEFAULT_PRESET,
        advanced=advanced or None,
        tooltip="\n".join(f"{p.name}: {p.purpose}" for p in PRESETS.values()),
    )


def audio_mode_input(more: str = "") -> io.Input:
    """Describe the input ``audio`` of nodes that read a video.

    Args:
        more: appended to the tooltip.
    """
    return io.Combo.Input(
        "audio",
        options=[mode.value for mode in AudioMode],
        default=AudioMode.COPY.value,
        tooltip="copy keeps the audio as it is where the container can hold it, aac re-encodes it, "
        f"none drops it.{more}",
    )


def resume_input() -> io.Input:
    """Describe the input ``resume``."""
    return io.Boolean.Input(
        "resume",
        default=True,
        optional=True,
        advanced=True,
        tooltip="Keep the finished part of a cancelled or crashed run, and resume from there when the "
        "same job is queued again. Off: nothing is kept, and every run starts over.",
    )


def encoder_options_input() -> io.Input:
    """Describe the input ``ffmpeg_options``."""
    return io.String.Input(
        "ffmpeg_options",
        default="",
        optional=True,
        advanced=True,
        tooltip="Options for the encoder, such as: preset=slow tune=film. They override the other "
        "settings.",
    )


def dither_input() -> io.Input:
    """Describe the input ``dither``."""
    return io.Boolean.Input(
        "dither",
        default=False,
        optional=True,
        advanced=True,
        tooltip="Reduces banding in skies and other gradients in 8-bit files: values between two "
        "levels are spread over neighbouring pixels. Worth it for PNG, lossless, webm, and share with "
        "a crf of 14 or less; at a higher crf, the encoder of share smooths it away. Files get "
        "larger. 10-bit presets do not need it.",
    )


def encoder_speed_input() -> io.Input:
    """Describe the input ``encoder_speed``."""
    return io.Combo.Input(
        "encoder_speed",
        list(SPEEDS),
        default="normal",
        optional=True,
        advanced=True,
        tooltip="How hard the encoder works: fast is quicker, with slightly worse quality or larger "
        f"files; slow is the reverse. Not used by {_WITHOUT_SPEEDS}.",
    )


def hdr_input() -> io.Input:
    """Describe the input ``hdr`` of nodes that read a video."""
    return io.Combo.Input(
        "hdr",
        [mode.value for mode in HdrMode],
        default=HdrMode.TONE_MAP.value,
        optional=True,
        advanced=True,
        tooltip="What becomes of an HDR video (PQ or HLG) in a preset of 8 bits: tonemap converts it to "
        f"SDR, refuse stops with an error. HDR is kept by {_WITH_HDR}.",
    )
