"""What an interrupted run goes on from, and the checkpoint that comes out of one.

Both are safetensors files, which hold numbers and text and nothing that could run. The samples of a step
are a function of its number, so there is no state of a random generator to keep.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from rife_arch.checkpoints import Tuning, canonical_bytes
from vfi.errors import InputError
from vfi.write import write_whole

from .trainer import Trainer

_FORMAT = "1"


def write_checkpoint(path: Path, weights: Mapping[str, Tensor], tuning: Tuning) -> None:
    """Write weights in the form that every loader of RIFE reads, with where they come from."""
    on_cpu = {name: weight.detach().float().cpu() for name, weight in weights.items()}
    write_whole(path, canonical_bytes(on_cpu, tuning.as_metadata()))


def write_state(path: Path, trainer: Trainer, settings: Mapping[str, Any]) -> None:
    """Write everything that the next step depends on.

    Args:
        path: replaced as a whole.
        trainer: after any of its steps.
        settings: what a run that goes on must share.
    """
    tensors = {f"weights.{name}": weight for name, weight in trainer.weights().items()}
    tensors |= {f"average.{name}": weight for name, weight in trainer.average.weights.items()}
    for index, values in trainer.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in values.items()}
    metadata = {
        "format": _FORMAT,
        "done": str(trainer.done),
        "scaler": json.dumps(trainer.scaler.state_dict()),
        "settings": json.dumps(dict(settings)),
    }
    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_whole(path, safetensors.torch.save(on_cpu, metadata))


def read_state(path: Path, trainer: Trainer, settings: Mapping[str, Any]) -> None:
    """Bring a trainer to where another one was.

    Raises:
        InputError: it is damaged, or the settings are others.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no mapping
        _require_equal(path, json.loads(metadata["settings"]), settings)
        _restore(trainer, tensors, json.loads(metadata["scaler"]))
        trainer.done = int(metadata["done"])
    except (OSError, safetensors.SafetensorError, KeyError, ValueError, RuntimeError) as error:
        reason = str(error).split("\n", 1)[0]
        raise InputError(
            f"{path} is damaged, or of another version ({reason}). Begin anew with another --output."
        ) from error


def _require_equal(path: Path, before: dict[str, Any], now: Mapping[str, Any]) -> None:
    changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if changed:
        listed = ", ".join(
            f"{name.replace('_', '-')} {before.get(name)}, not {now.get(name)}"
            for name in sorted(changed)
        )
        raise InputError(
            f"{path}: the run was begun with other settings: {listed}. Give the same ones to go on, or choose "
            "another --output to begin anew."
        )


def _restore(trainer: Trainer, tensors: Mapping[str, Tensor], scaler: dict[str, Any]) -> None:
    trainer.trainee.network.load_state_dict(_below("weights.", tensors))
    with torch.no_grad():
        for name, weight in _below("average.", tensors).items():
            trainer.average.weights[name].copy_(weight)
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _below("optimizer.", tensors).items():
        index, _, key = name.partition(".")
        state.setdefault(int(index), {})[key] = value
    groups = trainer.optimizer.state_dict()["param_groups"]
    trainer.optimizer.load_state_dict({"state": state, "param_groups": groups})
    trainer.scaler.load_state_dict(scaler)


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
