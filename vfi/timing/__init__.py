"""When each output frame is shown: schedules, speed curves, and how people write times and rates.

Pure arithmetic in exact fractions; may import the package's root modules only, and no torch.
"""

from .schedule import (
    EndRule,
    Schedule,
    SpeedCurve,
    SpeedPoint,
    constant_speed,
    format_rate,
    parse_moment,
    parse_ramp,
    parse_rate,
    parse_speed,
)

__all__ = [
    "EndRule",
    "Schedule",
    "SpeedCurve",
    "SpeedPoint",
    "constant_speed",
    "format_rate",
    "parse_moment",
    "parse_ramp",
    "parse_rate",
    "parse_speed",
]
