"""LPIPS, by the package of that name, which is an extra and imported here only.

May import the package's root modules, and ``lpips``.
"""

from .distance import load_lpips

__all__ = ["load_lpips"]
