"""Kernels started and bytes moved per new frame on a GPU, counted and not measured.

Runs each way to evaluate a network on torch's device "meta", whose tensors have sizes but no values, and
adds up what each operation reads and writes. No GPU is needed. COMFYUI_PATH adds ComfyUI's own network.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rife_arch.evaluation import Pyramid, supports_pyramid
from rife_arch.evaluation.gpu import TritonPyramid
from rife_arch.evaluation.gpu.loops import Cells, Update
from rife_arch.networks import IFNet, NetworkConfig, Pair
from rife_arch.networks.build import build_network, expected_shapes
from rife_arch.networks.config import PRESETS

BANDWIDTHS = {"RTX 4090": 1.01e12, "H100": 3.35e12}
"""Bytes per second that the maker names."""
GATHERS = {"aten::index_select", "aten::index", "aten::grid_sampler_2d"}
"""Operations that need not read all of their first argument."""
FREE = {"aten::empty", "aten::new_empty", "aten::empty_like", "aten::detach", "aten::empty_strided"}
Run = Callable[[], object]


class Counter(TorchDispatchMode):
    """Counts what runs inside: of torch by itself, of other kernels when told."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels = 0
        self.bytes = 0

    def add(self, num_bytes: float) -> None:
        """Count one kernel."""
        self.kernels += 1
        self.bytes += int(num_bytes)

    def __torch_dispatch__(
        self, func: Any, types: object, args: Any = (), kwargs: Any = None
    ) -> object:
        result = func(*args, **(kwargs or {}))
        name = func._schema.name
        if name == "aten::convolution" and any(map(is_channels_last, args[:2])):
            result = result.contiguous(memory_format=torch.channels_last)  # as cuDNN returns it
        is_view = any(r.alias_info and not r.alias_info.is_write for r in func._schema.returns)
        if is_view or name in FREE:
            return result
        given, made = tensors_in((args, kwargs)), tensors_in(result)
        written = sum(map(size_of, made))
        if name in GATHERS:  # at most the four neighbours of each pixel
            read = min(size_of(given[0]), 4 * written) + sum(map(size_of, given[1:]))
        else:
            read = sum(map(size_of, given))
        self.add(read + written)
        if name == "aten::convolution" and args[2] is not None:
            self.add(2 * written)  # the bias, which torch adds in a pass of its own
        return result


def tensors_in(values: object) -> list[Tensor]:
    """List the tensors in nested arguments or results."""
    return [value for value in tree_leaves(values) if isinstance(value, Tensor)]


def is_channels_last(x: Tensor) -> bool:
    """Tell whether the channels of a pixel are neighbours in memory."""
    return x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()


def size_of(x: Tensor) -> int:
    """Bytes; what is repeated without being copied counts once."""
    return min(x.numel(), x.untyped_storage().nbytes() // x.element_size()) * x.element_size()


class CountedLoops:
    """Stands in for the Triton kernels, and counts what each would read and write."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter

    def interleave(self, out: Tensor, img: Tensor, features: Tensor | None) -> None:
        """Everything once."""
        self._counter.add(sum(map(size_of, tensors_in((out, img, features)))))

    def block_input(
        self, out: Tensor, pair: Pair, timestep: Tensor, updates: Sequence[Update], cells: Cells
    ) -> None:
        """Of a cell of the frames 3 x 3 px, which four bilinear samples touch."""
        share = min(1, 9 / cells.reduction**2)
        read = sum(size_of(update.data) for update in updates) + 4 * timestep.numel()
        self._counter.add(size_of(out) + share * frames_of(pair) + read)

    def activate(self, x: Tensor, bias: Tensor, slopes: Tensor) -> None:
        """Read and write in place."""
        self._counter.add(2 * size_of(x) + size_of(bias) + size_of(slopes))

    def blend(
        self, out: Tensor, pair: Pair, updates: Sequence[Update], planes: Tensor | None
    ) -> None:
        """Everything once: colours share sectors of 32 bytes with features."""
        read = sum(size_of(update.data) for update in updates)
        self._counter.add(sum(map(size_of, tensors_in((out, planes)))) + frames_of(pair) + read)


def frames_of(pair: Pair) -> int:
    """Bytes of both frames, padding included."""
    return size_of(pair.frame0) + size_of(pair.frame1)


def main() -> None:
    """Print a table, one row per way and precision."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", default="4.26", help="of the network; weights are not needed")
    parser.add_argument("--size", default="1920x1088", help="a multiple of 64 each")
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    print("| way | kernels | GB | " + " | ".join(f"{gpu}, ms" for gpu in BANDWIDTHS) + " |")
    print("|---" * (3 + len(BANDWIDTHS)) + "|")
    for dtype in (torch.float32, torch.float16):
        found = candidates(args.version, height, width, dtype)
        if "COMFYUI_PATH" in os.environ:
            found = {"ComfyUI": (Counter(), comfyui(args.version, height, width, dtype)), **found}
        for name, (counter, run) in found.items():
            with torch.no_grad(), counter:
                run()
            bounds = " | ".join(f"{1e3 * counter.bytes / b:.1f}" for b in BANDWIDTHS.values())
            gigabytes = counter.bytes / 1e9
            precision = str(dtype).removeprefix("torch.")
            print(f"| {name}, {precision} | {counter.kernels} | {gigabytes:.2f} | {bounds} |")


def candidates(
    version: str, height: int, width: int, dtype: torch.dtype
) -> dict[str, tuple[Counter, Run]]:
    """Prepare each way to make one new frame, the later source frame's encoding included."""
    config, weights = network_of(version)
    network = build_network(config, weights).to("meta")
    assert isinstance(network, IFNet)
    network.set_precision(dtype)
    return ways_of(network, height, width)


def network_of(version: str) -> tuple[NetworkConfig, dict[str, Tensor]]:
    """Return the network of a release, with weights of no value."""
    config = next(preset.config for preset in PRESETS if version in preset.versions)
    return config, {name: torch.empty(shape) for name, shape in expected_shapes(config).items()}


def bytes_moved(network: IFNet, height: int, width: int) -> dict[str, int]:
    """Count the bytes that each way moves for one new frame, where it can be evaluated in all of them."""
    if not supports_pyramid(network.config, 1):
        return {}
    moved: dict[str, int] = {}
    for name, (counter, run) in ways_of(deepcopy(network).to("meta"), height, width).items():
        with torch.no_grad(), counter:
            run()
        moved[name.lower()] = counter.bytes
    return moved


def ways_of(network: IFNet, height: int, width: int) -> dict[str, tuple[Counter, Run]]:
    """Prepare each way of a network on the device "meta"; see ``candidates``."""
    img = torch.empty(1, 3, height, width, device="meta")
    time = torch.empty(1, 1, 1, 1, device="meta")
    triton = Counter()
    pyramids = {"exact": Pyramid(network), "Triton": TritonPyramid(network, CountedLoops(triton))}
    found: dict[str, tuple[Counter, Run]] = {}

    def plain() -> Tensor:
        frame = network.encode_frame(img)
        return network(Pair(frame, frame), time)

    found["plain"] = Counter(), plain
    for name, pyramid in pyramids.items():

        def run(pyramid: Pyramid | TritonPyramid = pyramid) -> Tensor:
            frame = pyramid.encode_frame(img)
            return pyramid(Pair(frame, frame), time, 1)

        with torch.no_grad():
            run()  # prepares weights and tables once
        found[name] = (triton if name == "Triton" else Counter()), run
    triton.kernels = triton.bytes = 0
    return found


def comfyui(version: str, height: int, width: int, dtype: torch.dtype) -> Run:
    """Load ComfyUI's network from COMFYUI_PATH, features of the earlier frame cached."""
    _, weights = network_of(version)
    img = torch.empty(1, 3, height, width, device="meta", dtype=dtype)
    sys.path.insert(0, os.environ["COMFYUI_PATH"])
    from comfy.cli_args import args as comfy_args

    comfy_args.cpu = True
    from comfy_extras.frame_interpolation_models.ifnet import IFNet as ComfyNet
    from comfy_extras.frame_interpolation_models.ifnet import detect_rife_config

    network = ComfyNet(*detect_rife_config(weights)).eval().to("meta", img.dtype)

    def run() -> Tensor:
        features = network.extract_features(img)
        return network(img, img, timestep=0.5, cache={"img0": features, "img1": features})

    return run


if __name__ == "__main__":
    main()
