"""Which frames of a clip are left out to be made again."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from fractions import Fraction
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from tests.helpers.datasets import counting
from tests.helpers.networks import random_image
from vfi.errors import InputError
from vfi.frames import Frame
from vfi.measure import Group, NoPlaceError, Part, Sample, part_starts, plan_sample, take_sample
from vfi.read import Clip

RATE = Fraction(10)


def pan(position: int, seed: int = 0) -> Tensor:
    """A smooth picture, [64, 96, 3] uint8, 2 px further for each position."""
    image = random_image(seed, 64, 400)[0].permute(1, 2, 0).mul(255).byte()
    return image[:, 2 * position : 2 * position + 96]


def clip_of(pictures: Sequence[Tensor], times: Sequence[Fraction] | None = None) -> Clip:
    times = times or [number / RATE for number in range(len(pictures))]

    def frames() -> Generator[Frame, None, None]:
        yield from map(Frame, pictures, times)

    return Clip("clip", "", frames, 96, 64, RATE, len(pictures))


def sample(pictures: Sequence[Tensor], count: int, every: int = 1) -> Sample:
    return take_sample([Part(clip_of(pictures))], count, every)


def middles(found: Sample) -> list[int]:
    return [int(triplet.time * RATE) for triplet in found.triplets]


def test_frames_are_spread_over_the_clip() -> None:
    found = sample([pan(n) for n in range(42)], 4)
    assert middles(found) == [6, 16, 26, 36]
    assert (found.num_seen, found.num_still, found.num_at_cuts) == (40, 0, 0)


def test_frames_are_those_beside_each_other() -> None:
    pictures = [pan(n) for n in range(9)]
    for triplet in sample(pictures, 3).triplets:
        number = int(triplet.time * RATE)
        assert torch.equal(triplet.before, pictures[number - 1])
        assert torch.equal(triplet.real, pictures[number])
        assert torch.equal(triplet.after, pictures[number + 1])
        assert (triplet.number, triplet.timestep) == (number, 0.5)


def test_every_takes_frames_further_apart() -> None:
    pictures = [pan(n) for n in range(20)]
    found = sample(pictures, 99, every=3)
    assert middles(found) == [3, 6, 9, 12, 15]
    assert torch.equal(found.triplets[0].before, pictures[0])
    assert torch.equal(found.triplets[0].after, pictures[6])


def test_short_clips_give_what_they_have() -> None:
    assert middles(sample([pan(n) for n in range(4)], 12)) == [1, 2]


def test_no_triplet_has_a_cut_in_it() -> None:
    pictures = [pan(n) for n in range(10)] + [pan(n, seed=1) for n in range(10)]
    found = sample(pictures, 99)
    assert middles(found) == [n for n in range(1, 19) if n not in (9, 10)]
    assert (found.num_seen, found.num_at_cuts) == (18, 2)


def test_cut_among_frames_that_are_skipped_is_seen() -> None:
    pictures = [pan(n) for n in range(11)] + [pan(n, seed=1) for n in range(12)]
    assert middles(sample(pictures, 99, every=4)) == [4, 16]


def test_frames_that_stand_still_are_left_out() -> None:
    pictures = [pan(n) for n in range(10)] + [pan(9)] * 10
    found = sample(pictures, 99)
    assert middles(found) == list(range(1, 9))
    assert (found.num_seen, found.num_still) == (18, 10)


def test_repeated_frames_are_left_out_unless_skipped() -> None:
    on_twos = [pan(n // 2 * 2) for n in range(20)]
    with pytest.raises(
        InputError, match=r"of 18 places 18 do not move.* further apart \(2 instead of 1\)"
    ):
        sample(on_twos, 5)
    assert len(sample(on_twos, 5, every=2).triplets) == 5


@pytest.mark.parametrize("num_frames", [1, 2])
def test_clip_of_two_frames_is_too_short(num_frames: int) -> None:
    with pytest.raises(InputError, match=r"^clip is too short: three frames are needed"):
        sample([pan(n) for n in range(num_frames)], 5)


def test_frame_that_is_not_halfway_is_asked_for_where_it_is() -> None:
    times = [Fraction(0), Fraction(1), Fraction(4)]
    clip = clip_of([pan(n) for n in range(3)], times)
    (triplet,) = take_sample([Part(clip)], 1).triplets
    assert (triplet.time, triplet.timestep) == (1, 0.25)


def test_pixels_of_many_bits_become_eight() -> None:
    pictures = [pan(n).float() / 255 for n in range(3)]
    (triplet,) = sample(pictures, 1).triplets
    assert torch.equal(triplet.real, pan(1))


def test_damaged_values_are_refused() -> None:
    pictures = [pan(n).float() / 255 for n in range(3)]
    pictures[2] = pictures[2].clone().index_fill_(0, torch.tensor(3), float("nan"))
    with pytest.raises(InputError, match="NaN"):
        sample(pictures, 1)


def test_short_clip_is_read_as_a_whole() -> None:
    assert part_starts(Fraction(60), RATE, 12, 1) == ([0], None)
    assert part_starts(None, RATE, 12, 1) == ([0], None)


def test_parts_of_a_long_clip_reach_from_its_start_to_its_end() -> None:
    starts, length = part_starts(Fraction(3600), RATE, 12, 1)
    assert length is not None
    assert (len(starts), starts[0], starts[-1] + length) == (12, 0, 3600)
    assert len({b - a for a, b in pairwise(starts)}) == 1


def test_each_part_gives_its_share_at_its_time() -> None:
    parts = [Part(clip_of([pan(n) for n in range(9)]), Fraction(start)) for start in (0, 100)]
    found = take_sample(parts, 2)
    assert [triplet.time for triplet in found.triplets] == [Fraction(4, 10), 100 + Fraction(4, 10)]
    assert [triplet.number for triplet in found.triplets] == [4, 1004]


def test_part_without_motion_leaves_the_others() -> None:
    still, moving = [pan(0)] * 9, [pan(n) for n in range(9)]
    clips = [still, moving, still]
    parts = [Part(clip_of(pictures), Fraction(50 * n)) for n, pictures in enumerate(clips)]
    found = take_sample(parts, 3)
    assert [int(triplet.time) for triplet in found.triplets] == [50]


def test_planned_places_are_those_that_are_taken_at_once() -> None:
    pictures = [pan(n) for n in range(30)]
    plan = plan_sample([Part(clip_of(pictures))], 5, every=2)
    taken = sample(pictures, 5, every=2)
    assert len(plan) == 5
    assert plan.survey.num_seen == taken.num_seen
    for one, other in zip(plan.read(), taken.triplets, strict=True):
        assert (one.number, one.time, one.timestep) == (other.number, other.time, other.timestep)
        assert torch.equal(one.before, other.before)
        assert torch.equal(one.real, other.real)
        assert torch.equal(one.after, other.after)


@pytest.mark.parametrize("count", [20, 140])
def test_planned_places_are_read_a_few_at_a_time(count: int) -> None:
    picture = random_image(0, 64, 400)[0].permute(1, 2, 0).mul(255).byte()

    def frames() -> Generator[Frame, None, None]:
        """Made anew each time, so that those that are alive can be counted."""
        for number in range(150):
            yield Frame(picture[:, 2 * number : 2 * number + 96].clone(), number / RATE)

    plan = plan_sample([Part(Clip("clip", "", frames, 96, 64, RATE, 150))], count)
    with counting(Group("a", "", count, plan.read)) as (group, counts):
        for _ in group.read():
            pass
    assert len(counts) == count
    assert max(counts) <= 6


def test_clip_without_places_is_told_from_one_that_cannot_be_read() -> None:
    with pytest.raises(NoPlaceError):
        plan_sample([Part(clip_of([pan(0)] * 9))], 3)
