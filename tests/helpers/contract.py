"""The nodes' inputs and outputs: a contract with everyone's workflows."""

from __future__ import annotations

from typing import Any

OPTIONS = ["loop", "scene_threshold", "at_cut", "duplicates", "end", "mask", "cuts"]


# node id: inputs in order, outputs in order
CONTRACT = {
    "RIFELoadModel": (["model", "precision", "torch_compile"], ["RIFE_MODEL"]),
    "RIFEInterpolate": (
        ["model", "images", "multi", "scale", "quality", *OPTIONS, "fps"],
        ["IMAGE", "INT", "FLOAT"],
    ),
    "RIFEInterpolateVideo": (
        [
            "model",
            "video",
            "mode",
            "scale",
            "filename_prefix",
            "preset",
            "crf",
            "audio",
            "quality",
            *OPTIONS,
            "ffmpeg_options",
            "resume",
            "dither",
            "encoder_speed",
            "hdr",
        ],
        ["VIDEO", "FLOAT", "INT"],
    ),
    "RIFEPreviewMotion": (
        ["model", "images", "frame", "timestep", "scale"],
        ["IMAGE", "IMAGE", "MASK"],
    ),
    "RIFERetime": (
        ["model", "images", "source_fps", "target_fps", "speed", "scale", "quality", *OPTIONS],
        ["IMAGE", "FLOAT", "INT"],
    ),
    "RIFESpeedRamp": (
        [
            "model",
            "images",
            "source_fps",
            "target_fps",
            "ramp",
            "scale",
            "quality",
            *OPTIONS,
            "curve",
        ],
        ["IMAGE", "FLOAT", "INT"],
    ),
    "RIFEJoinClips": (["clips", "overlap"], ["IMAGE", "INT"]),
    "RIFEDetectCuts": (["images", "threshold", "fps"], ["STRING", "INT", "IMAGE"]),
    "RIFEMontage": (
        [
            "before",
            "after",
            "before_fps",
            "after_fps",
            "layout",
            "before_label",
            "after_label",
        ],
        ["IMAGE", "FLOAT", "INT"],
    ),
    "RIFECompare": (["before", "after", "before_fps", "after_fps", "frame", "slider"], ["INT"]),
    "RIFELoadEnhancer": (["model", "precision"], ["RIFE_ENHANCER"]),
    "RIFEEnhance": (["enhancer", "images", "scene_threshold", "cuts"], ["IMAGE"]),
    "RIFEEnhanceVideo": (
        [
            "enhancer",
            "video",
            "filename_prefix",
            "preset",
            "crf",
            "audio",
            "scene_threshold",
            "cuts",
            "ffmpeg_options",
            "resume",
            "dither",
            "encoder_speed",
            "hdr",
        ],
        ["VIDEO"],
    ),
    "RIFEExportPNG": (
        ["images", "filename_prefix", "bit_depth", "compression", "workflow_in", "dither"],
        ["STRING"],
    ),
    "RIFEExportVideo": (
        [
            "images",
            "fps",
            "filename_prefix",
            "crf",
            "audio",
            "preset",
            "ffmpeg_options",
            "dither",
            "encoder_speed",
        ],
        ["VIDEO"],
    ),
}


def options(node: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Input name -> its options."""
    groups = (node["input"].get(group, {}) for group in ("required", "optional"))
    return {name: spec[1] for group in groups for name, spec in group.items()}
