"""Jobs that give as many frames as they take."""

from __future__ import annotations

from collections.abc import Generator
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from vfi.frames import Frame
from vfi.jobs import ConversionJob
from vfi.read import Clip
from vfi.tracks import AudioMode, AudioStream, SourceTracks

RATE = Fraction(24)


def clip(tracks: SourceTracks | None = None) -> Clip:
    """Five frames of 4x3 px, each of its number."""

    def frames() -> Generator[Frame, None, None]:
        for number in range(5):
            yield Frame(torch.full((3, 4, 3), number, dtype=torch.uint8), number / RATE)

    return Clip("a.mp4", "", frames, 4, 3, RATE, 5, tracks=tracks)


def test_conversion_has_the_frames_and_the_speed_of_its_clip() -> None:
    job = ConversionJob(clip())
    assert [int(pixels[0, 0, 0]) for pixels in job.frames()] == [0, 1, 2, 3, 4]
    assert (job.num_frames, job.width, job.height, job.shown_rate, job.tempo) == (5, 4, 3, RATE, 1)
    assert not job.dither


def test_conversion_can_begin_in_the_middle() -> None:
    assert [int(pixels[0, 0, 0]) for pixels in ConversionJob(clip()).frames(first=3)] == [3, 4]


@pytest.mark.parametrize(("bit_depth", "white"), [(8, 255), (10, 1), (16, 1)])
def test_frames_are_float_where_more_than_8_bits_are_written(bit_depth: int, white: int) -> None:
    *_, last = ConversionJob(clip()).frames(bit_depth=bit_depth)
    assert last.is_floating_point() == (bit_depth > 8)
    assert float(last[0, 0, 0]) == pytest.approx(4 * white / 255)


def test_conversion_can_be_cancelled() -> None:
    def check() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        next(ConversionJob(clip()).frames(check=check))


def test_sound_comes_along_as_it_is_asked_for() -> None:
    assert ConversionJob(clip()).tracks(AudioMode.ENCODE) is None
    tracks = SourceTracks(Path("a.mp4"), (AudioStream(0, "aac"),))
    kept = ConversionJob(clip(tracks)).tracks(AudioMode.ENCODE)
    assert kept
    assert (kept.audio_mode, kept.audio) == (AudioMode.ENCODE, tracks.audio)
