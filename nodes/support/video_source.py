"""ComfyUI's VIDEO as a source of frames.

Its own methods keep every frame in memory, miscount a trimmed video, and make a variable frame rate
constant. So the file behind it is read directly, and trimmed here. Where that is not all there is
to a VIDEO, it is read in one of these ways:

- edits that are not in the file: ``edited_video``;
- several VIDEOs in a row: ``joined_video``, each of them in its own way;
- images in memory: as they are;
- any other class: ``foreign_video``; if it cannot be trimmed, all its frames at once.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from comfy_api.latest import Input, InputImpl
from torch import Tensor

from ...vfi.color import HLG, PQ
from ...vfi.frames import Frame
from ...vfi.read import Clip, open_video
from .edited_video import with_alpha, with_edits
from .foreign_video import can_be_trimmed, open_foreign
from .joined_video import joined
from .output_files import audio_file

# What a VIDEO calls its colours, where it can say so (ComfyUI after 0.25).
_COLORS = {"HDR": HLG, "HDR PQ": PQ}


@contextmanager
def open_source(video: Input.Video, *, alpha: bool) -> Generator[Clip, None, None]:
    """Open a VIDEO as a clip.

    Its colours are what its file says; where that does not say HDR, what the VIDEO says.

    Args:
        video: a file, bytes in memory, images, or any other VIDEO.
        alpha: keep transparency, if there is any.

    Raises:
        InputError: no frame is within the trim, or the VIDEO cannot be read in parts.
        DecodeError: the file cannot be decoded.
    """
    opened = _open(video, alpha=alpha)
    get_color = getattr(video, "get_color_space", lambda: "auto")
    told = _COLORS.get(get_color())
    with opened as clip:
        yield replace(clip, color=told) if told and not clip.color.is_hdr else clip


def _open(video: Input.Video, *, alpha: bool) -> AbstractContextManager[Clip]:
    if isinstance(video, InputImpl.VideoFromFile):
        has_edits = getattr(video, "has_pending_frame_edits", lambda: False)()
        return _edited(video, alpha=alpha) if has_edits else _from_file(video, alpha=alpha)
    if isinstance(video, InputImpl.VideoFromComponents):
        return _from_images(video, alpha=alpha)
    if parts := _parts_of(video):
        return _from_parts(video, parts, alpha=alpha)
    opened = open_foreign if can_be_trimmed(video) else _from_images
    return opened(video, alpha=alpha)


def _parts_of(video: Input.Video) -> list[Input.Video]:
    """Return the VIDEOs of which one consists; none if it does not say so."""
    parts = getattr(video, "videos", ())
    # A list that is trimmed is one of trimmed parts. Should it ever have a trim of its own, they are
    # not what is to be seen.
    is_whole = video.get_active_trim_window() == (0.0, 0.0)
    if not is_whole or not isinstance(parts, (list, tuple)):
        return []
    return [*parts] if all(isinstance(part, Input.Video) for part in parts) else []


@contextmanager
def _from_parts(
    video: Input.Video, parts: list[Input.Video], *, alpha: bool
) -> Generator[Clip, None, None]:
    with ExitStack() as stack:
        clips = [stack.enter_context(open_source(part, alpha=alpha)) for part in parts]
        sound = getattr(video, "complete_audio", None)
        yield stack.enter_context(joined(clips, sound))


@contextmanager
def _edited(video: InputImpl.VideoFromFile, *, alpha: bool) -> Generator[Clip, None, None]:
    with _from_file(video, alpha=alpha) as clip:
        yield with_edits(clip, video, *_window(video), alpha=alpha)


@contextmanager
def _from_file(video: InputImpl.VideoFromFile, *, alpha: bool) -> Generator[Clip, None, None]:
    start, end = _window(video)
    file = video.get_stream_source()
    if isinstance(file, str):
        yield open_video(Path(file), start, end, alpha=alpha)
        return
    data = file.getvalue()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video"
        path.write_bytes(data)
        clip = open_video(path, start, end, alpha=alpha)
        identity = repr((hashlib.sha256(data).hexdigest(), start, end))
        del data
        yield replace(clip, name="video in memory", identity=identity)


def _window(video: InputImpl.VideoFromFile) -> tuple[Fraction, Fraction | None]:
    """Return start and end of the trim, seconds of the file; None: to the end."""
    start, duration = video.get_active_trim_window()
    begin = Fraction(start).limit_denominator(1_000_000)
    if not duration:  # in ComfyUI: to the end
        return begin, None
    return begin, begin + Fraction(duration).limit_denominator(1_000_000)


@contextmanager
def _from_images(video: Input.Video, *, alpha: bool) -> Generator[Clip, None, None]:
    """Open a VIDEO made of images and audio in memory."""
    components = video.get_components()
    images, rate = components.images, Fraction(components.frame_rate)
    mask = components.alpha if alpha else None
    num_frames, height, width, _ = images.shape
    with audio_file(components.audio, num_frames / rate) as tracks:
        yield Clip(
            name="video in memory",
            identity="",
            frames=lambda: _frames(images, mask, rate),
            width=width,
            height=height,
            rate=rate,
            num_frames=num_frames,
            bit_depth=getattr(video, "get_bit_depth", lambda: 16)(),
            has_alpha=mask is not None,
            tracks=tracks,
        )


def _frames(images: Tensor, alpha: Tensor | None, rate: Fraction) -> Generator[Frame, None, None]:
    for number, pixels in enumerate(images):
        mask = None if alpha is None else alpha[number : number + 1]
        yield Frame(with_alpha(pixels[None], mask)[0], number / rate)
