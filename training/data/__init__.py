"""From a folder of clips to batches: clips are cut into samples once, and batches drawn from these.

:func:`prepare` fills a cache with short runs of frames, cut out where something moves. :class:`Batches`
draws from it; which pixels are in a batch depends on its number and a seed only, so that a run goes on
where it was stopped, and machines load their parts of a batch without a word to each other.

May import ``vfi`` and the package's root modules.
"""

from .batches import Batch, Batches, held_out_batches, held_out_in_order
from .cache import prepare
from .find import find_clips
from .manifest import Manifest, Sample, read_manifest
from .options import AugmentOptions, CutOptions, Timesteps

__all__ = [
    "AugmentOptions",
    "Batch",
    "Batches",
    "CutOptions",
    "Manifest",
    "Sample",
    "Timesteps",
    "find_clips",
    "held_out_batches",
    "held_out_in_order",
    "prepare",
    "read_manifest",
]
