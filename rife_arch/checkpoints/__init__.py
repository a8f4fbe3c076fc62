"""From a file on disk to a state dict, and from a state dict to a config.

May import ``networks``. ``reader`` is the only place that unpickles.
"""

from .canonicalize import CanonicalWeights, canonical_bytes, canonical_sha256, canonicalize
from .detect import detect, detect_enhancer, find_preset, looks_like_safa
from .reader import SUFFIXES, read_state_dict

__all__ = [
    "SUFFIXES",
    "CanonicalWeights",
    "canonical_bytes",
    "canonical_sha256",
    "canonicalize",
    "detect",
    "detect_enhancer",
    "find_preset",
    "looks_like_safa",
    "read_state_dict",
]
