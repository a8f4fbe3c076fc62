"""Audio in memory -> a WAV file that FFmpeg can read."""

from __future__ import annotations

import wave
from pathlib import Path

from torch import Tensor

from ..tracks import AudioStream, SourceTracks


def write_wav(path: Path, waveform: Tensor, sample_rate: int) -> None:
    """Write a 16-bit WAV file.

    Args:
        path: the file.
        waveform: [C, T] float in [-1, 1]; louder samples are clipped.
        sample_rate: samples per second.
    """
    with WavFile(path, len(waveform), sample_rate) as file:
        file.write(waveform)


def wav_tracks(path: Path) -> SourceTracks:
    """Return what comes along from a file that was written here: its audio."""
    return SourceTracks(path, (AudioStream(0, "pcm_s16le"),))


class WavFile:
    """A 16-bit WAV file that is written part by part; a context manager."""

    def __init__(self, path: Path, num_channels: int, sample_rate: int) -> None:
        """Open the file; closing it without any sample is fine."""
        self._file = wave.open(str(path), "wb")  # noqa: SIM115  closed at the end of the block
        self._file.setnchannels(num_channels)
        self._file.setsampwidth(2)  # bytes
        self._file.setframerate(sample_rate)

    def __enter__(self) -> WavFile:
        return self

    def write(self, waveform: Tensor) -> None:
        """Add samples, [C, T] float in [-1, 1]; louder ones are clipped."""
        samples = waveform.cpu().float().clamp(-1, 1).mul(32767).round().short()
        data = samples.T.contiguous().numpy().astype("<i2")  # [C, T] -> [T, C]
        self._file.writeframes(data.tobytes())

    def __exit__(self, *_: object) -> None:
        self._file.close()
