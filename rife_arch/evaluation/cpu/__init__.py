"""Compiled loops for CPUs, with numba.

May import ``networks`` and the rest of ``evaluation``; nothing imports it at start-up.
"""

from .pyramid import FusedPyramid

__all__ = ["FusedPyramid"]
