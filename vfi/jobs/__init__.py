"""Whole jobs: a clip is read, interpolated or enhanced, and written; an interrupted job resumes.

May import every other room. The command line and the nodes start here.
"""

from .enhancement import EnhancementJob
from .hdr import HdrMode, fit_color
from .interpolation import InterpolationJob, plan_job
from .join import find_clip_seams, joined
from .pieces import Piece
from .render import (
    FrameSink,
    FrameSource,
    RenderJob,
    RenderPlan,
    SplitJob,
    complete,
    plan_video,
    render,
    render_piece,
)
from .same_frames import ConversionJob

__all__ = [
    "ConversionJob",
    "EnhancementJob",
    "FrameSink",
    "FrameSource",
    "HdrMode",
    "InterpolationJob",
    "Piece",
    "RenderJob",
    "RenderPlan",
    "SplitJob",
    "complete",
    "find_clip_seams",
    "fit_color",
    "joined",
    "plan_job",
    "plan_video",
    "render",
    "render_piece",
]
