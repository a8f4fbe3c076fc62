"""Which encoders open on this machine: each is tried.

The list ffmpeg prints is no help: ``h264_nvenc`` is in it without such a card and driver, too.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ..errors import InputError
from .ffmpeg import complaints_in
from .presets import PRESETS, Encoder, Preset, Quality

# px; some hardware encoders refuse pictures below about 150x50.
_PROBE_SIZE = 256
_PROBE_SECONDS = 30
# Options that set the size or quality in another way than crf.
_RATE_CONTROLS = frozenset({"b", "q", "qp", "crf", "cq", "global_quality", "lossless", "quality"})


def choose_encoder(
    ffmpeg: str,
    preset: Preset,
    *,
    crf: int | None = None,
    speed: str | None = None,
    options: Mapping[str, str] | None = None,
    has_alpha: bool = False,
) -> Encoder:
    """Take the first encoder of a preset that opens, with options of one's own.

    Args:
        ffmpeg: the program.
        preset: what to encode as.
        crf: quality, None for the preset's.
        speed: one of ``SPEEDS``, None for the preset's.
        options: from ``parse_encoder_options``; they take precedence.
        has_alpha: keep the frames' alpha channel.

    Returns:
        The encoder with all its options, the quality among them.

    Raises:
        InputError: there is no such encoder here, or it does not take the options.
    """
    options = options or {}
    encoder = _first_that_opens(ffmpeg, preset, has_alpha=has_alpha)
    quality = _quality_options(preset, encoder, crf, options)
    settled = replace(
        encoder, options={**encoder.options, **_speed_options(preset, encoder, speed), **quality}
    )
    if options:
        settled = _with_options(settled, options)
        complaint = _complaint(ffmpeg, settled)
        if complaint:
            raise InputError(
                f"{encoder.name} does not take these ffmpeg options: {complaint} "
                f"Look them up with: ffmpeg -h encoder={encoder.name}"
            )
    return settled


def available_presets(ffmpeg: str) -> Iterator[tuple[Preset, Encoder]]:
    """Yield the presets that can be written here, each with the encoder it takes."""
    for preset in PRESETS.values():
        for encoder in preset.encoders:
            if not _complaint(ffmpeg, encoder):
                yield preset, encoder
                break


def encoder_arguments(encoder: Encoder) -> list[str]:
    """Return options that make ffmpeg use this encoder for video."""
    arguments = ["-c:v", encoder.name]
    for name, value in encoder.options.items():
        arguments += [f"-{name}:v", value]
    return arguments


def _first_that_opens(ffmpeg: str, preset: Preset, *, has_alpha: bool) -> Encoder:
    candidates = [encoder for encoder in preset.encoders if encoder.has_alpha == has_alpha]
    if not candidates:
        keepers = ", ".join(other.name for other in PRESETS.values() if other.has_alpha)
        raise InputError(
            f"Preset {preset.name} has no transparency, but the frames have an alpha channel. "
            f"Drop it, or choose one of {keepers}."
        )
    complaints: list[str] = []
    for encoder in candidates:
        complaint = _complaint(ffmpeg, encoder)
        if not complaint:
            return encoder
        complaints.append(f"{encoder.name} ({complaint})")
    names = ", ".join(other.name for other, _ in available_presets(ffmpeg))
    advice = f"Presets that work here: {names}." if names else "Install another ffmpeg."
    raise InputError(
        f"No encoder of preset {preset.name} works here with {ffmpeg}: {'; '.join(complaints)}. "
        f"{advice}"
    )


def _speed_options(preset: Preset, encoder: Encoder, speed: str | None) -> Mapping[str, str]:
    if speed is None:
        return {}
    if not encoder.speeds:
        raise InputError(
            f"Preset {preset.name} has one encoder speed only; remove the encoder speed."
        )
    return encoder.speeds[speed]


def _quality_options(
    preset: Preset, encoder: Encoder, crf: int | None, options: Mapping[str, str]
) -> Mapping[str, str]:
    quality = encoder.quality
    if quality is None:
        if crf is not None:
            raise InputError(f"Preset {preset.name} has no quality setting; remove crf.")
        return {}
    value = quality.default if crf is None else crf
    _require_in_range(quality, value)
    if crf is None and not _RATE_CONTROLS.isdisjoint(options):
        return {}
    return {**quality.together_with, quality.option: str(value)}


def _require_in_range(quality: Quality, value: int) -> None:
    if not quality.minimum <= value <= quality.maximum:
        raise InputError(
            f"crf must be {quality.minimum} to {quality.maximum}, got {value}. "
            f"{quality.default} is the default; higher makes smaller files."
        )


def _with_options(encoder: Encoder, options: Mapping[str, str]) -> Encoder:
    """Add a user's options; a pixel format is the writer's to convert to, not ffmpeg's."""
    merged = {**encoder.options, **options}
    pixel_format = merged.pop("pix_fmt", encoder.pixel_format)
    if pixel_format != encoder.pixel_format and (encoder.has_alpha or encoder.filters):
        raise InputError(
            f"{encoder.name} takes the pixel format {encoder.pixel_format} only; remove -pix_fmt "
            f"{pixel_format} from the ffmpeg options."
        )
    return replace(encoder, options=merged, pixel_format=pixel_format)


def _complaint(ffmpeg: str, encoder: Encoder) -> str:
    """Encode a black frame to nowhere; returns what ffmpeg complains of, nothing if it works."""
    size = f"{_PROBE_SIZE}x{_PROBE_SIZE}"
    command = [ffmpeg, "-hide_banner", "-loglevel", "error", "-f", "rawvideo"]
    command += ["-pixel_format", "rgb24", "-video_size", size, "-i", "pipe:0"]
    command += ["-vf", encoder.filters or f"format={encoder.pixel_format}"]
    command += [*encoder_arguments(encoder), "-f", "null", "-"]
    try:
        ended = subprocess.run(
            command,
            input=bytes(3 * _PROBE_SIZE**2),
            capture_output=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_PROBE_SECONDS} s"
    if ended.returncode == 0:
        return ""
    # The first line is the encoder's own; those after it say that something went wrong.
    lines = complaints_in(ended.stderr)
    return lines[0] if lines else f"exit code {ended.returncode}"
