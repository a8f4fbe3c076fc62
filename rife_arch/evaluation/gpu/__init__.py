"""Fused loops for GPUs, with Triton.

May import ``networks`` and the rest of ``evaluation``. Importing this does not import Triton; making a
``TritonPyramid`` does.
"""

from .pyramid import TritonPyramid, triton_available, triton_version

__all__ = ["TritonPyramid", "triton_available", "triton_version"]
