"""The methods of a VIDEO, whose class may be any: what they give is checked, what they raise is said."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from comfy_api.latest import Input
from torch import Tensor

from ...vfi.errors import InputError
from .images import as_batch, as_mask, hint_on
from .values import as_seconds, as_video_rate, as_whole_number, ask, describe

_NAME = "video"  # what messages call a VIDEO, whatever input it came in by
_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")
_BLOCK = 1 << 20  # bytes


def as_video(value: Any, name: str, expected: str = "a VIDEO") -> Input.Video:
    """Take what arrives on an input of type VIDEO.

    Args:
        value: anything.
        name: of the input.
        expected: what messages say that it takes.

    Raises:
        InputError: it is something else; the message says what.
    """
    if isinstance(value, Input.Video):
        return value
    hint = hint_on(value)
    if isinstance(value, (str, os.PathLike)):
        hint = "Load the file with Load Video, and connect that."
    elif isinstance(value, Tensor):
        hint = "Make a VIDEO of images with Create Video."
    raise InputError(f"{name} must be {expected}, and {describe(value)} arrived. {hint}")


def call(video: Input.Video, method: str, *values: Any) -> Any:
    """Call a method of a VIDEO.

    Raises:
        InputError: it fails, or there is none of this name.
    """
    return ask(
        f"{_NAME}: {type(video).__name__}.{method} failed", lambda: getattr(video, method)(*values)
    )


def call_if_there(video: Input.Video, method: str, default: Any) -> Any:
    """Call a method that only later versions of ComfyUI have."""
    return call(video, method) if getattr(type(video), method, None) else default


def frame_rate_of(video: Input.Video) -> Fraction:
    """Return frames per second."""
    return as_video_rate(call(video, "get_frame_rate"), _NAME)


def duration_of(video: Input.Video) -> Fraction:
    """Return how many seconds it is long."""
    return as_seconds(call(video, "get_duration"), f"{_NAME}: its duration")


def bit_depth_of(video: Input.Video) -> int:
    """Return the bits of a value; 16 where it does not say."""
    depth = as_whole_number(call_if_there(video, "get_bit_depth", 16), f"{_NAME}: its bit depth")
    return min(max(depth, 8), 16)


def trim_window_of(video: Input.Video) -> tuple[Fraction, Fraction]:
    """Return start and length of its trim, seconds of its file; a length of 0 is all the rest."""
    window = call(video, "get_active_trim_window")
    if not isinstance(window, (tuple, list)) or len(window) != 2:
        raise InputError(f"{_NAME}: its trim must be a start and a length, got {describe(window)}.")
    start, length = (as_seconds(value, f"{_NAME}: its trim") for value in window)
    return start, length


@dataclass(frozen=True)
class Components:
    """What a VIDEO consists of.

    Attributes:
        images: [N, H, W, 3 or 4] floating point in [0, 1]; N may be 0.
        audio: as it is; see ``sound``.
        alpha: [N, H, W] in [0, 1]; None if there is none.
        told_rate: frames per second, as it is.
    """

    images: Tensor
    audio: Any
    alpha: Tensor | None
    told_rate: Any

    @property
    def rate(self) -> Fraction:
        """Frames per second."""
        return as_video_rate(self.told_rate, _NAME)


def components_of(video: Input.Video) -> Components:
    """Return all frames of a VIDEO.

    Raises:
        InputError: they cannot be had, or are none that make a video.
    """
    made = call(video, "get_components")
    if not ask(f"{_NAME}: its images cannot be had", lambda: hasattr(made, "images")):
        raise InputError(
            f"{_NAME}: {type(video).__name__}.get_components gave {describe(made)}, without images. "
            "Check the node that it comes from."
        )
    images = as_batch(_part(made, "images"), _NAME)
    alpha = _part(made, "alpha") if len(images) else None
    if alpha is not None:
        alpha = as_mask(alpha, f"{_NAME}: its alpha")
        if alpha.shape != images.shape[:3]:
            raise InputError(
                f"{_NAME}: its alpha is {list(alpha.shape)}, its images are "
                f"{list(images.shape[:3])}. Check the node that it comes from."
            )
    return Components(images, _part(made, "audio"), alpha, _part(made, "frame_rate"))


def _part(made: object, name: str) -> Any:
    return ask(f"{_NAME}: its {name} cannot be had", lambda: getattr(made, name, None))


def file_of(video: Any) -> Path | Iterator[bytes]:
    """Return the file of a VIDEO, or its content in blocks where it is none on a disk.

    Raises:
        InputError: it is an address, or nothing that can be read.
    """
    source = call(video, "get_stream_source")
    if isinstance(source, (str, bytes, os.PathLike)):
        path = os.fsdecode(source)
        if _ADDRESS.match(path):
            raise InputError(
                f"{_NAME}: {path} is an address, and only files are read. Download it, and load it "
                "with Load Video."
            )
        return Path(path)
    if not callable(getattr(source, "read", None)):
        raise InputError(
            f"{_NAME}: its file must be a path or an open file, and {describe(source)} arrived."
        )
    return _blocks(source)


def _blocks(source: Any) -> Iterator[bytes]:
    what = f"{_NAME}: its open file cannot be read"
    ask(what, lambda: source.seek(0))
    while block := ask(what, lambda: source.read(_BLOCK)):
        if not isinstance(block, bytes):
            raise InputError(f"{_NAME}: its file was opened as text. It must be opened as bytes.")
        yield block
