"""A file with crops and resizes that are not in the file (VIDEO of ComfyUI after 0.25).

Only ComfyUI's own methods apply them: to all frames, or to those of a trim. So the frames are read
in short windows, each a trim of the VIDEO. When they are shown, and what comes along with
them, stays the file's.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from comfy_api.latest import InputImpl
from torch import Tensor

from ...vfi.errors import DecodeError, InputError
from ...vfi.frames import Frame
from ...vfi.read import Clip, FrameTime, probe_video, read_times, trim_video
from .video_object import Components, call, components_of, trim_window_of

# Of the frames of a window; while ComfyUI makes them it holds them twice. Each window is decoded from
# the key frame before it, so smaller ones are slower: 1920x1080 with a key frame in 250 takes 0.65 s a
# frame in windows of 2 frames (64 MB), 0.22 s in those of 10, 0.12 s in those of 20 (0.25, two cores).
_WINDOW_BYTES = 1 << 28

# Frames ahead of a window from which ComfyUI is asked to read. 0 is right in mp4 and mkv; where a
# seek ends too late (mpegts), the key frame before may be in reach.
_RUN_UPS = (0, 4, 16)

# Seconds. ComfyUI rounds times down to the time base of the file; this is more than what is lost in
# floats, and less than any time base.
_MORE = Fraction(1, 10_000_000)


def window_size(frame: Tensor) -> int:
    """Return how many frames, such as this one, are read at a time."""
    return max(2, _WINDOW_BYTES // frame.nbytes)


def with_alpha(images: Tensor, mask: Tensor | None) -> Tensor:
    """Return [N, H, W, 4], or without a mask a view of [N, H, W, 3].

    Args:
        images: [N, H, W, 3 or more].
        mask: [N, H, W] or [N, H, W, 1]: ComfyUI has both.
    """
    opaque = images[..., :3]
    return opaque if mask is None else torch.cat((opaque, mask.reshape_as(opaque[..., :1])), dim=-1)


def images_of(components: Components, *, alpha: bool) -> Tensor:
    """Return frames as ComfyUI gives them, [N, H, W, 3], or [N, H, W, 4] with alpha if it is wanted."""
    return with_alpha(components.images, components.alpha if alpha else None)


def copies(images: Tensor) -> Iterator[Tensor]:
    """Yield the images of a window one by one, and nothing that keeps the window alive."""
    return (pixels.clone() for pixels in images)


def with_edits(
    clip: Clip,
    video: InputImpl.VideoFromFile,
    start: Fraction,
    end: Fraction | None,
    *,
    alpha: bool,
) -> Clip:
    """Take the frames of a clip with the edits of a VIDEO.

    Args:
        clip: the VIDEO's file, trimmed as the VIDEO is.
        video: the VIDEO.
        start: of the trim, seconds of the file.
        end: of the trim, likewise; None: to the end.
        alpha: keep transparency, if there is any.

    Raises:
        InputError: the VIDEO cannot be read in windows.
        DecodeError: its frames are not those of the file.
    """
    assert clip.tracks, "a file has tracks"
    source = _Source(video, clip.tracks.path, start, end, alpha)
    with closing(source.frames(1)) as frames:
        first = next(frames).pixels
    height, width, channels = first.shape
    state = _state_of(video)
    return replace(
        clip,
        identity=f"{clip.identity}, {state}" if clip.identity and state else "",
        frames=partial(source.frames, window_size(first)),
        width=width,
        height=height,
        pixel_aspect=Fraction(1),  # ComfyUI takes pixels for square when it resizes
        has_alpha=channels == 4,
    )


@dataclass(frozen=True)
class _Source:
    """What :func:`with_edits` reads; ``path`` is the file that tells when frames are shown."""

    video: InputImpl.VideoFromFile
    path: Path
    start: Fraction
    end: Fraction | None
    alpha: bool

    def frames(self, size: int) -> Generator[Frame, None, None]:
        """Yield the edited frames, read ``size`` at a time; no more than those are alive."""
        info = probe_video(self.path)
        if self.start or self.end is not None:
            info = trim_video(info, self.start, self.end)
        with closing(read_times(info)) as times:
            while window := list(islice(times, size)):
                images = copies(self._read(window, 1 / info.rate))
                for shown, pixels in zip(window, images, strict=True):
                    yield Frame(pixels, shown.time, duration=shown.duration)

    def _read(self, window: Sequence[FrameTime], interval: Fraction) -> Tensor:
        """Return the images of a window, a view of what ComfyUI gives."""
        begin, last, end = window[0].stamp, window[-1].stamp, window[-1].next_stamp
        if begin is None or last is None:
            raise self._refused("its frames have no timestamps")
        num_found = 0
        for run_up in _RUN_UPS:
            start = begin - run_up * interval
            images = self._images_between(start, last + interval if end is None else end)
            num_found = len(images)
            if num_found == len(window) or (run_up and num_found > len(window)):
                return images[num_found - len(window) :]
        raise self._refused(
            f"ComfyUI finds {num_found} frames where the file has {len(window)}, from "
            f"{float(begin):.3f} s on"
        )

    def _images_between(self, start: Fraction, end: Fraction) -> Tensor:
        start = max(start, Fraction(0)) + _MORE
        own_start, _ = trim_window_of(self.video)
        shift, length = float(start - own_start), float(end + _MORE - start)
        part = call(self.video, "as_trimmed", shift, length, False)
        # ComfyUI counts a negative start from the end of the file, also where that is before its start.
        if part is None or abs(trim_window_of(part)[0] - start) > 1e-3:
            raise InputError(
                f"{self.path} is trimmed from a time before it begins. Set the start of the trim to 0 "
                "or later."
            )
        return images_of(components_of(part), alpha=self.alpha)

    def _refused(self, reason: str) -> DecodeError:
        return DecodeError(
            f"{self.path} cannot be read with its crop or resize: {reason}. Save the edited video "
            "with Save Video, and load that file."
        )


def _state_of(video: InputImpl.VideoFromFile) -> str:
    """Return what tells an edited VIDEO of a file from any other of that file; "" if that is unknown.

    No public method tells the edits. They are numbers and words that the object holds, so all it
    holds is compared, without asking what it means; what is more than numbers and words may
    change unseen.
    """
    held = {name: value for name, value in vars(video).items() if not isinstance(value, BytesIO)}
    return repr((type(video).__qualname__, held)) if _is_plain(held) else ""


def _is_plain(value: Any) -> bool:
    if type(value) is dict:
        return all(map(_is_plain, (*value.keys(), *value.values())))
    if type(value) in (list, tuple):
        return all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, str)
