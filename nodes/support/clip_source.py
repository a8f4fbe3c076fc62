"""The clip that a node was given: images with a frame rate, or a VIDEO."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction

from comfy_api.latest import Input
from torch import Tensor

from ...vfi.errors import InputError
from ...vfi.frames import Frame
from ...vfi.read import Clip
from ...vfi.timing import format_rate
from .output_files import audio_file
from .sockets import exact_rate
from .sound import Sound
from .video_source import open_source

_ANY_RATE = Fraction(1)


def ask_for_rate(name: str) -> str:
    """Say that images were connected, and the input ``name`` does not give their frame rate."""
    return (
        f"Type the frame rate of the images in {name}: 16 for Wan, 24 for most others. Or connect the "
        "VIDEO instead of its images: it has a rate and sound."
    )


@contextmanager
def open_clip(
    source: Tensor | Input.Video,
    fps: float,
    *,
    rate_name: str,
    alpha: bool,
    notify: Callable[[str], object],
) -> Generator[Clip, None, None]:
    """Open what an input of type IMAGE or VIDEO was given.

    Args:
        source: [N, H, W, 3 or 4] in [0, 1], or a video, which has a rate of its own.
        fps: rate of the images; 0: not set.
        rate_name: the input that ``fps`` comes from.
        alpha: keep transparency, if there is any.
        notify: called with a sentence where ``fps`` is not the rate that a video has.

    Raises:
        InputError: the images are none, or their rate is not set; or see ``open_source``.
        DecodeError: the file of the video cannot be decoded.
    """
    if isinstance(source, Tensor):
        if fps <= 0:
            raise InputError(ask_for_rate(rate_name))
        yield clip_of_images(source, exact_rate(fps), alpha=alpha)
        return
    with open_source(source, alpha=alpha, notify=notify) as clip:
        if fps and abs(exact_rate(fps) - clip.rate) > Fraction(1, 200):
            notify(
                f"{rate_name} {format_rate(exact_rate(fps))} was ignored: the video has "
                f"{format_rate(clip.rate)} fps"
            )
        yield clip


@contextmanager
def open_frames(source: Tensor | Input.Video) -> Generator[Clip, None, None]:
    """Open a clip whose frame rate and sound do not matter, with its transparency.

    Raises:
        InputError: see :func:`open_clip`.
        DecodeError: see :func:`open_clip`.
    """
    if isinstance(source, Tensor):
        yield clip_of_images(source, _ANY_RATE, alpha=True)
        return
    with open_source(source, alpha=True) as clip:
        yield clip


def clip_of_images(images: Tensor, rate: Fraction, *, alpha: bool) -> Clip:
    """Return a batch as a clip.

    Args:
        images: [N, H, W, 3 or 4] in [0, 1].
        rate: frames per second.
        alpha: keep transparency, if there is any.
    """
    num_frames, height, width, channels = images.shape
    has_alpha = alpha and channels == 4
    shown = images[..., :3] if channels == 4 and not alpha else images
    return Clip(
        name="images in memory",
        identity="",
        frames=lambda: _frames(shown, rate),
        width=width,
        height=height,
        rate=rate,
        num_frames=num_frames,
        bit_depth=16,
        has_alpha=has_alpha,
    )


def _frames(images: Tensor, rate: Fraction) -> Generator[Frame, None, None]:
    for number, pixels in enumerate(images):
        yield Frame(pixels, number / rate)


@contextmanager
def with_audio(clip: Clip, sound: Sound | None) -> Generator[Clip, None, None]:
    """Give a clip a sound in place of what comes along with it; None: leave it as it is."""
    with audio_file(sound, clip.length) as tracks:
        yield replace(clip, tracks=tracks) if tracks else clip
