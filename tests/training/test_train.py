"""The command line: from a folder of clips to a checkpoint that everything else takes."""

from __future__ import annotations

import json
import re
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import train
from rife_arch import load_rife
from rife_arch.checkpoints import read_tuning
from rife_arch.load import recognise
from tests.helpers.clips import moving_pictures, write_clip
from tests.helpers.networks import TINY_CONFIG, preset_config, random_weights
from tests.helpers.running import end, stopped_at
from tests.training.conftest import QUICK, RunTraining


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None:
    """The tiny network is slower on many threads."""


def read_log(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    (path,) = run.glob("rife_*.safetensors")
    return recognise(path).canonical.weights


def same_weights(a: Path, b: Path) -> bool:
    one, other = weights_of(a), weights_of(b)
    return all(torch.equal(one[name], other[name]) for name in one)


def test_run_ends_with_a_checkpoint_and_a_report(training: RunTraining, some_clips: Path) -> None:
    ended = training(some_clips, "--output", "mine", "--show-every", 2, "--licence", "CC BY 4.0")
    run = Path("mine")
    assert ended.code == 0, ended.err
    assert {path.name for path in run.iterdir()} == {
        *("samples", "held_out", "state.safetensors", "log.jsonl", "report.html"),
        "rife_unnamed_mine.safetensors",
    }
    assert "done: mine/rife_unnamed_mine.safetensors" in ended.out
    tuning = read_tuning(run / "rife_unnamed_mine.safetensors")
    assert tuning is not None
    assert (tuning.steps, tuning.licence) == (4, "CC BY 4.0")
    assert load_rife(run / "rife_unnamed_mine.safetensors").config == TINY_CONFIG
    assert not torch.equal(
        weights_of(run)["blocks.0.conv0.0.0.weight"],
        random_weights(TINY_CONFIG, 0)["blocks.0.conv0.0.0.weight"],
    )


def test_run_tells_how_it_goes(training: RunTraining, some_clips: Path) -> None:
    ended = training(some_clips, "--output", "mine", "--show-every", 2)
    rows = read_log(Path("mine"))
    assert [(row["kind"], row["step"]) for row in rows] == [
        *(
            ("look", 0),
            ("step", 1),
            ("step", 2),
            ("look", 2),
            ("step", 3),
            ("step", 4),
            ("look", 4),
        ),
    ]
    assert all(row["psnr"] > 5 for row in rows)
    assert [path.name for path in sorted(Path("mine/held_out").iterdir())] == [
        "000002.png",
        "000004.png",
    ]
    with Image.open("mine/held_out/000004.png") as strip:
        assert strip.width > 4 * 256  # the real frame, before, now, what changed
    page = Path("mine/report.html").read_text()
    gain = re.search(r"(Better|Worse|No difference).* held-out samples of 1 clip[^<]*dB", page)
    assert gain
    assert gain[0] in ended.out
    assert page.count("<svg") == 2
    assert 'src="held_out/000004.png"' in page
    before, after = rows[0]["psnr"], rows[-1]["psnr"]
    assert f"<td>{before:.2f}</td><td>{after:.2f}</td>" in page


def test_figures_of_the_report_are_those_of_the_checkpoint(
    training: RunTraining, some_clips: Path
) -> None:
    training(some_clips, "--output", "mine")
    assert (
        training(some_clips, "--output", "again", "--model", next(Path("mine").glob("rife*"))).code
        == 0
    )
    assert read_log(Path("again"))[0]["psnr"] == pytest.approx(
        read_log(Path("mine"))[-1]["psnr"], abs=1e-4
    )


@pytest.mark.slow  # a run of its own, to be interrupted
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_interrupted_run_goes_on_to_the_same_weights(
    training: RunTraining, some_clips: Path, tiny_checkpoint: Path, number: signal.Signals
) -> None:
    options = (some_clips, "--steps", 8, "--save-every", 2, "--show-every", 4)
    assert training(*options, "--output", "whole").code == 0
    fixed = ["--model", str(tiny_checkpoint), "--device", "cpu"]
    command = [sys.executable, train.__file__, *fixed, *map(str, (*QUICK, *options))]
    state = Path("parts").absolute() / "state.safetensors"
    with stopped_at([*command, "--output", "parts"], state) as process:
        err = end(process, number)
    assert not (Path("parts") / "report.html").exists()
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert "add --resume to the same command to go on.\n" in err
        assert "Traceback" not in err
    assert training(*options, "--output", "parts").code == 2
    resumed = training(*options, "--output", "parts", "--resume")
    assert resumed.code == 0, resumed.err
    assert same_weights(Path("whole"), Path("parts"))
    assert read_log(Path("whole")) == read_log(Path("parts"))


def test_run_that_was_killed_before_its_first_save_begins_anew(
    training: RunTraining, some_clips: Path
) -> None:
    training(some_clips, "--output", "mine")
    (Path("mine") / "state.safetensors").unlink()
    before = read_log(Path("mine"))
    assert training(some_clips, "--output", "mine", "--resume").code == 0
    assert read_log(Path("mine")) == before


def test_folder_that_is_there_is_not_overwritten(training: RunTraining, some_clips: Path) -> None:
    Path("mine").mkdir()
    Path("mine/diary.txt").write_text("dear diary")
    ended = training(some_clips, "--output", "mine")
    assert ended.code == 2
    assert "mine exists already. Add --resume" in ended.err
    assert [path.name for path in Path("mine").iterdir()] == ["diary.txt"]


def test_resume_with_other_settings_is_refused(training: RunTraining, some_clips: Path) -> None:
    training(some_clips, "--output", "mine")
    ended = training(some_clips, "--output", "mine", "--resume", "--lr", "0.5", "--no-flip")
    assert ended.code == 2
    assert "flip True, not False" in ended.err
    assert "lr 0.0001, not 0.5" in ended.err


def test_hostile_folder_is_trained_on_as_far_as_it_goes(
    training: RunTraining, tmp_path: Path
) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    for number in range(3):
        write_clip(clips / f"good {number}.mkv", moving_pictures(10, 128, 112))
    write_clip(clips / "other size.mkv", moving_pictures(10, 176, 144))
    write_clip(clips / "one.mkv", moving_pictures(1, 128, 112))
    write_clip(clips / "still.mkv", moving_pictures(1, 128, 112) * 10)
    (clips / "text.mp4").write_text("this is not a video")
    ended = training(clips, "--output", "mine")
    assert ended.code == 0, ended.err
    said = ended.out + ended.err
    assert "3 clips refused" in ended.out
    page = Path("mine/report.html").read_text()
    for name in ("one.mkv", "still.mkv", "text.mp4"):
        assert name in said
        assert f"refused: {name}" in page


def test_without_held_out_samples_nothing_is_claimed(
    training: RunTraining, some_clips: Path
) -> None:
    ended = training(some_clips, "--output", "mine", "--held-out", 0)
    assert ended.code == 0
    assert not re.search("Better|Worse|No difference", ended.out)
    assert Path("mine/report.html").read_text().count("<svg") == 1
    assert not Path("mine/held_out").exists()


def test_network_that_cannot_be_trained_is_refused(training: RunTraining, some_clips: Path) -> None:
    torch.save(random_weights(preset_config("3.6"), 0), "rife36.pkl")
    ended = training(some_clips, "--output", "mine", "--model", "rife36.pkl")
    assert ended.code == 1
    assert "rife36.pkl: RIFE 3.6 cannot be fine-tuned. Choose a checkpoint of 4.x" in ended.err


def test_crop_that_does_not_suit_the_network_is_refused(
    training: RunTraining, some_clips: Path
) -> None:
    ended = training(some_clips, "--output", "mine", "--crop", 160)
    assert ended.code == 2
    assert "needs multiples of 64 px. Choose 128." in ended.err
    assert not Path("mine/samples").exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--ema", "1"),
        ("--held-out", "1"),
        ("--lr", "nan"),
        ("--block-decay", "2"),
        ("--steps", "0"),
    ],
)
def test_value_that_makes_no_sense_is_refused(
    training: RunTraining, some_clips: Path, option: str, value: str
) -> None:
    ended = training(some_clips, "--output", "mine", option, value)
    assert ended.code == 2
    assert f"argument {option}" in ended.err
    assert not Path("mine").exists()


def test_tensorboard_gets_the_curves_where_it_is_installed(
    training: RunTraining, some_clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[tuple[str, float, int]] = []

    class SummaryWriter:
        def __init__(self, folder: str) -> None:
            assert folder == "mine/tensorboard"

        def add_scalar(self, name: str, value: float, step: int) -> None:
            written.append((name, value, step))

        def close(self) -> None:
            written.append(("closed", 0, 0))

    module = type(sys)("torch.utils.tensorboard")
    module.SummaryWriter = SummaryWriter  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    assert training(some_clips, "--output", "mine").code == 0
    rows = read_log(Path("mine"))
    losses = [(name, value, step) for name, value, step in written if name == "train/loss"]
    assert losses == [
        ("train/loss", row["loss"], row["step"]) for row in rows if row["kind"] == "step"
    ]
    assert [step for name, _, step in written if name == "held out/psnr"] == [0, 4]
    assert written[-1][0] == "closed"


def test_picture_folders_are_trained_on_too(training: RunTraining, tmp_path: Path) -> None:
    for number in range(3):
        folder = tmp_path / "pictures" / f"{number}"
        folder.mkdir(parents=True)
        for index, picture in enumerate(moving_pictures(8, 128, 112)):
            Image.fromarray(picture).save(folder / f"{index:04}.png")
    ended = training(tmp_path / "pictures", "--output", "mine")
    assert ended.code == 0, ended.err
    assert "of 2 clips" in ended.out
