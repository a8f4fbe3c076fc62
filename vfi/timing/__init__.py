"""When each output frame is shown: schedules, speed curves, and how people write times and rates.

Pure arithmetic in exact fractions. May import the package's root modules only, and no torch.
"""

from .parse import (
    FASTEST_RATE,
    format_rate,
    parse_number,
    parse_ramp,
    parse_rate,
    parse_seconds,
    parse_speed,
    parse_timestamp,
)
from .schedule import MOST_FRAMES, EndRule, Schedule
from .speed import SpeedCurve, SpeedPoint, constant_speed

__all__ = [
    "FASTEST_RATE",
    "MOST_FRAMES",
    "EndRule",
    "Schedule",
    "SpeedCurve",
    "SpeedPoint",
    "constant_speed",
    "format_rate",
    "parse_number",
    "parse_ramp",
    "parse_rate",
    "parse_seconds",
    "parse_speed",
    "parse_timestamp",
]
