"""Many clips, many machines: work is spread with Ray, which is imported here and nowhere else."""

from .run import render_on_cluster

__all__ = ["render_on_cluster"]
