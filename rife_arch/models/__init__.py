"""Networks ready for use: frames of any size, precision, batching, quality modes.

May import ``networks`` and ``evaluation``.
"""

from .enhancer import EncodedFrame, Enhancer
from .evaluations import EVALUATIONS, Evaluation
from .features import Features, MotionBetween
from .footprint import count_working_bytes
from .rife_model import RifeModel
from .scale import FLOW_SCALES, SCALES, Scale, parse_scale, scale_name
from .timesteps import note_on_multiplier
from .views import QUALITIES, Quality

__all__ = [
    "EVALUATIONS",
    "FLOW_SCALES",
    "QUALITIES",
    "SCALES",
    "EncodedFrame",
    "Enhancer",
    "Evaluation",
    "Features",
    "MotionBetween",
    "Quality",
    "RifeModel",
    "Scale",
    "count_working_bytes",
    "note_on_multiplier",
    "parse_scale",
    "scale_name",
]
