"""From a file on disk to a state dict, and from a state dict to a config.

May import ``networks``. ``reader`` is the one door; nothing here can run what is in a pickle.
"""

from .canonicalize import CanonicalWeights, canonical_bytes, canonical_sha256, canonicalize
from .detect import detect, detect_enhancer, find_preset, looks_like_safa
from .files import ARCHIVES, SUFFIXES, is_checkpoint_name, list_checkpoints, sha256_of_file
from .reader import read_named, read_state_dict, read_weights
from .tuning import Tuning, read_tuning

__all__ = [
    "ARCHIVES",
    "SUFFIXES",
    "CanonicalWeights",
    "Tuning",
    "canonical_bytes",
    "canonical_sha256",
    "canonicalize",
    "detect",
    "detect_enhancer",
    "find_preset",
    "is_checkpoint_name",
    "list_checkpoints",
    "looks_like_safa",
    "read_named",
    "read_state_dict",
    "read_tuning",
    "read_weights",
    "sha256_of_file",
]
