"""What is kept from training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from tests.training.data.pans import SMALL, prepare_quietly, write_pan
from training.data import CutOptions, Sample
from training.data.held_out import hold_out


def samples_of(clip: str, count: int) -> list[Sample]:
    """Samples of 5 frames, each of which begins with the frame with which the one before ends."""
    return [
        Sample("", clip, tuple(Fraction(4 * start + n, 24) for n in range(5)), 1, False, 64, 0, "")
        for start in range(count)
    ]


def held_clips(names: Sequence[str], options: CutOptions) -> set[str]:
    found = hold_out({name: samples_of(name, 3) for name in names}, options)
    held = {sample.clip for sample in found if sample.held_out}
    assert held.isdisjoint(sample.clip for sample in found if not sample.held_out)
    assert len(found) == 3 * len(names)
    return held


@pytest.mark.parametrize(("count", "share", "held"), [(3, 0.1, 1), (30, 0.1, 3), (3, 0.9, 2)])
def test_of_three_clips_or_more_whole_ones_are_held_out(
    count: int, share: float, held: int
) -> None:
    names = [f"clip {number}" for number in range(count)]
    assert len(held_clips(names, CutOptions(held_out=share))) == held


def test_which_clips_depends_on_their_names_and_the_seed_only() -> None:
    names = [f"clip {number}" for number in range(20)]
    first = held_clips(names, CutOptions())
    assert held_clips(names[::-1], CutOptions()) == first
    assert any(held_clips(names, CutOptions(seed=seed)) != first for seed in range(1, 4))


@pytest.mark.parametrize("clips", [["a"], ["a", "b"]])
def test_of_one_or_two_clips_the_end_is_held_out_and_shares_no_frame(clips: list[str]) -> None:
    found = hold_out({clip: samples_of(clip, 20) for clip in clips}, CutOptions())
    for clip in clips:
        held = [sample for sample in found if sample.clip == clip and sample.held_out]
        trained = [sample for sample in found if sample.clip == clip and not sample.held_out]
        assert (len(held), len(trained)) == (2, 17)
        assert max(sample.times[-1] for sample in trained) < min(s.times[0] for s in held)


def test_of_a_short_clip_the_last_sample_is_held_out() -> None:
    found = hold_out({"a": samples_of("a", 3)}, CutOptions())
    assert [sample.held_out for sample in found] == [False, True]


def test_clip_that_cannot_be_divided_is_trained_on() -> None:
    assert hold_out({"a": samples_of("a", 2)}, CutOptions()) == samples_of("a", 2)


def test_nothing_is_held_out_where_that_is_asked_for() -> None:
    assert held_clips(["a", "b", "c"], CutOptions(held_out=0)) == set()


def test_other_share_cuts_nothing_again(tmp_path: Path) -> None:
    for name in "abc":
        write_pan(tmp_path / "in" / f"{name}.mkv")
    first = prepare_quietly(tmp_path / "in", tmp_path / "cache")
    other = prepare_quietly(tmp_path / "in", tmp_path / "cache", replace(SMALL, held_out=0))
    assert any(sample.held_out for sample in first.samples)
    assert [replace(sample, held_out=False) for sample in first.samples] == list(other.samples)
    assert first.digest != other.digest
