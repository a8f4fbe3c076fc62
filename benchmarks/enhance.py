"""CPU seconds per enhanced frame at each scale, and of its convolutions; weights do not matter."""

from __future__ import annotations

import argparse
import sys
from itertools import product
from pathlib import Path
from time import process_time

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.network import Candidate, measure, smooth_pair
from rife_arch import SafaConfig
from rife_arch.load import DTYPES
from rife_arch.networks.blocks import ActivatedConv
from rife_arch.networks.build import build_enhancer, expected_shapes, set_precision
from rife_arch.networks.safa import SAFA, HalvingUnit

# What the routers of all steps decide.
SCALES = {"whole": (True, True), "half": (False, True), "quarter": (False, False)}


def main() -> None:
    """Print a table, one row per size, precision and scale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", nargs="+", default=["832x480"])
    parser.add_argument("--precision", nargs="+", choices=DTYPES, default=["fp32", "bf16"])
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    for size, precision in product(args.size, args.precision):
        network = random_network()
        set_precision(network, DTYPES[precision])
        width, height = (-(-int(length) // 64) * 64 for length in size.split("x"))
        for scale, choice in SCALES.items():
            found = candidates(network, torch.tensor([choice]), height, width)
            seconds = measure(found, args.runs, 1, process_time)
            cells = [f"{name} {value:.2f} s" for name, value in seconds.items()]
            print(f"{size} {precision} {scale:>8}  " + "  ".join(cells), flush=True)


def random_network() -> SAFA:
    """Make the network of the release with small random weights."""
    shapes = expected_shapes(SafaConfig())
    weights = {key: 0.02 * torch.randn(shape) for key, shape in shapes.items()}
    return build_enhancer(SafaConfig(), weights)


def candidates(network: SAFA, choice: Tensor, height: int, width: int) -> dict[str, Candidate]:
    """Prepare what is compared: a frame, encoded and enhanced, and its convolutions."""
    img0, img1 = smooth_pair(height, width)
    with torch.inference_mode():
        other = network.encode_frame(img1)

    def enhance() -> None:
        with torch.inference_mode():
            network(network.encode_frame(img0), other, lambda _: choice)

    calls = record_convolutions(network, enhance)

    def convolve() -> None:
        with torch.inference_mode():
            for layer, x in calls:
                layer(x)

    return {"enhance": enhance, "convolutions": convolve}


def record_convolutions(network: SAFA, run: Candidate) -> list[tuple[nn.Module, Tensor]]:
    """Run once; returns the convolutions and copies of what they read."""
    units = [module.conv for module in network.modules() if isinstance(module, HalvingUnit)]
    convolutions = [module for module in network.modules() if isinstance(module, ActivatedConv)]
    calls: list[tuple[nn.Module, Tensor]] = []

    def record(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        calls.append((layer, inputs[0].clone()))

    layers = (*units, *convolutions, network.block.convimg, network.lastconv1[1])
    hooks = [layer.register_forward_pre_hook(record) for layer in layers]
    run()
    for hook in hooks:
        hook.remove()
    return calls


if __name__ == "__main__":
    main()
