"""The command line with several clips, parts of clips, pipes, and runs that were interrupted."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cli import program
from tests.helpers.clips import (
    Picture,
    count_frames,
    moving_pictures,
    read_pictures,
    sound_packets,
    write_clip,
    write_damaged_clip,
)
from tests.helpers.running import (
    ONE_THREAD,
    PICTURES,
    RunCli,
    end,
    same,
    script,
    snapshot,
    stopped_at,
)
from vfi.read.video import probe_video, read_video


def last_line(out: str) -> dict[str, Any]:
    return json.loads(out.splitlines()[-1])


# --- several clips -------------------------------------------------------------------------------


@pytest.fixture
def clips(folder: Path) -> Path:
    """A folder with two clips, and a file that is none."""
    clips = folder / "clips"
    clips.mkdir()
    write_clip(clips / "a.mkv", PICTURES)
    write_clip(clips / "b.mkv", PICTURES[:3])
    (clips / "notes.txt").write_text("no video")
    return clips


def test_every_clip_gets_its_result_beside_it(cli: RunCli, clips: Path) -> None:
    assert cli("--video", clips / "a.mkv", clips / "b.mkv").code == 0
    assert count_frames(clips / "a_2X_48fps.mp4") == 8
    assert count_frames(clips / "b_2X_48fps.mp4") == 6


def test_folder_stands_for_its_videos(cli: RunCli, clips: Path) -> None:
    assert cli("--video", clips, "--out-dir", "made/here").code == 0
    names = sorted(path.name for path in Path("made/here").iterdir())
    assert names == ["a_2X_48fps.mp4", "b_2X_48fps.mp4"]


def test_out_dir_is_where_a_named_output_goes(cli: RunCli, clip: Path) -> None:
    assert cli("--video", clip, "--out-dir", "made", "--output", "x.mp4").code == 0
    assert [path.name for path in Path("made").iterdir()] == ["x.mp4"]


def test_files_of_macos_beside_the_clips_are_no_clips(cli: RunCli, clips: Path) -> None:
    for path in list(clips.iterdir()):
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7x")
    assert cli("--video", clips, "--out-dir", "out").code == 0
    assert not [path for path in Path("out").iterdir() if path.name.startswith(".")]


def test_pngs_of_several_clips_go_into_folders_of_their_own(cli: RunCli, clips: Path) -> None:
    assert cli("--video", clips, "--png-only").code == 0
    assert len(read_pictures(Path("vid_out/a"))) == 8
    assert len(read_pictures(Path("vid_out/b"))) == 6


def test_second_run_leaves_results_alone_and_makes_what_is_missing(
    cli: RunCli, clips: Path
) -> None:
    cli("--video", clips)
    (clips / "b_2X_48fps.mp4").unlink()
    before = (clips / "a_2X_48fps.mp4").stat().st_mtime_ns
    Image.new("L", (64, 48), 255).save("mask.png")
    ended = cli("--video", clips, "--mask", "mask.png")
    assert ended.code == 0
    assert f"skipped {clips / 'a.mkv'}: {clips / 'a_2X_48fps.mp4'} exists already" in ended.out
    assert (clips / "a_2X_48fps.mp4").stat().st_mtime_ns == before
    assert len(list(clips.glob("*.mp4"))) == 2  # results were not taken for clips


def test_clip_that_fails_does_not_stop_the_others(cli: RunCli, clips: Path) -> None:
    write_damaged_clip(clips / "0.mkv", num_frames=6, damaged=4)
    ended = cli("--video", clips, "--json")
    assert ended.code == 1
    assert "0.mkv: frame 4 does not decode" in ended.err
    assert "1 of 3 clips failed" in ended.err
    assert count_frames(clips / "b_2X_48fps.mp4") == 6
    assert ["error" in result for result in last_line(ended.out)["results"]] == [True, False, False]


def test_file_that_is_no_video_does_not_stop_the_others(cli: RunCli, clips: Path) -> None:
    (clips / "text.mp4").write_text("This is not a video.\n" * 100)
    ended = cli("--video", clips, "--json")
    assert ended.code == 1
    assert "text.mp4: FFmpeg cannot read this file" in ended.err
    assert [path.name for path in sorted(clips.glob("*fps.mp4"))] == [
        "a_2X_48fps.mp4",
        "b_2X_48fps.mp4",
    ]
    (failed,) = [result for result in last_line(ended.out)["results"] if "error" in result]
    assert failed["input"].endswith("text.mp4")


def test_two_clips_with_one_name_are_refused(cli: RunCli, clips: Path, folder: Path) -> None:
    shutil.copy(clips / "a.mkv", folder / "a.mp4")
    before = snapshot(folder)
    ended = cli("--video", clips / "a.mkv", "a.mp4", "--out-dir", ".")
    assert ended.code == 2
    assert "this would be the result of both" in ended.err
    assert snapshot(folder) == before


def test_one_output_for_several_clips_is_refused(cli: RunCli, clips: Path) -> None:
    ended = cli("--video", clips, "--output", "x.mp4")
    assert ended.code == 2
    assert "--output x.mp4 names one result, but there are 2 inputs" in ended.err


def test_folder_without_videos_points_to_img(cli: RunCli, folder: Path) -> None:
    ended = cli("--video", folder)
    assert ended.code == 2
    assert "To read a folder of numbered images, use --img." in ended.err


# --- parts ---------------------------------------------------------------------------------------


def test_part_of_a_clip_is_made_of_its_frames(cli: RunCli, clip: Path) -> None:
    part = ("--start", 1 / 24, "--end", 3 / 24)
    assert cli("--video", clip, *part, "--png-only", "--output", "out").code == 0
    pictures = read_pictures(Path("out"))
    assert len(pictures) == 4
    assert same(pictures[::2], PICTURES[1:3])


def test_end_is_a_moment_and_a_rule_at_once(cli: RunCli, clip: Path) -> None:
    cli("--video", clip, "--end", 3 / 24, "--end", "last-frame", "--output", "out.mp4")
    assert count_frames(Path("out.mp4")) == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--end soon", "neither a time such as 12.5 or 1:02.5 nor one of last-frame"),
        ("--start soon", "Write seconds, such as 12.5"),
        ("--start 9", "has no frames from 9.000 s on"),
    ],
)
def test_wrong_part_is_explained(cli: RunCli, clip: Path, arguments: str, message: str) -> None:
    ended = cli("--video", clip, *arguments.split())
    assert ended.code == 2
    assert message in ended.err


# --- for other programs --------------------------------------------------------------------------


@pytest.mark.slow  # a run of its own, for its pipe
def test_raw_frames_on_a_pipe_are_those_of_the_pngs(
    cli: RunCli, clip: Path, checkpoint: Path
) -> None:
    cli("--video", clip, "--png-only", "--output", "out")
    command = script(checkpoint, "--video", clip, "--output", "-")
    ended = subprocess.run(command, capture_output=True, check=True, env=ONE_THREAD)
    frames = np.frombuffer(ended.stdout, np.uint8).reshape(-1, 48, 64, 3)
    assert same(list(frames), read_pictures(Path("out")))
    assert b"done: standard output (8 frames" in ended.stderr


def test_json_says_what_was_made(cli: RunCli, clip: Path) -> None:
    ended = cli("--video", clip, "--output", "out.mp4", "--cuts", "2", "--json")
    said = last_line(ended.out)
    (result,) = said["results"]
    assert (said["exit_code"], said["error"]) == (0, None)
    assert result["output"] == "out.mp4"
    assert (result["frames"], result["fps"]) == (8, "48")
    assert (result["width"], result["height"]) == (64, 48)
    assert 2 in result["cuts"]


@pytest.mark.parametrize(
    ("options", "size"),
    [(["--output", "out.mp4"], (64, 48)), (["--png-only"], (63, 47))],
)
def test_json_says_the_size_that_the_result_has(
    cli: RunCli, folder: Path, options: list[str], size: tuple[int, int]
) -> None:
    odd = write_clip(folder / "odd.mkv", moving_pictures(3, 63, 47))
    result = last_line(cli("--video", odd, *options, "--json").out)["results"][0]
    assert (result["width"], result["height"]) == size
    if result["output"]:
        info = probe_video(Path(result["output"]))
        assert (info.width, info.height) == size


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--video", "a.mp4", "--multi", "1"], "argument --multi: must be a whole number from 2"),
        (["--video", "a.mp4", "--png"], "--png was removed"),
        (["--nonsense"], "one of the arguments --video"),
    ],
)
def test_json_says_which_option_was_refused(cli: RunCli, arguments: list[str], error: str) -> None:
    ended = cli(*arguments, "--json")
    assert ended.code == 2
    assert last_line(ended.out)["error"].startswith(f"error: {error}")
    assert last_line(ended.out)["results"] == []
    assert f"inference_video.py: error: {error}" in ended.err
    assert cli(*arguments).out == ""


def test_json_of_a_refused_option_does_not_get_into_a_pipe(cli: RunCli) -> None:
    ended = cli("--video", "a.mp4", "--output", "-", "--multi", "1", "--json")
    assert (ended.code, ended.out) == (2, "")
    assert last_line(ended.err)["exit_code"] == 2


def test_json_says_what_went_wrong(cli: RunCli) -> None:
    said = last_line(cli("--video", "none.mp4", "--json").out)
    assert said["exit_code"] == 2
    assert "none.mp4: there is no such file" in said["error"]
    assert said["results"] == []


# --- runs that are interrupted -------------------------------------------------------------------


def decoded(path: Path) -> list[Picture]:
    return [frame.pixels.numpy() for frame in read_video(probe_video(path))]


def test_resumed_run_counts_its_own_frames_only(
    cli: RunCli, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(progress: Any, number: int, pixels: Any) -> None:
        count(progress, number, pixels)
        if number == 5:
            while (
                len(list(Path("out.partial").glob("*.png"))) < 5
            ):  # they are compressed in threads
                time.sleep(0.001)
            raise KeyboardInterrupt

    options = ("--video", clip, "--png-only", "--output", "out", "--json")
    count = program._Progress.__call__
    with monkeypatch.context() as patch:
        patch.setattr(program._Progress, "__call__", interrupt)
        assert cli(*options).code == 130
    monkeypatch.setattr(program, "perf_counter", iter((0.0, 0.5)).__next__)
    ended = cli(*options)
    assert "5/8" in ended.err
    assert "out (8 frames, 5 of them from an earlier run, 0.5 s, 6.0 fps)" in ended.out
    assert last_line(ended.out)["results"][0]["resumed_at"] == 5


@pytest.mark.slow  # three segments, as a run is interrupted in the second and in the third
@pytest.mark.usefixtures("interruptible")
def test_interrupted_run_goes_on_to_the_same_video_and_leaves_nothing_else(
    cli: RunCli, folder: Path, checkpoint: Path
) -> None:
    talkie = write_clip(folder / "talkie.mp4", moving_pictures(24), sound="aac")
    # Two whole runs of x264 need not be equal: see decision 0010.
    options = ("--video", talkie, "--multi", 30, "--preset", "lossless")

    def interrupt(number: signal.Signals, after: int) -> str:
        command = script(checkpoint, *options, "--output", "out.mkv")
        with stopped_at(command, folder / "out.mkv.segments" / "*-*.mkv", after) as process:
            err = end(process, number)
        assert not (folder / "out.mkv").exists()
        return err

    kept = "Finished frames were kept; run the same command again to resume."
    assert kept in interrupt(signal.SIGINT, after=1)
    interrupt(signal.SIGKILL, after=2)
    ended = cli(*options, "--output", "out.mkv")
    began = re.search(r"(\d+)/720", ended.err)
    assert began
    # Where the bar began: later than the second segment where frames of a third were kept.
    assert int(began[1]) >= 500
    cli(*options, "--output", "whole.mkv")
    assert same(decoded(Path("out.mkv")), decoded(Path("whole.mkv")))
    assert sound_packets(Path("out.mkv")) == sound_packets(talkie)
    assert sorted(path.name for path in folder.iterdir()) == ["out.mkv", "talkie.mp4", "whole.mkv"]


@pytest.mark.slow  # a segment has 250 frames
def test_other_settings_do_not_go_on_from_what_is_there(
    cli: RunCli, folder: Path, checkpoint: Path
) -> None:
    clip = write_clip(folder / "clip.mkv", moving_pictures(12))
    options = ("--video", clip, "--multi", 40, "--output", "out.mkv", "--preset", "lossless")
    segments = folder / "out.mkv.segments" / "*-*.mkv"
    with stopped_at(script(checkpoint, *options), segments) as process:
        end(process, signal.SIGKILL)
    cli(*options, "--scale", 0.5)
    resumed = decoded(Path("out.mkv"))
    cli(*options, "--scale", 0.5, "--overwrite", "--no-resume")
    assert same(resumed, decoded(Path("out.mkv")))
    assert sorted(path.name for path in folder.iterdir()) == ["clip.mkv", "out.mkv"]


@pytest.mark.slow  # a run of its own, to be killed
def test_pngs_go_on_where_they_stopped(cli: RunCli, folder: Path, checkpoint: Path) -> None:
    clip = write_clip(folder / "clip.mkv", moving_pictures(12))
    options = ("--video", clip, "--multi", 64, "--png-only", "--output", "out")
    picture = folder / "out.partial" / "0000020.png"
    with stopped_at(script(checkpoint, *options), picture) as process:
        end(process, signal.SIGKILL)
    assert cli(*options).code == 0
    assert cli(*options[:-1], "whole").code == 0
    assert same(read_pictures(Path("out")), read_pictures(Path("whole")))
    assert sorted(path.name for path in folder.iterdir()) == ["clip.mkv", "out", "whole"]


def test_file_in_place_of_the_segments_is_not_called_finished_frames(
    cli: RunCli, folder: Path
) -> None:
    write_clip(folder / "a.mkv", PICTURES)
    (folder / "b.mp4.segments").write_text("mine")
    ended = cli("--video", folder / "a.mkv", "--output", folder / "b.mp4")
    assert ended.code == 2
    assert "cannot be used: Not a directory" in ended.err
    assert "Finished frames were kept" not in ended.err
