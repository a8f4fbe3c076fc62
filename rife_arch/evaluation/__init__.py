"""Faster ways to the same result: the networks without full-resolution intermediates.

May import ``networks``. ``cpu`` and ``gpu`` hold fused loops, and are imported only where they run.
"""

from .pyramid import Pyramid
from .support import supports_pyramid

__all__ = ["Pyramid", "supports_pyramid"]
