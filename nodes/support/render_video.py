"""Render a job to a video in ComfyUI's output folder."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from comfy_api.latest import Input, InputImpl, io

from ...vfi.encode import EncodingSettings
from ...vfi.jobs import FrameSource, RenderJob, plan_video, render
from ...vfi.tracks import AudioMode
from ...vfi.write import VideoWriter
from .output_files import metadata_of, new_output, preview
from .progress import Progress, Stopwatch, check_cancelled

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class VideoResult:
    """A video that was made.

    Attributes:
        video: the finished file.
        count: how many frames it has.
        shown: what the front end shows of it.
        stopwatch: runs since the model was there.
    """

    video: Input.Video
    count: int
    shown: io.UIOutput | None
    stopwatch: Stopwatch


def render_video(
    node: type[io.ComfyNode],
    job: RenderJob[Any],
    encoding: EncodingSettings,
    *,
    prefix: str,
    audio: str,
    resume: Sequence[str] | None,
    load: Callable[[], FrameSource],
) -> VideoResult:
    """Write a video, which appears under its name when it is complete.

    Args:
        node: whose workflow is embedded.
        job: what is written.
        encoding: how.
        prefix: of the name, as people write it.
        audio: what happens to the audio, a value of :class:`AudioMode`.
        resume: what decides the pixels beside the job, to go on with what a cancelled run of the
            same job has left; None: start over.
        load: brings the model onto its device, after everything else was checked, and returns what
            makes the frames.
    """
    base, subfolder = new_output(prefix, job.width, job.height)
    path = base.with_name(f"{base.name}{encoding.suffixes[0]}")
    resume_key = None if resume is None else job.resume_key(*resume)
    writer = VideoWriter(
        path,
        plan_video(job, path, encoding),
        tracks=job.tracks(AudioMode(audio)),
        metadata=metadata_of(node),
        notify=_log.info,
        check=check_cancelled,
        resume_key=resume_key,
        # Not named after the file: the next run of the same job gets another number.
        segments_folder=path.with_name(f"rife_{resume_key[:12]}.segments") if resume_key else None,
    )
    writer.validate()
    frames = load()
    stopwatch = Stopwatch()
    # The front end would show the last picture in place of the video, or break the player.
    shown = preview(encoding, path, subfolder)
    progress = Progress(job.num_frames, shows_frames=shown is None)
    count = render(frames, [writer], on_frame=progress, dither=job.dither)
    return VideoResult(InputImpl.VideoFromFile(str(path)), count, shown, stopwatch)
