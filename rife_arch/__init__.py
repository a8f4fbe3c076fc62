"""RIFE networks: from a checkpoint file to interpolated or enhanced frames. Knows tensors only.

model = load_interpolator("rife_v4.25.safetensors", device="cuda", precision="fp16")
middle = model(img0, img1, 0.5)
"""

from .config import HDv3Config, IFNetConfig, NetworkConfig, SafaConfig, ThreeFileConfig
from .detect import detect
from .enhancer import EncodedFrame, Enhancer
from .errors import (
    CatalogError,
    CheckpointError,
    CheckpointMismatchError,
    DownloadError,
    RifeError,
    UnsupportedCheckpointError,
)
from .load import load_checkpoint, load_enhancer, load_interpolator
from .model import FLOW_SCALES, QUALITIES, Features, MotionBetween, Quality, RifeModel

__all__ = [
    "FLOW_SCALES",
    "QUALITIES",
    "CatalogError",
    "CheckpointError",
    "CheckpointMismatchError",
    "DownloadError",
    "EncodedFrame",
    "Enhancer",
    "Features",
    "HDv3Config",
    "IFNetConfig",
    "MotionBetween",
    "NetworkConfig",
    "Quality",
    "RifeError",
    "RifeModel",
    "SafaConfig",
    "ThreeFileConfig",
    "UnsupportedCheckpointError",
    "detect",
    "load_checkpoint",
    "load_enhancer",
    "load_interpolator",
]
