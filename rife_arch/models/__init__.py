"""Networks ready for use: frames of any size, precision, batching, quality modes.

May import ``networks`` and ``evaluation``.
"""

from .enhancer import EncodedFrame, Enhancer
from .evaluator import Evaluation
from .features import Features, MotionBetween
from .rife_model import FLOW_SCALES, RifeModel
from .views import QUALITIES, Quality

__all__ = [
    "FLOW_SCALES",
    "QUALITIES",
    "EncodedFrame",
    "Enhancer",
    "Evaluation",
    "Features",
    "MotionBetween",
    "Quality",
    "RifeModel",
]
