from __future__ import annotations

from pathlib import Path

import av
import torch

from vfi.write.wav import write_wav


def test_samples_come_back_within_16_bit_rounding(tmp_path: Path) -> None:
    waveform = torch.linspace(-1.2, 1.2, 4000).repeat(2, 1) * torch.tensor([[1.0], [0.5]])
    write_wav(tmp_path / "a.wav", waveform, 8000)
    with av.open(str(tmp_path / "a.wav")) as container:
        frames = [torch.from_numpy(f.to_ndarray()) for f in container.decode(audio=0)]
        assert container.streams.audio[0].rate == 8000
    back = torch.cat(frames, 1).reshape(-1, 2).T.float() / 32767
    torch.testing.assert_close(back, waveform.clamp(-1, 1), atol=2e-5, rtol=0)
