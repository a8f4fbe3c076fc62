"""Samples of a file's sound, from the first frame shown on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from vfi.read import open_video, read_sound, sound, sound_format
from vfi.read.sound import SoundFormat
from vfi.tracks import SourceTracks

RATE = 8000
MONO = SoundFormat(RATE, "mono", 1)


@pytest.fixture
def ramp(ffmpeg: Callable[..., Path]) -> Callable[..., SourceTracks]:
    """A clip of 2 s whose sound is time itself: the sample at second t is t / 4."""

    def make(*options: object, start: Fraction = Fraction(0)) -> SourceTracks:
        path = ffmpeg(
            *("-f", "lavfi", "-i", "color=s=32x32:r=25:d=2"),
            *options,
            *("-f", "lavfi", "-i", f"aevalsrc=t/4:s={RATE}:d=2"),
            *("-c:v", "ffv1", "-c:a", "pcm_f32le", "a.mkv"),
        )
        tracks = open_video(path, start).tracks
        assert tracks
        return tracks

    return make


def samples(
    tracks: SourceTracks, count: int, wanted: SoundFormat = MONO
) -> npt.NDArray[np.float32]:
    return np.concatenate(list(read_sound(tracks, 0, wanted, count)), axis=1)


def test_format_is_that_of_the_stream(ramp: Callable[..., SourceTracks]) -> None:
    assert sound_format(ramp(), 0) == SoundFormat(RATE, "1c", 1)
    assert samples(ramp(), 100, sound_format(ramp(), 0)).shape == (1, 100)


@pytest.mark.parametrize("start", [Fraction(0), Fraction(8, 25), Fraction(36, 25)])
def test_sound_begins_with_the_first_frame_shown(
    ramp: Callable[..., SourceTracks], start: Fraction
) -> None:
    found = samples(ramp(start=start), 2000)[0]
    np.testing.assert_allclose(found, (np.arange(2000) / RATE + float(start)) / 4, atol=1 / RATE)


def test_silence_follows_to_the_exact_length(ramp: Callable[..., SourceTracks]) -> None:
    found = samples(ramp(), 3 * RATE)[0]
    assert len(found) == 3 * RATE
    assert found[2 * RATE - 1] > 0.49
    assert not found[2 * RATE :].any()


def test_sound_that_starts_late_has_silence_before_it(ramp: Callable[..., SourceTracks]) -> None:
    found = samples(ramp("-itsoffset", 0.5), 2 * RATE)[0]
    assert not found[: RATE // 2 - 8].any()
    assert found[RATE] == pytest.approx(0.5 / 4, abs=2 / RATE)


def test_sound_is_brought_to_another_rate_and_layout(ramp: Callable[..., SourceTracks]) -> None:
    found = samples(ramp(), 16000, SoundFormat(16000, "stereo", 2))
    assert found.shape == (2, 16000)
    expected = np.arange(16000) / 64000 / np.sqrt(2)  # as loud in two channels as in one
    np.testing.assert_allclose(found[1, 100:], expected[100:], atol=2e-4)


def test_picture_that_starts_late_cuts_the_sound(ramp: Callable[..., SourceTracks]) -> None:
    tracks = replace(ramp(), delay=Fraction(1, 2))
    assert samples(tracks, 100)[0, 0] == pytest.approx(0.5 / 4, abs=2 / RATE)


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        ((3, 103), [*[0] * 3, *[1] * 100, *[2] * 100]),  # before the first sample, any silence
        ((0, 260), [*[1] * 100, *[2] * 100]),  # 1/50 s is 160 samples: no gap, a rounded time
        ((0, 261), [*[1] * 100, *[0] * 161, *[2] * 100]),
        ((-10, 90), [*[1] * 90, *[2] * 100]),
        ((0, 50), [*[1] * 100, *[2] * 100]),
    ],
)
def test_gaps_longer_than_the_rounding_of_times_are_silence(
    positions: tuple[int, int], expected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = [np.full((1, 100), level, np.float32) for level in (1, 2)]
    monkeypatch.setattr(sound, "open_container", lambda *_, **__: nullcontext())
    monkeypatch.setattr(sound, "_decode", lambda *_: zip(positions, blocks, strict=True))
    found = samples(SourceTracks(Path("a.mkv")), 400)[0]
    assert found.tolist() == [*expected, *[0] * (400 - len(expected))]
