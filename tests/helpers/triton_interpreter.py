"""Triton's interpreter, which runs kernels on the CPU: import this before anything that imports Triton.

Raises ImportError without Triton.
"""

from __future__ import annotations

import os

# Read when kernels are defined. Tests set it again while they run: other tests are not to inherit it.
os.environ["TRITON_INTERPRET"] = "1"
try:
    import triton

    from rife_arch.evaluation.gpu import kernels, loops
finally:
    del os.environ["TRITON_INTERPRET"]

__all__ = ["kernels", "loops", "triton"]
