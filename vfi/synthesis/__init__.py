"""New frames and enhanced frames from source frames, with any model that fits ``protocol``.

May import the package's root modules and ``timing``; knows no network.
"""

from .enhance import enhance_stream
from .interpolate import AtCut, interpolate_stream
from .protocol import FeaturesT, FrameEnhancer, Interpolator

__all__ = [
    "AtCut",
    "FeaturesT",
    "FrameEnhancer",
    "Interpolator",
    "enhance_stream",
    "interpolate_stream",
]
