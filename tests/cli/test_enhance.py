"""inference_video_enhance.py from its arguments to its files, with a tiny network."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import inference_video_enhance
from rife_arch import load_enhancer
from tests.helpers.clips import (
    Picture,
    count_frames,
    frame_rate,
    moving_pictures,
    read_pictures,
    sound_packets,
    write_clip,
    write_damaged_clip,
    write_pictures,
)
from tests.helpers.networks import save_enhancer
from tests.helpers.running import PICTURES, Ended, RunCli, end, same, stopped_at
from vfi.read.video import probe_video, read_video

NO_CUTS = ("--scene-threshold", 0)  # random colours look like scenes of their own


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights, named and placed as upstream publishes them."""
    folder = tmp_path_factory.mktemp("checkpoint") / "train_log"
    folder.mkdir()
    return save_enhancer(folder / "flownet.pkl")


def arguments(weights: Path, *more: object) -> list[str]:
    return ["--model", str(weights), "--device", "cpu", *map(str, more)]


@pytest.fixture
def enhance(weights: Path, capsys: pytest.CaptureFixture[str]) -> RunCli:
    """Run the command line; arguments of the test take precedence."""

    def run(*more: object) -> Ended:
        try:
            code = inference_video_enhance.main(arguments(weights, *more))
        except SystemExit as stop:  # how argparse ends
            code = int(stop.code or 0)
        return Ended(code, *capsys.readouterr())

    return run


def expected(weights: Path, pictures: list[Picture], cut: int | None = None) -> list[Picture]:
    """What the network makes of pictures, each helped by the one before it."""
    enhancer = load_enhancer(weights)
    planar = [torch.from_numpy(p).permute(2, 0, 1)[None].float() / 255 for p in pictures]
    encoded = [enhancer.encode(image) for image in planar]
    helpers = [encoded[min(1, len(encoded) - 1)], *encoded[:-1]]
    if cut is not None:
        helpers[cut] = encoded[cut]
    made = (enhancer.enhance(*pair) for pair in zip(encoded, helpers, strict=True))
    return [(x[0].permute(1, 2, 0) * 255).round().byte().numpy() for x in made]


def decoded(path: Path) -> list[Picture]:
    return [frame.pixels.numpy() for frame in read_video(probe_video(path))]


# --- what comes out ------------------------------------------------------------------------------


def test_video_keeps_length_rate_size_and_sound(enhance: RunCli, talkie: Path) -> None:
    ended = enhance("--video", talkie)
    path = talkie.with_name("talkie_enhanced.mp4")
    assert ended.code == 0
    assert "done: " in ended.out
    assert "SAFA, unnamed, cpu, fp32" in ended.out
    assert count_frames(path) == count_frames(talkie)
    assert frame_rate(path) == frame_rate(talkie)
    assert decoded(path)[0].shape == decoded(talkie)[0].shape
    assert sound_packets(path) == sound_packets(talkie)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_any_number_of_frames_is_kept(enhance: RunCli, folder: Path, count: int) -> None:
    clip = write_clip(folder / "clip.mkv", moving_pictures(count))
    assert enhance("--video", clip, "--output", "out.mkv").code == 0
    assert count_frames(Path("out.mkv")) == count


def test_pictures_are_those_of_the_network(enhance: RunCli, clip: Path, weights: Path) -> None:
    enhance("--video", clip, *NO_CUTS, "--png-only", "--output", "out")
    assert same(read_pictures(Path("out")), expected(weights, PICTURES))


def test_frame_after_a_cut_is_enhanced_with_itself(
    enhance: RunCli, clip: Path, weights: Path
) -> None:
    ended = enhance("--video", clip, *NO_CUTS, "--cuts", 2, "--png-only", "--output", "out")
    assert "cuts: 1, at frame 2 (0.08 s)" in ended.out
    made = read_pictures(Path("out"))
    assert same(made, expected(weights, PICTURES, cut=2))
    assert not same(made, expected(weights, PICTURES))


def test_folder_of_pictures_becomes_a_video_at_the_rate_given(
    enhance: RunCli, folder: Path
) -> None:
    pictures = write_pictures(folder / "in", PICTURES[:3])
    assert enhance("--img", pictures, "--source-fps", 16).code == 0
    assert frame_rate(Path("in_enhanced.mp4")) == 16
    assert count_frames(Path("in_enhanced.mp4")) == 3


def test_pngs_are_kept_beside_the_video_on_request(enhance: RunCli, clip: Path) -> None:
    assert enhance("--video", clip, "--keep-pngs", "--ext", "mkv").code == 0
    assert len(read_pictures(Path("vid_out"))) == 4
    assert count_frames(Path("clip_enhanced.mkv")) == 4


def test_part_of_a_clip_is_enhanced(enhance: RunCli, clip: Path, weights: Path) -> None:
    part = ("--start", 1 / 24, "--end", 3 / 24)
    enhance("--video", clip, *part, *NO_CUTS, "--png-only", "--output", "out")
    assert same(read_pictures(Path("out")), expected(weights, PICTURES[1:3]))


def test_several_clips_are_worked_on_one_after_the_other(enhance: RunCli, clip: Path) -> None:
    damaged = write_damaged_clip(clip.with_name("a.avi"), num_frames=3, damaged=1)
    ended = enhance("--video", damaged, clip, "--json")
    said = json.loads(ended.out.splitlines()[-1])
    assert (ended.code, len(said["results"])) == (1, 2)
    assert "a.avi" in said["results"][0]["error"]
    assert said["results"][1]["output"] == str(clip.with_name("clip_enhanced.mp4"))


def test_half_precision_is_taken_on_request(enhance: RunCli, clip: Path) -> None:
    assert "cpu, fp16" in enhance("--video", clip, "--fp16").out


# --- runs that are interrupted -------------------------------------------------------------------


@pytest.mark.slow  # a segment has 250 frames
@pytest.mark.parametrize("png", [True, False], ids=["PNGs", "video"])
def test_interrupted_run_goes_on_to_the_same_pictures(
    enhance: RunCli, folder: Path, weights: Path, png: bool
) -> None:
    clip = write_clip(folder / "clip.mkv", moving_pictures(300 if not png else 60))
    options = ("--video", clip, *NO_CUTS, *(("--png-only",) if png else ("--preset", "lossless")))
    name, kept = (
        ("out", "out.partial/0000010.png") if png else ("out.mkv", "out.mkv.segments/*-*.mkv")
    )
    script = [sys.executable, inference_video_enhance.__file__]
    command = [*script, *arguments(weights, *options, "--output", name)]
    with stopped_at(command, folder / kept) as process:
        end(process, signal.SIGKILL)
    assert not Path(name).exists()
    assert enhance(*options, "--output", name).code == 0
    whole = "whole" if png else "whole.mkv"
    assert enhance(*options, "--output", whole).code == 0
    read = read_pictures if png else decoded
    assert same(read(Path(name)), read(Path(whole)))
    assert sorted(path.name for path in folder.iterdir()) == sorted(["clip.mkv", name, whole])


@pytest.mark.slow  # a run of its own, to be interrupted
@pytest.mark.usefixtures("interruptible")
def test_interruption_says_what_is_kept(folder: Path, weights: Path) -> None:
    clip = write_clip(folder / "clip.mkv", moving_pictures(60))
    script = [sys.executable, inference_video_enhance.__file__]
    options = arguments(weights, "--video", clip, "--png-only", "--output", "out")
    with stopped_at([*script, *options], folder / "out.partial" / "0000005.png") as process:
        err = end(process, signal.SIGINT)
    assert process.returncode == 130
    assert "run the same command again to resume" in err


# --- what is refused -----------------------------------------------------------------------------


def test_network_that_interpolates_is_refused(
    enhance: RunCli, clip: Path, checkpoint: Path
) -> None:
    ended = enhance("--video", clip, "--model", checkpoint)
    assert ended.code == 1
    assert "this is a RIFE network" in ended.err
    assert "inference_video.py" in ended.err
    assert not clip.with_name("clip_enhanced.mp4").exists()


def test_enhancer_is_refused_where_one_interpolates(cli: RunCli, clip: Path, weights: Path) -> None:
    ended = cli("--video", clip, "--model", weights)
    assert ended.code == 1
    assert "inference_video_enhance.py" in ended.err


def test_without_weights_it_says_where_they_are(
    enhance: RunCli, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.checkpoints.ROOT", clip.parent)
    ended = enhance("--video", clip, "--model", "auto")
    assert ended.code == 1
    assert "open https://drive.google.com/" in ended.err
    assert f"save the file as {clip.parent / 'ckpts' / 'safa_v0.5.zip'}" in ended.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--video", "none.mp4"), "none.mp4: there is no such file"),
        (("--video", "clip.mkv", "--output", "clip.mkv"), "the result would replace the input"),
        (("--video", "clip.mkv", "--multi", "4"), "unrecognized arguments: --multi 4"),
        (("--video", "clip.mkv", "--png"), "--png was removed: use --png-only"),
        (("--video", "clip.mkv", "--end", "last-frame"), "Write seconds, such as 12.5"),
        (("--video", "clip.mkv", "--source-fps", "5"), "--source-fps requires --img"),
        (
            ("--video", "clip.mkv", "--model", "4.25"),
            "there is no such version. Known are SAFA 0.5",
        ),
        (("--video", "clip.mkv", "--model", "no.pkl"), "give a version such as SAFA 0.5"),
        ((), "one of the arguments --video --img"),
    ],
)
@pytest.mark.usefixtures("clip")
def test_wrong_usage_is_explained(enhance: RunCli, options: tuple[str, ...], message: str) -> None:
    ended = enhance(*options)
    assert ended.code == 2
    assert message in ended.err


def test_full_gpu_is_explained(
    enhance: RunCli, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_the_gpu(*_: object, **__: object) -> int:
        raise torch.OutOfMemoryError("Tried to allocate 9 GiB.")

    monkeypatch.setattr("cli.rendering.render", fill_the_gpu)
    assert "9 GiB. Try --precision fp16." in enhance("--video", clip).err


@pytest.mark.slow  # a run of its own, for its pipe
def test_raw_frames_go_to_a_pipe(clip: Path, weights: Path) -> None:
    script = [sys.executable, inference_video_enhance.__file__]
    options = arguments(weights, "--video", clip, *NO_CUTS, "--output", "-")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run([*script, *options], capture_output=True, check=True, env=environment)
    frames = np.frombuffer(ended.stdout, np.uint8).reshape(-1, 48, 64, 3)
    assert same(list(frames), expected(weights, PICTURES))
