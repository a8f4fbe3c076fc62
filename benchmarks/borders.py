"""What a network sees beyond the frame: PSNR of new frames with the border repeated, black, mirrored."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import fmean

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.quality import triplets

from rife_arch import RifeModel, load_rife
from vfi.measure import psnr, rounded

_BAND = 24
"""Width, px, of what counts as the border."""

Pad = Callable[[Tensor, int], tuple[Tensor, int, int]]
"""[B, C, H, W] and the multiple to reach -> the padded frame, and where the frame begins in it."""


def main() -> None:
    """Print a table, one row per clip: how much each way differs from repeating, all and border."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--frames", type=int, default=13, help="of each clip, at most")
    args = parser.parse_args()
    model = load_rife(args.checkpoint, precision="fp32")
    ways: dict[str, Pad] = {
        f"{name}{', both sides' if centred else ''}": partial(_padded, mode=mode, centred=centred)
        for centred in (False, True)
        for name, mode in (
            ("repeated", "replicate"),
            ("black", "constant"),
            ("mirrored", "reflect"),
        )
    }
    print(f"RIFE {model.name}, PSNR of all of the frame / of its outer {_BAND} px")
    print(f"{'':<32}" + "".join(f"{name:>22}" for name in ways))
    for clip in args.clips:
        found = tqdm(triplets(clip, args.frames, 1), leave=False)
        scores = [_scores(model, ways, *triplet) for triplet in found]
        means = {way: [fmean(s[way][i] for s in scores) for i in (0, 1)] for way in ways}
        cells = "".join(f"{whole:>13.2f} / {band:>6.2f}" for whole, band in means.values())
        print(f"{clip.name:<32}{cells}   ({len(scores)} frames)", flush=True)


def _padded(frame: Tensor, multiple: int, *, mode: str, centred: bool) -> tuple[Tensor, int, int]:
    height, width = frame.shape[2:]
    rows, cols = -height % multiple, -width % multiple
    top, left = (rows // 2, cols // 2) if centred else (0, 0)
    if mode == "reflect" and not (rows < height and cols < width):
        mode = "replicate"  # too small to be mirrored
    padded = F.pad(frame, (left, cols - left, top, rows - top), mode=mode)
    return padded, top, left


@torch.inference_mode()
def _scores(
    model: RifeModel, ways: Mapping[str, Pad], img0: Tensor, middle: Tensor, img1: Tensor
) -> dict[str, tuple[float, float]]:
    """Return the PSNR, dB, of all of a new frame and of its border, for each way."""
    height, width = middle.shape[2:]
    band = torch.ones(1, 3, height, width, dtype=torch.bool)
    band[..., _BAND:-_BAND, _BAND:-_BAND] = False
    found: dict[str, tuple[float, float]] = {}
    for name, pad in ways.items():
        multiple = model.config.pad_multiple(1.0)
        (padded0, top, left), (padded1, _, _) = pad(img0, multiple), pad(img1, multiple)
        # Of a size that fits, so the model adds nothing of its own.
        made = model(padded0, padded1)[..., top : top + height, left : left + width]
        made = rounded(made)
        found[name] = psnr(made, middle), psnr(made[band], middle[band])
    return found


if __name__ == "__main__":
    main()
