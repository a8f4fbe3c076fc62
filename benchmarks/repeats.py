"""PSNR of redrawn frames: frames of a clip are replaced by repeats of the one before, and made again."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rife_arch import RifeModel, load_rife
from vfi.frames import Frame
from vfi.preprocess import Duplicates, Preparation
from vfi.read import probe_video, read_video
from vfi.synthesis import Interpolator, interpolate_stream
from vfi.timing import Schedule

RATE = Fraction(24)
PATTERNS: dict[str, Callable[[int], int]] = {  # number of a frame -> of the one that is shown
    "on twos": lambda number: number // 2 * 2,
    "on threes": lambda number: number // 3 * 3,
    "each 7th repeats": lambda number: number - (number % 7 == 3),
}


def main() -> None:
    """Print a table, one row per clip and pattern."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--frames", type=int, default=33, help="of each clip, at most")
    args = parser.parse_args()
    model = load_rife(args.checkpoint)
    print(f"{'clip':<40}{'pattern':<18}{'repeats':>8}{'redrawn':>8}{'left':>8}{'made':>8}  dB")
    for clip in args.clips:
        truth = [frame.pixels for frame in islice(read_video(probe_video(clip)), args.frames)]
        for name, shown in PATTERNS.items():
            row = measure(model, truth, [shown(number) for number in range(len(truth))])
            print(f"{clip.name:<40}{name:<18}{row}", flush=True)


def measure(model: RifeModel, truth: list[Tensor], shown: list[int]) -> str:
    """Compare repeats, as they are and redrawn, with what had been there: a part of a row."""
    source = [Frame(truth[number], position / RATE) for position, number in enumerate(shown)]
    counts: list[int] = []
    preparation = Preparation(scene_threshold=0, duplicates=Duplicates.REDRAW)
    frames, schedule = preparation.apply(source, Schedule(RATE, 1 / RATE), print, counts.append)
    interpolator = Interpolator(model.encode, model.interpolate_each, model.device)
    result = list(interpolate_stream(frames, interpolator, schedule))
    changed = [n for n, frame in enumerate(source) if not torch.equal(frame.pixels, result[n])]
    repeats = [position for position, number in enumerate(shown) if position != number]
    if len(result) != len(truth) or not set(changed) <= set(repeats):
        return f"{len(repeats):>8}{sum(counts):>8}  the clip has repeats of its own"
    left = fmean(psnr(source[n].pixels, truth[n]) for n in changed)
    made = fmean(psnr(result[n], truth[n]) for n in changed)
    return f"{len(repeats):>8}{sum(counts):>8}{left:>8.2f}{made:>8.2f}"


def psnr(made: Tensor, real: Tensor) -> float:
    """Return the PSNR of two pictures of 8 bits, dB."""
    error = (made.float() - real.float()).square().mean().item()
    return 20 * math.log10(255) - 10 * math.log10(max(error, 1e-4))


if __name__ == "__main__":
    main()
