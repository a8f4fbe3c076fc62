"""PSNR, SSIM and sharpness of new frames: every second frame of a clip is left out and made again."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice, product
from pathlib import Path
from statistics import fmean, median
from time import process_time
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rife_arch import QUALITIES, load_rife, parse_scale, scale_name
from vfi.frames import to_planar
from vfi.measure import psnr, rounded, sharpness, ssim
from vfi.read import probe_video, read_video

Maker = Callable[[Tensor, Tensor], Tensor]


class Score(NamedTuple):
    """Of one new frame."""

    psnr: float  # dB
    ssim: float
    seconds: float  # of CPU time: both frames encoded, one new frame made
    sharpness: float  # 1: as sharp as the real frame


def main() -> None:
    """Print a table, one row per clip."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--frames", type=int, default=33, help="of each clip, at most")
    parser.add_argument("--every", type=int, default=1, help="take the clips' N-th frames only")
    parser.add_argument("--qualities", nargs="+", choices=QUALITIES, default=QUALITIES)
    parser.add_argument(
        "--scales", type=parse_scale, nargs="+", default=[1.0], help="of flow estimation"
    )
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    model = load_rife(args.checkpoint)
    makers: dict[str, Maker] = {"blend": lambda img0, img1: (img0 + img1) / 2}
    for quality, scale in product(args.qualities, args.scales):
        makers[f"{quality} {scale_name(scale)}"] = partial(model, quality=quality, scale=scale)
    head = "".join(f"{maker:>30}" for maker in makers)
    print(
        f"RIFE {model.name}, quality and scale: mean PSNR / SSIM / sharpness, median CPU time\n{'':<32}{head}"
    )
    table: dict[str, dict[str, list[Score]]] = {}
    for clip in args.clips:
        found = tqdm(triplets(clip, args.frames, args.every), leave=False)
        frames = [scores(makers, *triplet) for triplet in found]
        table[clip.name] = {maker: [frame[maker] for frame in frames] for maker in makers}
        row = "".join(f"{summary(each):>30}" for each in table[clip.name].values())
        print(f"{clip.name:<32}{row}   ({len(frames)} frames)", flush=True)
    if args.json:  # PSNR, SSIM, seconds and sharpness of each frame
        args.json.write_text(json.dumps(table))


def triplets(clip: Path, num_frames: int, every: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield frames 0, 1, 2, then 2, 3, 4, ... of each ``every``-th: [1, 3, H, W] in [0, 1]."""
    cpu = torch.device("cpu")
    frames = islice(read_video(probe_video(clip)), 0, num_frames * every, every)
    images = (to_planar(frame.pixels, cpu) for frame in frames)
    first = next(images)
    for middle, last in zip(images, images, strict=False):
        yield first, middle, last
        first = last


def scores(
    makers: dict[str, Maker], img0: Tensor, middle: Tensor, img1: Tensor
) -> dict[str, Score]:
    """Let each make the middle frame, in turn."""
    found: dict[str, Score] = {}
    for name, make in makers.items():
        started = process_time()
        made = make(img0, img1)
        seconds = process_time() - started
        made = rounded(made)
        found[name] = Score(
            psnr(made, middle), ssim(made, middle), seconds, sharpness(made, middle)
        )
    return found


def summary(each: list[Score]) -> str:
    """Return the mean of qualities and the median of times, as a cell of the table."""
    noise, structure, seconds, sharp = zip(*each, strict=True)
    return f"{fmean(noise):.2f} / {fmean(structure):.4f} / {fmean(sharp):.2f} {median(seconds):>5.2f} s"


if __name__ == "__main__":
    main()
