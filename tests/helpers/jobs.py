"""Clips and sinks in memory, for tests of jobs."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from fractions import Fraction
from typing import Any

import numpy.typing as npt
import torch

from vfi.frames import Frame
from vfi.read import Clip


class Kept:
    """Keeps what is written to it, and goes on with what it has."""

    def __init__(
        self, segment_length: int = 1, bit_depth: int = 8, has_alpha: bool = False
    ) -> None:
        self.frames: list[npt.NDArray[Any]] = []
        self.segment_length = segment_length
        self.bit_depth = bit_depth
        self.has_alpha = has_alpha
        self.is_complete = False

    def validate(self) -> None:
        pass

    @property
    def num_finished(self) -> int:
        return len(self.frames) - len(self.frames) % self.segment_length

    def can_start_at(self, number: int) -> bool:
        is_end = self.is_complete and number == len(self.frames)
        return is_end or number % self.segment_length == 0

    def start_at(self, number: int) -> None:
        assert self.can_start_at(number)
        del self.frames[number:]

    def __enter__(self) -> Kept:
        return self

    def write(self, pixels: npt.NDArray[Any]) -> None:
        self.frames.append(pixels.copy())

    def __exit__(self, *error: object) -> None:
        pass


def greys(values: Sequence[int], num_channels: int = 3) -> Clip:
    """A clip of flat pictures, one per second."""

    def frames() -> Generator[Frame, None, None]:
        for number, value in enumerate(values):
            pixels = torch.full((4, 6, num_channels), value % 256, dtype=torch.uint8)
            yield Frame(pixels, Fraction(number))

    return Clip("greys", "greys", frames, 6, 4, Fraction(1), len(values))


def values(sink: Kept) -> list[int]:
    return [int(frame[0, 0, 0]) for frame in sink.frames]
