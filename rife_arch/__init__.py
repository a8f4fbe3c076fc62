"""RIFE networks: from a checkpoint file to interpolated frames. Knows tensors only.

model = load_checkpoint("rife_v4.25.safetensors", device="cuda", precision="fp16")
middle = model(img0, img1, 0.5)
"""

from .checkpoint import load_checkpoint
from .config import IFNetConfig
from .detect import detect
from .errors import (
    CatalogError,
    CheckpointError,
    CheckpointMismatchError,
    DownloadError,
    RifeError,
    UnsupportedCheckpointError,
)
from .model import FLOW_SCALES, Features, RifeModel

__all__ = [
    "FLOW_SCALES",
    "CatalogError",
    "CheckpointError",
    "CheckpointMismatchError",
    "DownloadError",
    "Features",
    "IFNetConfig",
    "RifeError",
    "RifeModel",
    "UnsupportedCheckpointError",
    "detect",
    "load_checkpoint",
]
