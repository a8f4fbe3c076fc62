"""Faster ways to the same result: the networks without full-resolution intermediates.

May import ``networks``. ``cpu`` holds the compiled loops, and is imported only where they run.
"""

from .pyramid import Pyramid
from .support import supports_pyramid

__all__ = ["Pyramid", "supports_pyramid"]
