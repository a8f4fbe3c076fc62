"""Open a file with FFmpeg: its video stream, and its timestamps as they are stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from av.container import InputContainer
from av.error import ArgumentError, FFmpegError
from av.format import Flags
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ..errors import DecodeError, blame
from ..tracks import Correction

if TYPE_CHECKING:
    _Packet = av.Packet[Any]  # PyAV's class takes no parameter at run time

MICROSECOND = Fraction(1, 1_000_000)
"""What a container counts its start and duration in, s."""

# Streams beside the film.
_BESIDES = Disposition.attached_pic | Disposition.still_image | Disposition.timed_thumbnails
# Formats that are lists of other files, or that talk to a network.
_PLAYLISTS = frozenset({"hls", "concat"})
_LISTS = _PLAYLISTS | {
    *("avisynth", "dash", "image2", "imf", "ivr", "lavfi", "rtp", "rtsp", "sap", "sdp"),
    *("svg_pipe", "vapoursynth", "vobsub", "webm_dash_manifest"),
}
_DEVICES = frozenset(
    {
        *("alsa", "android_camera", "avfoundation", "decklink", "dshow", "fbdev", "gdigrab"),
        *("iec61883", "jack", "kmsgrab", "libcdio", "libdc1394", "openal", "oss", "pulse"),
        *("sndio", "v4l2", "vfwcap", "x11grab", "xcbgrab"),
    }
)
_MOST_RELOADS = 2  # of a playlist that has no end; by default FFmpeg waits for a minute
_WITH_INDEX = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")


def open_container(path: Path, *, may_refer: bool = False) -> InputContainer:
    """Open a file for reading; the caller closes it.

    Args:
        path: the file. Nothing but files is ever opened, whatever it refers to.
        may_refer: it may be a list of other files, such as a playlist of HLS.

    Raises:
        DecodeError: FFmpeg cannot read it.
    """
    try:
        return av.open(
            # Without "file:", a name such as "a:b.mp4" is taken for a protocol.
            f"file:{path}",
            # Tags in a wrong encoding do not matter here, but PyAV's default is to raise on them.
            metadata_errors="replace",
            options=_options(may_refer=may_refer),
        )
    except ArgumentError as error:  # of a format that is not on the list
        raise DecodeError(
            f"{path} is no video, but a list of other files, a drawing or the like, which is not "
            "opened. Choose the video itself."
        ) from error
    except FFmpegError as error:
        unreadable = (
            f"FFmpeg cannot read this file ({error.strerror}). Check that it plays in a video player "
            "and was downloaded completely."
        )
        raise DecodeError(f"{path}: {blame(error, unreadable)}") from error


def _options(*, may_refer: bool) -> dict[str, str]:
    options = {"format_whitelist": ",".join(_formats(may_refer=may_refer))}
    if not may_refer:
        return {**options, "protocol_whitelist": "file"}
    protocols = {"protocol_whitelist": "file,crypto,data"}
    return {**options, **protocols, "max_reload": str(_MOST_RELOADS)}


def _formats(*, may_refer: bool) -> list[str]:
    """Name the formats that may be read, so that no file makes FFmpeg open another one, or a device."""
    refused = _DEVICES | (_LISTS - _PLAYLISTS if may_refer else _LISTS)
    return sorted(name for name in av.formats_available if not refused & set(name.split(",")))


def find_video_stream(container: InputContainer, path: Path) -> VideoStream:
    """Return the video stream that is meant to be watched; see :func:`_rank`."""
    name = container.format.name
    if name == "image2" or name.endswith("_pipe"):
        raise DecodeError(
            f"{path} is a single image ({name}), not a video. To read images as a clip, put them into "
            "a folder and give the folder."
        )
    streams = [s for s in container.streams.video if not s.disposition & _BESIDES]
    if not streams:
        raise DecodeError(
            f"{path} has no video stream: it is {_describe_other(container)}. Choose another file."
        )
    most = max(stream.frames for stream in streams)
    stream = max(streams, key=lambda stream: _rank(stream, most))  # the first of equals
    if getattr(stream, "codec_context", None) is None:
        raise DecodeError(
            f"{path}: FFmpeg does not know the codec of its picture. Convert it to H.264 with the "
            "program that made it."
        )
    stream.thread_type = "AUTO"
    return stream


def _rank(stream: VideoStream, most: int) -> tuple[bool, bool, bool, int]:
    """Order pictures as people mean them: moving, marked as the default, about as long as any, large.

    A still (of an animated AVIF, or a cover that is not marked as one) has one frame.
    """
    context = getattr(stream, "codec_context", None)
    is_still = stream.frames == 1 and most > 1
    is_default = bool(stream.disposition & Disposition.default)
    # Two cameras of one recording may differ by some frames; a preview has far fewer.
    is_long = not stream.frames or 2 * stream.frames >= most
    area = context.width * context.height if context else 0
    return not is_still, is_default, is_long, area


def packets_of(container: InputContainer, *streams: Stream) -> Iterator[_Packet]:
    """Yield the packets of some streams, and at the end an empty one for each."""
    packets = container.demux(*streams)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except IndexError:  # PyAV (18.1) after the last packet, where a stream has begun late
            return
        yield packet


def _describe_other(container: InputContainer) -> str:
    """Say what a file is that has no video stream."""
    if container.streams.video:
        return "audio with a cover image"
    kinds = ", ".join(stream.type for stream in container.streams)
    return f"{kinds} only" if kinds else "a file without streams"


def container_start(container: InputContainer) -> Fraction:
    """Return the timestamp at which a file starts, s."""
    return (container.start_time or 0) * MICROSECOND


def audio_origin(
    container: InputContainer, corrections: Mapping[int, Sequence[Correction]]
) -> Fraction:
    """Return the timestamp, s, from which a file's audio is timed.

    In formats whose timestamps may jump (mpegts, ogg, ...) that is the start of the audio; elsewhere
    the start of the file.

    Args:
        container: the file.
        corrections: what puts its timestamps right.
    """
    start = container_start(container)
    if not container.format.flags & Flags.ts_discont.value:
        return start
    starts = [
        track.start_time * time_base_of(track) + _first_correction(corrections.get(track.index, ()))
        for track in container.streams.audio
        if track.start_time is not None
    ]
    return min(starts, default=start)


def _first_correction(corrections: Sequence[Correction]) -> Fraction:
    if not corrections or corrections[0].first:
        return Fraction(0)
    return corrections[0].seconds or Fraction(0)


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


def seek_before(container: InputContainer, stream: Stream | None, seconds: Fraction) -> bool:
    """Go to a key frame before a timestamp, or close to it; False: the file is still at its start.

    Only in containers that list key frames.

    Args:
        container: the file.
        stream: whose key frames count; None: FFmpeg decides.
        seconds: the timestamp.
    """
    if container.format.name not in _WITH_INDEX:
        return False
    unit = MICROSECOND if stream is None else time_base_of(stream)
    try:
        container.seek(floor(seconds / unit) - 1, stream=stream)
    except (FFmpegError, OverflowError):
        return False
    return True
