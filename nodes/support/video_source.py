"""ComfyUI's VIDEO as a source of frames.

Its own methods keep every frame in memory, miscount a trimmed video, and make a variable frame rate
constant. So the file behind it is read directly, and trimmed here.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import torch
from comfy_api.latest import Input, InputImpl
from torch import Tensor

from ...vfi.color import HLG, PQ
from ...vfi.frames import Frame
from ...vfi.read import Clip, open_video
from .output_files import audio_file

# What a VIDEO calls its colours, where it can say so (ComfyUI after 0.25).
_COLORS = {"HDR": HLG, "HDR PQ": PQ}


@contextmanager
def open_source(video: Input.Video, *, alpha: bool) -> Generator[Clip, None, None]:
    """Open a VIDEO as a clip.

    Its colours are what its file says; where that does not say HDR, what the VIDEO says.

    Args:
        video: a file, bytes in memory, or images.
        alpha: keep transparency, if there is any.

    Raises:
        InputError: no frame is within the trim.
        DecodeError: the file cannot be decoded.
    """
    if isinstance(video, InputImpl.VideoFromFile):
        opened = _from_file(video, alpha=alpha)
    else:
        opened = _from_images(video, alpha=alpha)
    get_color = getattr(video, "get_color_space", lambda: "auto")
    told = _COLORS.get(get_color())
    with opened as clip:
        yield replace(clip, color=told) if told and not clip.color.is_hdr else clip


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
        opaque = pixels[..., :3]
        has_alpha = alpha is not None
        yield Frame(
            torch.cat((opaque, alpha[number]), dim=-1) if has_alpha else opaque, number / rate
        )
