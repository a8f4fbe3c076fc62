"""Read checkpoints from files, safely. The only place that unpickles anything.

Pickles are read with ``weights_only``, which builds tensors and plain containers and refuses
everything else, so a file cannot run code.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from .canonicalize import canonical_sha256, canonicalize
from .config import KNOWN_WEIGHTS, IFNetConfig
from .detect import detect, find_preset
from .errors import CheckpointError
from .ifnet import IFNet
from .model import RifeModel

Precision = Literal["auto", "fp32", "fp16", "bf16"]
PRECISIONS: tuple[Precision, ...] = ("auto", "fp32", "fp16", "bf16")

SUFFIXES = (".safetensors", ".pkl", ".pth", ".pt")
_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_WRAPPERS = ("state_dict", "model", "params", "params_ema")
_HEAD_BYTES = 512
_log = logging.getLogger(__name__)


def load_checkpoint(
    path: Path | str, *, device: torch.device | str = "cpu", precision: Precision = "fp32"
) -> RifeModel:
    """Load a RIFE network from a file, recognised by its weights.

    Args:
        path: a .safetensors, .pkl, .pth or .pt file.
        device: where the network runs.
        precision: of the convolutions; flow, warping and blending are always float32. ``auto`` is
            fp16 on CUDA, else fp32.

    Raises:
        CheckpointError: the file is missing, damaged, not a checkpoint, or of another network.
    """
    path = Path(path)
    canonical = canonicalize(read_state_dict(path))
    try:
        config = detect(canonical.weights)
    except CheckpointError as error:
        error.args = (f"{path}: {error}",)
        raise
    if canonical.dropped:
        _log.info("%s: %d weights not used by inference", path.name, len(canonical.dropped))
    network = build_network(config, canonical.weights)
    network.to(device=torch.device(device), dtype=_choose_dtype(precision, device))
    return RifeModel(network, name=name_weights(config, canonical.weights))


def read_state_dict(path: Path | str) -> dict[str, Tensor]:
    """Read name -> tensor from a checkpoint file, on the CPU.

    Raises:
        CheckpointError: the file is missing, damaged or something else; the message says what.
    """
    path = Path(path)
    head = _read_head(path)
    if reason := _not_a_checkpoint(head):
        raise CheckpointError(f"{path}: expected RIFE weights, got {reason}.")
    is_safetensors = head[8:9] == b"{" and head[:2] != b"PK"
    content = _read_safetensors(path) if is_safetensors else _read_pickle(path)
    return _unwrap(content, path)


def build_network(config: IFNetConfig, weights: Mapping[str, Tensor]) -> IFNet:
    """Make the network and give it ``weights``, which ``detect`` found to fit exactly."""
    with torch.device("meta"):  # no memory and no initialisation for weights about to be replaced
        network = IFNet(config)
    network.load_state_dict(weights, strict=True, assign=True)
    return network.eval().requires_grad_(False)


def name_weights(config: IFNetConfig, weights: Mapping[str, Tensor]) -> str:
    """Name the release exactly where its hash is known, else the releases it can be."""
    exact = KNOWN_WEIGHTS.get(canonical_sha256(weights))
    if exact is not None:
        return exact
    preset = find_preset(config)
    return preset.label if preset else f"unnamed, {len(config.widths)} blocks"


def _choose_dtype(precision: Precision, device: torch.device | str) -> torch.dtype:
    if precision == "auto":
        precision = "fp16" if torch.device(device).type == "cuda" else "fp32"
    return _DTYPES[precision]


def _read_head(path: Path) -> bytes:
    if not path.exists():
        raise CheckpointError(f"{path}: expected a checkpoint file, found nothing there.")
    if not path.is_file():
        raise CheckpointError(f"{path}: expected a checkpoint file, got a folder.")
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}).") from error


def _not_a_checkpoint(head: bytes) -> str | None:
    """Recognise what users commonly have instead of a checkpoint; None for none of these."""
    text = head.lstrip().lower()
    if not head:
        return "an empty file. Download it again"
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a web page saved under this name. Download the file itself, not its page"
    if text.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer. Run 'git lfs pull', or download the file itself"
    return None


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path}: expected a complete safetensors file, got a damaged one ({error}). "
            "Download it again."
        ) from error


def _read_pickle(path: Path) -> object:
    try:
        with path.open("rb") as file:  # by its content: torch.load(path) goes by the extension
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(_explain_unpickling(path, str(error))) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError) as error:
        raise CheckpointError(
            f"{path}: expected a PyTorch checkpoint, got a damaged or cut-off file "
            f"({_first_line(error)}). Download it again."
        ) from error


def _explain_unpickling(path: Path, reason: str) -> str:
    if "Unsupported global" in reason or "Unsupported class" in reason:
        return (
            f"{path}: expected nothing but weights, got a pickle that wants to run code. "
            "It was not run. Do not use this file; download the checkpoint from its author."
        )
    return f"{path}: expected a PyTorch checkpoint, got something else. Choose another file."


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]


def _unwrap(content: object, path: Path) -> dict[str, Tensor]:
    while isinstance(content, dict):
        wrapped = cast("dict[str, Any]", content)
        inner = next(
            (wrapped[key] for key in _WRAPPERS if isinstance(wrapped.get(key), dict)), None
        )
        if inner is None:
            break
        content = inner
    if isinstance(content, dict):
        items = cast("dict[object, object]", content).items()
        tensors = {key: v for key, v in items if isinstance(key, str) and isinstance(v, Tensor)}
        if tensors:
            return tensors
    raise CheckpointError(
        f"{path}: expected weights by name, got a {type(content).__name__} without tensors. "
        "Choose a RIFE checkpoint."
    )
