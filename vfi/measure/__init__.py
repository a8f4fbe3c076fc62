"""How good made frames are: known frames of a clip are left out, made again, and compared.

May import the package's root modules, ``image_files``, ``read``, ``preprocess``, ``synthesis`` and
``visualize``.
"""

from .bootstrap import CONFIDENCE, RESAMPLES, SEED, Interval, find_intervals, num_drawn
from .clip_folders import find_clips, is_clip_of_pictures
from .comparison import Comparison, Difference, Verdict, compare, describe_comparison
from .contest import BLEND, Entrant, Scores, Setting, compete
from .datasets import LAYOUTS, list_dataset, recognise_layout
from .figures import FIGURES, Subset, figures_of, find_bin, subsets_of, summarise
from .groups import Contest, Group, Item, Judge, compete_in_groups
from .pictures import draw_sheets, find_places, in_sheets
from .plot import plot_groups
from .quality import motion_psnr, psnr, rounded, sharpness, ssim
from .report import (
    describe_places,
    describe_sample,
    find_best,
    find_quick,
    name_winner,
    rank,
    tabulate,
)
from .sample import (
    NoPlaceError,
    Part,
    Plan,
    Sample,
    Survey,
    Triplet,
    part_starts,
    plan_sample,
    take_sample,
)
from .tables import describe_intervals, tabulate_comparison, tabulate_groups
from .triplet_files import TripletFiles, read_triplets

__all__ = [
    "BLEND",
    "CONFIDENCE",
    "FIGURES",
    "LAYOUTS",
    "RESAMPLES",
    "SEED",
    "Comparison",
    "Contest",
    "Difference",
    "Entrant",
    "Group",
    "Interval",
    "Item",
    "Judge",
    "NoPlaceError",
    "Part",
    "Plan",
    "Sample",
    "Scores",
    "Setting",
    "Subset",
    "Survey",
    "Triplet",
    "TripletFiles",
    "Verdict",
    "compare",
    "compete",
    "compete_in_groups",
    "describe_comparison",
    "describe_intervals",
    "describe_places",
    "describe_sample",
    "draw_sheets",
    "figures_of",
    "find_best",
    "find_bin",
    "find_clips",
    "find_intervals",
    "find_places",
    "find_quick",
    "in_sheets",
    "is_clip_of_pictures",
    "list_dataset",
    "motion_psnr",
    "name_winner",
    "num_drawn",
    "part_starts",
    "plan_sample",
    "plot_groups",
    "psnr",
    "rank",
    "read_triplets",
    "recognise_layout",
    "rounded",
    "sharpness",
    "ssim",
    "subsets_of",
    "summarise",
    "tabulate",
    "tabulate_comparison",
    "tabulate_groups",
    "take_sample",
]
