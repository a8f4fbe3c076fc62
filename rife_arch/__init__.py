"""RIFE networks: from a checkpoint file to interpolated or enhanced frames. Knows tensors only.

model = load_rife("rife_v4.25.safetensors", device="cuda", precision="fp16")
middle = model(img0, img1, 0.5)
"""

from .checkpoints import detect
from .errors import (
    CatalogError,
    CheckpointError,
    CheckpointMismatchError,
    DownloadError,
    EvaluationError,
    NotEnoughMemoryError,
    RifeError,
    UnsupportedCheckpointError,
)
from .load import load_checkpoint, load_enhancer, load_rife
from .memory import is_out_of_memory
from .models import (
    EVALUATIONS,
    FLOW_SCALES,
    QUALITIES,
    SCALES,
    EncodedFrame,
    Enhancer,
    Evaluation,
    Features,
    MotionBetween,
    Quality,
    RifeModel,
    Scale,
    parse_scale,
    scale_name,
)
from .networks import HDv3Config, IFNetConfig, NetworkConfig, SafaConfig, ThreeFileConfig

load_interpolator = load_rife  # its former name

__all__ = [
    "EVALUATIONS",
    "FLOW_SCALES",
    "QUALITIES",
    "SCALES",
    "CatalogError",
    "CheckpointError",
    "CheckpointMismatchError",
    "DownloadError",
    "EncodedFrame",
    "Enhancer",
    "Evaluation",
    "EvaluationError",
    "Features",
    "HDv3Config",
    "IFNetConfig",
    "MotionBetween",
    "NetworkConfig",
    "NotEnoughMemoryError",
    "Quality",
    "RifeError",
    "RifeModel",
    "SafaConfig",
    "Scale",
    "ThreeFileConfig",
    "UnsupportedCheckpointError",
    "detect",
    "is_out_of_memory",
    "load_checkpoint",
    "load_enhancer",
    "load_interpolator",
    "load_rife",
    "parse_scale",
    "scale_name",
]
