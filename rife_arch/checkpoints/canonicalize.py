"""Bring a state dict, however it was saved, to the one form the rest of the package reads.

Canonical form: float32, the names of Comfy-Org's repackaged files (``blocks.N.``, ``encode.cnn0``),
nothing but what inference needs. Written as safetensors it is byte-identical to those files, so
its hash identifies a release whatever container the weights came in.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

import safetensors.torch
import torch
from torch import Tensor

from ..errors import CheckpointError
from .select import select_network
from .stored import shorten

# Left in released checkpoints by training, never read by inference.
_TRAINING_ONLY = ("teacher.", "caltime.", "block_tea.")
REFINEMENT = ("contextnet.", "unet.")
"""Prefixes of the context and fusion networks, which are optional in some releases."""
_BLOCK = re.compile(r"^block(\d+)\.")
# The encoder's layers were unnamed in 4.7-4.13; index -> name, by the number of layers.
_LONG_ENCODER = {"0": "cnn0", "2": "cnn1", "4": "cnn2", "6": "cnn3"}
_SHORT_ENCODER = {"0": "cnn0", "1": "cnn3"}


@dataclass(frozen=True, slots=True)
class CanonicalWeights:
    """The weights in canonical form, and what was left out of them.

    Attributes:
        weights: name -> float32 tensor, sorted by name.
        refinement: the same for the context and fusion networks, where the file has them.
        dropped: names, as in the file but without prefix, that inference does not use.
    """

    weights: dict[str, Tensor]
    refinement: dict[str, Tensor]
    dropped: tuple[str, ...]

    def everything(self) -> dict[str, Tensor]:
        """Return the weights with those of the refinement."""
        return {**self.weights, **self.refinement}


def canonicalize(state_dict: Mapping[str, Tensor]) -> CanonicalWeights:
    """Strip prefixes, rename, drop what inference does not use, convert to float32.

    Args:
        state_dict: name -> tensor as read from a file; not modified.

    Raises:
        CheckpointError: a weight is no real number, or not finite; or there are several networks.
    """
    plain, _ = select_network(state_dict)
    dropped = tuple(sorted(key for key, value in plain.items() if _is_left_out(key, value)))
    encoder = _LONG_ENCODER if any(key.startswith("encode.6.") for key in plain) else _SHORT_ENCODER
    kept = {
        _rename(key, encoder): _as_weight(key, plain[key])
        for key in sorted(plain.keys() - set(dropped))
    }
    refinement = {key: value for key, value in kept.items() if key.startswith(REFINEMENT)}
    weights = {key: kept[key] for key in sorted(kept.keys() - refinement.keys())}
    return CanonicalWeights(weights, refinement, dropped)


def _is_left_out(key: str, value: Tensor) -> bool:
    # A whole number by itself counts steps of training; no network has one.
    is_counter = value.ndim == 0 and not value.is_floating_point()
    return is_counter or key.startswith(_TRAINING_ONLY)


def _as_weight(key: str, value: Tensor) -> Tensor:
    if not value.is_floating_point():
        kind = str(value.dtype).removeprefix("torch.")
        raise CheckpointError(
            f"its weight {shorten(key)} is made of {kind}, and weights are real numbers. "
            "Choose the checkpoint that was trained, not one converted for another program."
        )
    weight = value.to(torch.float32)
    # Sparing: a sum is finite only if all its parts are, and only doubtful ones are looked at.
    if not torch.isfinite(weight.sum()) and not torch.isfinite(weight).all():
        raise CheckpointError(
            f"its weight {shorten(key)} is not finite: it has NaN or infinity in it, which would "
            "spoil every frame. The training failed or the file is damaged: get another copy."
        )
    return weight


def _rename(key: str, encoder: Mapping[str, str]) -> str:
    key = _BLOCK.sub(r"blocks.\1.", key)
    if not key.startswith("encode."):
        return key
    _, layer, *rest = key.split(".")
    return ".".join(("encode", encoder.get(layer, layer), *rest))


def canonical_bytes(
    weights: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> bytes:
    """Serialise canonical weights as safetensors.

    Args:
        weights: name -> float32 tensor.
        metadata: notes for the header. Without, files of equal weights are equal.
    """
    contiguous = {key: weights[key].contiguous() for key in sorted(weights)}
    return safetensors.torch.save(contiguous, dict(metadata) if metadata else None)


def canonical_sha256(weights: Mapping[str, Tensor]) -> str:
    """Hash canonical weights, independent of the container they came in."""
    return hashlib.sha256(canonical_bytes(weights)).hexdigest()
