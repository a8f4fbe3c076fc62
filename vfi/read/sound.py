"""Sound of a file -> samples that begin and end with its picture."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError

from ..errors import DecodeError, blame
from ..tracks import SourceTracks
from .clock import side_packets
from .demux import audio_origin, open_container, seek_before

Samples = npt.NDArray[np.float32]

# Timestamps are rounded to their time base, so samples that are off by less follow the ones before.
_TOLERANCE = Fraction(1, 50)  # seconds
_RUN_UP = 1  # seconds; decoders need a packet or two before what is wanted


@dataclass(frozen=True)
class SoundFormat:
    """What samples are.

    Attributes:
        sample_rate: samples per second.
        layout: FFmpeg's name of the channel layout, such as "stereo".
        num_channels: how many channels that are.
    """

    sample_rate: int
    layout: str
    num_channels: int


def sound_format(tracks: SourceTracks, number: int) -> SoundFormat:
    """Tell what the samples of an audio stream are; ``number`` counts ``tracks.audio`` from 0.

    Raises:
        DecodeError: the file cannot be read.
    """
    with open_container(tracks.path, may_refer=tracks.may_refer) as container:
        context = container.streams.audio[number].codec_context
        count = context.layout.nb_channels
        # Some files tell how many channels there are, and not which: "2c" is the usual layout of two.
        name = f"{count}c" if context.layout.name == f"{count} channels" else context.layout.name
        return SoundFormat(context.sample_rate, name, count)


def read_sound(
    tracks: SourceTracks | None, number: int, wanted: SoundFormat, num_samples: int
) -> Generator[Samples, None, None]:
    """Decode sound from the first frame shown on, in exactly as many samples as asked for.

    Silence stands where there is no sound. About a second is alive at a time. The file is closed
    when the iterator ends or is closed.

    Args:
        tracks: the file, and its trim; their ``tempo`` is not applied. None: there is only silence.
        number: of the stream in ``tracks.audio``, from 0.
        wanted: what the samples shall be.
        num_samples: how many of them.

    Yields:
        [C, T] in [-1, 1].

    Raises:
        DecodeError: the file cannot be read.
    """
    num_yielded = 0
    if tracks is None:
        yield from _silence(num_samples, wanted)
        return
    with open_container(tracks.path, may_refer=tracks.may_refer) as container:
        for position, block in _decode(container, tracks, number, wanted):
            gap = position - num_yielded
            if num_yielded and abs(gap) <= _TOLERANCE * wanted.sample_rate:
                gap = 0
            for part in (*_silence(min(gap, num_samples - num_yielded), wanted), block):
                kept = part[:, max(-gap, 0) :] if part is block else part
                kept = kept[:, : num_samples - num_yielded]
                num_yielded += kept.shape[1]
                yield kept
            if num_yielded == num_samples:
                return
    yield from _silence(num_samples - num_yielded, wanted)


def _silence(num_samples: int, wanted: SoundFormat) -> Iterator[Samples]:
    for start in range(0, num_samples, wanted.sample_rate):
        length = min(wanted.sample_rate, num_samples - start)
        yield np.zeros((wanted.num_channels, length), np.float32)


def _decode(
    container: InputContainer, tracks: SourceTracks, number: int, wanted: SoundFormat
) -> Iterator[tuple[int, Samples]]:
    """Yield blocks of samples, and the place of each: 0 is when the first frame is shown."""
    shift = audio_origin(container, tracks.corrections) + tracks.first_frame_at
    stream = container.streams.audio[number]
    if tracks.is_trimmed and shift > _RUN_UP and not tracks.corrections:
        seek_before(container, None, shift - Fraction(_RUN_UP))
    for frame in _resampled(_frames(container, stream, tracks, shift), wanted):
        if frame.pts is not None and frame.time_base is not None:
            time = frame.pts * frame.time_base - shift
            yield round(time * wanted.sample_rate), frame.to_ndarray().astype(np.float32)


def _resampled(frames: Iterator[AudioFrame], wanted: SoundFormat) -> Iterator[AudioFrame]:
    kind: tuple[str, str, int] | None = None
    resampler: AudioResampler | None = None
    for frame in frames:
        if (frame.format.name, frame.layout.name, frame.sample_rate) != kind:
            # A broadcast may change from stereo to surround.
            yield from resampler.resample(None) if resampler else ()
            kind = (frame.format.name, frame.layout.name, frame.sample_rate)
            resampler = AudioResampler("fltp", wanted.layout, wanted.sample_rate)
        assert resampler is not None
        yield from resampler.resample(frame)
    yield from resampler.resample(None) if resampler else ()


def _frames(
    container: InputContainer, stream: AudioStream, tracks: SourceTracks, shift: Fraction
) -> Iterator[AudioFrame]:
    try:
        for packet in side_packets(container, [stream], tracks, shift):
            yield from stream.codec_context.decode(packet)
    except FFmpegError as error:
        damaged = (
            f"its sound cannot be decoded ({error.strerror}). Check that it plays in a video player, "
            "or leave the sound out."
        )
        raise DecodeError(f"{tracks.path}: {blame(error, damaged)}") from error
