"""Bring a state dict, however it was saved, to the one form the rest of the package reads.

Canonical form: float32, the names of Comfy-Org's repackaged files (``blocks.N.``, ``encode.cnn0``),
nothing but what inference needs. Written as safetensors it is byte-identical to those files, so
its hash identifies a release whatever container the weights came in.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import safetensors.torch
import torch
from torch import Tensor

# Left in released checkpoints by training, never read by inference.
_TRAINING_ONLY = ("teacher.", "caltime.", "block_tea.")
REFINEMENT = ("contextnet.", "unet.")
"""Prefixes of the context and fusion networks, which are optional in some releases."""
_PREFIXES = ("module.", "flownet.", "model.")
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
    """
    plain = strip_prefixes(state_dict)
    dropped = tuple(sorted(key for key in plain if key.startswith(_TRAINING_ONLY)))
    encoder = _LONG_ENCODER if any(key.startswith("encode.6.") for key in plain) else _SHORT_ENCODER
    kept = {
        _rename(key, encoder): plain[key].to(torch.float32)
        for key in sorted(plain.keys() - set(dropped))
    }
    refinement = {key: value for key, value in kept.items() if key.startswith(REFINEMENT)}
    weights = {key: kept[key] for key in sorted(kept.keys() - refinement.keys())}
    return CanonicalWeights(weights, refinement, dropped)


def strip_prefixes(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Remove ``module.``, ``flownet.`` and ``model.`` in front of all names, however nested."""
    stripped = dict(state_dict)
    while prefix := _common_prefix(stripped):
        stripped = {key[len(prefix) :]: value for key, value in stripped.items()}
    return stripped


def _common_prefix(keys: Iterable[str]) -> str | None:
    keys = list(keys)
    shared = (prefix for prefix in _PREFIXES if keys and all(k.startswith(prefix) for k in keys))
    return next(shared, None)


def _rename(key: str, encoder: Mapping[str, str]) -> str:
    key = _BLOCK.sub(r"blocks.\1.", key)
    if not key.startswith("encode."):
        return key
    _, layer, *rest = key.split(".")
    return ".".join(("encode", encoder.get(layer, layer), *rest))


def canonical_bytes(weights: Mapping[str, Tensor]) -> bytes:
    """Serialise canonical weights as safetensors without metadata."""
    contiguous = {key: weights[key].contiguous() for key in sorted(weights)}
    return safetensors.torch.save(contiguous)


def canonical_sha256(weights: Mapping[str, Tensor]) -> str:
    """Hash canonical weights, independent of the container they came in."""
    return hashlib.sha256(canonical_bytes(weights)).hexdigest()
