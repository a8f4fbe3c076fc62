"""RIFE networks: from a checkpoint file to interpolated frames. Knows tensors only.

model = load_checkpoint("rife_v4.25.safetensors", device="cuda", precision="fp16")
middle = model(img0, img1, 0.5)
"""

from .config import HDv3Config, IFNetConfig, NetworkConfig, ThreeFileConfig
from .detect import detect
from .errors import (
    CatalogError,
    CheckpointError,
    CheckpointMismatchError,
    DownloadError,
    RifeError,
    UnsupportedCheckpointError,
)
from .load import load_checkpoint
from .model import FLOW_SCALES, QUALITIES, Features, MotionBetween, Quality, RifeModel

__all__ = [
    "FLOW_SCALES",
    "QUALITIES",
    "CatalogError",
    "CheckpointError",
    "CheckpointMismatchError",
    "DownloadError",
    "Features",
    "HDv3Config",
    "IFNetConfig",
    "MotionBetween",
    "NetworkConfig",
    "Quality",
    "RifeError",
    "RifeModel",
    "ThreeFileConfig",
    "UnsupportedCheckpointError",
    "detect",
    "load_checkpoint",
]
