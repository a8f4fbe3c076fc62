"""Interpolate a clip into a video file, a few frames at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from comfy_api.latest import Input, io
from torch import Tensor

from ...vfi.errors import InputError
from ...vfi.jobs import FrameSource, InterpolationJob, fit_color, plan_job
from ...vfi.read import Clip
from ...vfi.synthesis import AtCut
from .batch import make_interpolator, model_settings
from .clip_source import open_clip
from .images import ONE_BY_ONE
from .interpolation_inputs import InterpolationOptions
from .progress import check_cancelled, log_cut, show_outcome
from .render_video import FileSettings, VideoResult, render_video
from .sockets import ManagedModel
from .timing_inputs import AUTO_END, MULTIPLIER, Curve, plan_timing


@dataclass(frozen=True)
class TimingSettings:
    """Values of the inputs that say when the frames of a result are shown.

    Attributes:
        fps: frame rate of images; 0: not set.
        mode: of the input ``mode``, with the inputs that belong to it.
        end: of the input of this name.
        curve: in place of a ramp; None: there is none.
    """

    fps: float = 0.0
    mode: Mapping[str, Any] = field(default_factory=dict[str, Any])
    end: str = AUTO_END
    curve: Curve | None = None

    def note_on(self, model: ManagedModel) -> str | None:
        """Say what happens to a multiplier that the network cannot hit exactly."""
        if self.mode.get("mode") != MULTIPLIER:
            return None
        return model.rife.note_on_multiplier(self.mode["multi"])


def plan_interpolation(
    clip: Clip,
    timing: TimingSettings,
    options: InterpolationOptions,
    *,
    is_batch: bool,
    dither: bool = False,
) -> InterpolationJob:
    """Return which frames of a clip are shown, and when.

    Args:
        clip: the source.
        timing: when its frames are shown.
        options: the inputs that the interpolating nodes share.
        is_batch: the source is images.
        dither: see ``InterpolationJob``.
    """
    if is_batch and clip.num_frames == 1:
        raise InputError(
            f"This clip has one frame, and interpolation needs at least two. {ONE_BY_ONE}"
        )
    schedule = plan_timing(clip, timing.mode, timing.end, is_batch=is_batch, curve=timing.curve)
    return plan_job(
        clip,
        schedule,
        preparation=options.preparation(clip.num_frames if is_batch else None),
        at_cut=AtCut(options.at_cut),
        dither=dither,
    )


def interpolate_to_file(
    node: type[io.ComfyNode],
    load_model: Callable[[], ManagedModel],
    source: Tensor | Input.Video,
    timing: TimingSettings,
    options: InterpolationOptions,
    settings: FileSettings,
) -> tuple[VideoResult, InterpolationJob]:
    """Interpolate a clip into a file, and say in the node how that went.

    Args:
        node: the node at work.
        load_model: returns the model.
        source: [N, H, W, 3 or 4] in [0, 1], or a video.
        timing: when its frames are shown.
        options: the inputs that the interpolating nodes share.
        settings: where the result goes, and how it is written.
    """
    notes: list[str] = []
    redrawn: list[int] = []
    encoding = settings.encoding
    opened = open_clip(
        source, timing.fps, rate_name="source_fps", alpha=encoding.keeps_alpha, notify=notes.append
    )
    with opened as found:
        clip = fit_color(found, encoding, settings.hdr, notes.append)
        is_batch = isinstance(source, Tensor)
        job = plan_interpolation(clip, timing, options, is_batch=is_batch, dither=encoding.dither)
        model = load_model()
        if note := timing.note_on(model):
            notes.append(note)

        def load() -> FrameSource:
            interpolator = make_interpolator(model, clip.height, clip.width, options)
            return partial(
                job.frames, interpolator, log_cut, on_redrawn=redrawn.append, check=check_cancelled
            )

        key = job.resume_key(*model_settings(model, options)) if settings.resumes else None
        result = render_video(node, job, settings, load, resume_key=key)
    outcome = replace(
        result.outcome, model=f"RIFE {model.rife.name}", num_redrawn=options.count_redrawn(redrawn)
    )
    show_outcome(node, outcome, notes)
    return result, job
