"""Source frames before interpolation: scene cuts, duplicates, loops, concatenated clips.

May import the package's root modules and ``timing``.
"""

from .color_match import DEFAULT_FADE, Match, Statistics
from .concatenate import Part, concatenate
from .cuts import Cut, CutList, parse_cuts, with_cuts
from .pipeline import Duplicates, Preparation
from .scene_detection import DEFAULT_THRESHOLD, mark_cuts
from .seams import Edges, Seam, describe_seams, find_seams, num_edge_frames, read_edges
from .similarity import apparent_motion

__all__ = [
    "DEFAULT_FADE",
    "DEFAULT_THRESHOLD",
    "Cut",
    "CutList",
    "Duplicates",
    "Edges",
    "Match",
    "Part",
    "Preparation",
    "Seam",
    "Statistics",
    "apparent_motion",
    "concatenate",
    "describe_seams",
    "find_seams",
    "mark_cuts",
    "num_edge_frames",
    "parse_cuts",
    "read_edges",
    "with_cuts",
]
