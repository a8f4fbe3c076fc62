"""What programs may import from ``rife_arch``: names are added, never removed or renamed."""

from __future__ import annotations

import rife_arch

EXPORTS = [
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


def test_exports_are_pinned() -> None:
    assert rife_arch.__all__ == EXPORTS
    assert all(hasattr(rife_arch, name) for name in EXPORTS)


def test_the_former_name_of_load_rife_still_works() -> None:
    assert rife_arch.load_interpolator is rife_arch.load_rife
