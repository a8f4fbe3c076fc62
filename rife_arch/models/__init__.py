"""Networks ready for use: frames of any size, precision, batching, quality modes.

May import ``networks`` and ``evaluation``.
"""

from .enhancer import EncodedFrame, Enhancer
from .rife_model import FLOW_SCALES, QUALITIES, Features, MotionBetween, Quality, RifeModel

__all__ = [
    "FLOW_SCALES",
    "QUALITIES",
    "EncodedFrame",
    "Enhancer",
    "Features",
    "MotionBetween",
    "Quality",
    "RifeModel",
]
