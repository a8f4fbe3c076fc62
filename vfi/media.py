"""Read a video: what it is, then its frames with exact times.

Life of a frame: packet -> decoder -> RGB by the right matrix -> turned as the display matrix says
-> exact time. Two functions do it all: :func:`probe_video` and :func:`read_video`.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, islice
from pathlib import Path

import av
import numpy as np
import torch
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from torch import Tensor

from .animation import Animation, decode_animation, is_webp, probe_animation
from .errors import DecodeError, InputError
from .frames import Frame

logger = logging.getLogger(__name__)

# swscale flags (libswscale/swscale.h): SWS_BICUBIC | SWS_FULL_CHR_H_INT | SWS_ACCURATE_RND.
# Measured on 200 flat colours: without them RGB is off by up to 3 code values, with them by 1.
_SWS_FLAGS = 0x4 | 0x2000 | 0x40000
# AVColorSpace (libavutil/pixfmt.h) -> swscale's matrix. Others (YCgCo, ICtCp, …) count as untagged.
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}
_BT709, _BT601 = 1, 5
_LIMITED_RANGE, _FULL_RANGE = 1, 2
# The output is RGB, for which swscale ignores the target matrix; but PyAV before 17 ignores *all*
# matrices and ranges when source and target are the same, so the target must be another one.
_NO_MATRIX = 0

# AVFMT_TS_DISCONT (libavformat/avformat.h). For these formats (mpegts, ogg, …) ffmpeg counts a
# file's start from the streams it uses: with sound alone, from the start of the sound.
_TIMESTAMPS_JUMP = 0x0200
_MICROSECOND = Fraction(1, 1_000_000)
_MILLISECOND = Fraction(1, 1_000)

_RATE_PROBE_PACKETS = 250
_MAX_REORDERING = 16  # frames; the most that H.264 and HEVC allow


@dataclass(frozen=True)
class AudioStream:
    """A sound track of a file.

    Attributes:
        index: among all streams of the file, from 0.
        codec: FFmpeg's codec name such as "aac"; "unknown" when FFmpeg has no decoder for it.
    """

    index: int
    codec: str


@dataclass(frozen=True)
class VideoInfo:
    """What is known of a video before its frames are read.

    Attributes:
        path: the file.
        width: px, as displayed (after rotation).
        height: px, as displayed (after rotation).
        rate: nominal frames per second, exact. A variable frame rate has its average here.
        num_frames: an estimate, good for a progress bar only; None when the file does not tell.
        start: seconds by which the first picture comes after the point that ffmpeg takes as the
            start of the file when it reads the sound; 0 for nearly all files.
        rotation: degrees counterclockwise by which the stored picture is turned for display:
            0, 90, 180 or 270. :func:`read_video` has turned the frames already.
        pixel_aspect: width / height of a displayed pixel; 1 when square or unknown.
        audio: the sound tracks, in the order of the file.
    """

    path: Path
    width: int
    height: int
    rate: Fraction
    num_frames: int | None
    start: Fraction
    rotation: int
    pixel_aspect: Fraction
    audio: tuple[AudioStream, ...]


def probe_video(path: Path) -> VideoInfo:
    """Open a video, decode its first frame, and tell what it is.

    Raises:
        InputError: there is no such file, it is a folder, or it may not be read.
        DecodeError: it is not a video, has no picture, no frame rate, or does not decode.
    """
    path = Path(path)
    _require_readable_file(path)
    if is_webp(path):
        return _describe_animation(probe_animation(path))
    with _open(path) as container:
        stream = _find_video_stream(container, path)
        with closing(_decode(container, stream, path)) as frames:
            first = next(frames, None)
        if first is None:
            raise _no_frames(path)
        return _describe(container, stream, first, path)


def read_video(info: VideoInfo) -> Generator[Frame, None, None]:
    """Decode a video from its first frame to its last.

    The first frame is at time 0. A container rounds timestamps to its ticks (33, 67, 100 ms); one
    within a tick of ``k / info.rate`` is taken as exactly that, any other as it stands (variable
    frame rate). A frame without timestamp follows the one before by ``1 / info.rate``. A frame
    whose time is not after the one before is dropped with a warning.

    One frame is alive at a time, besides the few that the decoder's threads keep. The file is
    closed when the iterator ends or is closed.

    Args:
        info: from :func:`probe_video`.

    Yields:
        Frames of [H, W, 3] uint8 RGB, turned for display.

    Raises:
        DecodeError: a frame does not decode or changes size, or there is none.
    """
    pictures = _read_animation(info) if is_webp(info.path) else _read_container(info)
    with closing(pictures):
        yield from _with_exact_times(pictures, info)


@dataclass(frozen=True)
class _Picture:
    """A decoded picture with its timestamp as the file has it: ``stamp`` ticks of ``tick`` s."""

    stamp: int | None
    tick: Fraction
    pixels: Tensor


def _with_exact_times(pictures: Iterator[_Picture], info: VideoInfo) -> Iterator[Frame]:
    origin: Fraction | None = None
    previous: Fraction | None = None
    expected = Fraction(0)
    for picture in pictures:
        time = expected
        if picture.stamp is not None:
            seconds = picture.stamp * picture.tick
            origin = seconds - expected if origin is None else origin
            time = _snap(seconds - origin, picture.tick, info.rate)
        if previous is not None and time <= previous:
            logger.warning(
                "%s: dropped a frame at %.3f s, it does not come after the one at %.3f s",
                info.path,
                time,
                previous,
            )
            continue
        yield Frame(picture.pixels, time)
        previous, expected = time, time + 1 / info.rate
    if previous is None:
        raise _no_frames(info.path)


def _snap(time: Fraction, tick: Fraction, rate: Fraction) -> Fraction:
    """Return the nearest multiple of ``1 / rate`` if it is within a tick, else ``time``.

    A whole tick, not half of one: the first frame's timestamp, the origin, is rounded as well.
    """
    on_grid = round(time * rate) / rate
    return on_grid if abs(time - on_grid) <= tick else time


# --- files that FFmpeg reads ---------------------------------------------------------------------


def _require_readable_file(path: Path) -> None:
    if path.is_dir():
        raise InputError(
            f"{path}: expected a video file, got a folder. "
            "Name the file; a folder of pictures is read as an image folder."
        )
    try:
        path.open("rb").close()
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: expected a video file, got nothing of that name. Check the path."
        ) from error
    except OSError as error:
        raise InputError(
            f"{path}: expected a readable file, got {error.strerror}. "
            "Check the permissions of the file and of its folder."
        ) from error


def _open(path: Path) -> InputContainer:
    try:
        # "file:" or a name such as "a:b.mp4" is taken for a protocol. Tags in a wrong encoding
        # are none of our business, but PyAV's default is to raise on them.
        return av.open(f"file:{path}", metadata_errors="replace")
    except FFmpegError as error:
        raise DecodeError(
            f"{path}: expected a video, got a file that FFmpeg cannot read ({error.strerror}). "
            "Check that it plays in a video player and was downloaded to its end."
        ) from error


def _find_video_stream(container: InputContainer, path: Path) -> VideoStream:
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
    kinds = ", ".join(stream.type for stream in container.streams)
    raise DecodeError(
        f"{path}: expected a video with a picture track, got "
        f"{kinds + ' only' if kinds else 'a file without tracks'}. Choose another file."
    )


def _decode(
    container: InputContainer, stream: VideoStream, path: Path
) -> Generator[VideoFrame, None, None]:
    number = 0
    try:
        for frame in container.decode(stream):
            yield frame
            number += 1
    except FFmpegError as error:
        raise DecodeError(
            f"{path}: expected frame {number} to decode, got an error ({error.strerror}). The file "
            "is damaged there: download it again, or cut the damaged part out."
        ) from error


def _describe(
    container: InputContainer, stream: VideoStream, first: VideoFrame, path: Path
) -> VideoInfo:
    rate = _nominal_rate(stream, path)
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
        num_frames=_estimate_num_frames(container, stream, rate),
        start=_start(container, stream, first),
        rotation=rotation,
        pixel_aspect=pixel_aspect,
        audio=tuple(
            AudioStream(track.index, _codec_name(track)) for track in container.streams.audio
        ),
    )


def _codec_name(stream: av.AudioStream) -> str:
    # PyAV's annotation does not say so, but a stream without a decoder has no codec context.
    context = getattr(stream, "codec_context", None)
    return "unknown" if context is None else str(context.codec.canonical_name)


def _nominal_rate(stream: VideoStream, path: Path) -> Fraction:
    """Choose among FFmpeg's opinions on the frame rate.

    The average goes wrong where ticks are coarse or the last frame is long (a GIF of 30 fps has
    100/3, an FLV of 24000/1001 has 983/41). Where the opinions differ, the one that the first
    timestamps follow is right; when they follow none, the frame rate varies.
    """
    opinions = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    candidates = list(dict.fromkeys(_restore_ntsc(rate) for rate in opinions if rate and rate > 0))
    if not candidates:
        raise DecodeError(
            f"{path}: expected a frame rate, got none. "
            "Convert the file to mp4 or mkv with ffmpeg, which writes one."
        )
    if len(candidates) == 1:
        return candidates[0]
    times = _first_times(path)
    for rate in reversed(candidates):  # an average may fit by chance, so it is tried last
        if times and _is_constant_rate(times, _tick(stream), rate):
            return rate
    return candidates[0]


def _restore_ntsc(rate: Fraction) -> Fraction:
    """Return N * 1000 / 1001 for what Matroska makes of it, any other rate as it is.

    Matroska stores nanoseconds per frame and FFmpeg makes a fraction with terms up to 30000 of
    them: 60000/1001 becomes 19001/317. That is off by up to 4e-7 (measured from 48 to 120 fps),
    while 2997/125, which ComfyUI writes for 24000/1001 and means, is off by 1e-6.
    """
    ntsc = Fraction(1000 * round(rate * 1001 / 1000), 1001)
    return ntsc if abs(ntsc - rate) < rate / 2_000_000 else rate


def _is_constant_rate(times: Sequence[Fraction], tick: Fraction, rate: Fraction) -> bool:
    return all(abs(time - index / rate) <= tick for index, time in enumerate(times))


def _first_times(path: Path) -> list[Fraction]:
    """Return the first presentation times in seconds, from 0 and ascending; nothing is decoded."""
    with _open(path) as container:
        stream = _find_video_stream(container, path)
        packets = islice(container.demux(stream), _RATE_PROBE_PACKETS)
        stamps = sorted(packet.pts for packet in packets if packet.pts is not None)
        tick = _tick(stream)
    if len(stamps) > 2 * _MAX_REORDERING:
        stamps = stamps[:-_MAX_REORDERING]  # frames shown between the last ones may not be read yet
    return [(stamp - stamps[0]) * tick for stamp in stamps]


def _tick(stream: Stream) -> Fraction:
    assert stream.time_base is not None, "only a stream that is being written has no time base"
    return stream.time_base


def _estimate_num_frames(
    container: InputContainer, stream: VideoStream, rate: Fraction
) -> int | None:
    if stream.duration:
        return round(stream.duration * _tick(stream) * rate)
    if container.duration:
        return round(container.duration * _MICROSECOND * rate)
    return None


def _start(container: InputContainer, stream: VideoStream, first: VideoFrame) -> Fraction:
    stamp = _stamp(container, first)
    if stamp is None or _has_no_presentation_times(container):
        return Fraction(0)
    begin = (container.start_time or 0) * _MICROSECOND
    if container.format.flags & _TIMESTAMPS_JUMP:
        starts = [
            track.start_time * _tick(track)
            for track in container.streams.audio
            if track.start_time is not None
        ]
        begin = min(starts, default=begin)
    delay = stamp * _tick(stream) - begin
    # FFmpeg rounds the start of a container to microseconds.
    return delay if abs(delay) > _MICROSECOND else Fraction(0)


def _has_no_presentation_times(container: InputContainer) -> bool:
    return container.format.name == "avi"


def _stamp(container: InputContainer, frame: VideoFrame) -> int | None:
    # AVI stores packets, not times. What PyAV reports as pts of H.264 in AVI is the number of the
    # packet, out of order where there are B-frames; dts ascends and keeps gaps.
    return frame.dts if _has_no_presentation_times(container) else frame.pts


def _read_container(info: VideoInfo) -> Generator[_Picture, None, None]:
    with _open(info.path) as container:
        stream = _find_video_stream(container, info.path)
        with closing(_decode(container, stream, info.path)) as frames:
            matrix: bytes | None = None
            for number, frame in enumerate(frames):
                # Of the first frame alone: PyAV's side_data makes a reference cycle with its frame,
                # which then lives until the garbage collector runs, hundreds of frames later.
                matrix = _display_matrix(frame) if number == 0 else matrix
                pixels = torch.from_numpy(_turn(_to_rgb(frame), matrix))
                _require_same_size(pixels, number, info)
                yield _Picture(_stamp(container, frame), _tick(stream), pixels)


def _require_same_size(pixels: Tensor, number: int, info: VideoInfo) -> None:
    height, width, _ = pixels.shape
    if (width, height) != (info.width, info.height):
        raise DecodeError(
            f"{info.path}: expected all frames to be {info.width}x{info.height}, got "
            f"{width}x{height} at frame {number}. Split the file where its size changes."
        )


def _to_rgb(frame: VideoFrame) -> np.ndarray:
    """Convert a decoded frame of any pixel format to [H, W, 3] uint8 RGB."""
    untagged = _BT709 if frame.height >= 720 else _BT601
    is_full = frame.color_range == _FULL_RANGE or frame.format.name.startswith("yuvj")
    rgb = frame.reformat(
        format="rgb24",
        src_colorspace=_MATRICES.get(frame.colorspace, untagged),
        dst_colorspace=_NO_MATRIX,
        src_color_range=_FULL_RANGE if is_full else _LIMITED_RANGE,
        dst_color_range=_FULL_RANGE,
        interpolation=_SWS_FLAGS,
    )
    return rgb.to_ndarray()


def _display_matrix(frame: VideoFrame) -> bytes | None:
    matrix = frame.side_data.get("DISPLAYMATRIX")
    return None if matrix is None else bytes(matrix)


def _turn(pixels: np.ndarray, matrix: bytes | None) -> np.ndarray:
    """Turn and mirror [H, W, 3] as a display matrix says.

    The matrix maps a stored point to a displayed one: x' = a x + c y, y' = b x + d y.
    """
    if matrix is None:
        return pixels
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
    if abs(b) > abs(a):
        pixels = pixels.transpose(1, 0, 2)
        a, d = c, b
    pixels = pixels[:, ::-1] if a < 0 else pixels
    pixels = pixels[::-1] if d < 0 else pixels
    return np.ascontiguousarray(pixels)


def _no_frames(path: Path) -> DecodeError:
    return DecodeError(
        f"{path}: expected a video with frames, got none. "
        "The recording was probably cut off: record or download it again."
    )


# --- animated WebP -------------------------------------------------------------------------------


def _describe_animation(animation: Animation) -> VideoInfo:
    return VideoInfo(
        path=animation.path,
        width=animation.width,
        height=animation.height,
        rate=_animation_rate(animation.durations),
        num_frames=len(animation.durations),
        start=Fraction(0),
        rotation=0,
        pixel_aspect=Fraction(1),
        audio=(),
    )


def _animation_rate(durations: tuple[int, ...]) -> Fraction:
    """Return the frame rate that durations in whole milliseconds stand for.

    A writer that spreads the rounding (33, 33, 34 ms) means a whole rate, which every time then
    fits; one that rounds each duration alike (62 ms for 16 fps) has really slowed the clip down.
    """
    whole = Fraction(max(1, round(Fraction(1000 * len(durations), sum(durations)))))
    times = [_MILLISECOND * time for time in accumulate(durations, initial=0)]
    if _is_constant_rate(times, _MILLISECOND, whole):
        return whole
    return Fraction(1000, max(set(durations), key=durations.count))


def _read_animation(info: VideoInfo) -> Generator[_Picture, None, None]:
    animation = probe_animation(info.path)
    stamp = 0
    with closing(decode_animation(animation)) as pictures:
        for duration, pixels in zip(animation.durations, pictures, strict=True):
            yield _Picture(stamp, _MILLISECOND, pixels)
            stamp += duration
