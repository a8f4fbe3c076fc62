"""What dithering gives and costs: a slow, dark gradient, written with and without it.

The error is that of the average over blocks of 16 x 16 pixels, in levels of 255, against the gradient
itself: where a band has one colour for all, the average is off, and that is the band one sees.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from vfi.encode import EncodingSettings
from vfi.frames import as_float, to_bit_depth
from vfi.read import probe_video, read_video
from vfi.write import VideoWriter

HEIGHT, WIDTH, RATE = 480, 832, Fraction(24)
TINT = torch.tensor([0.7, 0.85, 1])  # a night sky
CASES: Sequence[tuple[str, int | None]] = (
    ("share", 20),
    ("share", 14),
    ("share", 6),
    ("webm", 24),
    ("webm", 10),
    ("lossless", None),
    ("high-quality", 18),
)


def gradient(num_frames: int) -> Iterator[Tensor]:
    """Yield [H, W, 3] in [0, 1]: 20 levels over the width, 6 over the height, drifting sideways."""
    y, x = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    for number in range(num_frames):
        blue = (20 + 20 * (x + 3 * number) / WIDTH + 6 * y / HEIGHT) / 255
        yield blue[..., None] * TINT


def measure(preset: str, crf: int | None, num_frames: int, *, dither: bool) -> tuple[float, int]:
    """Write the gradient and read it back; returns the error and the size in bytes."""
    encoding = EncodingSettings(preset, crf, dither=dither)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"gradient{encoding.suffixes[0]}"
        frame_format = encoding.resolve(path, width=WIDTH, height=HEIGHT, rate=RATE)
        with VideoWriter(path, frame_format) as writer:
            for pixels in gradient(num_frames):
                writer.write(to_bit_depth(pixels, writer.bit_depth, dither=dither).numpy())
        frames = read_video(probe_video(path))
        errors = [
            (_blocks(as_float(frame.pixels)) - _blocks(pixels)).abs().mean() * 255
            for frame, pixels in zip(frames, gradient(num_frames), strict=True)
        ]
        return torch.stack(errors).mean().item(), path.stat().st_size


def _blocks(pixels: Tensor) -> Tensor:
    return torch.nn.functional.avg_pool2d(pixels.double().permute(2, 0, 1), 16)


def main() -> None:
    """Print a row for each preset."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=24)
    args = parser.parse_args()
    print("| preset | error | dithered | kB | dithered |\n|---|---|---|---|---|")
    for preset, crf in CASES:
        plain, plain_size = measure(preset, crf, args.frames, dither=False)
        error, size = measure(preset, crf, args.frames, dither=True)
        name = preset if crf is None else f"{preset}, crf {crf}"
        print(f"| {name} | {plain:.2f} | {error:.2f} | {plain_size // 1000} | {size // 1000} |")


if __name__ == "__main__":
    main()
