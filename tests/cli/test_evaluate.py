"""evaluate.py from its arguments to its table, with tiny networks."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import evaluate
from cli import checkpoints
from cli.evaluate_arguments import build_evaluate_parser
from cli.interpolate_arguments import build_parser
from rife_arch import QUALITIES, load_rife
from tests.helpers.clips import Picture, write_clip, write_damaged_clip, write_pictures
from tests.helpers.networks import TINY_CONFIG, random_image, random_weights, save_enhancer
from tests.helpers.running import Ended
from vfi.measure import psnr, rounded

RunEvaluate = Callable[..., Ended]


def pan(count: int, seed: int = 0) -> list[Picture]:
    """A smooth picture that wanders 2 px to the left with each frame, [48, 64, 3]."""
    image = random_image(seed, 48, 400)[0].permute(1, 2, 0).mul(255).byte().numpy()
    return [np.ascontiguousarray(image[:, 2 * n : 2 * n + 64]) for n in range(count)]


@pytest.fixture
def moving(folder: Path) -> Path:
    """Nine lossless frames at 24 fps."""
    return write_clip(folder / "moving.mkv", pan(9))


@pytest.fixture
def others(folder: Path) -> tuple[Path, Path]:
    """Two networks, two.pth and three.pth."""
    paths = folder / "two.pth", folder / "three.pth"
    for seed, path in enumerate(paths, 2):
        torch.save(random_weights(TINY_CONFIG, seed), path)
    return paths


@pytest.fixture
def at_hand(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of checkpoints, the only one that is searched."""
    ckpts = folder / "ckpts"
    ckpts.mkdir()
    monkeypatch.setattr(checkpoints, "search_folders", lambda: [ckpts])
    return ckpts


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> RunEvaluate:
    """Run the command line on the CPU."""

    def run(*arguments: object) -> Ended:
        code = evaluate.main([*map(str, arguments), "--device", "cpu", "--precision", "fp32"])
        return Ended(code, *capsys.readouterr())

    return run


def test_evaluation_that_cannot_run_here_is_one_message(
    run: RunEvaluate, moving: Path, others: tuple[Path, Path]
) -> None:
    ended = run(moving, "--model", *others, "--frames", 2, "--evaluation", "triton")
    assert ended.code == 2
    assert "error: evaluation triton cannot run here: it needs a GPU with CUDA" in ended.err


# --- what it says --------------------------------------------------------------------------------


def test_every_combination_is_in_the_table(
    run: RunEvaluate, moving: Path, others: tuple[Path, Path]
) -> None:
    ended = run(
        moving, "--model", *others, "--scale", 0.5, 1, "--quality", "fast", "better", "--frames", 2
    )
    assert ended.code == 0, ended.err
    rows = {
        line.split("  ")[0] for line in ended.out.splitlines() if line.startswith(("two", "three"))
    }
    ways = [f"scale {scale}, {quality}" for scale in ("0.5", "1") for quality in ("fast", "better")]
    assert {f"{name}.pth, {way}" for name in ("two", "three") for way in ways} <= rows
    assert "\nblend " in ended.out
    assert f"clip    {moving}, 2 of 7 places\n" in ended.out
    assert "\nTake t" in ended.out


def test_figures_are_those_of_the_network(
    run: RunEvaluate, moving: Path, others: tuple[Path, Path]
) -> None:
    run(moving, "--model", *others, "--frames", 99, "--json", "out.json")
    report = json.loads(Path("out.json").read_text())
    frames = [torch.from_numpy(p).permute(2, 0, 1)[None].float() / 255 for p in pan(9)]
    assert report["frames"] == list(range(1, 8))
    assert report["times"] == [pytest.approx(number / 24) for number in range(1, 8)]
    for path in others:
        (found,) = (each for each in report["results"] if each["model"] == path.name)
        model = load_rife(path)
        for number, score in enumerate(found["frames"], 1):
            made = rounded(model(frames[number - 1], frames[number + 1]))
            assert score["psnr"] == pytest.approx(psnr(made, frames[number]), abs=0.05)
    assert report["best"].endswith(", scale 1, fast")
    assert {each["model"] for each in report["results"]} == {"two.pth", "three.pth", "blend"}


def test_checkpoints_on_disk_compete_unless_others_are_named(
    run: RunEvaluate, moving: Path, others: tuple[Path, Path], at_hand: Path
) -> None:
    shutil.copy(others[0], at_hand / "mine.pth")
    shutil.copy(others[1], at_hand / "rife_v4.25.pth")
    ended = run(moving, "--frames", 1)
    assert ended.code == 0, ended.err
    assert "\nmine.pth, scale 1, fast" in ended.out
    assert "\n4.25, scale 1, fast" in ended.out
    named = run(moving, "--model", others[0], "--frames", 1)
    assert "mine.pth" not in named.out


def test_what_is_no_rife_network_is_left_out_unless_it_was_named(
    run: RunEvaluate, moving: Path, others: tuple[Path, Path], at_hand: Path
) -> None:
    shutil.copy(others[0], at_hand / "mine.pth")
    other = save_enhancer(at_hand / "enhancer.pth")
    ended = run(moving, "--frames", 1)
    assert ended.code == 0
    assert "note: left out: " in ended.out
    assert "enhancer.pth, scale" not in ended.out
    named = run(moving, "--model", other, "--frames", 1)
    assert named.code == 1
    assert str(other) in named.err


def test_files_of_one_name_are_told_apart(
    run: RunEvaluate, moving: Path, others: tuple[Path, Path], folder: Path
) -> None:
    (folder / "b").mkdir()
    shutil.copy(others[1], folder / "b" / "two.pth")
    ended = run(moving, "--model", others[0], folder / "b" / "two.pth", "--frames", 1)
    assert "\ntwo.pth, scale 1" in ended.out
    assert f"\n{folder / 'b' / 'two.pth'}, scale 1" in ended.out


def test_folder_of_pictures_is_a_clip(
    run: RunEvaluate, folder: Path, others: tuple[Path, Path]
) -> None:
    pictures = write_pictures(folder / "in", pan(5))
    ended = run(pictures, "--model", others[0])
    assert "3 of 3 places" in ended.out


def test_cuts_and_repeats_are_left_out_and_counted(
    run: RunEvaluate, folder: Path, others: tuple[Path, Path]
) -> None:
    pictures = [*pan(9), *pan(9, seed=1), *[pan(9, seed=1)[-1]] * 4]
    clip = write_clip(folder / "clip.mkv", pictures)
    ended = run(clip, "--model", others[0], "--frames", 3)
    expected = "left out: 4 without motion or with a repeated frame, 2 across a scene cut"
    assert expected in ended.out


def test_long_clip_is_read_in_parts(
    run: RunEvaluate,
    folder: Path,
    others: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vfi.measure.sample.LONGEST_READ", 1)
    clip = write_clip(folder / "clip.mkv", pan(150))
    run(clip, "--model", others[0], "--frames", 2, "--json", "out.json")
    report = json.loads(Path("out.json").read_text())
    assert report["places"] < 100
    assert 0.5 < report["times"][0] < 1.5
    assert 4.5 < report["times"][1] < 6


def test_trim_is_kept_to(run: RunEvaluate, moving: Path, others: tuple[Path, Path]) -> None:
    arguments = ["--model", others[0], "--start", 0.125, "--end", 0.25, "--json", "out.json"]
    assert "1 of 1 places" in run(moving, *arguments).out
    (time,) = json.loads(Path("out.json").read_text())["times"]
    assert time == pytest.approx(4 / 24)


# --- pictures ------------------------------------------------------------------------------------


def test_pictures_show_where_they_differ(
    run: RunEvaluate, moving: Path, others: tuple[Path, Path]
) -> None:
    ended = run(moving, "--model", *others, "--pictures", "out", "--frames", 2)
    assert ended.code == 0
    assert {path.name for path in Path("out").iterdir()} == {"1.png", "2.png"}
    for number in (1, 2):
        with Image.open(f"out/{number}.png") as sheet:
            assert sheet.width > 3 * 256


def test_existing_files_are_kept_unless_they_may_be_replaced(
    run: RunEvaluate, moving: Path, others: tuple[Path, Path]
) -> None:
    Path("out.json").write_text("old")
    Path("out").mkdir()
    Path("out/mine.png").write_text("old")
    for arguments in (("--json", "out.json"), ("--pictures", "out")):
        ended = run(moving, "--model", others[0], *arguments)
        assert ended.code == 2
        assert "exists already" in ended.err
        assert run(moving, "--model", others[0], "--overwrite", *arguments).code == 0
    assert Path("out.json").read_text() != "old"
    assert Path("out/mine.png").read_text() == "old"


# --- what can go wrong ---------------------------------------------------------------------------


def test_nothing_on_disk_says_what_to_do(run: RunEvaluate, moving: Path, at_hand: Path) -> None:
    ended = run(moving)
    assert ended.code == 2
    assert f"There is no checkpoint in {at_hand}. Name versions to download" in ended.err


def test_nothing_on_disk_that_loads_is_said(run: RunEvaluate, moving: Path, at_hand: Path) -> None:
    (at_hand / "bad.pth").write_bytes(b"not a checkpoint")
    ended = run(moving)
    assert ended.code == 2
    assert "No checkpoint on disk could be loaded, see above" in ended.err
    assert "note: left out: " in ended.out


WRONG = {
    "no file": (["missing.mp4"], 2, "missing.mp4: there is no such file"),
    "no video": (["notes.mp4"], 1, "notes.mp4"),
    "too short": (["short.mkv"], 2, "short.mkv is too short: three frames are needed"),
    "nothing moves": (["still.mkv"], 2, "has no frame that can be left out and made again"),
    "no folder": (["short.mkv", "--json", "no/out.json"], 2, "there is no folder no"),
    "no model": (["short.mkv", "--model", "9.9"], 2, 'model "9.9": there is no such version'),
    "frames": (
        ["short.mkv", "--frames", "0"],
        2,
        "argument --frames: must be a whole number from 1",
    ),
    "scale": (["short.mkv", "--scale", "3"], 2, "argument --scale: scale must be one of"),
    "quality": (["short.mkv", "--quality", "good"], 2, "argument --quality: invalid choice"),
    "no clip": ([], 2, "the following arguments are required: CLIP"),
}


@pytest.mark.parametrize(("arguments", "code", "message"), WRONG.values(), ids=WRONG)
def test_wrong_use_is_one_message(
    run: RunEvaluate,
    checkpoint: Path,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    Path("notes.mp4").write_text("notes")
    write_clip(Path("short.mkv"), pan(2))
    write_clip(Path("still.mkv"), [pan(1)[0]] * 9)
    before = sorted(Path().iterdir())
    given = [] if "--model" in arguments else ["--model", checkpoint]
    ended = run(*arguments, *given)
    assert (ended.code, message in ended.err) == (code, True), ended.err
    assert "Traceback" not in ended.err
    assert sorted(Path().iterdir()) == before


def test_clip_that_is_damaged_is_one_message(
    run: RunEvaluate, folder: Path, checkpoint: Path
) -> None:
    clip = write_damaged_clip(folder / "clip.avi", 9, 6)
    ended = run(clip, "--model", checkpoint)
    assert ended.code == 1
    assert str(clip) in ended.err


def test_interrupted_run_leaves_nothing(
    run: RunEvaluate, moving: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("vfi.measure.contest.psnr", stop)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        ended = run(moving, "--model", checkpoint, "--json", "out.json", "--pictures", "out")
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended.code == 130
    assert "interrupted; nothing was written" in ended.err
    assert list(Path().iterdir()) == [moving.relative_to(Path.cwd())]


# --- what it shares with the other command line ----------------------------------------------------


def test_scales_and_qualities_are_those_of_the_other_command_line() -> None:
    ours, theirs = build_evaluate_parser(), build_parser()
    assert ours.option("--scale").choices == theirs.option("--scale").choices
    assert ours.option("--scale").type == theirs.option("--scale").type
    assert ours.option("--quality").choices == theirs.option("--quality").choices == QUALITIES
    assert list(ours.option("--quality").default) == [theirs.option("--quality").default]
