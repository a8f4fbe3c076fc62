from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from tests.helpers.clips import moving_pictures
from vfi.errors import InputError
from vfi.frames import Frame
from vfi.preprocess.cuts import Cut, parse_cuts
from vfi.preprocess.pipeline import Duplicates, Preparation
from vfi.timing.schedule import EndRule, Schedule

TICK = Fraction(1, 16)
SCHEDULE = Schedule(2 / TICK, TICK, EndRule.LAST_FRAME)
IMAGES = [torch.from_numpy(image) for image in moving_pictures(6)]


def clip(*numbers: int) -> Iterator[Frame]:
    """The images of these numbers, each for a tick."""
    for index, number in enumerate(numbers):
        yield Frame(IMAGES[number], index * TICK)


def prepared(preparation: Preparation, *numbers: int) -> list[Frame]:
    frames, _ = preparation.apply(clip(*numbers), SCHEDULE, lambda _: None)
    return list(frames)


def test_frames_pass_untouched_unless_asked_otherwise() -> None:
    frames = prepared(Preparation(), 0, 0, 1, 2)
    assert [frame.pixels for frame in frames] == [IMAGES[n] for n in (0, 0, 1, 2)]


def test_loop_has_a_schedule_of_as_many_outputs_as_its_frames_ask_for() -> None:
    loop = Preparation(loop=True)
    _, schedule = loop.apply([], SCHEDULE, pytest.fail)
    assert schedule == loop.fit(SCHEDULE)
    assert schedule.count(prepared(loop, 0, 1, 2, 3)[-1].time) == 8
    assert schedule.count(prepared(loop, 0, 1, 2, 1, 0)[-1].time) == 8  # ends as it began


def test_seam_of_a_loop_is_no_cut() -> None:
    *_, seam = prepared(Preparation(loop=True, cuts=parse_cuts("2")), 0, 1, 2)
    assert not seam.begins_scene


def test_repeats_are_left_out_only_on_request() -> None:
    doubled = (0, 0, 1, 1, 2, 2, 3, 3, 4, 4)
    assert len(prepared(Preparation(), *doubled)) == 10
    smooth = prepared(Preparation(duplicates=Duplicates.SMOOTH), *doubled)
    assert [frame.time / TICK for frame in smooth[:5]] == [0, 2, 4, 6, 8]


def test_cuts_are_numbered_as_in_the_source_and_survive_smoothing() -> None:
    cuts: list[Cut] = []
    preparation = Preparation(cuts=parse_cuts("4"), duplicates=Duplicates.SMOOTH)
    prepared_frames, _ = preparation.apply(clip(0, 0, 1, 1, 3, 3, 4, 4), SCHEDULE, cuts.append)
    frames = list(prepared_frames)
    assert [cut.number for cut in cuts] == [4]
    assert [frame.pixels is IMAGES[3] for frame in frames if frame.begins_scene] == [True]


def redrawn(preparation: Preparation, *numbers: int) -> tuple[list[Fraction], int]:
    """At which ticks frames are left, and how many are reported as redrawn."""
    counts: list[int] = []
    frames, _ = preparation.apply(clip(*numbers), SCHEDULE, lambda _: None, counts.append)
    return [frame.time / TICK for frame in frames], sum(counts)


def test_repeats_are_redrawn_on_request_except_before_a_cut() -> None:
    redraw = Preparation(duplicates=Duplicates.REDRAW, cuts=parse_cuts("5"))
    assert redrawn(redraw, 0, 1, 1, 2, 2, 3, 3, 4) == ([0, 1, 3, 4, 5, 7], 2)


def test_repeats_at_the_end_of_a_loop_lead_to_its_beginning() -> None:
    redraw = Preparation(duplicates=Duplicates.REDRAW, loop=True)
    assert redrawn(redraw, 0, 1, 2, 3, 3, 3) == ([0, 1, 2, 3, 6], 2)
    assert redrawn(replace(redraw, loop=False), 0, 1, 2, 3, 3, 3) == ([0, 1, 2, 3, 4, 5], 0)


def test_one_mask_serves_all_frames_and_several_one_each() -> None:
    masks = list(torch.rand(3, 48, 64))
    one, each = (prepared(Preparation(masks=given), 0, 1, 2) for given in (masks[:1], masks))
    assert [frame.mask for frame in one] == [masks[0]] * 3
    assert [frame.mask for frame in each] == masks


def test_mask_of_another_size_is_refused() -> None:
    with pytest.raises(InputError, match="The mask is 32x48, the frames are 64x48"):
        prepared(Preparation(masks=[torch.ones(48, 32)]), 0, 1)


@pytest.mark.parametrize("duplicates", [Duplicates.SMOOTH, Duplicates.REDRAW])
def test_all_stages_together_keep_some_frames_only(duplicates: Duplicates) -> None:
    alive: weakref.WeakSet[Tensor] = weakref.WeakSet()

    def counted() -> Iterator[Frame]:
        for index in range(400):
            pixels = IMAGES[index // 2 % 6].clone()
            alive.add(pixels)
            yield Frame(pixels, index * TICK)

    everything = Preparation(
        masks=[torch.ones(48, 64)], duplicates=duplicates, cuts=parse_cuts("9"), loop=True
    )
    frames, _ = everything.apply(counted(), SCHEDULE, lambda _: None)
    most = max(len(alive) for _ in frames)
    assert most <= 50
