"""Colours across the seams of a chain of parts, each of which has drifted further."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from fractions import Fraction
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vfi.frames import Frame, to_uint8
from vfi.preprocess import Match, Part, Seam, Statistics, concatenate, find_seams, read_edges
from vfi.preprocess.seams import describe_seams

MEAN, HISTOGRAM = Statistics.MEAN_AND_SPREAD, Statistics.HISTOGRAM
BOTH = pytest.mark.parametrize("statistics", [MEAN, HISTOGRAM])
LEVEL = 1 / 255
TICK = Fraction(1, 16)


def scene(count: int, seed: int = 0) -> list[Tensor]:
    """Soft blobs that wander 3 px to the right with each frame, [48, 96, 3], float32."""
    noise = torch.rand(1, 3, 6, 40, generator=torch.Generator().manual_seed(seed))
    wide = F.interpolate(noise, (48, 320), mode="bicubic").clamp(0.05, 0.85)[0]
    return [wide[:, :, 3 * n : 3 * n + 96].permute(1, 2, 0).contiguous() for n in range(count)]


def drifted(frames: Sequence[Tensor], times: int = 1) -> list[Tensor]:
    """Brighter, with more contrast, and a little redder."""
    out = list(frames)
    for _ in range(times):
        out = [frame * torch.tensor([1.05, 1.03, 1.02]) + 0.01 for frame in out]
    return out


def join(
    parts: Sequence[Sequence[Tensor]], match: Match | None = None, overlap: int = 0
) -> tuple[list[Tensor], list[Seam]]:
    seams = find_seams([read_edges(part, overlap) for part in parts], overlap, match)

    def frames_of(part: Sequence[Tensor]) -> Generator[Frame, None, None]:
        for number, pixels in enumerate(part):
            yield Frame(pixels, number * TICK)

    joined = [
        Part(partial(frames_of, part), TICK, seam) for part, seam in zip(parts, seams, strict=True)
    ]
    frames = list(concatenate(joined, match))
    assert [frame.time for frame in frames] == [number * TICK for number in range(len(frames))]
    return [frame.pixels for frame in frames], seams


def jumps(frames: Sequence[Tensor], truth: Sequence[Tensor]) -> Tensor:
    """How much the mean colour changes from frame to frame beyond what it does in truth."""
    drift = torch.stack([(a - b).mean((0, 1)) for a, b in zip(frames, truth, strict=True)])
    return drift.diff(dim=0).abs().amax(1)


TRUTH = scene(40)
REPEATING = [TRUTH[:20], drifted(TRUTH[19:])]  # part 2 begins with the last frame of part 1


@BOTH
def test_brightness_does_not_jump_at_the_seam_nor_anywhere_in_the_fade(
    statistics: Statistics,
) -> None:
    before, _ = join([TRUTH[:20], drifted(TRUTH[20:])])
    assert jumps(before, TRUTH)[19] > 6 * LEVEL
    after, _ = join(REPEATING, Match(statistics, 10))
    found = jumps(after, TRUTH)
    assert found[19] < 0.3 * LEVEL
    assert found.max() < 0.13 * jumps(before, TRUTH)[19]


@BOTH
def test_frames_before_the_seam_and_after_the_fade_are_untouched(statistics: Statistics) -> None:
    first, second = REPEATING
    out, _ = join(REPEATING, Match(statistics, 10))
    assert all(a is b for a, b in zip(out[:20], first, strict=True))
    assert all(a is b for a, b in zip(out[30:], second[11:], strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(out[20:29], second[1:10], strict=True))


@pytest.mark.parametrize("overlap", [0, 4])
def test_nothing_is_touched_with_match_off(overlap: int) -> None:
    parts = [TRUTH[:20], drifted(TRUTH[20 - overlap :])]
    out, _ = join(parts, Match(), overlap)
    own = 20 - overlap
    assert all(a is b for a, b in zip(out[:own], TRUTH, strict=False))
    assert all(a is b for a, b in zip(out[20:], parts[1][overlap:], strict=True))


@BOTH
def test_correction_of_a_whole_part_removes_its_drift(statistics: Statistics) -> None:
    out, _ = join(REPEATING, Match(statistics, 0))
    assert max((a - b).abs().mean() for a, b in zip(out, TRUTH, strict=True)) < 1.5 * LEVEL


@BOTH
def test_corrections_compose_along_a_chain(statistics: Statistics) -> None:
    parts = [TRUTH[:14], drifted(TRUTH[13:27]), drifted(TRUTH[26:], 2)]
    out, _ = join(parts, Match(statistics, 0))
    assert max((a - b).abs().mean() for a, b in zip(out, TRUTH, strict=True)) < 2 * LEVEL
    faded, _ = join(parts, Match(statistics, 30))  # longer than a part
    assert jumps(faded, TRUTH)[[13, 26]].max() < 0.3 * LEVEL


@BOTH
def test_overlap_is_matched_before_it_is_faded(statistics: Statistics) -> None:
    parts = [TRUTH[:20], drifted(TRUTH[15:])]
    plain, _ = join(parts, overlap=5)
    out, _ = join(parts, Match(statistics, 0), overlap=5)
    assert (plain[19] - TRUTH[19]).mean() > 5 * LEVEL
    assert max((a - b).abs().mean() for a, b in zip(out, TRUTH, strict=True)) < 1.5 * LEVEL


@BOTH
def test_seam_without_a_repeated_frame_is_matched_nearly_as_well(statistics: Statistics) -> None:
    parts = [TRUTH[:20], drifted(TRUTH[20:])]
    before, _ = join(parts)
    out, seams = join(parts, Match(statistics, 0))
    assert seams[1] == Seam()
    assert jumps(out, TRUTH)[19] < 0.4 * jumps(before, TRUTH)[19]


def test_repeated_frame_is_found_in_other_colours_where_they_are_matched() -> None:
    still = [frame * 0.2 + TRUTH[0] * 0.8 for frame in TRUTH]  # moves less than the colours do
    parts = [still[:20], drifted(still[19:], 2)]
    assert len(join(parts)[0]) == 41
    assert len(join(parts, Match(MEAN))[0]) == 40


@BOTH
def test_another_scene_is_not_matched(statistics: Statistics) -> None:
    other = drifted(scene(20, seed=5))
    out, seams = join([TRUTH[:20], other], Match(statistics))
    assert seams[1] == Seam(is_cut=True)
    assert all(a is b for a, b in zip(out, [*TRUTH[:20], *other], strict=True))
    assert describe_seams(seams) == ["not matched, because another scene begins: part 2"]


def test_overlap_that_shows_something_else_is_not_matched() -> None:
    _, seams = join([TRUTH[:20], scene(20, seed=5)], Match(MEAN), overlap=3)
    assert seams[1] == Seam(3, is_faded=True, is_cut=True)


@BOTH
def test_flicker_that_a_clip_has_anyway_is_no_drift(statistics: Statistics) -> None:
    flickering = [frame + 0.03 * (number % 2) for number, frame in enumerate(TRUTH)]
    out, _ = join([flickering[:20], flickering[20:]], Match(statistics, 0))
    assert all(a is b for a, b in zip(out, flickering, strict=True))


@BOTH
def test_what_another_encode_changes_is_no_drift(statistics: Statistics) -> None:
    noisy = [frame + 2 * LEVEL * torch.randn(48, 96, 1) for frame in TRUTH[19:]]
    out, _ = join([TRUTH[:20], noisy], Match(statistics, 0))
    assert all(a is b for a, b in zip(out[20:], noisy[1:], strict=True))


@BOTH
@pytest.mark.parametrize("convert", [to_uint8, Tensor.half], ids=["8 bits", "half"])
def test_type_of_the_frames_is_kept(
    convert: Callable[[Tensor], Tensor], statistics: Statistics
) -> None:
    parts = [[convert(frame) for frame in part] for part in REPEATING]
    out, _ = join(parts, Match(statistics, 0))
    assert {frame.dtype for frame in out} == {parts[0][0].dtype}


def test_repeats_and_cuts_are_named() -> None:
    seams = [Seam(), Seam(1), Seam(is_cut=True), Seam(1)]
    assert describe_seams(seams) == [
        "a frame of the part before is not shown again: parts 2, 4",
        "not matched, because another scene begins: part 3",
    ]
    assert describe_seams([Seam(), Seam(4, is_faded=True)]) == []
