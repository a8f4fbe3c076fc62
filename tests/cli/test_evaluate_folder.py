"""evaluate.py on folders of clips and data sets, from its arguments to its files, with tiny networks."""

from __future__ import annotations

import json
import signal
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import evaluate
from rife_arch import load_rife
from tests.helpers.clips import Picture, write_clip, write_damaged_clip, write_pictures
from tests.helpers.datasets import write_ucf101, write_x4k
from tests.helpers.networks import TINY_CONFIG, random_image, random_weights
from tests.helpers.running import Ended
from vfi.measure import psnr, rounded

RunEvaluate = Callable[..., Ended]


def pan(count: int, seed: int = 0) -> list[Picture]:
    """A smooth picture that wanders 2 px to the left with each frame, [48, 64, 3]."""
    image = random_image(seed, 48, 400)[0].permute(1, 2, 0).mul(255).byte().numpy()
    return [np.ascontiguousarray(image[:, 2 * n : 2 * n + 64]) for n in range(count)]


@pytest.fixture
def others(folder: Path) -> tuple[Path, Path]:
    """Two networks, two.pth and three.pth."""
    paths = folder / "two.pth", folder / "three.pth"
    for seed, path in enumerate(paths, 2):
        torch.save(random_weights(TINY_CONFIG, seed), path)
    return paths


@pytest.fixture
def clips(folder: Path) -> Path:
    """Two videos and a folder of pictures, below each other."""
    home = folder / "clips"
    (home / "deep").mkdir(parents=True)
    write_clip(home / "a.mkv", pan(7, 1))
    write_clip(home / "deep" / "b.mkv", pan(7, 2))
    write_pictures(home / "deep" / "pictures", pan(5, 3))
    return home


@pytest.fixture
def triplets(folder: Path) -> Path:
    """A data set like UCF101 of three triplets that move."""
    home = folder / "ucf"
    for number in range(1, 4):
        (home / str(number)).mkdir(parents=True)
        for name, picture in zip(
            ("frame_00", "frame_01_gt", "frame_02"), pan(3, number), strict=True
        ):
            Image.fromarray(picture).save(home / str(number) / f"{name}.png")
    return home


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> RunEvaluate:
    """Run the command line on the CPU."""

    def run(*arguments: object) -> Ended:
        code = evaluate.main([*map(str, arguments), "--device", "cpu", "--precision", "fp32"])
        return Ended(code, *capsys.readouterr())

    return run


def report() -> dict[str, Any]:
    return json.loads(Path("out.json").read_text())


def test_clips_below_a_folder_are_evaluated_together(
    run: RunEvaluate, clips: Path, others: tuple[Path, Path]
) -> None:
    ended = run(clips, "--model", *others, "--frames", 2, "--json", "out.json")
    assert ended.code == 0, ended.err
    assert f"folder    {clips}, 3 clips, 6 of 13 places\n" in ended.out
    assert "\ntwo.pth, scale 1, fast " in ended.out
    assert "[ ]: 95% intervals of the means, by bootstrap over 3 clips" in ended.out
    assert "\nTake t" in ended.out
    found = report()
    assert (found["layout"], found["left_out"], found["compare"]) == ("clips", [], None)
    names = [each["clip"] for each in found["triplets"]]
    assert names == ["a.mkv"] * 2 + ["deep/b.mkv"] * 2 + ["deep/pictures"] * 2
    assert [each["number"] for each in found["triplets"]] == [2, 4, 2, 4, 1, 3]
    assert found["triplets"][0]["time"] == pytest.approx(2 / 24)
    assert {each["bin"] for each in found["triplets"]} <= {"0 to 1 px", "1 to 2 px", "2 to 4 px"}


def test_figures_are_those_of_the_network(
    run: RunEvaluate, triplets: Path, others: tuple[Path, Path]
) -> None:
    ended = run(triplets, "--model", *others, "--json", "out.json")
    assert ended.code == 0, ended.err
    assert "ucf101, 3 frames of 3 clips" in ended.out
    found = report()
    assert (found["layout"], found["intervals"]["drawn"]) == ("ucf101", "clips")
    for path in others:
        (result,) = (each for each in found["results"] if each["model"] == path.name)
        model = load_rife(path)
        for number, scores in enumerate(result["frames"], 1):
            before, real, after = (
                torch.from_numpy(p).permute(2, 0, 1)[None].float() / 255 for p in pan(3, number)
            )
            made = rounded(model(before, after))
            assert scores["psnr"] == pytest.approx(psnr(made, real), abs=0.05)
        mean = sum(scores["psnr"] for scores in result["frames"]) / 3
        interval = result["intervals"]["psnr"]
        assert result["psnr"] == interval["mean"] == pytest.approx(mean)
        assert interval["low"] < mean < interval["high"]
        assert [each["clip"] for each in result["clips"]] == ["1", "2", "3"]
        assert result["clips"][1]["psnr"] == pytest.approx(result["frames"][1]["psnr"])
        assert result["frames"][0].keys() == {
            *("psnr", "motion_psnr", "ssim", "sharpness", "seconds")
        }


def test_categories_are_told_apart_in_table_and_file(
    run: RunEvaluate, folder: Path, checkpoint: Path
) -> None:
    x4k = write_x4k(folder / "x4k")
    ended = run(x4k, "--model", checkpoint, "--frames", 1, "--json", "out.json")
    assert ended.code == 0, ended.err
    assert "PSNR dB by category" in ended.out
    found = report()
    (blend,) = (each for each in found["results"] if each["model"] == "blend")
    assert [(each["kind"], each["name"]) for each in blend["parts"][:2]] == [
        *(("category", "Type1"), ("category", "Type3")),
    ]
    assert [each["timestep"] for each in found["triplets"]] == [0.5, 0.5]
    assert "time" not in found["triplets"][0]


def test_layout_that_is_asked_for_is_taken(
    run: RunEvaluate, folder: Path, checkpoint: Path
) -> None:
    home = folder / "netflix"
    home.mkdir()
    for number, picture in enumerate(pan(5), 1):
        Image.fromarray(picture).save(home / f"Mine-{number:03}.png")
    assert "3 of 3 places" in run(home, "--model", checkpoint).out  # a clip
    forced = run(home, "--model", checkpoint, "--layout", "xiph")
    assert "xiph, 4 frames of 1 clips" in forced.out
    assert "2K" in forced.out


# --- comparison and plot -------------------------------------------------------------------------


def test_two_are_compared_by_the_names_they_were_given(
    run: RunEvaluate, clips: Path, others: tuple[Path, Path]
) -> None:
    arguments = ["--model", *others, "--scale", 1, 0.5, "--json", "out.json", "--frames", 2]
    ended = run(clips, *arguments, "--compare", "blend", "two.pth@0.5")
    assert ended.code == 0, ended.err
    assert "\nB less A " in ended.out
    assert " of 3 clips." in ended.out
    found = report()
    results = {(each["model"], each["scale"]): each for each in found["results"]}
    whole = found["compare"]["parts"][0]
    assert (found["compare"]["a"], found["compare"]["b"]) == ("blend", "two.pth, scale 0.5, fast")
    expected = results["two.pth", "0.5"]["psnr"] - results["blend", ""]["psnr"]
    assert whole["differences"]["psnr"]["mean"] == pytest.approx(expected)
    assert whole["differences"]["psnr"]["of"] == 3
    again = run(clips, *arguments, "--overwrite", "--compare", others[1], f"{others[0]}@1@fast")
    assert again.code == 2
    assert "there are several of that name: three.pth@1@fast, three.pth@0.5@fast" in again.err


def test_single_clip_is_compared_frame_by_frame(
    run: RunEvaluate, folder: Path, others: tuple[Path, Path]
) -> None:
    clip = write_clip(folder / "clip.mkv", pan(9))
    ended = run(clip, "--model", *others, "--compare", *others, "--plot", "out.svg")
    assert ended.code == 0, ended.err
    assert " of 7 frames." in ended.out
    assert "All frames are of one clip" in ended.out
    ET.parse("out.svg")


def test_plot_is_an_svg_with_all_entrants(
    run: RunEvaluate, triplets: Path, others: tuple[Path, Path]
) -> None:
    ended = run(triplets, "--model", *others, "--plot", "out.svg")
    assert "done: out.svg" in ended.out
    texts = [each.text for each in ET.parse("out.svg").iter("{http://www.w3.org/2000/svg}text")]
    assert {"blend", "two.pth, scale 1, fast", "three.pth, scale 1, fast"} <= set(texts)


# --- what can go wrong ---------------------------------------------------------------------------


def test_clips_that_cannot_be_read_are_named_and_the_others_evaluated(
    run: RunEvaluate, clips: Path, checkpoint: Path
) -> None:
    write_damaged_clip(clips / "deep" / "broken.avi", 9, 6)
    (clips / "notes.mp4").write_text("notes")
    ended = run(clips, "--model", checkpoint, "--json", "out.json", "--frames", 1)
    assert ended.code == 1
    assert "error: left out: deep/broken.avi: " in ended.err
    assert "error: left out: notes.mp4: " in ended.err
    assert "error: 2 of 5 clips failed, see above." in ended.err
    assert {each["clip"] for each in report()["left_out"]} == {"deep/broken.avi", "notes.mp4"}
    assert len(report()["triplets"]) == 3


def test_clip_without_motion_is_left_out_and_no_failure(
    run: RunEvaluate, clips: Path, checkpoint: Path
) -> None:
    write_clip(clips / "still.mkv", [pan(1)[0]] * 9)
    ended = run(clips, "--model", checkpoint, "--frames", 1)
    assert ended.code == 0, ended.err
    assert "note: left out: " in ended.out
    assert "still.mkv has no frame that can be left out" in ended.out


def test_triplet_that_cannot_be_read_does_not_stop_the_rest(
    run: RunEvaluate, triplets: Path, checkpoint: Path
) -> None:
    (triplets / "2" / "frame_02.png").unlink()
    ended = run(triplets, "--model", checkpoint, "--json", "out.json")
    assert ended.code == 1
    assert "error: left out: 2: " in ended.err
    assert "frame_02.png: there is no such file" in ended.err
    assert [each["clip"] for each in report()["triplets"]] == ["1", "3"]


def test_existing_files_are_kept(run: RunEvaluate, triplets: Path, checkpoint: Path) -> None:
    Path("out.svg").write_text("old")
    ended = run(triplets, "--model", checkpoint, "--plot", "out.svg")
    assert (ended.code, Path("out.svg").read_text()) == (2, "old")
    assert "out.svg exists already. Choose another --plot" in ended.err
    assert run(triplets, "--model", checkpoint, "--plot", "out.svg", "--overwrite").code == 0
    assert Path("out.svg").read_text() != "old"


WRONG = {
    "empty": (["empty"], "empty holds no videos, no numbered images and no data set"),
    "only still": (["still"], "None of the 1 clips in still can be used, see above."),
    "not that layout": (["ucf", "--layout", "vimeo"], "ucf does not hold the data set vimeo"),
    "no folder": (
        ["clip.mkv", "--layout", "clips"],
        "--layout takes a folder, and clip.mkv is none",
    ),
    "pictures": (["ucf", "--pictures", "out"], "--pictures takes a single clip."),
    "every": (["ucf", "--every", "2"], "--every cannot be used with a data set (ucf101)"),
    "end": (["ucf", "--end", "2"], "--end cannot be used with a data set (ucf101)"),
    "same file": (["ucf", "--json", "a", "--plot", "./a"], "must name different files"),
    "a folder": (
        ["ucf", "--json", "empty", "--overwrite"],
        "empty is a folder. Name a file for --json.",
    ),
    "no entrant": (
        ["ucf", "--compare", "blend", "4.9"],
        "--compare 4.9: there is no such entrant. There are tiny.pth@1@fast and blend.",
    ),
    "no lpips": (["ucf", "--lpips"], "--lpips needs the package lpips"),
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.values(), ids=WRONG)
def test_wrong_use_is_one_message(
    run: RunEvaluate,
    folder: Path,
    checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.setitem(sys.modules, "lpips", None)
    (folder / "empty" / "deep").mkdir(parents=True)
    (folder / "still").mkdir()
    write_clip(folder / "still" / "still.mkv", [pan(1)[0]] * 9)
    write_clip(folder / "clip.mkv", pan(5))
    write_ucf101(folder / "ucf")
    before = sorted(folder.rglob("*"))
    ended = run(*arguments, "--model", checkpoint)
    assert (ended.code, message in ended.err) == (2, True), ended.err
    assert "Traceback" not in ended.err
    assert sorted(folder.rglob("*")) == before


def test_interrupted_run_leaves_nothing(
    run: RunEvaluate, triplets: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("vfi.measure.contest.psnr", stop)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        ended = run(triplets, "--model", checkpoint, "--json", "out.json", "--plot", "out.svg")
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended.code == 130
    assert "interrupted; nothing was written" in ended.err
    assert list(Path().iterdir()) == [triplets.relative_to(Path.cwd())]
