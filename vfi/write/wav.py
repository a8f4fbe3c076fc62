"""Audio in memory -> a WAV file that FFmpeg can read."""

from __future__ import annotations

import wave
from pathlib import Path

from torch import Tensor


def write_wav(path: Path, waveform: Tensor, sample_rate: int) -> None:
    """Write a 16-bit WAV file.

    Args:
        path: the file.
        waveform: [C, T] float in [-1, 1]; louder samples are clipped.
        sample_rate: samples per second.
    """
    samples = waveform.cpu().float().clamp(-1, 1).mul(32767).round().short()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(samples))
        file.setsampwidth(2)  # bytes
        file.setframerate(sample_rate)
        file.writeframes(samples.T.contiguous().numpy().astype("<i2").tobytes())  # [C, T] -> [T, C]
