"""What a file says of itself, and which of its statements to believe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.subtitles.stream import SubtitleStream as SubtitleTrack
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..color import Color
from ..errors import DecodeError, InputError
from ..timing import parse_timestamp
from ..tracks import AudioStream, Chapter, SubtitleStream
from .color_tags import color_of
from .decode import decode_frames, decoder_of, to_rgb, warn_of_matrix
from .demux import (
    MICROSECOND,
    audio_origin,
    find_video_stream,
    first_times,
    has_no_presentation_times,
    open_container,
    pts_of,
    time_base_of,
)
from .gif import clears_frames
from .timestamps import is_constant_rate, no_frames
from .video_info import VideoInfo

# What a file says of itself rather than of the film (mp4's brands, who wrote it); a writer makes its
# own.
_FORMAT_TAGS = frozenset(
    {"compatible_brands", "duration", "encoder", "major_brand", "minor_version"}
)


def probe_container(path: Path) -> VideoInfo:
    """Decode the first frame of a video, and tell what the file is.

    Raises:
        DecodeError: it is not a video, has no video stream, no frame rate, or does not decode.
    """
    with open_container(path) as container:
        stream = find_video_stream(container, path)
        decoder = decoder_of(stream, alpha=True)
        with closing(decode_frames(container, stream, decoder, path)) as frames:
            first = next(frames, None)
        if first is None:
            raise no_frames(path)
        warn_of_matrix(first, path)
        return _describe(container, stream, first, color_of(decoder, first), path)


def _describe(
    container: InputContainer, stream: VideoStream, first: VideoFrame, color: Color, path: Path
) -> VideoInfo:
    rate, is_constant = _nominal_rate(stream, path)
    seconds = _estimate_seconds(container, stream)
    pts = pts_of(container, first)
    origin = None if pts is None else pts * time_base_of(stream)
    rotation = round(first.rotation / 90) * 90 % 360
    width, height = first.width, first.height
    pixel_aspect = Fraction(stream.sample_aspect_ratio or 1)
    if rotation in (90, 270):
        width, height, pixel_aspect = height, width, 1 / pixel_aspect
    return VideoInfo(
        path=path,
        width=width,
        height=height,
        rate=rate,
        num_frames=None if seconds is None else round(seconds * rate),
        start=_start(container, stream, first),
        rotation=rotation,
        pixel_aspect=pixel_aspect,
        audio=tuple(
            AudioStream(track.index, _codec_name(track)) for track in container.streams.audio
        ),
        subtitles=tuple(
            SubtitleStream(track.index, _codec_name(track)) for track in container.streams.subtitles
        ),
        chapters=tuple(_chapters(container, origin)),
        tags=_tags(container),
        bit_depth=max(component.bits for component in first.format.components),
        color=color,
        has_alpha=_has_alpha(container, first, path),
        origin=origin,
        duration=None if is_constant else seconds,
    )


def _has_alpha(container: InputContainer, first: VideoFrame, path: Path) -> bool:
    if not any(component.is_alpha for component in first.format.components):
        return False
    if container.format.name != "gif":
        return True
    # The GIF decoder gives every file an alpha channel.
    is_opaque = to_rgb(first, bit_depth=8, alpha=True)[..., 3].min() == 255
    return not is_opaque or clears_frames(path)


def _chapters(container: InputContainer, origin: Fraction | None) -> Iterator[Chapter]:
    if not hasattr(container, "chapters"):  # PyAV 14.2
        return
    for chapter in container.chapters():
        time_base = chapter["time_base"]
        if time_base is None:
            continue
        start, end = (chapter[side] * time_base - (origin or 0) for side in ("start", "end"))
        if end > 0:
            yield Chapter(max(start, Fraction(0)), end, chapter["metadata"].get("title", ""))


def _tags(container: InputContainer) -> dict[str, str]:
    """Return tags of the content, not of the format, that are readable text."""
    return {
        name: value
        for name, value in container.metadata.items()
        if name.lower() not in _FORMAT_TAGS and "\N{REPLACEMENT CHARACTER}" not in value
    }


def _codec_name(stream: av.AudioStream | SubtitleTrack) -> str:
    # PyAV's annotation does not say so, but a stream without a decoder has no codec context.
    context = getattr(stream, "codec_context", None)
    return "unknown" if context is None else str(context.codec.canonical_name)


def _nominal_rate(stream: VideoStream, path: Path) -> tuple[Fraction, bool]:
    """Choose among FFmpeg's frame rates; returns whether the first frames follow it.

    The average is wrong where the time base is coarse or the last frame is long (a GIF of 30 fps
    has 100/3, an FLV of 24000/1001 has 983/41). Where the rates differ, the one that the first
    timestamps follow is right; when they follow none, the frame rate varies.
    """
    rates = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    candidates = list(dict.fromkeys(_restore_ntsc(rate) for rate in rates if rate and rate > 0))
    if not candidates:
        raise DecodeError(
            f"{path} has no frame rate. Convert the file to mp4 or mkv with ffmpeg, which writes one."
        )
    if len(candidates) == 1:
        return candidates[0], True
    times = first_times(path)
    for rate in reversed(candidates):  # an average may fit by chance, so it is tried last
        if times and is_constant_rate(times, time_base_of(stream), rate):
            return rate, True
    return candidates[0], False


def _restore_ntsc(rate: Fraction) -> Fraction:
    """Return N * 1000 / 1001 for what Matroska makes of it, any other rate as it is.

    Matroska stores nanoseconds per frame and FFmpeg makes a fraction with terms up to 30000 of
    them: 60000/1001 becomes 19001/317. That is off by up to 4e-7 (measured from 48 to 120 fps),
    while 2997/125, which ComfyUI writes for 24000/1001 and means, is off by 1e-6.
    """
    ntsc = Fraction(1000 * round(rate * 1001 / 1000), 1001)
    return ntsc if abs(ntsc - rate) < rate / 2_000_000 else rate


def _estimate_seconds(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """Return how long the video stream lasts, as far as the file tells."""
    if stream.duration:
        return stream.duration * time_base_of(stream)
    # Matroska has the duration of a stream in a tag; that of the file is the longest of all.
    durations = [_tagged_seconds(stream), (container.duration or 0) * MICROSECOND]
    return min((seconds for seconds in durations if seconds), default=None)


def _tagged_seconds(stream: VideoStream) -> Fraction:
    try:
        return parse_timestamp(stream.metadata.get("DURATION", ""))
    except InputError:
        return Fraction(0)


def _start(container: InputContainer, stream: VideoStream, first: VideoFrame) -> Fraction:
    pts = pts_of(container, first)
    if pts is None or has_no_presentation_times(container):
        return Fraction(0)
    delay = pts * time_base_of(stream) - audio_origin(container)
    # FFmpeg rounds the start of a container to microseconds.
    return delay if abs(delay) > MICROSECOND else Fraction(0)
