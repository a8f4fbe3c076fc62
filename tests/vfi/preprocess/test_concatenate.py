from __future__ import annotations

import weakref
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial

import pytest
import torch
from torch import Tensor

from vfi.errors import InputError
from vfi.frames import Frame
from vfi.preprocess.color_match import Match, Statistics
from vfi.preprocess.concatenate import Part, closed_loop, concatenate
from vfi.preprocess.seams import begins_with_repeat, find_seams, read_edges

TICK = Fraction(1, 16)


def image(position: int, size: int = 64) -> Tensor:
    """A white bar on grey that moves with ``position``."""
    pixels = torch.full((32, size, 3), 60, dtype=torch.uint8)
    pixels[:, 4 * position : 4 * position + 8] = 220
    return pixels


def coded_again(pixels: Tensor) -> Tensor:
    """The image as a lossy codec might give it back."""
    height, width, _ = pixels.shape
    noise = torch.randint(-20, 21, (height // 8, width // 8, 1))  # one value for a block
    noise = noise.repeat_interleave(8, 0).repeat_interleave(8, 1)
    return (pixels + noise).clamp(0, 255).to(torch.uint8)


def clip(positions: list[int], *, noisy: bool = False) -> Iterator[Frame]:
    for index, position in enumerate(positions):
        pixels = image(position)
        yield Frame(coded_again(pixels) if noisy else pixels, index * TICK)


def joined(clips: Sequence[Iterable[Frame]], overlap: int = 0) -> list[Frame]:
    parts = [list(clip) for clip in clips]
    edges = [read_edges((frame.pixels for frame in part), overlap) for part in parts]
    seams = find_seams(edges, overlap)

    def frames_of(part: list[Frame]) -> Generator[Frame, None, None]:
        yield from part

    return list(
        concatenate(
            [
                Part(partial(frames_of, part), TICK, seam)
                for part, seam in zip(parts, seams, strict=True)
            ]
        )
    )


def positions(frames: list[Frame]) -> list[float]:
    """Where the bar is in each frame."""
    return [((frame.pixels[0, :, 0] > 200).nonzero()[0].item()) / 4 for frame in frames]


def even(frames: list[Frame]) -> bool:
    return [frame.time for frame in frames] == [index * TICK for index in range(len(frames))]


# --- repeats -------------------------------------------------------------------------------------


def test_frame_that_was_coded_again_is_a_repeat() -> None:
    ending = [image(3), image(4)]
    assert begins_with_repeat(ending, [coded_again(image(4)), coded_again(image(5))])


def test_next_frame_of_a_motion_is_no_repeat() -> None:
    ending = [image(3), image(4)]
    assert not begins_with_repeat(ending, [image(5), image(6)])


def test_slow_motion_is_no_repeat() -> None:
    ramp = torch.arange(64).expand(32, 64)[..., None].repeat(1, 1, 3).to(torch.uint8)
    assert not begins_with_repeat([ramp, ramp + 1], [ramp + 2, ramp + 3])


# --- loops ---------------------------------------------------------------------------------------


def test_loop_leads_back_to_the_first_frame() -> None:
    out = list(closed_loop(clip([0, 1, 2, 3]), TICK))
    assert positions(out) == [0, 1, 2, 3, 0]
    assert even(out)


def test_loop_goes_on_when_the_last_frame_has_been_shown_for_its_time() -> None:
    *others, last = clip([0, 1, 2, 3])
    out = list(closed_loop([*others, replace(last, duration=3 * TICK)], TICK))
    assert (out[-1].time, out[-1].duration) == (6 * TICK, None)


def test_loop_that_ends_on_its_first_frame_is_closed_already() -> None:
    out = list(closed_loop(clip([0, 1, 2, 1, 0], noisy=True), TICK))
    assert positions(out) == [0, 1, 2, 1, 0]
    assert out[-1].pixels is out[0].pixels
    assert even(out)


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_loops_with_less_than_two_frames(count: int) -> None:
    assert len(list(closed_loop(clip([0] * count), TICK))) == count


# --- joining -------------------------------------------------------------------------------------


def test_repeated_boundary_frame_is_dropped_once() -> None:
    out = joined([clip([0, 1, 2]), clip([2, 3], noisy=True), clip([3, 4, 5])])
    assert positions(out) == [0, 1, 2, 3, 4, 5]
    assert even(out)


def test_clips_that_do_not_repeat_keep_all_frames() -> None:
    out = joined([clip([0, 1, 2]), clip([3, 4])])
    assert positions(out) == [0, 1, 2, 3, 4]
    assert even(out)


def test_overlap_is_cross_faded() -> None:
    clips = [[Frame(torch.full((8, 8, 3), float(v)), i * TICK) for i in range(4)] for v in (0, 1)]
    out = joined(clips, overlap=3)
    assert [frame.pixels[0, 0, 0].item() for frame in out] == [0, 0.25, 0.5, 0.75, 1]
    assert even(out)


def test_image_of_a_single_frame_can_be_joined() -> None:
    assert positions(joined([clip([0]), clip([1]), clip([1])])) == [0, 1]


@pytest.mark.parametrize("match", [Match(), Match(Statistics.MEAN_AND_SPREAD, 0)])
def test_joining_keeps_a_few_frames_only(match: Match) -> None:
    alive: weakref.WeakSet[Tensor] = weakref.WeakSet()

    def counted() -> Generator[Frame, None, None]:
        for frame in clip([0, 1, 2] * 100):
            alive.add(frame.pixels)
            yield frame

    edges = read_edges((frame.pixels for frame in counted()), 4)
    assert len(alive) <= 2 * (4 + 4)
    seams = find_seams([edges, edges], 4, match)
    del edges
    parts = [Part(counted, TICK, seam) for seam in seams]
    assert max(len(alive) for _ in concatenate(parts, match)) <= 12


@pytest.mark.parametrize(("counts", "guilty"), [((2, 5), 1), ((5, 2), 2), ((5, 5, 1), 3)])
def test_clip_shorter_than_the_overlap_is_named(counts: tuple[int, ...], guilty: int) -> None:
    clips = [clip(list(range(count))) for count in counts]
    with pytest.raises(InputError, match=f"Clip {guilty} is too short for an overlap of 3 frames"):
        joined(clips, overlap=3)


def test_empty_clip_is_named() -> None:
    with pytest.raises(InputError, match=r"Clip 2 has no frames\."):
        joined([clip([0]), clip([]), clip([1])])


def test_clip_of_another_size_is_named() -> None:
    wide = [Frame(image(0, size=96), Fraction(0))]
    with pytest.raises(InputError, match=r"Clip 2 is 96x32 .*, not 64x32 .* like the clip before"):
        joined([clip([0, 1]), wide])
