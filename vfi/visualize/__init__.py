"""Images for people to look at: comparisons of two clips, sheets of scene cuts, of motion and of crops.

May import the package's root modules and ``timing``.
"""

from .comparison import (
    DEFAULT_LABEL,
    Layout,
    Montage,
    frames_on_screen,
    label_texts,
    mean_difference,
    parse_labels,
)
from .crop_sheet import draw_crops
from .cut_sheet import MOST_CUTS, ShownCut, draw_sheet, shrink
from .motion_sheet import colour_motion, difference, draw_tiles, longest_motion

__all__ = [
    "DEFAULT_LABEL",
    "MOST_CUTS",
    "Layout",
    "Montage",
    "ShownCut",
    "colour_motion",
    "difference",
    "draw_crops",
    "draw_sheet",
    "draw_tiles",
    "frames_on_screen",
    "label_texts",
    "longest_motion",
    "mean_difference",
    "parse_labels",
    "shrink",
]
