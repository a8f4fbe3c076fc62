"""Whole jobs: a clip is read, interpolated or enhanced, and written, and resumes where it stopped.

May import every other room; the command line and the nodes start here.
"""

from .enhancement import EnhanceJob
from .interpolation import FrameSource, Job, Sink, plan_job, render

__all__ = ["EnhanceJob", "FrameSource", "Job", "Sink", "plan_job", "render"]
