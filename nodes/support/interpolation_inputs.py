"""Inputs that the interpolating nodes share, and what is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from comfy_api.latest import io
from torch import Tensor

from ...rife_arch import QUALITIES, Quality
from ...vfi.errors import InputError
from ...vfi.preprocess import DEFAULT_THRESHOLD, Duplicates, Preparation, parse_cuts
from ...vfi.synthesis import AtCut
from ...vfi.timing import EndRule
from .sockets import RifeModelType

_SCALES = ["0.25", "0.5", "1", "2", "4"]


@dataclass(frozen=True)
class InterpolationOptions:
    """The inputs that the interpolating nodes share, by their names."""

    scale: str = "1"
    quality: Quality = "fast"
    loop: bool = False
    scene_threshold: float = DEFAULT_THRESHOLD
    at_cut: str = AtCut.NEAREST.value
    duplicates: str = Duplicates.KEEP.value
    mask: Tensor | None = None
    end: str = EndRule.FULL_DURATION.value
    cuts: str = ""

    def preparation(self, num_frames: int | None) -> Preparation:
        """Say what is done to the frames of a clip; None: nobody knows how many there are."""
        return Preparation(
            scene_threshold=self.scene_threshold,
            cuts=parse_cuts(self.cuts),
            masks=_masks(self.mask, num_frames),
            duplicates=Duplicates(self.duplicates),
            loop=self.loop,
        )


def _masks(mask: Tensor | None, num_frames: int | None) -> Sequence[Tensor]:
    """Split a MASK [H, W] or [M, H, W] into one for all frames or one for each."""
    if mask is None:
        return ()
    masks = list(mask if mask.ndim == 3 else mask[None])
    if num_frames is not None and len(masks) not in (1, num_frames):
        raise InputError(
            f"mask: expected one mask, or one for each of {num_frames} frames, got {len(masks)}. "
            "Take one of them, or as many as there are frames."
        )
    return masks


def model_inputs() -> list[io.Input]:
    """Describe what every interpolating node begins with."""
    return [
        RifeModelType.Input("model", tooltip="From Load RIFE Model."),
        io.Image.Input("images", tooltip="The frames in order, at least two, RGB or RGBA."),
    ]


def scale_input() -> io.Input:
    """Describe the input ``scale``."""
    return io.Combo.Input(
        "scale",
        options=_SCALES,
        default="1",
        tooltip="Resolution at which motion is estimated. Try 0.5 for 4K or when fast "
        "things tear; 2 for small, fine motion.",
    )


def scene_threshold_input(tooltip: str) -> io.Input:
    """Describe the input ``scene_threshold``, whose cuts are used in one way or another."""
    return io.Float.Input(
        "scene_threshold",
        default=DEFAULT_THRESHOLD,
        min=0.0,
        max=1.0,
        step=0.01,
        display_mode=io.NumberDisplay.slider,
        optional=True,
        tooltip=tooltip,
    )


def cuts_input() -> io.Input:
    """Describe the input ``cuts``."""
    return io.String.Input(
        "cuts",
        default="",
        optional=True,
        advanced=True,
        tooltip="Cuts you know, in addition: numbers from 0 of the first frames of scenes, such "
        "as 48, 96. RIFE Detect Cuts gives such a list.",
    )


def option_inputs(end: EndRule) -> list[io.Input]:
    """Describe the optional inputs in their order; workflows saved without them still run.

    Args:
        end: the default of the input of this name.
    """
    return [
        io.Combo.Input(
            "quality",
            options=list(QUALITIES),
            default="fast",
            optional=True,
            tooltip="better averages each new frame with one made from the pair in reverse "
            "order, at twice the time; best also with mirrored ones, at four times.",
        ),
        io.Boolean.Input(
            "loop",
            default=False,
            optional=True,
            tooltip="For a clip that repeats: interpolate from the last frame to the first as "
            "well. A last frame that is the first one already is left out.",
        ),
        scene_threshold_input(
            "How much a frame must stand out to count as the first of a new scene. Lower finds more "
            "cuts; 0 finds none. Two scenes are never mixed by the network."
        ),
        io.Combo.Input(
            "at_cut",
            options=[rule.value for rule in AtCut],
            default=AtCut.NEAREST.value,
            optional=True,
            advanced=True,
            tooltip="What is shown between two scenes: the nearest frame, the last one of the "
            "scene (hold), or a cross-fade (blend).",
        ),
        io.Combo.Input(
            "duplicates",
            options=[rule.value for rule in Duplicates],
            default=Duplicates.KEEP.value,
            optional=True,
            advanced=True,
            tooltip="smooth leaves repeated frames out and spreads the motion evenly over their "
            "time, as for 12 fps animation at 24 fps. keep takes every frame as it is.",
        ),
        io.Combo.Input(
            "end",
            options=[rule.value for rule in EndRule],
            default=end.value,
            optional=True,
            advanced=True,
            tooltip="last-frame ends on the last source frame; full-duration shows it as long as "
            "the source does, so that the length fits the sound. A loop has no end.",
        ),
        io.Mask.Input(
            "mask",
            optional=True,
            tooltip="Where nothing may move, such as text and logos: there the nearest source "
            "frame is shown. One mask for all frames, or one for each.",
        ),
        cuts_input(),
    ]
