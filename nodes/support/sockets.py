"""Sockets, models that ComfyUI manages, and checks of input values."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import comfy.model_management
import torch
from comfy.model_patcher import ModelPatcher
from comfy_api.latest import io
from torch import nn

from ...rife_arch import Enhancer, Evaluation, RifeModel, load_rife
from ...rife_arch.load import Precision
from ...vfi.errors import InputError
from ...vfi.timing import parse_rate

CATEGORY = "video/RIFE"
INSPECT_CATEGORY = f"{CATEGORY}/inspect"
EXPORT_CATEGORY = f"{CATEGORY}/export"
SAFA_CATEGORY = "video/SAFA"
# Search terms for the interpolating nodes; other packs call theirs RIFE VFI.
ALIASES = (
    "rife",
    "RIFE VFI",
    "frame interpolation",
    "interpolate frames",
    "vfi",
    "slow motion",
    "fps",
    "frame rate",
    "smooth",
)

_LOWEST_RATE = 0.001  # frames per second

_log = logging.getLogger(__name__)

RifeModelType = io.Custom("RIFE_MODEL")
EnhancerType = io.Custom("SAFA_MODEL")


@dataclass(frozen=True, slots=True)
class ManagedModel:
    """What a RIFE_MODEL socket carries.

    Attributes:
        rife: the model.
        patcher: ComfyUI's wrapper of its network, which moves it to the GPU and back.
    """

    rife: RifeModel
    patcher: ModelPatcher

    @property
    def device(self) -> torch.device:
        """Where the network runs; until it is loaded there, it is in main memory."""
        return self.patcher.load_device

    def load(self, working_bytes: int) -> RifeModel:
        """Load the network onto its device, and keep ``working_bytes`` free for running it."""
        _load(self.patcher, working_bytes)
        return self.rife


def load_managed(
    path: Path,
    precision: Precision = "auto",
    *,
    torch_compile: bool = False,
    evaluation: Evaluation = "auto",
    device: torch.device | None = None,
) -> ManagedModel:
    """Load a checkpoint into main memory; it moves to its device when a node uses it.

    Args:
        path: of the checkpoint.
        precision: of the convolutions.
        torch_compile: see ``load_rife``, like the next.
        evaluation: how frames are computed.
        device: where the network will run; None: where ComfyUI runs its models.
    """
    device = device or comfy.model_management.get_torch_device()
    rife = load_rife(
        path,
        precision=host_precision(precision, device),
        torch_compile=torch_compile,
        evaluation=evaluation,
    )
    rife.require_evaluation(device)
    _log.info("loaded RIFE %s (%s, %s) from %s", rife.name, rife.precision, device, path)
    return ManagedModel(rife, make_patcher(rife.network, device))


@dataclass(frozen=True, slots=True)
class ManagedEnhancer:
    """What a SAFA_MODEL socket carries; see :class:`ManagedModel`."""

    enhancer: Enhancer
    patcher: ModelPatcher

    @property
    def device(self) -> torch.device:
        """Where the network runs."""
        return self.patcher.load_device

    def load(self, working_bytes: int) -> Enhancer:
        """Load the network onto its device, and keep ``working_bytes`` free for running it."""
        _load(self.patcher, working_bytes)
        return self.enhancer


def host_precision(precision: Precision, device: torch.device) -> Precision:
    """Resolve ``auto`` for a GPU as ComfyUI does; on a CPU, the network decides."""
    if precision != "auto" or device.type == "cpu":
        return precision
    return "fp16" if comfy.model_management.should_use_fp16(device) else "fp32"


def make_patcher(network: nn.Module, device: torch.device) -> ModelPatcher:
    """Let ComfyUI move a network between its device and main memory."""
    rest = comfy.model_management.unet_offload_device()
    # With --highvram ComfyUI leaves models on its GPU: this one stays on its own.
    return ModelPatcher(
        network, load_device=device, offload_device=rest if rest.type == "cpu" else device
    )


def _load(patcher: ModelPatcher, working_bytes: int) -> None:
    # Full load: plain torch layers cannot run partly offloaded.
    comfy.model_management.load_models_gpu(
        [patcher], memory_required=working_bytes, force_full_load=True
    )


def clip_input(name: str, tooltip: str) -> io.Input:
    """Describe an input that takes a clip as IMAGE or as VIDEO; see ``open_clip``."""
    return io.MultiType.Input(name, [io.Image, io.Video], tooltip=tooltip)


def clip_rate_input(name: str) -> io.Input:
    """Describe the frame rate that goes with a :func:`clip_input`."""
    return frame_rate_input(
        name,
        0.0,
        "Frame rate of the images: 16 for Wan, 24 for most others; 23.976, 29.97 and 59.94 mean the "
        "exact broadcast rates. A VIDEO has its own rate and ignores this one: leave it at 0.",
        least=0.0,
    )


def frame_rate_input(
    name: str, default: float, tooltip: str, *, least: float = 0.01, optional: bool = False
) -> io.Input:
    """Describe an input for :func:`exact_rate`; ``least`` is 0 where a node takes 0 for "none"."""
    return io.Float.Input(
        name,
        default=default,
        min=least,
        max=1000.0,
        step=0.001,
        round=0.001,
        optional=optional,
        tooltip=tooltip,
    )


def exact_rate(fps: float) -> Fraction:
    """Convert the frame rate of a FLOAT input to a fraction: 23.976 means 24000/1001.

    Raises:
        InputError: it is too low to be one.
    """
    if fps < _LOWEST_RATE:
        raise InputError(f"A frame rate must be at least {_LOWEST_RATE:g}, got {fps:g}.")
    return parse_rate(f"{fps:.3f}".rstrip("0").rstrip("."))
