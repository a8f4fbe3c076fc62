"""Into which runs of frames a clip is split."""

from __future__ import annotations

import weakref
from collections.abc import Generator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import torch

from tests.helpers.clips import Picture
from tests.training.data.pans import pan, steps, write_folder
from training.data.windows import Windows, open_clip, split
from vfi.frames import Frame

RATE = 24


def runs(folder: Path, pictures: list[Picture], span: int = 4) -> list[list[int]]:
    """Numbers of the pictures in each run."""
    clip = open_clip(write_folder(folder / "clip", pictures))
    return [[int(frame.time * RATE) for frame in run] for run in Windows(clip, span)]


def test_runs_meet_in_one_frame_and_the_last_may_be_shorter(tmp_path: Path) -> None:
    assert runs(tmp_path, pan(steps(11))) == [[0, 1, 2, 3, 4], [4, 5, 6, 7, 8], [8, 9, 10]]


def test_two_frames_at_the_end_are_no_run(tmp_path: Path) -> None:
    assert runs(tmp_path, pan(steps(6))) == [[0, 1, 2, 3, 4]]


def test_clip_on_twos_gives_drawings_at_the_time_of_their_first_showing(tmp_path: Path) -> None:
    pictures = [each for each in pan(steps(9)) for _ in range(2)]
    assert runs(tmp_path, pictures) == [[0, 2, 4, 6, 8], [8, 10, 12, 14, 16]]


def test_24_frames_in_30_are_evenly_spaced(tmp_path: Path) -> None:
    pictures = [
        each for n, each in enumerate(pan(steps(40))) for _ in range(2 if n % 4 == 3 else 1)
    ]
    clip = open_clip(write_folder(tmp_path / "clip", pictures))
    times = [[frame.time for frame in run] for run in Windows(clip, 4)]
    gaps = {after - before for run in times[:8] for before, after in pairwise(run)}
    assert gaps == {Fraction(5, 4 * RATE)}


def test_no_run_is_across_a_cut(tmp_path: Path) -> None:
    pictures = pan(steps(12)) + pan(steps(12), seed=1)
    found = runs(tmp_path, pictures)
    assert [run for run in found if run[0] < 12 <= run[-1]] == []
    assert found[-3:] == [[12, 13, 14, 15, 16], [16, 17, 18, 19, 20], [20, 21, 22, 23]]


def test_no_run_is_across_a_pause(tmp_path: Path) -> None:
    pictures = pan([*steps(5), *[16] * 12, *range(20, 40, 4)])
    assert runs(tmp_path, pictures) == [[0, 1, 2, 3, 4], [17, 18, 19, 20, 21]]


def test_slow_motion_is_taken_in_larger_steps() -> None:
    low, high = (torch.from_numpy(each).float() for each in pan([0, 6]))
    mixed = [torch.lerp(low, high, number / 36).round().byte() for number in range(37)]
    slow = [Frame(pixels, Fraction(number, RATE)) for number, pixels in enumerate(mixed)]
    numbers = [[int(frame.time * RATE) for frame in run] for run in split(slow, 4, Fraction(1))]
    gaps = {after - before for run in numbers for before, after in pairwise(run)}
    assert gaps
    assert min(gaps) > 1


def test_frames_of_another_size_begin_another_run() -> None:
    pictures = [*pan(steps(5)), *pan(steps(5), width=64)]
    frames = [Frame(torch.from_numpy(p), Fraction(n, RATE)) for n, p in enumerate(pictures)]
    assert [len(run) for run in split(frames, 8, Fraction(1))] == [5, 5]


def test_few_frames_are_alive_at_once(tmp_path: Path) -> None:
    clip = open_clip(write_folder(tmp_path / "clip", pan(steps(120, 2))))
    alive: list[weakref.ref[Picture]] = []

    def counted() -> Generator[Frame, None, None]:
        for frame in clip.frames():
            pixels = frame.pixels.numpy().copy()
            alive.append(weakref.ref(pixels))
            yield replace(frame, pixels=torch.from_numpy(pixels))

    most = 0
    for _ in Windows(replace(clip, frames=counted), 4):
        most = max(most, sum(each() is not None for each in alive))
    assert len(alive) == 120
    assert 5 <= most < 45
