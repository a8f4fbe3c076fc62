"""Inputs that the interpolating nodes share, and the settings they give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from comfy_api.latest import io
from torch import Tensor

from ...rife_arch import QUALITIES, SCALES, Quality, scale_name
from ...vfi.errors import InputError
from ...vfi.preprocess import DEFAULT_THRESHOLD, Duplicates, Preparation, parse_cuts
from ...vfi.synthesis import AtCut
from ...vfi.timing import EndRule
from .timing_inputs import AUTO_END


@dataclass(frozen=True)
class InterpolationOptions:
    """Values of the inputs that the interpolating nodes share, by input id."""

    scale: str = "1"
    quality: Quality = "fast"
    loop: bool = False
    scene_threshold: float = DEFAULT_THRESHOLD
    at_cut: str = AtCut.NEAREST.value
    duplicates: str = Duplicates.KEEP.value
    mask: Tensor | None = None
    cuts: str = ""

    def preparation(self, num_frames: int | None) -> Preparation:
        """Return how the frames are prepared before interpolation.

        Args:
            num_frames: of the clip; None if unknown.
        """
        return Preparation(
            scene_threshold=self.scene_threshold,
            cuts=parse_cuts(self.cuts),
            masks=_masks(self.mask, num_frames),
            duplicates=Duplicates(self.duplicates),
            loop=self.loop,
        )

    def count_redrawn(self, repeats: Sequence[int]) -> int | None:
        """Return how many frames were redrawn, for the result line; None if that was not asked for.

        Args:
            repeats: how many there were in each run of equal frames.
        """
        return sum(repeats) if self.duplicates == Duplicates.REDRAW.value else None


def _masks(mask: Tensor | None, num_frames: int | None) -> Sequence[Tensor]:
    """Split masks, [M, H, W], into one mask for all frames or one per frame."""
    if mask is None:
        return ()
    masks = list(mask)
    if num_frames is not None and len(masks) not in (1, num_frames):
        raise InputError(
            f"Got {len(masks)} masks for {num_frames} frames. Connect one mask for all frames, or one "
            "per frame."
        )
    return masks


def scale_input() -> io.Input:
    """Describe the input ``scale``."""
    return io.Combo.Input(
        "scale",
        options=list(map(scale_name, SCALES)),
        default="1",
        tooltip="Resolution at which motion is estimated; the frames keep theirs. Try 0.5 for 4K or "
        "when fast motion tears, 2 for small, fine motion. auto is 1 with its last step in both "
        "directions of time: a little better, and a little slower.",
    )


def scene_threshold_input(tooltip: str) -> io.Input:
    """Describe the input ``scene_threshold``; the tooltip depends on what a cut means to the node."""
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
        tooltip="Known scene cuts, in addition to those found: numbers of the first frames of new "
        "scenes, from 0, such as 48, 96. Detect Cuts (RIFE) outputs such a list.",
    )


def option_inputs() -> list[io.Input]:
    """Describe the optional inputs, in order; workflows saved without them still run."""
    return [
        io.Combo.Input(
            "quality",
            options=list(QUALITIES),
            default="fast",
            optional=True,
            tooltip="fast suits most clips. better averages each new frame with one from the pair "
            "reversed in time, which takes twice as long; best also with flipped ones, four times as "
            "long. ultra averages estimates at two scales: the best, and by far the slowest.",
        ),
        io.Boolean.Input(
            "loop",
            default=False,
            optional=True,
            tooltip="For a clip that repeats: also interpolate from the last frame to the first. A "
            "last frame that repeats the first is dropped.",
        ),
        scene_threshold_input(
            "How much a frame must differ from its neighbours to count as a scene cut. Frames are not "
            "interpolated across a cut. Lower finds more cuts; 0 turns detection off."
        ),
        io.Combo.Input(
            "at_cut",
            options=[rule.value for rule in AtCut],
            default=AtCut.NEAREST.value,
            optional=True,
            advanced=True,
            tooltip="What is shown across a scene cut: the nearest frame (nearest), the last frame "
            "of the scene (hold), or a cross-fade (blend).",
        ),
        io.Combo.Input(
            "duplicates",
            options=[rule.value for rule in Duplicates],
            default=Duplicates.KEEP.value,
            optional=True,
            advanced=True,
            tooltip="smooth drops repeated frames and spreads the motion evenly over their time, for "
            "example in 12 fps animation at 24 fps. redraw makes new frames in their place and leaves "
            "all others where they are. keep uses every frame as it is.",
        ),
        io.Combo.Input(
            "end",
            options=[AUTO_END, *(rule.value for rule in EndRule)],
            default=AUTO_END,
            optional=True,
            advanced=True,
            tooltip="last-frame ends on the last source frame; full-duration shows that frame as "
            "long as the source does, so that the length matches the audio. auto is last-frame for "
            "images with a multiplier, else full-duration. Ignored in a loop.",
        ),
        io.Mask.Input(
            "mask",
            optional=True,
            tooltip="White where nothing may move, such as text and logos: the nearest source frame "
            "is shown there. One mask for all frames, or one per frame.",
        ),
        cuts_input(),
    ]
