"""What nodes look like in a workflow: theirs as far as they are read, ours in full.

A workflow of the front end stores the values of widgets by position, so their order matters.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of node.

    Attributes:
        type: its id in ComfyUI.
        sockets: inputs that can only be connected: (name, type).
        widgets: inputs with a value, in the order of the front end: (name, type, default).
        outputs: (name, type).
    """

    type: str
    sockets: tuple[tuple[str, str], ...]
    widgets: tuple[tuple[str, str, object], ...]
    outputs: tuple[tuple[str, str], ...]

    @property
    def defaults(self) -> dict[str, object]:
        """The value of each widget that nobody has touched."""
        return {name: default for name, _, default in self.widgets}


# --- ComfyUI-Frame-Interpolation, 1.0.11 ---------------------------------------------------------

RIFE_VFI = Form(
    "RIFE VFI",
    (("frames", "IMAGE"), ("optional_interpolation_states", "INTERPOLATION_STATES")),
    (
        ("ckpt_name", "COMBO", "rife49.pth"),
        ("clear_cache_after_n_frames", "INT", 10),
        ("multiplier", "INT", 2),
        ("fast_mode", "BOOLEAN", True),
        ("ensemble", "BOOLEAN", True),
        ("scale_factor", "COMBO", 1.0),
        ("dtype", "COMBO", "float32"),  # this and what follows: not in workflows before 2026
        ("torch_compile", "BOOLEAN", False),
        ("batch_size", "INT", 1),
    ),
    (("IMAGE", "IMAGE"),),
)
STATE_LIST = Form(
    "Make Interpolation State List",
    (),
    (("frame_indices", "STRING", "1,2,3"), ("is_skip_list", "BOOLEAN", True)),
    (("INTERPOLATION_STATES", "INTERPOLATION_STATES"),),
)
OTHER_VFI = (
    "AMT VFI",
    "ATM VFI",
    "CAIN VFI",
    "FILM VFI",
    "FLAVR VFI",
    "GMFSS Fortuna VFI",
    "IFRNet VFI",
    "IFUnet VFI",
    "M2M VFI",
    "MOMO VFI",
    "STMFNet VFI",
    "Sepconv VFI",
)

# --- ComfyUI, 0.19.3 to 0.25.0 -------------------------------------------------------------------

CORE_LOADER = Form(
    "FrameInterpolationModelLoader",
    (),
    (("model_name", "COMBO", ""),),
    (("INTERP_MODEL", "INTERP_MODEL"),),
)
CORE_INTERPOLATE = Form(
    "FrameInterpolate",
    (("interp_model", "INTERP_MODEL"), ("images", "IMAGE")),
    (("multiplier", "INT", 2),),
    (("IMAGE", "IMAGE"),),
)

# --- this pack -----------------------------------------------------------------------------------

LOAD_MODEL = Form(
    "RIFELoadModel",
    (),
    (
        ("model", "COMBO", "4.25"),
        ("precision", "COMBO", "auto"),
        ("torch_compile", "BOOLEAN", False),
    ),
    (("model", "RIFE_MODEL"),),
)
INTERPOLATE = Form(
    "RIFEInterpolate",
    (("model", "RIFE_MODEL"), ("images", "IMAGE"), ("mask", "MASK")),
    (
        ("multi", "INT", 2),
        ("scale", "COMBO", "1"),
        ("quality", "COMBO", "fast"),
        ("loop", "BOOLEAN", False),
        ("scene_threshold", "FLOAT", 0.2),
        ("at_cut", "COMBO", "nearest"),
        ("duplicates", "COMBO", "keep"),
        ("end", "COMBO", "last-frame"),
        ("cuts", "STRING", ""),
        ("fps", "FLOAT", 16.0),
    ),
    (("images", "IMAGE"), ("count", "INT"), ("fps", "FLOAT")),
)
OURS = (LOAD_MODEL, INTERPOLATE)
