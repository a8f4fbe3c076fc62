from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

import pytest
import torch

from tests.helpers.jobs import Kept, greys, values
from tests.helpers.stand_in_models import Sum
from tests.helpers.writers import source_tracks
from vfi.frames import Frame
from vfi.jobs import EnhancementJob, render
from vfi.jobs.same_frames import steady
from vfi.preprocess.cuts import Cut, CutList
from vfi.tracks import AudioMode


def run(job: EnhancementJob, sink: Kept, on_cut: Any = print, on_frame: Any = print) -> None:
    render(partial(job.frames, Sum()(), on_cut), [sink], on_frame=on_frame)


def job(levels: Sequence[int], **settings: Any) -> EnhancementJob:
    return EnhancementJob(greys(levels), **{"scene_threshold": 0, **settings})


def test_cuts_are_reported_and_not_crossed() -> None:
    sink, cuts = Kept(), list[Cut]()
    run(job([10, 20, 100], cuts=CutList(numbers=frozenset({2}))), sink, cuts.append)
    assert values(sink) == [12, 21, 110]
    assert [cut.number for cut in cuts] == [2]


@pytest.mark.parametrize("stop", range(1, 5))
def test_interrupted_job_goes_on_to_the_same_frames(stop: int) -> None:
    whole, resumed = Kept(), Kept(segment_length=2)
    run(job([10, 20, 100, 50, 80]), whole)

    def interrupt(number: int, _pixels: object) -> None:
        if number == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(job([10, 20, 100, 50, 80]), resumed, on_frame=interrupt)
    run(job([10, 20, 100, 50, 80]), resumed)
    assert values(resumed) == values(whole)


def test_job_ends_while_frames_are_read_that_an_earlier_run_has_made() -> None:
    sink, num_read = Kept(), 0
    run(job(range(40)), sink)

    def check() -> None:
        nonlocal num_read
        num_read += 1
        if num_read == 5:
            raise KeyboardInterrupt

    frames = partial(job(range(40)).frames, Sum()(), print, check=check)
    with pytest.raises(KeyboardInterrupt):
        render(frames, [sink], on_frame=lambda number, pixels: None)
    assert num_read == 5


def test_deep_sink_gets_steps_between_levels() -> None:
    sink = Kept(bit_depth=16)
    run(job([1, 3]), sink)
    assert values(sink) == [334, 797]  # 257 * 1.3 and 257 * 3.1


def test_result_has_size_rate_and_tracks_of_the_source(tmp_path: Any) -> None:
    clip = replace(greys([1, 2, 3]), tracks=source_tracks(tmp_path / "a.mp4", ("aac",)))
    found = EnhancementJob(clip)
    size = found.width, found.height, found.shown_rate, found.num_frames
    assert size == (clip.width, clip.height, clip.rate, 3)
    assert found.tracks(AudioMode.NONE) == replace(clip.tracks, audio_mode=AudioMode.NONE)


def test_any_other_setting_is_another_job() -> None:
    jobs = [
        job([1, 2]),
        job([1, 2], scene_threshold=0.5),
        job([1, 2], cuts=CutList(numbers=frozenset({1}))),
        EnhancementJob(replace(greys([1, 2]), identity="other"), 0),
    ]
    prints = {each.resume_key("model") for each in jobs}
    assert len({*prints, jobs[0].resume_key("other model")}) == 5
    assert jobs[0].resume_key("model") == job([1, 2]).resume_key("model")


# --- variable rates ------------------------------------------------------------------------------


def shown(times: Sequence[Fraction | float], cuts: tuple[int, ...] = ()) -> list[tuple[int, bool]]:
    """Which of the frames are shown at 10 fps, and whether they begin a scene."""

    def frames() -> Generator[Frame, None, None]:
        for number, time in enumerate(times):
            pixels = torch.full((1, 1, 3), number, dtype=torch.uint8)
            yield Frame(pixels, Fraction(time), number in cuts)

    return [(int(f.pixels[0, 0, 0]), f.begins_scene) for f in steady(frames(), Fraction(10))]


def numbers(times: Sequence[Fraction | float]) -> list[int]:
    return [number for number, _ in shown(times)]


def test_constant_rate_is_passed_on_frame_by_frame() -> None:
    assert numbers([Fraction(k, 10) for k in range(50)]) == list(range(50))


def test_times_that_tremble_change_nothing() -> None:
    assert numbers([0, 0.13, 0.18, 0.34, 0.4]) == [0, 1, 2, 3, 4]


def test_frame_that_stays_is_repeated_as_the_same_tensor() -> None:
    assert numbers([0, 0.1, 0.4, 0.5]) == [0, 1, 1, 1, 2, 3]
    frames = [Frame(torch.zeros(1, 1, 3), Fraction(time)) for time in (0, 1)]
    assert len({id(frame.pixels) for frame in steady(frames, Fraction(4))}) == 2


def test_last_frame_is_shown_for_as_long_as_its_file_says() -> None:
    pixels = torch.zeros(1, 1, 3)
    frames = [Frame(pixels, Fraction(0)), Frame(pixels, Fraction(1), duration=Fraction(3))]
    assert len(list(steady(frames, Fraction(1)))) == 4


def test_frame_without_a_moment_of_its_own_is_left_out() -> None:
    assert numbers([0, 0.1, 0.11, 0.2]) == [0, 2, 3]


def test_cut_is_kept_once_where_frames_are_left_out_or_repeated() -> None:
    assert shown([0, 0.1, 0.11, 0.4], cuts=(1,)) == [
        (0, False),
        (2, True),
        (2, False),
        (2, False),
        (3, False),
    ]
