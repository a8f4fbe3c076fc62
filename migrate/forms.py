"""What nodes look like in a workflow: theirs as far as they are read, ours in full.

A workflow of the front end stores the values of widgets by position, so their order matters:
required inputs first, then optional ones, each in the order of the node's schema. A DynamicCombo
stores its own value, then those of the inputs that this value brings with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

Widget = tuple[str, str, object]
"""Name, type and default."""
Modes = Mapping[str, tuple[Widget, ...]]
"""Value of a DynamicCombo -> the inputs that it brings with it."""
_KINDS: dict[str, type | tuple[type, ...]] = {
    "INT": (int, float),
    "FLOAT": (int, float),
    "STRING": str,
    "COMBO": str,
    "BOOLEAN": bool,
}


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of node.

    Attributes:
        type: its id in ComfyUI.
        sockets: inputs that can only be connected: (name, type).
        widgets: inputs with a value, in the order of the front end.
        outputs: (name, type).
        modes: of the widgets that are a DynamicCombo.
        optional: names of the widgets that a server can do without.
    """

    type: str
    sockets: tuple[tuple[str, str], ...]
    widgets: tuple[Widget, ...]
    outputs: tuple[tuple[str, str], ...]
    modes: Mapping[str, Modes] = field(default_factory=dict[str, Modes])
    optional: frozenset[str] = frozenset()

    @property
    def defaults(self) -> dict[str, object]:
        """The value of each widget that nobody has touched."""
        return self.complete({})

    @property
    def names(self) -> frozenset[str]:
        """The names of all inputs, whatever a DynamicCombo is set to."""
        names = {name for name, _ in self.sockets} | {name for name, _, _ in self.widgets}
        for combo, modes in self.modes.items():
            names |= {f"{combo}.{name}" for inputs in modes.values() for name, _, _ in inputs}
        return frozenset(names)

    def widgets_for(self, values: Mapping[str, object]) -> Iterator[Widget]:
        """Yield the widgets that are there with the values given; looks at each when it is due."""
        for name, kind, default in self.widgets:
            yield name, kind, default
            if name in self.modes:
                for sub, sub_kind, sub_default in self.modes[name].get(
                    str(values.get(name, default)), ()
                ):
                    yield f"{name}.{sub}", sub_kind, sub_default

    def complete(self, values: Mapping[str, object]) -> dict[str, object]:
        """Return the value of each widget in order: the one given, else its default."""
        return {name: values.get(name, default) for name, _, default in self.widgets_for(values)}

    def read(self, stored: Sequence[object]) -> dict[str, object]:
        """Name values that were stored by position."""
        values: dict[str, object] = {}
        for (name, _, _), value in zip(self.widgets_for(values), stored, strict=False):
            values[name] = value  # and with it, which widgets come next
        return values

    def accepts(self, stored: Sequence[object]) -> bool:
        """Tell whether values that were stored by position can be those of this form."""
        values = self.read(stored)
        return all(
            self._is_valid(name, kind, values[name])
            for name, kind, _ in self.widgets_for(values)
            if values.get(name) is not None
        )

    def _is_valid(self, name: str, kind: str, value: object) -> bool:
        if name in self.modes:
            return value in self.modes[name]
        return isinstance(value, _KINDS[kind]) and (kind == "BOOLEAN") == isinstance(value, bool)


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

_FRAMES = "IMAGE,VIDEO"
OPTIONS: tuple[Widget, ...] = (
    ("quality", "COMBO", "fast"),
    ("loop", "BOOLEAN", False),
    ("scene_threshold", "FLOAT", 0.2),
    ("at_cut", "COMBO", "nearest"),
    ("duplicates", "COMBO", "keep"),
    ("end", "COMBO", "auto"),
    ("cuts", "STRING", ""),
)
ENCODER_OPTIONS: tuple[Widget, ...] = (
    ("dither", "BOOLEAN", False),
    ("encoder_speed", "COMBO", "normal"),
    ("hdr", "COMBO", "tonemap"),
)
_MODES: Modes = {
    "multiplier": (("multi", "INT", 2),),
    "target fps": (("target_fps", "FLOAT", 60.0),),
    "speed": (("speed", "FLOAT", 0.5), ("target_fps", "FLOAT", 0.0)),
    "speed ramp": (("ramp", "STRING", "0:1 1:0.25 2:1"), ("target_fps", "FLOAT", 0.0)),
}
DYNAMIC_COMBO = "COMFY_DYNAMICCOMBO_V3"


def names_of(*widgets: Widget) -> frozenset[str]:
    """Return the names of widgets."""
    return frozenset(name for name, _, _ in widgets)


LOAD_MODEL = Form(
    "RIFELoadModel",
    (),
    (
        ("model", "COMBO", "4.25"),
        ("precision", "COMBO", "auto"),
        ("torch_compile", "BOOLEAN", False),
        ("evaluation", "COMBO", "auto"),
        ("device", "COMBO", "auto"),
    ),
    (("model", "RIFE_MODEL"),),
    optional=frozenset({"torch_compile", "evaluation", "device"}),
)
INTERPOLATE = Form(
    "RIFEInterpolate",
    (
        ("model", "RIFE_MODEL"),
        ("images", _FRAMES),
        ("mask", "MASK"),
        ("audio", "AUDIO"),
        ("curve", "CURVE"),
    ),
    (
        ("source_fps", "FLOAT", 0.0),
        ("mode", DYNAMIC_COMBO, "multiplier"),
        ("scale", "COMBO", "1"),
        *OPTIONS,
    ),
    (("images", "IMAGE"), ("fps", "FLOAT"), ("count", "INT"), ("video", "VIDEO")),
    modes={"mode": _MODES},
    optional=names_of(*OPTIONS),
)
INTERPOLATE_VIDEO = Form(
    "RIFEInterpolateVideo",
    (("model", "RIFE_MODEL"), ("video", _FRAMES), ("mask", "MASK"), ("curve", "CURVE")),
    (
        ("source_fps", "FLOAT", 0.0),
        ("mode", DYNAMIC_COMBO, "multiplier"),
        ("scale", "COMBO", "1"),
        ("filename_prefix", "STRING", "video/RIFE"),
        ("preset", "COMBO", "share"),
        ("crf", "INT", 20),
        ("audio", "COMBO", "copy"),
        *OPTIONS,
        ("ffmpeg_options", "STRING", ""),
        ("resume", "BOOLEAN", True),
        *ENCODER_OPTIONS,
    ),
    (("video", "VIDEO"), ("fps", "FLOAT"), ("count", "INT")),
    modes={"mode": _MODES},
    optional=names_of(*OPTIONS, *ENCODER_OPTIONS) | {"ffmpeg_options", "resume"},
)
DETECT_CUTS = Form(
    "DetectCutsRIFE",
    (("images", "IMAGE"),),
    (("scene_threshold", "FLOAT", 0.2), ("fps", "FLOAT", 0.0)),
    (("cuts", "STRING"), ("count", "INT"), ("sheet", "IMAGE")),
    optional=frozenset({"fps"}),
)
COMPARE = Form(
    "CompareClipsRIFE",
    (("before", "IMAGE"), ("after", "IMAGE")),
    (
        ("before_fps", "FLOAT", 16.0),
        ("after_fps", "FLOAT", 32.0),
        ("show", DYNAMIC_COMBO, "largest difference"),
    ),
    (("frame", "INT"),),
    modes={"show": {"largest difference": (), "frame": (("frame", "INT", 0),)}},
)
SAFA_LOAD_MODEL = Form(
    "SAFALoadModel",
    (),
    (("model", "COMBO", "SAFA 0.5"), ("precision", "COMBO", "auto")),
    (("model", "SAFA_MODEL"),),
)
SAFA_ENHANCE = Form(
    "SAFAEnhance",
    (("model", "SAFA_MODEL"), ("images", "IMAGE")),
    (("scene_threshold", "FLOAT", 0.2), ("cuts", "STRING", "")),
    (("images", "IMAGE"),),
    optional=frozenset({"scene_threshold", "cuts"}),
)
SAFA_ENHANCE_VIDEO = Form(
    "SAFAEnhanceVideo",
    (("model", "SAFA_MODEL"), ("video", "VIDEO")),
    (
        ("filename_prefix", "STRING", "video/RIFE"),
        ("preset", "COMBO", "share"),
        ("crf", "INT", 20),
        ("audio", "COMBO", "copy"),
        ("scene_threshold", "FLOAT", 0.2),
        ("cuts", "STRING", ""),
        ("ffmpeg_options", "STRING", ""),
        ("resume", "BOOLEAN", True),
        *ENCODER_OPTIONS,
    ),
    (("video", "VIDEO"),),
    optional=names_of(*ENCODER_OPTIONS) | {"scene_threshold", "cuts", "ffmpeg_options", "resume"},
)
EXPORT_VIDEO = Form(
    "ExportVideoRIFE",
    (("images", _FRAMES), ("audio", "AUDIO")),
    (
        ("fps", "FLOAT", 0.0),
        ("filename_prefix", "STRING", "video/RIFE"),
        ("preset", "COMBO", "share"),
        ("crf", "INT", 20),
        ("ffmpeg_options", "STRING", ""),
        *ENCODER_OPTIONS,
    ),
    (("video", "VIDEO"),),
    optional=names_of(*ENCODER_OPTIONS) | {"ffmpeg_options"},
)
OURS = (
    LOAD_MODEL,
    INTERPOLATE,
    INTERPOLATE_VIDEO,
    DETECT_CUTS,
    COMPARE,
    SAFA_LOAD_MODEL,
    SAFA_ENHANCE,
    SAFA_ENHANCE_VIDEO,
    EXPORT_VIDEO,
)
