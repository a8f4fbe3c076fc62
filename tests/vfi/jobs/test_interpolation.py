from __future__ import annotations

import os
import time
import weakref
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.helpers.jobs import Kept, greys, values
from vfi.errors import InputError
from vfi.frames import Frame
from vfi.jobs import InterpolationJob, plan_job, render
from vfi.preprocess.pipeline import Preparation
from vfi.read.clip import Clip, open_folder
from vfi.synthesis.interpolate import AtCut
from vfi.synthesis.protocol import Interpolator
from vfi.timing import Schedule, constant_speed, parse_ramp
from vfi.visualize.comparison import Layout, Montage
from vfi.write import ImageSequenceWriter


class Blend:
    """A model that mixes two frames, and counts what it makes."""

    num_made = 0

    def interpolate(
        self, image0: Tensor, image1: Tensor, times: Sequence[float]
    ) -> Iterator[Tensor]:
        for timestep in times:
            self.num_made += 1
            yield torch.lerp(image0, image1, timestep)

    def __call__(self) -> Interpolator[Tensor]:
        return Interpolator(lambda image: image, self.interpolate, torch.device("cpu"))


def job(clip: Clip, rate: int = 2, **settings: Any) -> InterpolationJob:
    no_cuts = Preparation(scene_threshold=0)
    return plan_job(
        clip, Schedule(Fraction(rate), 1 / clip.rate), **{"preparation": no_cuts, **settings}
    )


def run(job: InterpolationJob, *sinks: Kept, on_frame: Any = lambda number, pixels: None) -> int:
    frames = partial(job.frames, Blend()(), print)
    return render(frames, sinks, on_frame=on_frame, dither=job.dither)


def test_job_without_end_is_refused_before_any_work() -> None:
    schedule = Schedule(Fraction(2), Fraction(1), speed=constant_speed(Fraction(1, 10**9)))
    with pytest.raises(
        InputError, match=r"would have 6,000,000,000 frames; at most 10,000,000 are"
    ):
        plan_job(greys([0, 1, 2]), schedule)


def test_frames_reach_every_sink() -> None:
    sinks = Kept(), Kept()
    assert run(job(greys([0, 100])), *sinks) == 4
    assert values(sinks[0]) == values(sinks[1]) == [0, 50, 100, 100]


def test_result_without_a_frame_is_no_result(tmp_path: Path) -> None:
    writer = ImageSequenceWriter(tmp_path / "out")
    with pytest.raises(InputError, match="There are no frames to write"):
        render(lambda **_: (_ for _ in ()), [writer], on_frame=lambda *_: None)
    assert list(tmp_path.iterdir()) == []


def test_listener_hears_of_every_frame() -> None:
    heard: list[int] = []
    run(job(greys([0, 100])), Kept(), on_frame=lambda number, pixels: heard.append(number))
    assert heard == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("stop", range(1, 9))
def test_interrupted_job_goes_on_to_the_same_frames(stop: int) -> None:
    clip = greys([0, 100, 40, 220])
    whole = Kept()
    run(job(clip), whole)
    resumed = Kept(segment_length=3), Kept(segment_length=1)

    def interrupt(number: int, _pixels: object) -> None:
        if number == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(job(clip), *resumed, on_frame=interrupt)
    heard: list[int] = []
    run(job(clip), *resumed, on_frame=lambda number, pixels: heard.append(number))
    assert heard[0] == stop - stop % 3  # what both of them have
    assert values(resumed[0]) == values(resumed[1]) == values(whole)


def test_job_ends_while_frames_are_read_of_which_none_is_made() -> None:
    sink, num_read = Kept(), 0

    def check() -> None:
        nonlocal num_read
        num_read += 1
        if num_read == 5:
            raise KeyboardInterrupt

    fast = Schedule(Fraction(1), Fraction(1), speed=constant_speed(Fraction(100)))
    whole = plan_job(greys(range(500)), fast, preparation=Preparation(scene_threshold=0))
    frames = partial(whole.frames, Blend()(), print, check=check)
    with pytest.raises(KeyboardInterrupt):
        render(frames, [sink], on_frame=lambda number, pixels: None)
    assert num_read == 5
    assert len(sink.frames) <= 1


def test_sinks_that_have_different_frames_begin_together() -> None:
    clip = greys([0, 100, 40, 220])
    parts, pictures = Kept(segment_length=3), Kept()
    run(job(clip), parts, pictures)
    del parts.frames[6:], pictures.frames[5:]
    heard: list[int] = []
    run(job(clip), parts, pictures, on_frame=lambda number, pixels: heard.append(number))
    assert heard[0] == 3  # the parts end at 3 and 6, and of the pictures there are 5
    assert values(parts) == values(pictures)


def test_finished_frames_cost_the_model_nothing() -> None:
    model, sink = Blend(), Kept()
    the_job = job(greys([0, 100, 40, 220]))
    frames = partial(the_job.frames, model(), print)
    render(frames, [sink], on_frame=lambda number, pixels: None)
    model.num_made = 0
    render(frames, [sink], on_frame=lambda number, pixels: None)
    assert model.num_made == 0


def test_deep_sink_gets_steps_between_levels() -> None:
    sink = Kept(bit_depth=16)
    run(job(greys([0, 1])), sink)
    assert values(sink) == [0, 128, 257, 257]  # 257 takes 255 to 65535


def test_dithering_spreads_what_lies_between_levels_and_leaves_source_frames_alone() -> None:
    sink = Kept()
    dithered = job(greys([0, 1]), dither=True)
    run(dithered, sink)
    assert [np.unique(frame).tolist() for frame in sink.frames] == [[0], [0, 1], [1], [1]]
    assert 0.4 < sink.frames[1].mean() < 0.6


def test_sink_without_alpha_gets_colours_alone() -> None:
    opaque, transparent = Kept(), Kept(has_alpha=True)
    clip = replace(greys([0, 100], num_channels=4), has_alpha=True)
    run(job(clip), opaque, transparent)
    assert opaque.frames[0].shape == (4, 6, 3)
    assert transparent.frames[0].shape == (4, 6, 4)


@pytest.mark.parametrize(
    ("schedule", "shown_rate", "tempo"),
    [
        (Schedule(Fraction(48), Fraction(1, 24)), None, 1),
        (Schedule(Fraction(48), Fraction(1, 24)), Fraction(24), Fraction(1, 2)),
        (Schedule(Fraction(24), Fraction(1), speed=constant_speed(Fraction(3))), None, 3),
        (Schedule(Fraction(24), Fraction(1), speed=parse_ramp("0:1 1:2")), None, None),
    ],
)
def test_tempo_is_what_the_sound_has_to_follow(
    schedule: Schedule, shown_rate: Fraction | None, tempo: Fraction | None
) -> None:
    assert plan_job(greys([0, 1]), schedule, shown_rate=shown_rate).tempo == tempo


@pytest.mark.parametrize("num_frames", [20, 150])
def test_few_frames_are_alive_however_long_the_clip(num_frames: int) -> None:
    born: list[weakref.ref[Tensor]] = []
    most = 0

    def frames() -> Generator[Frame, None, None]:
        for frame in greys(range(num_frames)).frames():
            born.append(weakref.ref(frame.pixels))
            yield frame

    class Counting(Kept):
        def write(self, pixels: npt.NDArray[Any]) -> None:
            nonlocal most
            time.sleep(0.005)  # as an encoder takes it: readers must not run away
            most = max(most, sum(ref() is not None for ref in born))

    clip = replace(greys(range(num_frames)), frames=frames)
    detecting = Preparation()  # holds the most frames of all
    assert run(job(clip, preparation=detecting), Counting()) == 2 * num_frames
    assert most <= 16


# --- which jobs are the same ---------------------------------------------------------------------


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for number in range(4):
        Image.new("RGB", (6, 4), (number, 0, 0)).save(tmp_path / f"{number}.png")
    return tmp_path


def test_same_settings_are_the_same_job(pictures: Path) -> None:
    first, second = (job(open_folder(pictures, Fraction(24))) for _ in range(2))
    assert first.resume_key("model") == second.resume_key("model")


def test_any_other_setting_is_another_job(pictures: Path) -> None:
    clip = open_folder(pictures, Fraction(24))
    mask = torch.zeros(4, 6)
    jobs = [
        job(clip),
        job(clip, rate=3),
        job(clip, preparation=Preparation(scene_threshold=0.5)),
        job(clip, preparation=Preparation(masks=[mask])),
        job(clip, preparation=Preparation(masks=[mask + 1])),
        job(clip, at_cut=AtCut.BLEND),
        job(clip, montage=Montage(Layout.SPLIT, 4, 6, Fraction(2))),
        job(clip, montage=Montage(Layout.STACKED, 4, 6, Fraction(2))),
        job(clip, dither=True),
        job(open_folder(pictures, Fraction(25))),
        job(open_folder(pictures, Fraction(24), Fraction(1, 24))),
    ]
    prints = [each.resume_key("model") for each in jobs]
    assert len({*prints, jobs[0].resume_key("other")}) == len(jobs) + 1


def test_changed_source_is_another_job(pictures: Path) -> None:
    before = job(open_folder(pictures, Fraction(24))).resume_key()
    stat = (pictures / "2.png").stat()
    os.utime(pictures / "2.png", ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert job(open_folder(pictures, Fraction(24))).resume_key() != before


def test_source_that_nothing_tells_from_others_has_no_resume_key() -> None:
    assert job(replace(greys([0, 1]), identity="")).resume_key() is None


# --- part of a folder ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0, None, [0, 1, 2, 3]), (1, None, [1, 2, 3]), (1, 3, [1, 2]), (Fraction(1, 2), 9, [1, 2, 3])],
)
def test_part_of_a_folder_is_from_start_to_before_end(
    pictures: Path, start: Fraction, end: Fraction | None, expected: list[int]
) -> None:
    clip = open_folder(pictures, Fraction(1), Fraction(start), end and Fraction(end))
    frames = list(clip.frames())
    assert [int(frame.pixels[0, 0, 0]) for frame in frames] == expected
    assert [frame.time for frame in frames] == list(range(len(expected)))


def test_part_without_pictures_is_refused(pictures: Path) -> None:
    with pytest.raises(InputError, match="it is 4 s long"):
        open_folder(pictures, Fraction(1), Fraction(4))
