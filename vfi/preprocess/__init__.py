"""What happens to source frames before new ones are made: cuts, repeats, loops, joining clips.

May import the package's root modules and ``timing``.
"""

from .concatenate import joined
from .cuts import Cut, CutList, parse_cuts, with_cuts
from .pipeline import Duplicates, Preparation
from .scene_detection import DEFAULT_THRESHOLD, mark_cuts

__all__ = [
    "DEFAULT_THRESHOLD",
    "Cut",
    "CutList",
    "Duplicates",
    "Preparation",
    "joined",
    "mark_cuts",
    "parse_cuts",
    "with_cuts",
]
