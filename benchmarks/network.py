"""Seconds per new frame: each way to evaluate a network, ComfyUI's network, other engines, the convolutions alone."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from time import perf_counter, process_time

import torch
import torch.nn.functional as F
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.network_engines import engines, interpolation_by
from rife_arch import RifeModel, load_rife
from rife_arch.checkpoints.canonicalize import canonicalize
from rife_arch.checkpoints.reader import read_state_dict
from rife_arch.networks.ifnet import IFNet

Candidate = Callable[[], object]
EVALUATIONS = ("auto", "exact", "plain")


def main() -> None:
    """Print a table, one row per size, precision, multiplier and scale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="a 5-block checkpoint such as 4.25 or 4.26")
    parser.add_argument("--size", nargs="+", default=["832x480", "1280x720", "1920x1080"])
    parser.add_argument("--precision", nargs="+", default=["fp32", "bf16"])
    parser.add_argument("--multi", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--scale", nargs="+", type=float, default=[1.0])
    parser.add_argument("--threads", type=int, nargs="+", help="default: as many as torch takes")
    parser.add_argument(
        "--engines", action="store_true", help="also OpenVINO and ONNX Runtime, where installed"
    )
    parser.add_argument("--cpu-time", action="store_true", help="CPU seconds instead of real ones")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    table: dict[str, dict[str, float]] = {}
    clock = process_time if args.cpu_time else perf_counter
    threads = [n for n in args.threads or [torch.get_num_threads()] if n <= (os.cpu_count() or n)]
    for count, size, precision, multi in product(threads, args.size, args.precision, args.multi):
        torch.set_num_threads(count)
        found = {
            (scale, name): candidate
            for scale in args.scale
            for name, candidate in candidates(
                args.checkpoint, size, precision, multi, scale, with_engines=args.engines
            ).items()
        }
        seconds = measure(found, args.runs, multi - 1, clock)
        for scale in args.scale:
            row = f"{size} {precision} x{multi} scale {scale:g}, {count} threads"
            table[row] = {name: s for (of, name), s in seconds.items() if of == scale}
            print_row(row, table[row])
    if args.json:
        args.json.write_text(json.dumps(table, indent=2))


def print_row(label: str, seconds: dict[str, float]) -> None:
    """Print the seconds of each candidate, and how fast it is relative to ComfyUI's or the plain one."""
    base = seconds.get("ComfyUI fp32", seconds["plain"])
    cells = [f"{name} {s:.3f} s ({base / s:.2f}x)" for name, s in seconds.items()]
    print(f"{label:>37}  " + "  ".join(cells), flush=True)


def candidates(
    checkpoint: Path,
    size: str,
    precision: str,
    multi: int,
    scale: float,
    *,
    with_engines: bool = False,
) -> dict[str, Candidate]:
    """Prepare what is compared.

    Each call encodes the later source frame and makes ``multi`` - 1 new ones; the earlier frame's
    features are at hand, as within a clip. Frames have the size that the networks pad to.
    """
    width, height = (-(-int(length) // 64) * 64 for length in size.split("x"))
    img0, img1 = smooth_pair(height, width)
    times = [index / multi for index in range(1, multi)]
    model = load_rife(checkpoint, precision=precision)
    found: dict[str, Candidate] = {}
    for wanted in EVALUATIONS:
        way = RifeModel(model.network, model.name, evaluation=wanted)
        found[way.evaluation(scale)] = interpolation(way, img0, img1, times, scale)
    if "COMFYUI_PATH" in os.environ and scale == 1:
        found["ComfyUI fp32"] = comfyui(checkpoint, img0, img1, times)
    assert isinstance(model.network, IFNet)
    if with_engines and scale == 1 and precision == "fp32":
        found |= other_engines(model, img0, img1, times)
    alone = convolutions(model.network, int(height * scale), int(width * scale), len(times))
    return found | {"convolutions": alone}


def interpolation(
    model: RifeModel, img0: Tensor, img1: Tensor, times: list[float], scale: float
) -> Candidate:
    """Prepare this project's work."""
    first = model.encode(img0, scale=scale)
    return lambda: list(model.interpolate_each(first, model.encode(img1, scale=scale), times))


def other_engines(
    model: RifeModel, img0: Tensor, img1: Tensor, times: list[float]
) -> dict[str, Candidate]:
    """Prepare the engines that are installed, and see that each makes the same frames."""
    assert isinstance(model.network, IFNet)
    expected = torch.cat(
        list(model.interpolate_each(model.encode(img0), model.encode(img1), times))
    )
    found: dict[str, Candidate] = {}
    for name, engine in engines().items():
        run = interpolation_by(
            engine, model.network, img0, img1, times, threads=torch.get_num_threads()
        )
        made = torch.cat([torch.from_numpy(frame) for frame in run()])
        torch.testing.assert_close(made, expected, atol=1e-3, rtol=0)
        found[name] = run
    return found


def smooth_pair(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Make two pictures in which smooth shapes move by some px."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, height // 16, width // 16, generator=generator)
    img = F.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)
    return img, img.roll((3, 8), (2, 3))


def comfyui(checkpoint: Path, img0: Tensor, img1: Tensor, times: list[float]) -> Candidate:
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

    def run() -> list[Tensor]:
        with torch.inference_mode():
            cache = {"img0": first, "img1": network.extract_features(img1)}
            return [network(img0, img1, timestep=time, cache=cache) for time in times]

    return run


def convolutions(
    network: IFNet,
    height: int,
    width: int,
    num_frames: int,
    device: torch.device | None = None,
) -> Candidate:
    """Run the blocks' convolutions alone, on inputs that are already there, channels last.

    ``height`` and ``width`` are those of the frame times the scale of the flow.
    """
    config = network.config
    inputs = [
        torch.rand(1, config.block_inputs(index), height // scale, width // scale).to(
            device, network.dtype, memory_format=torch.channels_last
        )
        for index, scale in enumerate(config.block_scales)
    ]

    def run() -> None:
        with torch.inference_mode():
            for _ in range(num_frames):
                for block, x in zip(network.flow_blocks(), inputs, strict=True):
                    block.head(block.trunk(block.first_convolution(x)), 13)

    return run


def measure(
    found: dict[str, Candidate],
    runs: int,
    num_frames: int,
    clock: Callable[[], float] = perf_counter,
) -> dict[str, float]:
    """Run all candidates in turn; returns the median seconds of each, per new frame."""
    seconds: dict[str, list[float]] = {name: [] for name in found}
    for run in range(runs + 1):  # the first is a warm-up
        for name, candidate in found.items():
            started = clock()
            candidate()
            if run:
                seconds[name].append((clock() - started) / num_frames)
    return {name: statistics.median(values) for name, values in seconds.items()}


if __name__ == "__main__":
    main()
