"""Audio of a file as samples: as fast as the picture, cut to it, and in its place."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from av.audio.frame import AudioFrame
from imageio_ffmpeg import get_ffmpeg_exe
from torch import Tensor

from tests.helpers.clips import moving_pictures, write_clip
from vfi.read import DecodedAudio, open_video, read_audio
from vfi.read.audio import _tempos
from vfi.tracks import AudioStream, SourceTracks
from vfi.write import write_wav

RATE = 8000
SECOND = Fraction(1)


def tone(seconds: float, hertz: float = 400.0) -> Tensor:
    """[1, T], a sine."""
    time = torch.arange(round(seconds * RATE)) / RATE
    return 0.5 * torch.sin(2 * torch.pi * hertz * time)[None]


@pytest.fixture
def tracks(tmp_path: Path) -> SourceTracks:
    """One second of a tone."""
    path = tmp_path / "tone.wav"
    write_wav(path, tone(1.0), RATE)
    return SourceTracks(path, (AudioStream(0, "pcm_s16le"),))


def read(tracks: SourceTracks, longest: Fraction = 10 * SECOND) -> Tensor:
    found = read_audio(tracks, longest)
    assert found
    samples, rate = found
    assert rate == RATE
    return samples


def pitch(samples: Tensor) -> float:
    """The strongest frequency, Hz."""
    spectrum = np.abs(np.fft.rfft(samples[0].numpy()))
    return float(spectrum.argmax()) * RATE / samples.shape[1]


def test_samples_are_those_of_the_file(tracks: SourceTracks) -> None:
    assert torch.allclose(read(tracks), tone(1.0), atol=1 / 32768)


def test_samples_end_with_the_picture(tracks: SourceTracks) -> None:
    assert read(tracks, Fraction(1, 4)).shape == (1, RATE // 4)


@pytest.mark.parametrize("tempo", [Fraction(1, 4), Fraction(2)])
def test_sound_is_as_fast_as_the_picture_and_keeps_its_pitch(
    tracks: SourceTracks, tempo: Fraction
) -> None:
    samples = read(replace(tracks, tempo=tempo))
    assert samples.shape[1] == pytest.approx(RATE / tempo, rel=0.05)
    assert pitch(samples) == pytest.approx(400, abs=8)


@pytest.mark.parametrize(
    ("tempo", "factors"),
    [
        ("1", ["1"]),
        ("2", ["2"]),
        ("5/2", ["2", "5/4"]),
        ("1/2", ["1/2"]),
        ("1/5", ["1/2", "1/2", "4/5"]),
    ],
)
def test_no_filter_doubles_the_speed_more_than_once(tempo: str, factors: list[str]) -> None:
    assert list(_tempos(Fraction(tempo))) == [Fraction(factor) for factor in factors]


@pytest.mark.parametrize("length", [1, 2047, 2048, 2049])
def test_there_are_as_many_samples_as_are_needed(tracks: SourceTracks, length: int) -> None:
    assert read(tracks, Fraction(length, RATE)).shape[1] == length


def test_trim_is_cut_to_the_sample(tracks: SourceTracks) -> None:
    part = read(replace(tracks, start=Fraction(1, 10), duration=Fraction(1, 2)))
    expected = tone(1.0)[:, RATE // 10 : RATE // 10 + RATE // 2]
    assert part.shape == expected.shape
    assert torch.allclose(part, expected, atol=1 / 32768)


def test_silence_fills_the_time_before_the_sound(tracks: SourceTracks) -> None:
    late = read(replace(tracks, delay=Fraction(-1, 4)))
    assert not late[:, : RATE // 4].any()
    assert torch.allclose(late[:, RATE // 4 :], tone(1.0), atol=1 / 32768)


def test_sound_of_a_video_is_as_long_as_its_picture(tmp_path: Path) -> None:
    clip = open_video(write_clip(tmp_path / "a.mp4", moving_pictures(12), "24", sound="aac"))
    assert clip.tracks
    found = read_audio(clip.tracks, SECOND)
    assert found
    samples, rate = found
    assert samples.shape[1] / rate == pytest.approx(0.5, abs=0.05)


def test_no_track_is_no_sound(tmp_path: Path) -> None:
    assert read_audio(SourceTracks(tmp_path / "none.wav"), SECOND) is None


@pytest.mark.parametrize("number", [0, 1])
def test_track_is_heard_that_is_marked_as_the_default(tmp_path: Path, number: int) -> None:
    path = tmp_path / "a.mkv"
    tones = [f"sine=f={hertz}:d=1:r={RATE}" for hertz in (400, 1000)]
    command = [get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", "color=s=64x48:d=1"]
    for sine in tones:
        command += ["-f", "lavfi", "-i", sine]
    command += ["-map", "0", "-map", "1", "-map", "2", "-c:a", "pcm_s16le"]
    marks = [f"-disposition:a:{number}", "default", f"-disposition:a:{1 - number}", "0"]
    subprocess.run([*command, *marks, str(path)], check=True, stdin=subprocess.DEVNULL)
    heard = open_video(path).tracks
    assert heard
    assert pitch(read(heard)) == pytest.approx((400, 1000)[number], abs=8)


def test_track_that_is_not_known_is_passed_over() -> None:
    known, unknown = AudioStream(1, "aac"), AudioStream(2, "unknown", is_default=True)
    assert SourceTracks(Path("a.mkv"), (unknown, known)).heard == 1
    assert SourceTracks(Path("a.mkv"), (unknown,)).heard is None


def test_gap_of_an_hour_is_not_filled_where_nothing_is_heard_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_clip(tmp_path / "a.mkv", moving_pictures(24), "24", sound="libmp3lame")
    later = tmp_path / "b.mkv"
    command = [get_ffmpeg_exe(), "-v", "error", "-i", str(source), "-map", "0", "-c", "copy"]
    # What comes after 0.5 s is an hour later, picture and sound alike.
    moved = "setts=ts=TS+gt(TS*TB\\,0.5)*3600/TB"
    subprocess.run([*command, "-bsf:v", moved, "-bsf:a", moved, str(later)], check=True)
    tracks = open_video(later).tracks
    assert tracks
    made: list[AudioFrame] = []
    silence_before = DecodedAudio._silence_before

    def counted(decoded: DecodedAudio, frame: AudioFrame) -> Iterator[AudioFrame]:
        for silence in silence_before(decoded, frame):
            made.append(silence)
            yield silence

    monkeypatch.setattr(DecodedAudio, "_silence_before", counted)
    found = read_audio(tracks, 3 * SECOND)
    assert found
    samples, rate = found
    assert samples.shape[1] == 3 * rate
    assert 1 <= len(made) <= 5  # of a second each
