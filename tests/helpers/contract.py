"""The nodes' inputs and outputs: a contract with everyone's workflows."""

from __future__ import annotations

from typing import Any

OPTIONS = ["quality", "loop", "scene_threshold", "at_cut", "duplicates", "end", "mask", "cuts"]
RARE_ENCODING = ["dither", "encoder_speed", "hdr"]


# node id: inputs in order, outputs in order
CONTRACT = {
    "RIFESmooth": (
        ["video", "model", "mode", "save", "filename_prefix", "preset", "crf"],
        ["VIDEO"],
    ),
    "RIFELoadModel": (
        ["model", "precision", "torch_compile", "evaluation", "device"],
        ["RIFE_MODEL"],
    ),
    "RIFEInterpolate": (
        ["model", "images", "source_fps", "mode", "scale", *OPTIONS, "audio", "curve"],
        ["IMAGE", "FLOAT", "INT", "VIDEO"],
    ),
    "RIFEInterpolateVideo": (
        [
            *("model", "video", "source_fps", "mode", "scale"),
            *("filename_prefix", "preset", "crf", "audio"),
            *OPTIONS,
            *("ffmpeg_options", "resume", *RARE_ENCODING, "curve"),
        ],
        ["VIDEO", "FLOAT", "INT"],
    ),
    "JoinClipsRIFE": (["clips", "overlap", "match", "match_frames"], ["IMAGE", "INT"]),
    "DetectCutsRIFE": (["images", "scene_threshold", "fps"], ["STRING", "INT", "IMAGE"]),
    "PreviewMotionRIFE": (
        ["model", "images", "frame", "timestep", "scale"],
        ["IMAGE", "IMAGE", "MASK"],
    ),
    "CompareClipsRIFE": (["before", "after", "before_fps", "after_fps", "show", "slider"], ["INT"]),
    "MontageRIFE": (
        [
            *("before", "after", "before_fps", "after_fps"),
            *("layout", "before_label", "after_label"),
        ],
        ["IMAGE", "FLOAT", "INT"],
    ),
    "ExportVideoRIFE": (
        [
            *("images", "fps", "filename_prefix", "preset", "crf", "audio"),
            *("ffmpeg_options", *RARE_ENCODING),
        ],
        ["VIDEO"],
    ),
    "ExportPNGRIFE": (
        ["images", "filename_prefix", "bit_depth", "compression", "workflow_in", "dither", "hdr"],
        ["STRING"],
    ),
    "SAFALoadModel": (["model", "precision"], ["SAFA_MODEL"]),
    "SAFAEnhance": (["model", "images", "scene_threshold", "cuts"], ["IMAGE"]),
    "SAFAEnhanceVideo": (
        [
            *("model", "video", "filename_prefix", "preset", "crf", "audio"),
            *("scene_threshold", "cuts", "ffmpeg_options", "resume", *RARE_ENCODING),
        ],
        ["VIDEO"],
    ),
    "FindBestModelRIFE": (
        ["images", "models", "scales", "qualities", "frames", "every"],
        ["STRING", "IMAGE"],
    ),
}


def options(node: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Input name -> its options."""
    groups = (node["input"].get(group, {}) for group in ("required", "optional"))
    return {name: spec[1] for group in groups for name, spec in group.items()}
