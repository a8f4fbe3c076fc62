"""Inputs that decide how files are written, and what is made of them."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ...vfi.encode import (
    DEFAULT_PRESET,
    PRESETS,
    SPEEDS,
    EncodingSettings,
    find_preset,
    parse_encoder_options,
)
from ...vfi.tracks import AudioMode

_WITHOUT_SPEEDS = ", ".join(p.name for p in PRESETS.values() if not p.has_speeds)
_WITHOUT_CRF = ", ".join(preset.name for preset in PRESETS.values() if not preset.has_crf)


def pop_encoding(options: dict[str, Any]) -> EncodingSettings:
    """Take the inputs that decide how a video is encoded out of the others.

    A node shows ``crf`` and ``encoder_speed`` for every preset; where a preset has none, they are
    ignored.
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


def prefix_input(default: str) -> io.Input:
    """Describe the input ``filename_prefix``."""
    return io.String.Input(
        "filename_prefix",
        default=default,
        tooltip="Name of the result in ComfyUI's output folder; a/b puts it into a subfolder. "
        "A number is added, so nothing is overwritten.",
    )


def crf_input() -> io.Input:
    """Describe the input ``crf``."""
    return io.Int.Input(
        "crf",
        default=20,
        min=0,
        max=51,
        display_mode=io.NumberDisplay.slider,
        tooltip="Quality: lower is better and larger. 17 looks lossless, 20 is very "
        "good, 28 is small; in web and webm, 24 is about as good as 20 in share. "
        f"Not for {_WITHOUT_CRF}.",
    )


def preset_input(*, optional: bool) -> io.Input:
    """Describe the input ``preset``."""
    return io.Combo.Input(
        "preset",
        list(PRESETS),
        default=DEFAULT_PRESET,
        optional=optional,
        tooltip="\n".join(f"{p.name}: {p.purpose}" for p in PRESETS.values()),
    )


def audio_mode_input(more: str = "") -> io.Input:
    """Describe the input ``audio`` of nodes that read a video.

    Args:
        more: of the tooltip.
    """
    return io.Combo.Input(
        "audio",
        options=[mode.value for mode in AudioMode],
        default=AudioMode.COPY.value,
        tooltip=f"copy keeps the audio as it is, aac re-encodes it, none drops it.{more}",
    )


def resume_input() -> io.Input:
    """Describe the input ``resume``."""
    return io.Boolean.Input(
        "resume",
        default=True,
        optional=True,
        advanced=True,
        tooltip="Keep what a cancelled or crashed run has made, and go on from there when the same "
        "job is queued again. Off: nothing is kept, and each run begins anew.",
    )


def encoder_options_input() -> io.Input:
    """Describe the input ``ffmpeg_options``."""
    return io.String.Input(
        "ffmpeg_options",
        default="",
        optional=True,
        advanced=True,
        tooltip="Options of the encoder, which take precedence, such as: -preset slow -tune film",
    )


def dither_input() -> io.Input:
    """Describe the input ``dither``."""
    return io.Boolean.Input(
        "dither",
        default=False,
        optional=True,
        advanced=True,
        tooltip="Against bands in skies and other gradients where the file has 8 bits: what lies "
        "between two levels is spread over the pixels around. Worth it for PNG, lossless, webm, and "
        "share with a crf of 14 or less; files get larger. Above that the encoder of share smooths "
        "it away. Presets of 10 bits need none.",
    )


def encoder_speed_input() -> io.Input:
    """Describe the input ``encoder_speed``."""
    return io.Combo.Input(
        "encoder_speed",
        list(SPEEDS),
        default="normal",
        optional=True,
        advanced=True,
        tooltip="How long the encoder may search: fast takes less time, for a picture that is a "
        "little worse or a file that is larger; slow is the reverse. "
        f"Not for {_WITHOUT_SPEEDS}.",
    )
