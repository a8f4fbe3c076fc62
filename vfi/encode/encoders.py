"""Which encoders open on this machine: each is tried.

A list of names is no help: ``h264_nvenc`` is in it without such a card and driver, too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
from av.codec.codec import UnknownCodecError
from av.codec.context import CodecContext
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from ..color import MATRICES, PRIMARIES, SDR, TRANSFERS
from ..errors import InputError
from .convert import PixelConverter
from .frame_format import FrameFormat
from .hdr_parameters import hdr_parameters
from .presets import PRESETS, Encoder, Preset, Quality

# px; some hardware encoders refuse pictures below about 150x50.
_PROBE_SIZE = 256
# Options that set the size or quality in another way than crf.
_RATE_CONTROLS = frozenset({"b", "q", "qp", "crf", "cq", "global_quality", "lossless", "quality"})
_LIMITED_RANGE = 1  # FFmpeg's number of it
_LAMBDA_PER_Q = 118  # FFmpeg's FF_QP2LAMBDA


def choose_encoder(
    preset: Preset,
    *,
    crf: int | None = None,
    speed: str | None = None,
    options: Mapping[str, str] | None = None,
    has_alpha: bool = False,
) -> Encoder:
    """Take the first encoder of a preset that opens, with options of one's own.

    Args:
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
    encoder = _first_that_opens(preset, has_alpha=has_alpha)
    quality = _quality_options(preset, encoder, crf, options)
    settled = replace(
        encoder, options={**encoder.options, **_speed_options(preset, encoder, speed), **quality}
    )
    if options:
        settled = _with_options(settled, options)
        complaint = _complaint(settled)
        if complaint:
            given = ", ".join(f"{name}={value}" for name, value in options.items())
            raise InputError(
                f"{encoder.name} does not take these ffmpeg options: {given} ({complaint}). Remove "
                "or correct them."
            )
    return settled


def opens(preset: Preset) -> bool:
    """Return whether an encoder of a preset opens on this machine. Takes a moment."""
    return any(not _complaint(encoder) for encoder in preset.encoders)


def available_presets() -> Iterator[tuple[Preset, Encoder]]:
    """Yield the presets that can be written here, each with the encoder it takes."""
    for preset in PRESETS.values():
        for encoder in preset.encoders:
            if not _complaint(encoder):
                yield preset, encoder
                break


def set_up_encoder(context: VideoCodecContext, frames: FrameFormat) -> None:
    """Tell an encoder that is not open yet all about its frames, its options among it."""
    encoder = frames.encoder
    context.width, context.height = frames.coded_size
    context.pix_fmt = encoder.pixel_format
    context.framerate = frames.rate
    context.time_base = 1 / frames.rate
    context.sample_aspect_ratio = frames.pixel_aspect
    context.thread_type = "AUTO"
    _set_tags(context, frames)
    options = dict(encoder.options)
    _hush(encoder.name, options)
    for name, parameters in hdr_parameters(encoder.name, frames.color).items():
        options[name] = _joined(options.get(name), parameters)
    if "q" in options:  # not an option of the encoder's own, but two fields and a flag
        context.qscale = True
        options["global_quality"] = str(_LAMBDA_PER_Q * int(options.pop("q")))
    context.options = options


def _set_tags(context: VideoCodecContext, frames: FrameFormat) -> None:
    color = frames.color
    if frames.encoder.is_yuv:
        context.color_range = _LIMITED_RANGE
        context.colorspace = MATRICES[color.matrix]
    if frames.encoder.is_yuv or color != SDR:  # RGB without tags counts as SDR everywhere
        context.color_primaries = PRIMARIES[color.primaries]
        context.color_trc = TRANSFERS[color.transfer]


def _joined(*parameters: str | None) -> str:
    return ":".join(filter(None, parameters))


def _hush(name: str, options: MutableMapping[str, str]) -> None:
    """Keep encoders that write to the terminal themselves from greeting people there."""
    if name == "libx265":
        options["x265-params"] = _joined("log-level=error", options.get("x265-params"))
    elif name == "libsvtav1":  # which listens to nothing else
        os.environ.setdefault("SVT_LOG", "1")


def _first_that_opens(preset: Preset, *, has_alpha: bool) -> Encoder:
    candidates = [encoder for encoder in preset.encoders if encoder.has_alpha == has_alpha]
    if not candidates:
        keepers = ", ".join(other.name for other in PRESETS.values() if other.has_alpha)
        raise InputError(
            f"Preset {preset.name} has no transparency, but the frames have an alpha channel. "
            f"Drop it, or choose one of {keepers}."
        )
    complaints: list[str] = []
    for encoder in candidates:
        complaint = _complaint(encoder)
        if not complaint:
            return encoder
        complaints.append(f"{encoder.name} ({complaint})")
    reasons = f"{preset.name} (PyAV {av.__version__}: {'; '.join(complaints)})"
    found = "no working GPU encoder found" if preset.needs_gpu else "no working encoder found"
    is_missing = all(encoder.name not in av.codecs_available for encoder in candidates)
    if not (preset.needs_gpu or is_missing):
        # Memory may be short, where to try others as well could end the process.
        raise InputError(
            f"Choose another preset, or install PyAV from PyPI: {found} for {reasons}. "
            "If memory is short, close other programs first."
        )
    names = ", ".join(other.name for other, _ in available_presets())
    raise InputError(f"Choose another preset ({names}): {found} for {reasons}.")


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
    """Add a user's options; a pixel format is the writer's to convert to."""
    merged = {**encoder.options, **options}
    pixel_format = merged.pop("pix_fmt", encoder.pixel_format)
    if pixel_format != encoder.pixel_format and (encoder.has_alpha or encoder.has_own_palettes):
        raise InputError(
            f"{encoder.name} takes the pixel format {encoder.pixel_format} only; remove -pix_fmt "
            f"{pixel_format} from the ffmpeg options."
        )
    return replace(encoder, options=merged, pixel_format=pixel_format)


def _complaint(encoder: Encoder) -> str:
    """Encode a black frame to nowhere; returns what is wrong, nothing if it works."""
    size = _PROBE_SIZE
    frames = FrameFormat(size, size, Fraction(25), Fraction(1), encoder.has_alpha, 8, encoder)
    black = np.zeros((size, size, 4 if encoder.has_alpha else 3), np.uint8)
    try:
        context = CodecContext.create(encoder.name, "w")
        assert isinstance(context, VideoCodecContext)
        set_up_encoder(context, frames)
        context.open()
        # Options that the encoder does not know are left over.
        unknown = sorted(context.options)
        picture = PixelConverter(frames).convert(frames.to_video_frame(black), 0)
        num_packets = len(context.encode(picture)) + len(context.encode(None))
    except UnknownCodecError:
        return f"PyAV {av.__version__} has no such encoder"
    except (FFmpegError, ValueError) as error:
        return str(getattr(error, "strerror", None) or error)
    if unknown:
        return f"it has no option {' or '.join(unknown)}"
    return "" if num_packets else "it encodes nothing"
