"""A node that gives what other packs give on their sockets, which ComfyUI loads as a pack of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from comfy_api.latest import Input, InputImpl, Types

nan, inf = float("nan"), float("inf")


def clip(count: int = 3, channels: int = 3, height: int = 24, width: int = 32) -> torch.Tensor:
    """Frames with a gradient that moves: [N, H, W, C] in [0, 1]."""
    number = torch.arange(count)[:, None, None, None] / 40
    across = torch.arange(width)[:, None] / width
    pixels = (across + number).remainder(1).expand(count, height, width, channels).clone()
    pixels[..., 3:] = 1
    return pixels


def damaged(value: float, frame: int = 1, **shape: int) -> torch.Tensor:
    images = clip(**shape)
    images[frame, 5:10, 5:10] = value
    return images


def tone(channels: int = 1, count: int = 4000) -> torch.Tensor:
    """Half a second, [1, C, T]."""
    return 0.3 * torch.sin(torch.arange(count) / 8).expand(1, channels, count).clone()


def sound(waveform: Any = None, sample_rate: Any = 8000) -> dict[str, Any]:
    return {"waveform": tone() if waveform is None else waveform, "sample_rate": sample_rate}


def broken_tone() -> torch.Tensor:
    waveform = tone()
    waveform[..., 100:110] = nan
    waveform[..., 200] = inf
    return waveform


class Lazy(Mapping):
    """Extracts its sound when it is looked at; of a file without sound it raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def _load(self) -> dict[str, Any]:
        if self.error:
            raise self.error
        return sound()

    def __getitem__(self, key: str) -> Any:
        return self._load()[key]

    def __iter__(self) -> Any:
        return iter(self._load())

    def __len__(self) -> int:
        return len(self._load())


class LazyObject:
    """The same, not registered as any kind of dictionary."""

    def __init__(self, error: Exception | None = None) -> None:
        self.lazy = Lazy(error)

    def __getitem__(self, key: str) -> Any:
        return self.lazy[key]


class LazyDictionary(dict):
    """The same, and empty until it is asked."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.lazy = Lazy(error)

    def __getitem__(self, key: str) -> Any:
        return self.lazy[key]


class Broken:
    """Components that are gone."""

    @property
    def images(self) -> Any:
        raise RuntimeError("gone")


class Rate:
    def __init__(self, rate: Any) -> None:
        self.rate = rate

    def __float__(self) -> float:
        if isinstance(self.rate, Exception):
            raise self.rate
        return self.rate


class Bumpy:
    """A curve whose heights are no numbers."""

    def __init__(self, height: Any) -> None:
        self.height = height

    def interp(self, x: float) -> Any:
        if isinstance(self.height, Exception):
            raise self.height
        return self.height


def components(images: Any = None, rate: Any = Fraction(8), audio: Any = None, alpha: Any = None):
    images = clip() if images is None else images
    made = Types.VideoComponents(images=images, frame_rate=rate, audio=audio, alpha=alpha)
    return InputImpl.VideoFromComponents(made)


class Own(Input.Video):
    """A class of another pack; what a method returns or raises is given."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers

    def _answer(self, name: str, default: Any) -> Any:
        answer = self.answers.get(name, default)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def get_components(self) -> Any:
        made = Types.VideoComponents(images=clip(), frame_rate=Fraction(8))
        return self._answer("components", made)

    def save_to(self, *_: Any, **__: Any) -> None:
        raise AssertionError("encoded again")

    def as_trimmed(self, *_: Any, **__: Any) -> Any:
        return self._answer("trimmed", None)

    def get_frame_rate(self) -> Any:
        return self._answer("rate", Fraction(8))

    def get_duration(self) -> Any:
        return self._answer("duration", 3 / 8)

    def get_bit_depth(self) -> Any:
        return self._answer("depth", 8)

    def get_active_trim_window(self) -> Any:
        return self._answer("window", (0.0, 0.0))


class Trimmed(Own):
    """One that can be trimmed."""

    def as_trimmed(self, start_time: Any = 0, duration: Any = 0, strict: Any = False) -> Any:
        made = self.get_components()
        first, last = (round(8 * time + 0.499) for time in (start_time, start_time + duration))
        made = replace(made, images=made.images[first:last])
        part = Trimmed(components=self.answers.get("part", made))
        return self._answer("trimmed", part)


class LikeAVideo:
    """Not of ComfyUI's class, with its methods."""

    def get_components(self) -> Any:
        return Types.VideoComponents(images=clip(), frame_rate=Fraction(8))


KNOWN = {
    thing.__name__: thing
    for thing in (
        *(clip, damaged, tone, sound, broken_tone, components, Lazy, LazyObject, Rate, Bumpy, Own),
        *(LazyDictionary, Broken),
        *(Trimmed, LikeAVideo, BytesIO, StringIO, Path, Fraction, torch),
    )
}
KNOWN |= {"nan": nan, "inf": inf, "np": np, "File": InputImpl.VideoFromFile, "Types": Types}


class Give:
    """The value of an expression, on a socket of any type; ``path`` is a file that it may name."""

    RETURN_TYPES, FUNCTION, CATEGORY = ("*",), "run", "tests"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802  ComfyUI calls it
        return {"required": {"expression": ("STRING", {}), "path": ("STRING", {"default": ""})}}

    def run(self, expression: str, path: str) -> tuple[Any]:
        with torch.inference_mode(mode=False):  # or nothing could have a gradient
            return (eval(expression, {**KNOWN, "path": path}),)  # noqa: S307


class GiveList(Give):
    """The items of a list one by one: the nodes that follow run once for each."""

    OUTPUT_IS_LIST = (True,)


NODE_CLASS_MAPPINGS = {node.__name__: node for node in (Give, GiveList)}
