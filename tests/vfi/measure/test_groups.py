"""A contest on many clips, its tables, its plot and its verdicts, with stand-ins for networks."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.helpers.datasets import counting, write_picture, write_vimeo
from tests.helpers.networks import random_image
from vfi.errors import DecodeError
from vfi.measure import (
    BLEND,
    Contest,
    Entrant,
    Group,
    Item,
    Judge,
    Scores,
    Setting,
    Triplet,
    TripletFiles,
    Verdict,
    compare,
    compete_in_groups,
    describe_comparison,
    describe_intervals,
    find_bin,
    find_clips,
    is_clip_of_pictures,
    list_dataset,
    plot_groups,
    read_triplets,
    subsets_of,
    tabulate_comparison,
    tabulate_groups,
)
from vfi.measure.contest import Score
from vfi.synthesis import Interpolator

CPU = torch.device("cpu")
SVG = "{http://www.w3.org/2000/svg}"


def entrant(name: str, share: float = 0.5) -> Entrant:
    """Mixes both frames; half of each is what the blend does."""

    def mix(img0: Tensor, img1: Tensor, timesteps: Sequence[float]) -> Iterator[Tensor]:
        return (torch.lerp(img0, img1, share) for _ in timesteps)

    return Entrant(Setting(name, "1", "fast"), Interpolator(lambda image: image, mix, CPU))


def group_in_memory(clip: str, count: int, category: str = "", shift: int = 1) -> Group:
    """A picture that moves ``shift`` px from frame to frame."""
    picture = random_image(len(clip), 32, 200)[0].permute(1, 2, 0).mul(255).byte()

    def read() -> Iterator[Triplet]:
        for number in range(count):
            frames = [picture[:, (number + n) * shift :][:, :48] for n in range(3)]
            yield Triplet(number, Fraction(number), 0.5, *frames)

    return Group(clip, category, count, read)  # pyright: ignore[reportArgumentType]


# --- the contest ---------------------------------------------------------------------------------


def test_every_entrant_makes_all_frames_of_all_groups() -> None:
    groups = [group_in_memory("a", 2), group_in_memory("b", 3, "hard")]
    told: list[str] = []
    judge = Judge(on_frame=lambda setting: told.append(setting.model))
    contest = compete_in_groups([entrant("x"), entrant("y", 0.2)], groups, judge)
    assert [scores.setting.model for scores in contest.scores] == ["blend", "x", "y"]
    assert [len(scores.each) for scores in contest.scores] == [5, 5, 5]
    assert [(item.clip, item.category, item.number) for item in contest.items] == [
        *(("a", "", 0), ("a", "", 1), ("b", "hard", 0), ("b", "hard", 1), ("b", "hard", 2)),
    ]
    assert told == [*["blend"] * 5, *"xxxxx", *"yyyyy"]
    assert all(item.motion > 0 for item in contest.items)
    assert contest.scores[0].psnr == pytest.approx(contest.scores[1].psnr)


def test_one_network_is_alive_at_a_time() -> None:
    told: list[str] = []

    def load() -> Iterator[Entrant]:
        for name in "xy":
            told.append(f"load {name}")
            yield entrant(name)

    judge = Judge(on_frame=lambda setting: told.append(setting.model))
    compete_in_groups(load(), [group_in_memory("a", 2)], judge)
    assert told == ["blend", "blend", "load x", "x", "x", "load y", "y", "y"]


def test_frames_in_memory_do_not_become_more_with_the_length(tmp_path: Path) -> None:
    for number in range(61):
        write_picture(tmp_path / f"{number}.png", number)
    paths = [tmp_path / f"{number}.png" for number in range(61)]
    files = [TripletFiles(n, *paths[n - 1 : n + 2]) for n in range(1, 60)]
    with counting(Group("a", "", 59, lambda: read_triplets(files))) as (group, counts):
        compete_in_groups([entrant("x")], [group])
    assert len(counts) == 2 * 59
    assert max(counts) <= 6  # of two triplets


def test_group_that_cannot_be_read_is_left_out_for_all(tmp_path: Path) -> None:
    write_vimeo(tmp_path)
    groups = list_dataset(tmp_path, "vimeo")
    (tmp_path / "sequences/00001/0001/im2.png").write_bytes(b"no picture")
    told: list[str] = []
    judge = Judge(on_left_out=lambda group, error: told.append(f"{group}: {error}"))
    contest = compete_in_groups([entrant("x")], groups, judge)
    assert [item.clip for item in contest.items] == ["00001/0002"]
    assert [len(scores.each) for scores in contest.scores] == [1, 1]
    (said,) = told  # once, not again for each entrant
    assert re.fullmatch(r"00001/0001: .*im2.png: this image cannot be decoded.*", said)
    assert [str(group) for group, _ in contest.left_out] == ["00001/0001"]


def test_group_that_goes_away_later_is_left_out_of_earlier_results_too(tmp_path: Path) -> None:
    groups = list_dataset(write_vimeo(tmp_path), "vimeo")

    def load() -> Iterator[Entrant]:
        (tmp_path / "sequences/00001/0002/im2.png").unlink()  # the blend has made it
        yield entrant("x")

    contest = compete_in_groups(load(), groups)
    assert [item.clip for item in contest.items] == ["00001/0001"]
    assert [len(scores.each) for scores in contest.scores] == [1, 1]


def test_nothing_that_can_be_read_is_an_error(tmp_path: Path) -> None:
    groups = list_dataset(write_vimeo(tmp_path), "vimeo")
    for path in tmp_path.rglob("*.png"):
        path.unlink()
    with pytest.raises(DecodeError, match="None of the 2 clips could be read"):
        compete_in_groups([entrant("x")], groups)


def test_frame_off_the_middle_is_asked_for_where_it_is(tmp_path: Path) -> None:
    for number, value in enumerate((0, 25, 200)):
        write_picture(tmp_path / f"{number}.png", value)
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    files = [TripletFiles(1, *paths, timestep=Fraction(1, 8))]
    contest = compete_in_groups([], [Group("a", "", 1, lambda: read_triplets(files))])
    assert contest.scores[0].psnr == 90


def test_perceptual_distance_is_measured_where_it_is_wanted() -> None:
    judge = Judge(perceptual=lambda made, real: float((made - real).abs().mean()))
    contest = compete_in_groups([], [group_in_memory("a", 2)], judge)
    assert contest.scores[0].lpips is not None
    assert contest.scores[0].lpips > 0
    assert "LPIPS" in tabulate_groups(*with_network(contest))
    assert compete_in_groups([], [group_in_memory("a", 2)]).scores[0].lpips is None


def with_network(contest: Contest) -> tuple[list[Scores], Sequence[Item]]:
    blend = contest.scores[0]
    return [blend, replace(blend, setting=Setting("x", "1", "fast"))], contest.items


# --- figures that are known ----------------------------------------------------------------------


def score(psnr: float, sharpness: float = 1.0, ssim: float = 0.9) -> Score:
    return Score(psnr, ssim, sharpness, 0.1, torch.empty(0, 0), psnr - 3)


def items(num_clips: int, each: int = 3, motions: Sequence[float] = (0.5,)) -> list[Item]:
    return [
        Item(
            f"c{clip}",
            "easy" if clip % 2 else "hard",
            n,
            Fraction(n),
            0.5,
            motions[n % len(motions)],
        )
        for clip in range(num_clips)
        for n in range(each)
    ]


def scores(name: str, values: Sequence[float], **more: float) -> Scores:
    return Scores(Setting(name, "1", "fast"), [score(value, **more) for value in values])


def noise(count: int, seed: int = 0) -> list[float]:
    return np.random.default_rng(seed).normal(30, 5, count).tolist()


@pytest.mark.parametrize(
    ("gain", "spread", "verdict", "sentence"),
    [
        (0.3, 0.2, Verdict.BETTER, r"B, scale 1, fast is better than A, scale 1, fast on this material: "
         r"\+0\.\d\d dB \[0\.\d\d, 0\.\d\d\], better in \d+ of 20 clips\."),
        (-0.3, 0.2, Verdict.WORSE, r"B, scale 1, fast is worse than A, scale 1, fast on this material: "
         r"-0\.\d\d dB \[-0\.\d\d, -0\.\d\d\], better in \d of 20 clips\."),
        (0.0, 0.5, Verdict.LEVEL, r"B, scale 1, fast and A, scale 1, fast: no difference that this "
         r"material can show: .\d\.\d\d dB \[-0\.\d\d, 0\.\d\d\], better in \d+ of 20 clips\."),
    ],
    ids=["better", "worse", "level"],
)  # fmt: skip
def test_verdict_is_said_plainly(
    gain: float, spread: float, verdict: Verdict, sentence: str
) -> None:
    old = noise(60)
    changes = np.repeat(np.random.default_rng(1).normal(gain, spread, 20), 3)
    new = [value + change for value, change in zip(old, changes, strict=True)]
    comparison = compare(scores("A", old), scores("B", new), items(20))
    assert comparison.whole[0].verdict is verdict
    assert re.match(sentence, describe_comparison(comparison)), describe_comparison(comparison)


def test_pairs_show_what_means_cannot() -> None:
    """Clips differ by 5 dB, so the intervals of the means overlap; the difference is 0.1 dB in each."""
    old = noise(60)
    comparison = compare(scores("A", old), scores("B", [v + 0.1 for v in old]), items(20))
    main = comparison.whole[0]
    assert (main.verdict, main.num_ahead, main.num_all) == (Verdict.BETTER, 20, 20)
    assert main.interval.mean == pytest.approx(0.1)


def test_figures_that_disagree_are_named() -> None:
    old = noise(60)
    first = scores("A", old, sharpness=0.9)
    second = scores("B", [value + 0.5 for value in old], sharpness=0.8)
    said = describe_comparison(compare(first, second, items(20)))
    assert "Mixed: better: PSNR +0.50 dB [0.50, 0.50], moving parts +0.50 dB" in said
    assert "; but worse: sharpness -0.10 [-0.10, -0.10]." in said


def test_more_edges_than_the_real_frame_has_are_no_gain() -> None:
    old = noise(60)
    first, second = scores("A", old, sharpness=1.05), scores("B", old, sharpness=1.3)
    said = describe_comparison(compare(first, second, items(20)))
    assert "no difference that this material can show" in said
    assert "But worse: sharpness +0.25" in said


def test_one_clip_is_said_to_be_one() -> None:
    old = noise(20)
    comparison = compare(scores("A", old), scores("B", [v + 1 for v in old]), items(1, 20))
    said = describe_comparison(comparison)
    assert "better in 20 of 20 frames." in said
    assert "All frames are of one clip" in said
    assert "by bootstrap over 20 frames of a single clip" in describe_intervals(items(1, 20))


def test_few_clips_are_said_to_be_few() -> None:
    old = noise(9)
    said = describe_comparison(compare(scores("A", old), scores("B", old), items(3)))
    assert "3 clips are few" in said


def test_material_is_told_apart_by_category_and_motion() -> None:
    found = [(s.kind, s.name, len(s.indices)) for s in subsets_of(items(4, 3, (0.2, 1.0, 9.0)))]
    assert found == [
        *(("all", "", 12), ("category", "hard", 6), ("category", "easy", 6)),
        *(("motion", "0 to 1 px", 4), ("motion", "1 to 2 px", 4), ("motion", "4 px or more", 4)),
    ]
    assert [find_bin(motion) for motion in (0.0, 0.999, 1.0, 4.0, float("inf"))] == [
        *("0 to 1 px", "0 to 1 px", "1 to 2 px", "4 px or more", "4 px or more"),
    ]


def known() -> tuple[list[Scores], list[Item]]:
    each = items(4, 3, (0.2, 1.0, 9.0))
    blend = replace(scores("blend", [20.0] * 12), setting=BLEND)
    values = [30.0 if item.category == "easy" else 20.0 + item.motion for item in each]
    return [blend, scores("<A&B>", values)], each


def test_tables_have_the_means_of_each_part() -> None:
    whole, category, motion = tabulate_groups(*known()).split("\n\n")
    assert re.search(
        r"^<A&B>, scale 1, fast  26\.70 \[[\d., ]+\] +23\.70 +0\.9000 +1\.00", whole, re.M
    )
    assert re.search(r"hard +easy$", category.splitlines()[0])
    assert category.splitlines()[1].split("  ")[-1].strip() == "6 in 2 clips"
    assert re.search(r"^<A&B>.* 23\.40 \[.*\] +30\.00 \[30\.00, 30\.00\]$", category, re.M)
    assert re.search(r"^<A&B>.* 25\.10 .* 25\.50 .* 29\.50 ", motion, re.M)


def test_table_of_a_comparison_has_a_row_for_each_part() -> None:
    (blend, other), each = known()
    rows = tabulate_comparison(compare(blend, other, each)).splitlines()
    assert [row.split("  ")[0] for row in rows] == [
        *("B less A", "all", "hard", "easy", "0 to 1 px", "1 to 2 px", "4 px or more"),
    ]
    assert re.search(r"^easy +\+10\.00 dB \[10\.00, 10\.00\] .* 2 of 2$", rows[3])


def test_plot_shows_each_mean_at_its_place() -> None:
    svg = ET.fromstring(plot_groups(*known(), "clips & more"))
    texts = [each.text for each in svg.iter(f"{SVG}text")]
    assert "clips & more" in texts
    assert texts.count("<A&B>, scale 1, fast") == 6
    for part in ("all, 12 frames", "hard, 6 frames", "apparent motion 4 px or more, 4 frames"):
        assert part in texts
    circles = list(svg.iter(f"{SVG}circle"))
    marks = {
        float(each.text or ""): float(each.attrib["x"])
        for each in svg.iter(f"{SVG}text")
        if each.attrib.get("text-anchor") == "middle"
    }
    per_db = (marks[max(marks)] - marks[min(marks)]) / (max(marks) - min(marks))
    assert max(marks.values()) < float(svg.attrib["width"]) - 60  # room for the values
    best, worst = float(circles[0].attrib["cx"]), float(circles[1].attrib["cx"])
    assert (best - worst) / per_db == pytest.approx(6.7, abs=0.05)


def test_plot_of_equal_figures_has_an_axis() -> None:
    each = items(1, 1)
    blend = replace(scores("blend", [20.0]), setting=BLEND)
    ET.fromstring(plot_groups([blend, scores("A", [20.0])], each, "one"))


def test_clips_below_a_folder_are_found(tmp_path: Path) -> None:
    for name in ("b.mp4", "deep/er/a.mkv", "deep/thumb.jpg", ".hidden/c.mp4", "deep/er/thumb.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    write_picture(tmp_path / "pictures/0001.png", 1)
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    frames[0].save(tmp_path / "moving.webp", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "still.webp")
    (tmp_path / "again").symlink_to(tmp_path)
    found = [path.relative_to(tmp_path).as_posix() for path in find_clips(tmp_path)]
    assert found == ["b.mp4", "moving.webp", "deep", "deep/er/a.mkv", "pictures"]
    assert is_clip_of_pictures(tmp_path / "pictures")
    assert not is_clip_of_pictures(tmp_path)
