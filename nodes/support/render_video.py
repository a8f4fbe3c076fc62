"""What becomes of a video in a node that makes a video of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from comfy_api.latest import Input, InputImpl, io

from ...vfi.jobs import EnhanceJob, FrameSource, Job, render
from ...vfi.tracks import AudioMode
from ...vfi.write import VideoWriter
from .encoding_inputs import Encoding, metadata_of, new_output, preview
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


def make_video(
    node: type[io.ComfyNode],
    job: Job | EnhanceJob,
    encoding: Encoding,
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
        audio: what is done to the sound, a value of :class:`AudioMode`.
        resume: what decides the pixels beside the job, to go on with what a cancelled run of the
            same has left; None: begin anew.
        load: brings the model onto its device, after all else is known to work, and returns what
            makes the frames.
    """
    base, subfolder = new_output(prefix, job.width, job.height)
    path = base.with_name(f"{base.name}{encoding.chosen.suffixes[0]}")
    fingerprint = None if resume is None else job.fingerprint(*resume)
    writer = _open_writer(node, path, job, encoding, AudioMode(audio), fingerprint)
    frames = load()
    stopwatch = Stopwatch()
    # The front end would show the last picture in place of the video, or break the player.
    shown = preview(encoding.chosen, path, subfolder)
    progress = Progress(job.num_frames, shows_frames=shown is None)
    count = render(frames, [writer], watch=progress, dither=job.dither)
    return VideoResult(InputImpl.VideoFromFile(str(path)), count, shown, stopwatch)


def _open_writer(
    node: type[io.ComfyNode],
    path: Path,
    job: Job | EnhanceJob,
    encoding: Encoding,
    audio_mode: AudioMode,
    fingerprint: str | None,
) -> VideoWriter:
    clip = job.clip
    return VideoWriter(
        path,
        width=job.width,
        height=job.height,
        rate=job.shown_rate,
        preset=encoding.preset,
        crf=encoding.kept_crf,
        speed=encoding.kept_speed,
        options=encoding.options,
        has_alpha=clip.has_alpha and encoding.chosen.has_alpha,
        depth=encoding.frame_depth,
        pixel_aspect=clip.pixel_aspect,
        tracks=job.tracks(audio_mode),
        metadata=metadata_of(node),
        notify=_log.info,
        check=check_cancelled,
        job=fingerprint,
        parts=path.with_name(f"rife_{fingerprint[:12]}.parts") if fingerprint else None,
    )
