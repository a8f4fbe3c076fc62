"""What matching gives where clips are joined: a clip cut in three, each part with more drift.

Shown are jumps: by how many levels of 255 the mean colour changes from a frame to the next, beyond what
it does in the clip itself, in the channel where that is most. And the error of the frames: how far they
are from the clip's own. Parts repeat a frame, overlap by four, or share nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Generator, Sequence
from contextlib import closing
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from vfi.frames import Frame, as_float, to_uint8
from vfi.preprocess import Match, Part, Statistics, concatenate, find_seams, read_edges
from vfi.read import open_video

TICK = Fraction(1, 16)
SHARED = {"repeated frame": (1, 0), "overlap of 4": (4, 4), "nothing shared": (0, 0)}
DRIFTS = {
    "gain": lambda image: image * 1.06,
    "offset": lambda image: image + 0.02,
    "gamma": lambda image: image**0.92,
    "contrast and tint": lambda image: (
        ((image - 0.45) * 1.06 + 0.455) * torch.tensor([1.02, 1, 0.98])
    ),
}


def drifted(pixels: Tensor, drift: str, times: int) -> Tensor:
    """Drift a frame of 8 bits, and round it to 8 bits again."""
    image = as_float(pixels)
    for _ in range(times):
        image = DRIFTS[drift](image).clamp(0, 1)
    return to_uint8(image)


def join(parts: Sequence[Sequence[Tensor]], overlap: int, match: Match) -> list[Tensor]:
    """Join clips as the node does."""
    seams = find_seams([read_edges(part, overlap) for part in parts], overlap, match)

    def frames(part: Sequence[Tensor]) -> Generator[Frame, None, None]:
        for number, pixels in enumerate(part):
            yield Frame(as_float(pixels), number * TICK)

    joined = [
        Part(partial(frames, part), TICK, seam) for part, seam in zip(parts, seams, strict=True)
    ]
    return [frame.pixels for frame in concatenate(joined, match)]


def measure(clip: Sequence[Tensor], result: Sequence[Tensor], seams: Sequence[int]) -> list[float]:
    """Return the largest jump at a seam, that elsewhere, and the error, in levels of 255."""
    means, truth = (
        torch.stack([as_float(frame).mean((0, 1)) for frame in frames]) for frames in (result, clip)
    )
    jumps = (means.diff(dim=0) - truth.diff(dim=0)).abs().amax(1) * 255
    at_seams = jumps[[seam - 1 for seam in seams]].max().item()
    jumps[[seam - 1 for seam in seams]] = 0
    errors = [(a - as_float(b)).abs().mean() for a, b in zip(result, clip, strict=True)]
    return [at_seams, jumps.max().item(), torch.stack(errors).mean().item() * 255]


def main() -> None:
    """Print a table for each clip."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path, metavar="CLIP")
    parser.add_argument("--frames", type=int, default=48, help="of a clip, at most (default 48)")
    args = parser.parse_args()
    for path in args.clips:
        with closing(open_video(path).frames()) as frames:
            clip = [to_uint8(frame.pixels) for frame in islice(frames, args.frames)]
        third = len(clip) // 3
        seams = [third, 2 * third]
        fade = third // 2
        print(
            f"\n{path.name}, {len(clip)} frames, fade of {fade}: jump at seams / elsewhere / error"
        )
        for shared, (num_shared, overlap) in SHARED.items():
            for drift in DRIFTS:
                edges = [(0, third), (third, 2 * third), (2 * third, len(clip))]
                parts = [
                    [drifted(pixels, drift, n) for pixels in clip[max(0, start - num_shared) : end]]
                    for n, (start, end) in enumerate(edges)
                ]
                print(f"{shared:<15} {drift:<18}", end="")
                for match in (
                    Match(),
                    *(Match(one, length) for one in list(Statistics)[1:] for length in (fade, 0)),
                ):
                    result = join(parts, overlap, match)
                    what = "frame shown twice"
                    if len(result) == len(clip):
                        what = " / ".join(f"{value:.2f}" for value in measure(clip, result, seams))
                    print(f" | {what:<18}", end="", flush=True)
                print()


if __name__ == "__main__":
    main()
