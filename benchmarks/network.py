"""Seconds per interpolated frame: exact evaluation, plain forward, ComfyUI's network, convolutions."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import torch
import torch.nn.functional as F
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rife_arch import RifeModel, load_checkpoint
from rife_arch.canonicalize import canonicalize
from rife_arch.checkpoint import read_state_dict
from rife_arch.ifnet import IFNet
from rife_arch.pair import Pair

Candidate = Callable[[], object]


def main() -> None:
    """Print a table, one row per size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="a 5-block checkpoint such as 4.25 or 4.26")
    parser.add_argument("--size", nargs="+", default=["832x512", "1280x768", "1920x1088"])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    model = load_checkpoint(args.checkpoint)
    table = {
        size: measure(candidates(model, args.checkpoint, size), args.runs) for size in args.size
    }
    for size, seconds in table.items():
        exact = seconds["exact"]
        cells = [f"{name} {value:.3f} s ({value / exact:.2f}x)" for name, value in seconds.items()]
        print(f"{size:>10}  " + "  ".join(cells))
    if args.json:
        args.json.write_text(json.dumps(table, indent=2))


def candidates(model: RifeModel, checkpoint: Path, size: str) -> dict[str, Candidate]:
    """Prepare what is compared; each call makes one frame and encodes the later source frame."""
    network = model.network
    assert isinstance(network, IFNet)
    width, height = map(int, size.split("x"))
    img0, img1 = smooth_pair(height, width)
    first, time = model.encode(img0), torch.full((1, 1, 1, 1), 0.5)

    def exact() -> Tensor:
        return model.interpolate(first, model.encode(img1), 0.5)

    def plain() -> Tensor:
        with torch.inference_mode():
            return network(Pair(first.padded, model.encode(img1).padded), time)

    found: dict[str, Candidate] = {"exact": exact, "plain": plain}
    if "COMFYUI_PATH" in os.environ:
        found["ComfyUI"] = comfyui(checkpoint, img0, img1)
    return found | {"convolutions": convolutions(network, height, width)}


def smooth_pair(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Make two pictures in which smooth shapes move by some px."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, height // 16, width // 16, generator=generator)
    img = F.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)
    return img, img.roll((3, 8), (2, 3))


def comfyui(checkpoint: Path, img0: Tensor, img1: Tensor) -> Candidate:
    """Load ComfyUI's network from COMFYUI_PATH with the same weights, features cached alike."""
    sys.path.insert(0, os.environ["COMFYUI_PATH"])
    from comfy.cli_args import args as comfy_args

    comfy_args.cpu = True
    from comfy_extras.frame_interpolation_models.ifnet import IFNet as ComfyNet
    from comfy_extras.frame_interpolation_models.ifnet import detect_rife_config

    weights = canonicalize(read_state_dict(checkpoint)).weights
    network = ComfyNet(*detect_rife_config(weights)).eval()
    network.load_state_dict(weights)
    with torch.inference_mode():
        first = network.extract_features(img0)

    def run() -> Tensor:
        with torch.inference_mode():
            cache = {"img0": first, "img1": network.extract_features(img1)}
            return network(img0, img1, timestep=0.5, cache=cache)

    return run


def convolutions(network: IFNet, height: int, width: int) -> Candidate:
    """Run the blocks' convolutions alone, on inputs that are already there, channels last."""
    config = network.config
    inputs = [
        torch.rand(1, config.block_inputs(index), height // scale, width // scale).contiguous(
            memory_format=torch.channels_last
        )
        for index, scale in enumerate(config.block_scales)
    ]

    def run() -> None:
        with torch.inference_mode():
            for block, x in zip(network.flow_blocks(), inputs, strict=True):
                block.head(block.trunk(block.first_convolution(x)), 13)

    return run


def measure(found: dict[str, Candidate], runs: int) -> dict[str, float]:
    """Run all candidates in turn; returns the median seconds of each."""
    seconds: dict[str, list[float]] = {name: [] for name in found}
    for run in range(runs + 1):  # the first is a warm-up
        for name, candidate in found.items():
            started = perf_counter()
            candidate()
            if run:
                seconds[name].append(perf_counter() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


if __name__ == "__main__":
    main()
