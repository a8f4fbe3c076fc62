"""Clips that are played one after the other: what is open and alive meanwhile."""

from __future__ import annotations

import weakref
from collections.abc import Generator
from dataclasses import replace
from fractions import Fraction
from functools import partial

import pytest
import torch
from torch import Tensor

from vfi.errors import InputError
from vfi.frames import Frame
from vfi.jobs import find_clip_seams, joined
from vfi.preprocess import Match, Statistics
from vfi.read import Clip

RATE = Fraction(16)
KEPT = Match(Statistics.HISTOGRAM, 0)


class Source:
    """A clip of noise that counts how often it is open, and how many of its frames are alive."""

    def __init__(self, count: int = 100, gain: float = 1.0) -> None:
        self.count = count
        self.gain = gain
        self.num_open = 0
        self.alive: weakref.WeakSet[Tensor] = weakref.WeakSet()

    def frames(self) -> Generator[Frame, None, None]:
        self.num_open += 1
        try:
            for number in range(self.count):
                pixels = torch.rand(8, 8, 3, generator=torch.Generator().manual_seed(number))
                pixels *= 0.5 * self.gain
                self.alive.add(pixels)
                yield Frame(pixels, number / RATE)
        finally:
            self.num_open -= 1

    def clip(self, width: int = 8, rate: Fraction = RATE) -> Clip:
        return Clip(f"{self.count}.mp4", "same", self.frames, width, 8, rate, self.count)


def test_a_few_frames_are_alive_and_one_part_is_open_at_a_time() -> None:
    sources = [Source(), Source(gain=1.1), Source(gain=1.2)]
    clips, seams = find_clip_seams([source.clip() for source in sources], 3, KEPT)
    assert sum(source.num_open for source in sources) == 0
    with joined(clips, seams, KEPT) as clip:
        most = [0, 0]
        for _ in clip.frames():
            most[0] = max(most[0], sum(len(source.alive) for source in sources))
            most[1] = max(most[1], sum(source.num_open for source in sources))
    assert most[0] <= 10
    assert most[1] == 1


def test_looking_for_seams_holds_the_edges_of_two_parts_at_most() -> None:
    sources = [Source() for _ in range(8)]
    most = 0

    def watched(source: Source) -> Generator[Frame, None, None]:
        nonlocal most
        for frame in source.frames():
            most = max(most, sum(len(one.alive) for one in sources))
            yield frame

    clips = [replace(source.clip(), frames=partial(watched, source)) for source in sources]
    find_clip_seams(clips, 0, KEPT)
    assert most <= 24


def test_what_is_open_is_closed_with_the_result() -> None:
    sources = [Source(4), Source(4)]
    with joined([source.clip() for source in sources]) as clip:
        frames = clip.frames()
        for _ in range(6):
            next(frames)
        assert sources[1].num_open == 1
        frames.close()
    assert [source.num_open for source in sources] == [0, 0]


def test_length_is_known_before() -> None:
    sources = [Source(10), Source(12), Source(14)]
    clips, seams = find_clip_seams([source.clip() for source in sources], 2, KEPT)
    with joined(clips, seams, KEPT) as clip:
        assert clip.num_frames == sum(1 for _ in clip.frames()) == 32
        assert clip.length == 2


def test_identity_tells_how_parts_are_joined() -> None:
    sources = [Source(10).clip(), Source(10).clip()]

    def identity(overlap: int, match: Match) -> str:
        clips, seams = find_clip_seams(sources, overlap, match)
        with joined(clips, seams, match) as clip:
            return clip.identity

    off = Match()
    found = [
        identity(0, off),
        identity(2, off),
        identity(0, KEPT),
        identity(0, Match(KEPT.statistics)),
    ]
    assert all(found)
    assert len(set(found)) == 4


@pytest.mark.parametrize(
    ("other", "found"),
    [
        (Source().clip(width=16), "16x8 at 16 fps"),
        (Source().clip(rate=Fraction(24)), "8x8 at 24 fps"),
    ],
)
def test_part_of_another_size_or_rate_is_refused_before_it_is_read(other: Clip, found: str) -> None:
    message = f"100.mp4: part 2 is {found}, not 8x8 at 16 fps like the first, 9.mp4. "
    with pytest.raises(InputError, match=message):
        find_clip_seams([Source(9).clip(), other], 0, KEPT)
