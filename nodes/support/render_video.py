"""Render a job to a video in ComfyUI's output folder."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from comfy_api.latest import Input, InputImpl, io

from ...vfi.encode import EncodingSettings
from ...vfi.jobs import FrameSource, HdrMode, RenderPlan, plan_video, render
from ...vfi.tracks import AudioMode
from ...vfi.write import VideoWriter
from .output_files import OutputFile, metadata_of, new_output, preview
from .progress import Outcome, Progress, Stopwatch, check_cancelled

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FileSettings:
    """Where a video goes, and how it is written.

    Attributes:
        encoding: how it is encoded.
        prefix: of the file name, as the user wrote it.
        audio: what becomes of the source's audio.
        is_kept: in the output folder; else in the temp folder, to be looked at.
        hdr: what becomes of HDR where the result cannot hold it.
        resumes: go on where a cancelled run of the same job stopped.
    """

    encoding: EncodingSettings
    prefix: str
    audio: AudioMode = AudioMode.COPY
    is_kept: bool = True
    hdr: HdrMode = HdrMode.TONE_MAP
    resumes: bool = True


@dataclass(frozen=True)
class VideoResult:
    """A rendered video.

    Attributes:
        video: the finished file.
        outcome: for the node's result line.
        ui: what the front end shows of it.
    """

    video: Input.Video
    outcome: Outcome
    ui: io.UIOutput


def render_video(
    node: type[io.ComfyNode],
    job: RenderPlan,
    settings: FileSettings,
    load: Callable[[], FrameSource],
    *,
    resume_key: str | None = None,
) -> VideoResult:
    """Render a video; the file gets its name when it is complete.

    Args:
        node: its workflow is embedded.
        job: what is rendered.
        settings: where to, and how.
        load: loads the model onto its device and returns the source of the frames; called when
            everything else has been checked.
        resume_key: of the job, to resume a cancelled run of it; None: start over.
    """
    encoding = settings.encoding
    file = new_output(
        settings.prefix, job.width, job.height, encoding.suffixes[0], is_kept=settings.is_kept
    )
    writer = VideoWriter(
        file.path,
        plan_video(job, file.path, encoding),
        tracks=job.tracks(settings.audio),
        metadata=metadata_of(node),
        notify=_log.info,
        check=check_cancelled,
        resume_key=resume_key,
        # Not named after the file: the next run of the same job gets another number.
        segments_folder=file.path.with_name(f"rife_{resume_key[:12]}.segments")
        if resume_key
        else None,
    )
    writer.validate()
    frames = load()
    stopwatch = Stopwatch()
    progress = Progress(job.num_frames, node=node, is_followed_by_player=True)
    count = render(frames, [writer], on_frame=progress, dither=job.dither)
    outcome = _outcome(job, file, count, stopwatch, progress.num_resumed)
    video = InputImpl.VideoFromFile(str(file.path))
    return VideoResult(video, outcome, preview(encoding, file))


def _outcome(
    job: RenderPlan, file: OutputFile, count: int, stopwatch: Stopwatch, num_resumed: int
) -> Outcome:
    return Outcome(
        count,
        job.shown_rate,
        stopwatch.seconds,
        source_count=job.clip.num_frames,
        source_rate=job.clip.rate,
        file=file.shown_name,
        num_resumed=num_resumed,
    )
