"""Render a job to a video in ComfyUI's output folder."""

from __future__ import annotations

import logging
from collections.abc import Callable
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
    """A rendered video.

    Attributes:
        video: the finished file.
        count: number of frames.
        ui: preview for the front end; None if browsers cannot play the file.
        stopwatch: started when the model was loaded.
    """

    video: Input.Video
    count: int
    ui: io.UIOutput | None
    stopwatch: Stopwatch


def render_video(
    node: type[io.ComfyNode],
    job: RenderJob[Any],
    encoding: EncodingSettings,
    *,
    prefix: str,
    audio: str,
    resume_key: str | None,
    load: Callable[[], FrameSource],
) -> VideoResult:
    """Render a video; the file gets its name when it is complete.

    Args:
        node: its workflow is embedded.
        job: what is rendered.
        encoding: how it is encoded.
        prefix: of the file name, as the user wrote it.
        audio: a value of :class:`AudioMode`.
        resume_key: of the job, to resume a cancelled run of it; None: start over.
        load: loads the model onto its device and returns the source of the frames; called when
            everything else has been checked.
    """
    base, subfolder = new_output(prefix, job.width, job.height)
    path = base.with_name(f"{base.name}{encoding.suffixes[0]}")
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
    # After a live preview, the front end would keep its last frame in place of the player.
    player = preview(encoding, path, subfolder)
    progress = Progress(job.num_frames, shows_frames=player is None)
    count = render(frames, [writer], on_frame=progress, dither=job.dither)
    return VideoResult(InputImpl.VideoFromFile(str(path)), count, player, stopwatch)
