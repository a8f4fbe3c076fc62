"""A contest of stand-ins whose errors are known, its table and its pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from tests.helpers.networks import random_image
from vfi.measure import (
    Entrant,
    Sample,
    Scores,
    Setting,
    Triplet,
    compete,
    describe_sample,
    draw_sheets,
    find_best,
    find_places,
    find_quick,
    in_sheets,
    name_winner,
    rank,
    tabulate,
)
from vfi.synthesis import Interpolator

SIZE = 128, 192


def picture(seed: int) -> Tensor:
    return random_image(seed, *SIZE)[0].permute(1, 2, 0).mul(255).byte()


TRIPLETS = [
    Triplet(n, Fraction(n), 0.5, picture(n), picture(n + 50), picture(n + 1)) for n in range(3)
]


def entrant(
    name: str, error: float, scale: str = "1", quality: str = "fast", spot: slice | None = None
) -> Entrant:
    """What makes the real frame, but for an error, everywhere or in some rows and columns."""
    made = iter(TRIPLETS * 2)

    def interpolate(_0: Tensor, _1: Tensor, timesteps: Sequence[float]) -> Iterator[Tensor]:
        assert timesteps == [0.5]
        image = next(made).real.permute(2, 0, 1)[None].float() / 255
        wrong = image.clone()
        part = spot or slice(None)
        wrong[..., part, part] += torch.where(image[..., part, part] < 0.5, error, -error)
        yield wrong

    cpu = torch.device("cpu")
    return Entrant(Setting(name, scale, quality), Interpolator(lambda x: x, interpolate, cpu))


def with_seconds(scores: Scores, seconds: float) -> Scores:
    return replace(scores, each=[replace(score, seconds=seconds) for score in scores.each])


def contest(*entrants: tuple[Entrant, float]) -> list[Scores]:
    """The scores, each with the seconds that are given."""
    scores = list(compete([one for one, _ in entrants], TRIPLETS))
    times = [seconds for _, seconds in entrants] + [0.001]
    return [with_seconds(each, time) for each, time in zip(scores, times, strict=True)]


def test_smaller_error_scores_higher_and_blend_is_last() -> None:
    scores = contest((entrant("a", 0.1), 1), (entrant("b", 0.02), 1))
    assert [each.setting.model for each in scores] == ["a", "b", "blend"]
    assert [each.setting.model for each in rank(scores)] == ["b", "a", "blend"]
    assert scores[0].psnr == pytest.approx(20, abs=0.2)
    assert scores[1].psnr == pytest.approx(34, abs=0.2)
    assert 0 < scores[0].ssim < scores[1].ssim < 1
    assert scores[1].times_ahead_of(scores[0]) == 3


def test_one_entrant_is_alive_at_a_time_and_each_frame_is_told() -> None:
    told: list[str] = []

    def load() -> Iterator[Entrant]:
        for name in "ab":
            told.append(f"load {name}")
            yield entrant(name, 0.1)

    list(compete(load(), TRIPLETS, lambda setting: told.append(setting.model)))
    assert told == ["load a", *"aaa", "load b", *"bbb", *["blend"] * 3]


def test_first_frame_does_not_count_for_the_time() -> None:
    (scores, _) = compete([entrant("a", 0.1)], TRIPLETS)
    times = [9.0, 1.0, 1.5]
    each = [replace(score, seconds=time) for score, time in zip(scores.each, times, strict=True)]
    assert Scores(scores.setting, each).seconds == 1.25
    assert Scores(scores.setting, each[:1]).seconds == 9


def test_table_is_sorted_and_marks_the_best_and_the_fastest_near_it() -> None:
    scores = contest(
        (entrant("slow", 0.1, spot=slice(101)), 5),
        (entrant("good", 0.1, spot=slice(100)), 9),
        (entrant("poor", 0.2), 0.5),
    )
    head, *rows = tabulate(scores).splitlines()
    assert [row.split(",")[0].split()[0] for row in rows] == ["good", "slow", "poor", "blend"]
    assert head.split() == ["PSNR", "dB", "SSIM", "sharpness", "s/frame"]
    assert rows[0].endswith("9.000  best")
    assert rows[1].endswith("5.000  fastest within 0.1 dB")
    assert rows[2].endswith("0.500")


def test_answer_takes_the_faster_of_two_that_are_level() -> None:
    scores = contest(
        (entrant("slow", 0.1, spot=slice(100)), 8), (entrant("fast", 0.1, spot=slice(101)), 2)
    )
    assert find_best(scores).setting.model == "slow"
    assert find_quick(scores).setting.model == "fast"
    first, second = name_winner(scores).splitlines()
    assert first.startswith("Take fast, scale 1, fast: 0.0")
    assert first.endswith("below the best, slow, scale 1, fast, in 0.25 times its time.")
    assert "slow, scale 1, fast and fast, scale 1, fast are level" in second


def test_answer_tells_checkpoints_and_settings_apart() -> None:
    scores = contest(
        (entrant("a", 0.02, "2", "best"), 20),
        (entrant("a", 0.04), 1),
        (entrant("b", 0.03), 1),
    )
    advice, checkpoints, settings = name_winner(scores).splitlines()
    assert advice.startswith("Take a, scale 2, best: ")
    assert advice.endswith("dB above a plain blend.")
    lead = scores[0].psnr - scores[2].psnr
    assert checkpoints == (
        f"Checkpoint a is best: +{lead:.2f} dB, better in 3 of 3 places, over b, scale 1, fast."
    )
    lead = scores[0].psnr - scores[1].psnr
    assert settings == (
        f"Of its settings scale 2, best is best: +{lead:.2f} dB, better in 3 of 3 places, over "
        "scale 1, fast, at 20 times its time."
    )


def test_answer_says_where_no_network_helps() -> None:
    still = [replace(t, before=t.real, after=t.real) for t in TRIPLETS]
    scores = list(compete([entrant("a", 0.1)], still))
    advice, warning = name_winner(scores).splitlines()
    assert advice == "Take a, scale 1, fast: 69.98 dB below a plain blend."
    assert warning.startswith("Where a plain blend wins, figures say little: look at the pictures")


def test_sample_is_described_with_what_was_left_out() -> None:
    whole = Sample(TRIPLETS, num_seen=10)
    assert describe_sample(whole) == "3 of 10 places"
    part = Sample(TRIPLETS, num_seen=10, num_at_cuts=2, num_still=1)
    assert describe_sample(part) == (
        "3 of 7 places; left out: 1 without motion or with a repeated frame, 2 across a scene cut"
    )


# --- pictures ------------------------------------------------------------------------------------


def test_place_is_where_they_differ() -> None:
    scores = contest((entrant("a", 0.0), 1), (entrant("b", 0.4, spot=slice(64, 128)), 1))
    places = find_places(scores, TRIPLETS)
    assert len(places) == 3
    for place in places:
        assert (place.top, place.left, place.height, place.width) == (64, 64, 64, 64)


def test_places_come_in_the_order_of_their_difference() -> None:
    scores = contest((entrant("a", 0.0), 1), (entrant("b", 0.1), 1))
    worse = replace(scores[1].each[1], errors=scores[1].each[1].errors * 9)
    scores[1] = replace(scores[1], each=[scores[1].each[0], worse, scores[1].each[2]])
    assert find_places(scores, TRIPLETS, 2)[0].index == 1
    assert len(find_places(scores, TRIPLETS, 2)) == 2


def test_sheet_shows_the_real_crop_first_and_then_the_best() -> None:
    spot = slice(64, 128)
    entrants = [entrant("b", 0.4, spot=spot), entrant("a", 0.0)]
    scores = list(compete(entrants, TRIPLETS))
    places = find_places(scores, TRIPLETS)
    numbered = sorted(places, key=lambda place: place.index)  # the stand-ins make them in order
    sheets = draw_sheets(entrants, scores, TRIPLETS, numbered)
    for sheet, triplet in zip(sheets, TRIPLETS, strict=True):
        real = triplet.real[64:128, 64:128].float() / 255
        first, second, third, _ = (tile_of(sheet, column) for column in range(4))
        assert torch.equal(first[::4, ::4], real)
        assert torch.equal(first, second)
        assert (third - first).abs().mean() > 0.3


def tile_of(sheet: Tensor, column: int) -> Tensor:
    """A tile of 64 px, four times as large, below the title and its caption."""
    left = 8 + column * (256 + 8)
    return sheet[40:296, left : left + 256]


def test_best_of_many_are_shown() -> None:
    entrants = [(entrant("a", 0.01 * n, str(n)), 1.0) for n in range(1, 16)]
    scores = contest(*entrants)
    assert in_sheets(scores) == {Setting("a", str(n), "fast") for n in range(1, 12)}


def test_single_network_is_compared_with_the_blend() -> None:
    scores = contest((entrant("a", 0.0), 1))
    assert all(place.spread > 0 for place in find_places(scores, TRIPLETS))


def test_frame_smaller_than_a_crop_is_shown_as_a_whole() -> None:
    small = [
        replace(t, before=t.before[:40, :50], real=t.real[:40, :50], after=t.after[:40, :50])
        for t in TRIPLETS
    ]
    scores = list(compete([], small))
    place = find_places(scores, small)[0]
    assert (place.top, place.left, place.height, place.width) == (0, 0, 40, 50)
