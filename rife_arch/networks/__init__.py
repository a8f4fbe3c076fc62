"""The networks themselves, as they were published, and the configs that describe them.

May import ``rife_arch.errors`` only.
"""

from .blocks import ActivatedConv, FlowBlock, Motion, resize
from .build import (
    Network,
    build_enhancer,
    build_network,
    build_trainable,
    expected_shapes,
    set_precision,
)
from .config import (
    DERIVED,
    KNOWN_WEIGHTS,
    PRESETS,
    SAFA_RELEASE,
    Derived,
    EncoderConfig,
    HDv3Config,
    IFNetConfig,
    NetworkConfig,
    Preset,
    SafaConfig,
    ThreeFileConfig,
)
from .ifnet import IFNet
from .ifnet_legacy import HDv3Net
from .pair import Averaging, Interpolated, Pair
from .safa import SAFA, Router
from .warp import sample

__all__ = [
    "DERIVED",
    "KNOWN_WEIGHTS",
    "PRESETS",
    "SAFA",
    "SAFA_RELEASE",
    "ActivatedConv",
    "Averaging",
    "Derived",
    "EncoderConfig",
    "FlowBlock",
    "HDv3Config",
    "HDv3Net",
    "IFNet",
    "IFNetConfig",
    "Interpolated",
    "Motion",
    "Network",
    "NetworkConfig",
    "Pair",
    "Preset",
    "Router",
    "SafaConfig",
    "ThreeFileConfig",
    "build_enhancer",
    "build_network",
    "build_trainable",
    "expected_shapes",
    "resize",
    "sample",
    "set_precision",
]
