"""PSNR of new frames against real ones: every second frame of a clip is left out and made again."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rife_arch import QUALITIES, load_checkpoint
from vfi.frames import to_planar
from vfi.media import probe_video, read_video

Maker = Callable[[Tensor, Tensor], Tensor]


def main() -> None:
    """Print a table, one row per clip."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--frames", type=int, default=33, help="of each clip, at most")
    args = parser.parse_args()
    model = load_checkpoint(args.checkpoint)
    makers: dict[str, Maker] = {"blend": lambda img0, img1: (img0 + img1) / 2}
    makers |= {q: partial(model, timestep=0.5, quality=q) for q in QUALITIES}
    print(f"RIFE {model.name}, mean PSNR in dB\n{'clip':<40}" + "".join(f"{m:>9}" for m in makers))
    for clip in args.clips:
        scores = torch.tensor(
            [
                [psnr(make(img0, img1), middle) for make in makers.values()]
                for img0, middle, img1 in tqdm(triplets(clip, args.frames), leave=False)
            ]
        )
        row = "".join(f"{value:>9.2f}" for value in scores.mean(0).tolist())
        print(f"{clip.name:<40}{row}   ({len(scores)} frames)")


def triplets(clip: Path, num_frames: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield frames 0, 1, 2, then 2, 3, 4, ...: [1, 3, H, W] in [0, 1]."""
    cpu = torch.device("cpu")
    frames = islice(read_video(probe_video(clip)), num_frames)
    images = (to_planar(frame.pixels, cpu) for frame in frames)
    first = next(images)
    for middle, last in zip(images, images, strict=False):
        yield first, middle, last
        first = last


def psnr(made: Tensor, real: Tensor) -> float:
    """Compare as files would hold them, rounded to 8 bits."""
    error = (made.mul(255).round() - real * 255).square().mean().item()
    return float(10 * torch.log10(torch.tensor(255.0**2 / max(error, 1e-4))))


if __name__ == "__main__":
    main()
