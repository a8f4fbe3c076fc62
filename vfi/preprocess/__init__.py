"""Source frames before interpolation: scene cuts, duplicates, loops, concatenated clips.

May import the package's root modules and ``timing``.
"""

from .concatenate import concatenate
from .cuts import Cut, CutList, parse_cuts, with_cuts
from .pipeline import Duplicates, Preparation
from .scene_detection import DEFAULT_THRESHOLD, mark_cuts
from .similarity import apparent_motion

__all__ = [
    "DEFAULT_THRESHOLD",
    "Cut",
    "CutList",
    "Duplicates",
    "Preparation",
    "apparent_motion",
    "concatenate",
    "mark_cuts",
    "parse_cuts",
    "with_cuts",
]
