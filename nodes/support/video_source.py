"""ComfyUI's VIDEO as a source of frames.

Its own methods keep every frame in memory, miscount a trimmed video, and make a variable frame rate
constant. So the file behind it is read directly, and trimmed here. Where that is not all there is
to a VIDEO, it is read in one of these ways:

- edits that are not in the file: ``edited_video``;
- several VIDEOs in a row (*Concatenate Video* of ComfyUI after 0.25): each of them in its own way;
- images in memory: as they are;
- any other class: ``foreign_video``; if it cannot be trimmed, all its frames at once.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path

from comfy_api.latest import Input, InputImpl
from torch import Tensor

from ...vfi.color import HLG, PQ
from ...vfi.frames import Frame, finite
from ...vfi.jobs import joined
from ...vfi.read import Clip, open_video
from ...vfi.tracks import SourceTracks
from .edited_video import with_alpha, with_edits
from .foreign_video import can_be_trimmed, open_foreign
from .images import as_images
from .output_files import audio_file
from .progress import check_cancelled
from .sound import read_audio_input
from .values import ask
from .video_object import (
    bit_depth_of,
    call_if_there,
    components_of,
    file_of,
    trim_window_of,
)

# What a VIDEO calls its colours, where it can say so (ComfyUI after 0.25).
_COLORS = {"HDR": HLG, "HDR PQ": PQ}
_log = logging.getLogger(__name__)
_SOUND = "video: its sound"  # what messages call the audio of a VIDEO


@contextmanager
def open_source(
    video: Input.Video, *, alpha: bool, notify: Callable[[str], object] = _log.info
) -> Generator[Clip, None, None]:
    """Open a VIDEO as a clip.

    Its colours are what its file says; where that does not say HDR, what the VIDEO says.

    Args:
        video: a file, bytes in memory, images, or any other VIDEO.
        alpha: keep transparency, if there is any.
        notify: called with a phrase where there is no sound in its audio, or some of it is lost.

    Raises:
        InputError: no frame is within the trim, or the VIDEO cannot be read in parts, or is not what
            its class says. Frames with NaN or infinity in them are refused as they are read.
        DecodeError: the file cannot be decoded.
    """
    told = _COLORS.get(str(call_if_there(video, "get_color_space", "auto")))
    with _open(video, alpha=alpha, notify=notify) as clip:
        usable = replace(clip, frames=partial(_finite, clip))
        yield replace(usable, color=told) if told and not clip.color.is_hdr else usable


def _finite(clip: Clip) -> Generator[Frame, None, None]:
    with closing(clip.frames()) as frames:
        yield from finite(frames, "video")


def _open(
    video: Input.Video, *, alpha: bool, notify: Callable[[str], object]
) -> AbstractContextManager[Clip]:
    if isinstance(video, InputImpl.VideoFromFile):
        has_edits = call_if_there(video, "has_pending_frame_edits", False)
        return _edited(video, alpha=alpha) if has_edits else _from_file(video, alpha=alpha)
    if isinstance(video, InputImpl.VideoFromComponents):
        return _from_images(video, alpha=alpha, notify=notify)
    if parts := _parts_of(video):
        return _from_parts(video, parts, alpha=alpha, notify=notify)
    opened = open_foreign if can_be_trimmed(video) else _from_images
    return opened(video, alpha=alpha, notify=notify)


def _parts_of(video: Input.Video) -> list[Input.Video]:
    """Return the VIDEOs of which one consists; none if it does not say so."""
    parts = ask("video: its parts cannot be had", lambda: getattr(video, "videos", ()))
    # A list that is trimmed is one of trimmed parts. Should it ever have a trim of its own, they are
    # not what is to be seen.
    if not isinstance(parts, (list, tuple)) or any(trim_window_of(video)):
        return []
    return [*parts] if all(isinstance(part, Input.Video) for part in parts) else []


@contextmanager
def _from_parts(
    video: Input.Video,
    parts: list[Input.Video],
    *,
    alpha: bool,
    notify: Callable[[str], object],
) -> Generator[Clip, None, None]:
    with ExitStack() as stack:
        clips = [
            stack.enter_context(open_source(part, alpha=alpha, notify=notify)) for part in parts
        ]
        audio = getattr(video, "complete_audio", None)
        sound = read_audio_input(audio, _SOUND, notify)
        whole = partial(audio_file, sound) if sound else None
        yield stack.enter_context(
            joined(clips, sound=whole, listen=_last_known, check=check_cancelled)
        )


def _last_known(tracks: SourceTracks) -> int | None:
    """Return which stream of a file is heard: the last that FFmpeg knows, as in ComfyUI."""
    known = [number for number, s in enumerate(tracks.audio) if s.codec != "unknown"]
    return known[-1] if known else None


@contextmanager
def _edited(video: InputImpl.VideoFromFile, *, alpha: bool) -> Generator[Clip, None, None]:
    with _from_file(video, alpha=alpha) as clip:
        yield with_edits(clip, video, *_window(video), alpha=alpha)


@contextmanager
def _from_file(video: InputImpl.VideoFromFile, *, alpha: bool) -> Generator[Clip, None, None]:
    start, end = _window(video)
    file = file_of(video)
    if isinstance(file, Path):
        yield open_video(file, start, end, alpha=alpha)
        return
    digest = hashlib.sha256()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video"
        with path.open("wb") as copy:
            for block in file:
                digest.update(block)
                copy.write(block)
        clip = open_video(path, start, end, alpha=alpha)
        identity = repr((digest.hexdigest(), start, end))
        yield replace(clip, name="video in memory", identity=identity)


def _window(video: InputImpl.VideoFromFile) -> tuple[Fraction, Fraction | None]:
    """Return start and end of the trim, seconds of the file; None: to the end."""
    start, length = (time.limit_denominator(1_000_000) for time in trim_window_of(video))
    return start, start + length if length else None  # 0 is, in ComfyUI, to the end


@contextmanager
def _from_images(
    video: Input.Video, *, alpha: bool, notify: Callable[[str], object]
) -> Generator[Clip, None, None]:
    """Open a VIDEO made of images and audio in memory."""
    components = components_of(video)
    images, rate = as_images(components.images, "video"), components.rate
    mask = components.alpha if alpha else None
    num_frames, height, width, _ = images.shape
    sound = read_audio_input(components.audio, _SOUND, notify)
    with audio_file(sound, num_frames / rate) as tracks:
        yield Clip(
            name="video in memory",
            identity="",
            frames=lambda: _frames(images, mask, rate),
            width=width,
            height=height,
            rate=rate,
            num_frames=num_frames,
            bit_depth=bit_depth_of(video),
            has_alpha=mask is not None,
            tracks=tracks,
        )


def _frames(images: Tensor, alpha: Tensor | None, rate: Fraction) -> Generator[Frame, None, None]:
    for number, pixels in enumerate(images):
        mask = None if alpha is None else alpha[number : number + 1]
        yield Frame(with_alpha(pixels[None], mask)[0], number / rate)
