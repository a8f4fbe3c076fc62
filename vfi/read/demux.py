"""Open a file with FFmpeg: its video stream, and its timestamps as they are stored."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from math import floor
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.format import Flags
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..errors import DecodeError

MICROSECOND = Fraction(1, 1_000_000)
"""What a container counts its start and duration in, s."""

_WITH_INDEX = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
_RATE_PROBE_PACKETS = 250
_MAX_REORDERING = 16  # frames; the most that H.264 and HEVC allow


def open_container(path: Path) -> InputContainer:
    """Open a file for reading; the caller closes it.

    Raises:
        DecodeError: FFmpeg cannot read it.
    """
    try:
        # Without "file:", a name such as "a:b.mp4" is taken for a protocol. Tags in a wrong encoding
        # do not matter here, but PyAV's default is to raise on them.
        return av.open(f"file:{path}", metadata_errors="replace")
    except FFmpegError as error:
        raise DecodeError(
            f"{path}: FFmpeg cannot read this file ({error.strerror}). Check that it plays in a "
            "video player and was downloaded completely."
        ) from error


def find_video_stream(container: InputContainer, path: Path) -> VideoStream:
    """Return the first video stream that is not a cover image."""
    name = container.format.name
    if name == "image2" or name.endswith("_pipe"):
        raise DecodeError(
            f"{path} is a single image ({name}), not a video. To read images as a clip, put them into "
            "a folder and give the folder."
        )
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            stream.thread_type = "AUTO"
            return stream
    raise DecodeError(
        f"{path} has no video stream: it is {_describe_other(container)}. Choose another file."
    )


def _describe_other(container: InputContainer) -> str:
    """Say what a file is that has no video stream."""
    if container.streams.video:
        return "audio with a cover image"
    kinds = ", ".join(stream.type for stream in container.streams)
    return f"{kinds} only" if kinds else "a file without streams"


def container_start(container: InputContainer) -> Fraction:
    """Return the timestamp at which a file starts, s."""
    return (container.start_time or 0) * MICROSECOND


def audio_origin(container: InputContainer) -> Fraction:
    """Return the timestamp, s, from which a file's audio is timed.

    In formats whose timestamps may jump (mpegts, ogg, ...) that is the start of the audio; elsewhere
    the start of the file.
    """
    start = container_start(container)
    if not container.format.flags & Flags.ts_discont.value:
        return start
    starts = [
        track.start_time * time_base_of(track)
        for track in container.streams.audio
        if track.start_time is not None
    ]
    return min(starts, default=start)


def time_base_of(stream: Stream) -> Fraction:
    """Return the unit of a stream's timestamps, s."""
    assert stream.time_base is not None, "only streams being written have none"
    return stream.time_base


def has_no_presentation_times(container: InputContainer) -> bool:
    """Tell whether the container stores the order of packets only, and no timestamps."""
    return container.format.name == "avi"


def pts_of(container: InputContainer, frame: VideoFrame) -> int | None:
    """Return the timestamp of a frame, in units of its stream's time base."""
    # For H.264 in AVI, PyAV's pts is the number of the packet, out of order where there are
    # B-frames; dts ascends and keeps gaps.
    return frame.dts if has_no_presentation_times(container) else frame.pts


def seek(container: InputContainer, stream: VideoStream, seconds: Fraction) -> bool:
    """Go to a key frame before a timestamp, or close to it; False: the file is still at its start.

    Only in containers that list key frames and whose timestamps never jump back.
    """
    if container.format.name not in _WITH_INDEX:
        return False
    try:
        container.seek(floor(seconds / time_base_of(stream)) - 1, stream=stream)
    except FFmpegError:
        return False
    return True


def first_times(path: Path) -> list[Fraction]:
    """Return the first presentation times in seconds, from 0 and ascending; nothing is decoded."""
    with open_container(path) as container:
        stream = find_video_stream(container, path)
        packets = islice(container.demux(stream), _RATE_PROBE_PACKETS)
        timestamps = sorted(packet.pts for packet in packets if packet.pts is not None)
        time_base = time_base_of(stream)
    if len(timestamps) > 2 * _MAX_REORDERING:
        timestamps = timestamps[
            :-_MAX_REORDERING
        ]  # frames shown between the last ones may not be read yet
    return [(pts - timestamps[0]) * time_base for pts in timestamps]
