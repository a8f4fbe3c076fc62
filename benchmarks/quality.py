"""PSNR and SSIM of new frames: every second frame of a clip is left out and made again."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rife_arch import QUALITIES, load_interpolator
from vfi.frames import to_planar
from vfi.media import probe_video, read_video

Maker = Callable[[Tensor, Tensor], Tensor]


def main() -> None:
    """Print a table, one row per clip."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--frames", type=int, default=33, help="of each clip, at most")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    model = load_interpolator(args.checkpoint)
    makers: dict[str, Maker] = {"blend": lambda img0, img1: (img0 + img1) / 2}
    makers |= {q: partial(model, timestep=0.5, quality=q) for q in QUALITIES}
    head = "".join(f"{maker:>16}" for maker in makers)
    print(f"RIFE {model.name}, mean PSNR in dB / SSIM\n{'clip':<32}{head}")
    table: dict[str, dict[str, list[float]]] = {}
    for clip in args.clips:
        scores = torch.tensor(
            [
                [compare(make(img0, img1), middle) for make in makers.values()]
                for img0, middle, img1 in tqdm(triplets(clip, args.frames), leave=False)
            ]
        )
        means = scores.mean(0).tolist()
        row = "".join(f"{psnr:>8.2f} /{ssim:>6.4f}" for psnr, ssim in means)
        print(f"{clip.name:<32}{row}   ({len(scores)} frames)")
        table[clip.name] = dict(zip(makers, means, strict=True))
    if args.json:
        args.json.write_text(json.dumps(table, indent=2))


def triplets(clip: Path, num_frames: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield frames 0, 1, 2, then 2, 3, 4, ...: [1, 3, H, W] in [0, 1]."""
    cpu = torch.device("cpu")
    frames = islice(read_video(probe_video(clip)), num_frames)
    images = (to_planar(frame.pixels, cpu) for frame in frames)
    first = next(images)
    for middle, last in zip(images, images, strict=False):
        yield first, middle, last
        first = last


def compare(made: Tensor, real: Tensor) -> tuple[float, float]:
    """Return PSNR and SSIM of two pictures as files would hold them, rounded to 8 bits."""
    made = made.mul(255).round() / 255
    error = max((made - real).square().mean().item(), 1e-9)
    return -10 * math.log10(error), ssim(made, real)


def ssim(x: Tensor, y: Tensor) -> float:
    """Structural similarity, mean over pixels and colours.

    Reference: Wang et al., "Image Quality Assessment", IEEE TIP 2004: Gaussian window of 11 px with
    a deviation of 1.5 px, K1 = 0.01, K2 = 0.03.
    """
    line = torch.exp(-((torch.arange(11.0) - 5) ** 2) / (2 * 1.5**2))
    window = (torch.outer(line, line) / line.sum() ** 2).expand(3, 1, -1, -1)

    def mean(image: Tensor) -> Tensor:
        return F.conv2d(image, window, groups=3)

    mean_x, mean_y = mean(x), mean(y)
    var_x, var_y = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2
    covariance = mean(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return (luminance * (2 * covariance + c2) / (var_x + var_y + c2)).mean().item()


if __name__ == "__main__":
    main()
