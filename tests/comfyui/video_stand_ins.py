"""VIDEOs for tests as a ComfyUI after 0.25 has them, and a node that reads one as the pack does.

ComfyUI loads them as a pack of their own.
"""

from __future__ import annotations

import hashlib
import json
import sys
import wave
import weakref
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from comfy_api.latest import Input, InputImpl, Types

WINDOWS: list[weakref.ref[Any]] = []  # the storage of each batch of frames that was given
LARGEST = [0, 0]  # the most frames that were asked for at once, and the most windows alive


def given(images: torch.Tensor) -> torch.Tensor:
    """Note a batch that a VIDEO gives."""
    WINDOWS[:] = [window for window in WINDOWS if window() is not None]
    WINDOWS.append(weakref.ref(images.untyped_storage()))
    LARGEST[:] = max(LARGEST[0], len(images)), max(LARGEST[1], len(WINDOWS))
    return images


class EditedFile(InputImpl.VideoFromFile):
    """A file with crops and resizes, of all its frames or of those of a trim."""

    def __init__(self, file: Any, start: float = 0, duration: float = 0, edits: Any = ()) -> None:
        super().__init__(file, start_time=start, duration=duration)
        self.start, self.edits = start, edits

    def as_cropped(self, x: int, y: int, width: int, height: int) -> EditedFile:
        return self._like(("crop", x, y, width, height))

    def as_resized(self, width: int, height: int) -> EditedFile:
        return self._like(("resize", width, height))

    def _like(self, edit: Any) -> EditedFile:
        _, duration = self.get_active_trim_window()
        return EditedFile(self.get_stream_source(), self.start, duration, (*self.edits, edit))

    def as_trimmed(self, start_time: float = 0, duration: float = 0, strict: bool = True) -> Any:
        return EditedFile(self.get_stream_source(), start_time + self.start, duration, self.edits)

    def has_pending_frame_edits(self) -> bool:
        return bool(self.edits)

    def get_color_space(self) -> str:
        return "sRGB"

    def get_display_dimensions(self) -> tuple[int, int]:
        raise AssertionError("frames are displayed as they are given")

    def get_components(self) -> Any:
        made = super().get_components()
        for kind, *numbers in self.edits:
            if kind == "crop":
                x, y, width, height = numbers
                made.images = made.images[:, y : y + height, x : x + width].clone()
                if made.alpha is not None:  # a MASK has no channels, but ComfyUI's alpha does
                    made.alpha = made.alpha[:, y : y + height, x : x + width, 0]
            else:
                planes = made.images.movedim(-1, 1)
                resized = torch.nn.functional.interpolate(planes, numbers[::-1], mode="nearest")
                made.images = resized.movedim(1, -1).contiguous()
        made.images = given(made.images)
        return made


class VideoList(Input.Video):
    """Several VIDEOs in a row."""

    def __init__(self, videos: list[Any], audio: Any = None) -> None:
        self.videos, self.complete_audio = videos, audio

    def has_pending_frame_edits(self) -> bool:
        return any(getattr(v, "has_pending_frame_edits", bool)() for v in self.videos)

    def get_components(self) -> Any:
        raise AssertionError("all frames at once")

    def as_trimmed(self, *_: Any) -> Any:
        raise AssertionError("a trimmed list refuses a part without frames")

    def save_to(self, *_: Any, **__: Any) -> None:
        raise AssertionError("encoded again")


class Foreign(Input.Video):
    """A class of another pack: frames made when they are asked for, and sound."""

    def __init__(self, count: int, rate: Fraction, start: float = 0, duration: float = 0) -> None:
        self.count, self.rate, self.start, self.duration = count, rate, start, duration

    def get_components(self) -> Any:
        end = self.start + (self.duration or float(self.count / self.rate))
        shown = [n for n in range(self.count) if self.start <= n / self.rate < end]
        images = torch.stack([torch.full((8, 8, 3), n / 100) for n in shown] or [torch.zeros(0)])
        images = given(images) if shown else torch.zeros(0, 0, 0, 3)
        first, last = int(self.start * 8000), int(end * 8000)
        waveform = torch.arange(first, last)[None, None] / 100_000
        sound = {"waveform": waveform, "sample_rate": 8000}
        return Types.VideoComponents(images=images, audio=sound, frame_rate=self.rate)

    def as_trimmed(self, start_time: Any = None, duration: Any = None, strict: bool = False) -> Any:
        return Foreign(self.count, self.rate, self.start + start_time, duration)

    def get_frame_rate(self) -> Fraction:
        return self.rate

    def get_duration(self) -> float:
        return float(self.count / self.rate)

    def save_to(self, *_: Any, **__: Any) -> None:
        raise AssertionError("encoded again")


class Untrimmable(Foreign):
    """One that trims by encoding itself."""

    def as_trimmed(self, *_: Any, **__: Any) -> Any:
        return InputImpl.VideoFromFile(BytesIO())


def make(kind: str, path: str) -> Any:
    """Make a VIDEO; ``kind`` is an expression with a file's path and the classes in it."""
    known = {"path": path, "data": BytesIO(Path(path).read_bytes()) if path else None}
    classes = (EditedFile, VideoList, Foreign, Untrimmable, Fraction, torch)
    known |= {thing.__name__: thing for thing in classes}
    known |= {"File": InputImpl.VideoFromFile, "Components": InputImpl.VideoFromComponents}
    return eval(kind, {**known, "VideoComponents": Types.VideoComponents})  # noqa: S307


class NewVideo:
    RETURN_TYPES, FUNCTION, CATEGORY = ("VIDEO",), "run", "tests"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        return {"required": {"kind": ("STRING", {}), "path": ("STRING", {})}}

    def run(self, kind: str, path: str) -> tuple[Any]:
        return (make(kind, path),)


class ReadVideo:
    """What the pack finds in a VIDEO, as JSON; ``window`` is how many frames it may read at a time."""

    RETURN_TYPES, FUNCTION, CATEGORY = ("STRING",), "run", "tests"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        kinds = {"video": "VIDEO", "window": "INT", "alpha": "BOOLEAN"}
        return {"required": {name: (kind, {}) for name, kind in kinds.items()}}

    def run(self, video: Any, window: int, alpha: bool) -> tuple[str]:
        (support,) = (name[: -len("video_source")] for name in sys.modules if is_pack(name))
        edited = sys.modules[f"{support}edited_video"]
        foreign = sys.modules[f"{support}foreign_video"]
        before = edited.window_size
        edited.window_size = foreign.window_size = lambda _: window
        WINDOWS.clear()
        LARGEST[:] = 0, 0
        try:
            with sys.modules[f"{support}video_source"].open_source(video, alpha=alpha) as clip:
                return (json.dumps(look_at(clip)),)
        finally:
            edited.window_size = foreign.window_size = before


def is_pack(name: str) -> bool:
    return name.endswith(".nodes.support.video_source")


def look_at(clip: Any) -> dict[str, Any]:
    frames = [
        (str(frame.time), hashlib.sha256(np.ascontiguousarray(as_8_bits(frame)).data).hexdigest())
        for frame in clip.frames()
    ]
    return {
        "size": [clip.width, clip.height],
        "rate": str(clip.rate),
        "count": clip.num_frames,
        "times": [time for time, _ in frames],
        "pixels": [pixels for _, pixels in frames],
        "alpha": clip.has_alpha,
        "identity": clip.identity,
        "largest": LARGEST,
        "sound": sound_of(clip.tracks),
    }


def as_8_bits(frame: Any) -> Any:
    pixels = frame.pixels
    return pixels if pixels.dtype == torch.uint8 else (255 * pixels).round().byte()


def sound_of(tracks: Any) -> Any:
    """The samples of a WAV file; of any other its path."""
    if tracks is None or tracks.path.suffix != ".wav":
        return tracks and [tracks.path.name, str(tracks.start), len(tracks.audio)]
    with wave.open(str(tracks.path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return samples.reshape(-1, file.getnchannels())[:, 0].tolist()


NODE_CLASS_MAPPINGS = {node.__name__: node for node in (NewVideo, ReadVideo)}
