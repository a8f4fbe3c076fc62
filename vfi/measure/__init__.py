"""How good made frames are: known frames of a clip are left out, made again, and compared.

May import the package's root modules, ``read``, ``preprocess``, ``synthesis`` and ``visualize``.
"""

from .bootstrap import Interval, find_intervals
from .contest import Entrant, Scores, Setting, compete
from .pictures import draw_sheets, find_places, in_sheets
from .quality import psnr, rounded, sharpness, ssim
from .report import describe_sample, find_best, find_quick, name_winner, rank, tabulate
from .sample import Part, Sample, Triplet, part_starts, take_sample

__all__ = [
    "Entrant",
    "Interval",
    "Part",
    "Sample",
    "Scores",
    "Setting",
    "Triplet",
    "compete",
    "describe_sample",
    "draw_sheets",
    "find_best",
    "find_intervals",
    "find_places",
    "find_quick",
    "in_sheets",
    "name_winner",
    "part_starts",
    "psnr",
    "rank",
    "rounded",
    "sharpness",
    "ssim",
    "tabulate",
    "take_sample",
]
