"""Open a file that FFmpeg reads: its picture track, and its timestamps as they stand there."""

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
    """Open a file for reading; the caller closes it."""
    try:
        # "file:" or a name such as "a:b.mp4" is taken for a protocol. Tags in a wrong encoding
        # are none of our business, but PyAV's default is to raise on them.
        return av.open(f"file:{path}", metadata_errors="replace")
    except FFmpegError as error:
        raise DecodeError(
            f"{path}: expected a video, got a file that FFmpeg cannot read ({error.strerror}). "
            "Check that it plays in a video player and was downloaded to its end."
        ) from error


def find_video_stream(container: InputContainer, path: Path) -> VideoStream:
    """Return the first track of pictures that is not the cover of a song."""
    name = container.format.name
    if name == "image2" or name.endswith("_pipe"):
        raise DecodeError(
            f"{path}: expected a video, got a single picture ({name}). "
            "Put pictures into a folder and give the folder."
        )
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            stream.thread_type = "AUTO"
            return stream
    raise DecodeError(
        f"{path}: expected a video with a picture track, got {_describe_other(container)}. "
        "Choose another file."
    )


def _describe_other(container: InputContainer) -> str:
    """Say what a file is that has no track of pictures."""
    if container.streams.video:
        return "sound with a cover picture"
    kinds = ", ".join(stream.type for stream in container.streams)
    return f"{kinds} only" if kinds else "a file without tracks"


def container_start(container: InputContainer) -> Fraction:
    """Return the timestamp at which a file starts, s."""
    return (container.start_time or 0) * MICROSECOND


def audio_origin(container: InputContainer) -> Fraction:
    """Return the timestamp, s, that ffmpeg takes as the start of a file when it uses its audio only.

    In formats whose timestamps may jump (mpegts, ogg, ...) it counts from the streams it uses, so
    from the start of the audio; elsewhere from the start of the file.
    """
    start = container_start(container)
    if not container.format.flags & Flags.ts_discont.value:
        return start
    starts = [
        track.start_time * tick_of(track)
        for track in container.streams.audio
        if track.start_time is not None
    ]
    return min(starts, default=start)


def audio_start_after_seek(path: Path) -> Fraction:
    """Return by how many seconds audio begins after the point that ffmpeg seeks from.

    ffmpeg seeks from the start of the file, but reads from :func:`audio_origin`.
    """
    with open_container(path) as container:
        return audio_origin(container) - container_start(container)


def tick_of(stream: Stream) -> Fraction:
    """Return the seconds that a timestamp of 1 stands for."""
    assert stream.time_base is not None, "only a stream that is being written has no time base"
    return stream.time_base


def has_no_presentation_times(container: InputContainer) -> bool:
    """Tell whether the format stores an order of packets only, and no times."""
    return container.format.name == "avi"


def stamp_of(container: InputContainer, frame: VideoFrame) -> int | None:
    """Return the timestamp of a frame, in ticks of its track."""
    # What PyAV reports as pts of H.264 in AVI is the number of the packet, out of order where there
    # are B-frames; dts ascends and keeps gaps.
    return frame.dts if has_no_presentation_times(container) else frame.pts


def seek(container: InputContainer, stream: VideoStream, seconds: Fraction) -> bool:
    """Go to a key frame before a timestamp, or close to it; False: the file still is at its start.

    Only where a container lists key frames and its timestamps never jump back.
    """
    if container.format.name not in _WITH_INDEX:
        return False
    try:
        container.seek(floor(seconds / tick_of(stream)) - 1, stream=stream)
    except FFmpegError:
        return False
    return True


def first_times(path: Path) -> list[Fraction]:
    """Return the first presentation times in seconds, from 0 and ascending; nothing is decoded."""
    with open_container(path) as container:
        stream = find_video_stream(container, path)
        packets = islice(container.demux(stream), _RATE_PROBE_PACKETS)
        stamps = sorted(packet.pts for packet in packets if packet.pts is not None)
        tick = tick_of(stream)
    if len(stamps) > 2 * _MAX_REORDERING:
        stamps = stamps[:-_MAX_REORDERING]  # frames shown between the last ones may not be read yet
    return [(stamp - stamps[0]) * tick for stamp in stamps]
