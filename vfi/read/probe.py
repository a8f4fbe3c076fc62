"""What a file says of itself, and which of its statements to believe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.subtitles.stream import SubtitleStream as SubtitleTrack
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..errors import DecodeError, InputError
from ..timing import parse_timestamp
from ..tracks import AudioStream, Chapter, Correction, SubtitleStream
from .cadence import Cadence, find_cadence
from .color_tags import color_of, note_on_transfer
from .cropping import container_crop
from .decode import (
    INTERLACED,
    Place,
    decode_frames,
    decoder_of,
    note_on_matrix,
    rotation_of,
    to_rgb,
)
from .demux import (
    MICROSECOND,
    audio_origin,
    find_video_stream,
    has_no_presentation_times,
    open_container,
    pts_of,
    time_base_of,
)
from .gif import clears_frames
from .scan import Scan, scan_file
from .timestamps import no_frames
from .video_info import Crop, VideoInfo

# What a file says of itself rather than of the film (mp4's brands, who wrote it); a writer makes its
# own.
_FORMAT_TAGS = frozenset(
    {"compatible_brands", "duration", "encoder", "major_brand", "minor_version"}
)

_LONGEST_TOLD = Fraction(60)  # seconds that a header alone may add to the last frame


def probe_container(path: Path, *, may_refer: bool = False) -> VideoInfo:
    """Look at the timestamps of a video, decode its first frame, and tell what the file is.

    Args:
        path: the file.
        may_refer: it may be a list of other files, such as a playlist.

    Raises:
        DecodeError: it is not a video, has no video stream, no frame rate, or does not decode.
    """
    scan = scan_file(path, may_refer=may_refer)
    with open_container(path, may_refer=may_refer) as container:
        stream = find_video_stream(container, path)
        decoder = decoder_of(stream, alpha=True)
        place = Place(corrections=scan.corrections)
        with closing(decode_frames(container, stream, decoder, path, place)) as frames:
            first = next(frames, None)
        if first is None:
            raise no_frames(path)
        info = _describe(container, stream, first, scan, path)
        notes = (note_on_transfer(decoder), _note_on_alpha(container, stream))
        return replace(
            info,
            color=color_of(decoder, first),
            may_refer=may_refer,
            notes=(*info.notes, *filter(None, notes)),
        )


def _describe(
    container: InputContainer, stream: VideoStream, first: VideoFrame, scan: Scan, path: Path
) -> VideoInfo:
    cadence = _cadence(stream, scan, path)
    length = _length(container, stream, scan, 1 / cadence.rate)
    origin = _origin(container, stream, first)
    rotation = rotation_of(first)
    crop = _crop(container, stream, first, path)
    width, height = crop.size_of(first.width, first.height)
    pixel_aspect = Fraction(stream.sample_aspect_ratio or 1)
    if rotation in (90, 270):
        width, height, pixel_aspect = height, width, 1 / pixel_aspect
    return VideoInfo(
        path=path,
        width=width,
        height=height,
        rate=cadence.rate,
        num_frames=_num_frames(scan, length, cadence.rate),
        start=_start(container, origin, scan.corrections),
        rotation=rotation,
        pixel_aspect=pixel_aspect,
        audio=tuple(
            AudioStream(
                track.index, _codec_name(track), bool(track.disposition & Disposition.default)
            )
            for track in container.streams.audio
        ),
        subtitles=tuple(
            SubtitleStream(track.index, _codec_name(track)) for track in container.streams.subtitles
        ),
        chapters=tuple(_chapters(container, origin)),
        tags=_tags(container),
        bit_depth=max(component.bits for component in first.format.components),
        has_alpha=_has_alpha(container, first, path),
        origin=origin,
        duration=None if cadence.is_constant else length,
        tolerance=cadence.tolerance,
        longest_gap=_longest_gap(scan, length),
        corrections=scan.corrections,
        crop=crop,
        notes=tuple(filter(None, (_note_on_jumps(scan), cadence.note, *_notes(first)))),
    )


def _num_frames(scan: Scan, length: Fraction | None, rate: Fraction) -> int | None:
    """Count the frames; a packet may hold none, or be left out, so it is an estimate."""
    counted = len(scan.ticks) or scan.num_packets
    if counted or length is None:
        return counted or None
    return round(length * rate)


def _notes(first: VideoFrame) -> Iterator[str]:
    """Yield what the first frame tells of what is going to be wrong."""
    yield note_on_matrix(first)
    if first.interlaced_frame:
        yield INTERLACED


def _note_on_alpha(container: InputContainer, stream: VideoStream) -> str:
    """Say so if there is alpha in a track of its own, as AVIF has it."""
    if not container.metadata.get("major_brand", "").startswith("av"):
        return ""
    is_there = any(
        track.codec_context.pix_fmt == "gray" and track.frames == stream.frames
        for track in container.streams.video
        if track is not stream
    )
    return "its transparency is in a track of its own, which is not read." if is_there else ""


def _note_on_jumps(scan: Scan) -> str:
    if not scan.jumps:
        return ""
    places = f"{len(scan.jumps)} places, first" if len(scan.jumps) > 1 else "one place,"
    return (
        f"its timestamps jump in {places} at {float(scan.jumps[0]):.3f} s: they are counted on from "
        "there, for picture and sound."
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


def _cadence(stream: VideoStream, scan: Scan, path: Path) -> Cadence:
    told = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    cadence = find_cadence(scan, told, stream.codec_context.framerate)
    if cadence is None:
        raise DecodeError(
            f"{path} has no frame rate. Convert the file to mp4 or mkv with ffmpeg, which writes one."
        )
    return cadence


def _length(
    container: InputContainer, stream: VideoStream, scan: Scan, interval: Fraction
) -> Fraction | None:
    """Return for how many seconds the picture is shown, as far as the file tells.

    The header says how long the last frame is; whatever else it says, the timestamps say better.
    """
    told = _estimate_seconds(container, stream)
    if not scan.ticks:
        return told
    last = scan.last_duration
    is_told = told is not None and not scan.jumps and 0 < told - scan.span <= _LONGEST_TOLD
    if told is not None and is_told and not last:
        last = told - scan.span
    return scan.span + (last or interval)


def _longest_gap(scan: Scan, length: Fraction | None) -> tuple[Fraction, Fraction]:
    """Return for how long one frame is shown, at most, and when that begins; seconds."""
    last = (
        (length - scan.span, scan.span) if scan.ticks and length is not None else scan.longest_gap()
    )
    return max(scan.longest_gap(), last)


def _crop(container: InputContainer, stream: VideoStream, first: VideoFrame, path: Path) -> Crop:
    moving = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    return container_crop(path, stream, moving.index(stream), (first.width, first.height))


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


def _origin(container: InputContainer, stream: VideoStream, first: VideoFrame) -> Fraction | None:
    pts = pts_of(container, first)
    return None if pts is None else pts * time_base_of(stream)


def _start(
    container: InputContainer,
    origin: Fraction | None,
    corrections: Mapping[int, Sequence[Correction]],
) -> Fraction:
    if origin is None or has_no_presentation_times(container):
        return Fraction(0)
    delay = origin - audio_origin(container, corrections)
    # FFmpeg rounds the start of a container to microseconds.
    return delay if abs(delay) > MICROSECOND else Fraction(0)
