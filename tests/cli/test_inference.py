"""The command line from its arguments to its files, with a tiny network of random weights."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from imageio_ffmpeg import get_ffmpeg_exe

from rife_arch import QUALITIES, load_checkpoint
from rife_arch.checkpoints import Tuning, canonical_bytes
from rife_arch.evaluation import Pyramid
from rife_arch.networks import IFNet
from tests.helpers.clips import (
    Picture,
    count_frames,
    format_name,
    frame_rate,
    moving_pictures,
    read_pictures,
    sound_duration,
    sound_packets,
    write_clip,
    write_clip_without_frames,
    write_damaged_clip,
    write_pictures,
)
from tests.helpers.networks import TINY_CONFIG, preset_config, random_weights
from tests.helpers.running import (
    PICTURES,
    SCRIPT,
    RunCli,
    end,
    same,
    script,
    snapshot,
    stopped_at,
)
from vfi.errors import InputError
from vfi.frames import to_uint8
from vfi.read.image_sequence import probe_image_folder, read_image_folder
from vfi.read.video import probe_video, read_video

# --- frames and rates ----------------------------------------------------------------------------


@pytest.mark.parametrize(("end", "expected"), [("full-duration", 8), ("last-frame", 7)])
def test_end_rule_decides_how_many_frames_four_become(
    cli: RunCli, clip: Path, end: str, expected: int
) -> None:
    assert cli("--video", clip, "--end", end, "--output", "out.mp4").code == 0
    assert count_frames(Path("out.mp4")) == expected


def test_result_is_as_long_as_the_source_by_default(cli: RunCli, clip: Path) -> None:
    cli("--video", clip, "--output", "out.mp4", "--multi", 3)
    assert count_frames(Path("out.mp4")) == 12


@pytest.mark.parametrize("rate", ["24", "24000/1001", "25/2"])
def test_rate_doubles_exactly(cli: RunCli, folder: Path, rate: str) -> None:
    cli("--video", write_clip(folder / "clip.mp4", PICTURES, rate), "--output", "out.mp4")
    assert frame_rate(Path("out.mp4")) == 2 * Fraction(rate)


def test_source_frames_are_bit_exact_in_png_output(cli: RunCli, clip: Path) -> None:
    assert cli("--video", clip, "--png-only").code == 0
    assert same(read_pictures(Path("vid_out"))[::2], PICTURES)


def test_source_frames_of_lossy_video_are_its_decoded_frames(cli: RunCli, talkie: Path) -> None:
    cli("--video", talkie, "--png-only", "--multi", 4)
    decoded = [frame.pixels.numpy() for frame in read_video(probe_video(talkie))]
    assert same(read_pictures(Path("vid_out"))[::4], decoded)


def test_video_of_10_bits_becomes_pngs_of_16_bit_for_bit(
    cli: RunCli, clip: Path, folder: Path
) -> None:
    deep = folder / "deep.mkv"
    tenfold = ["-vf", "format=gbrp10le", "-c:v", "ffv1", str(deep)]
    subprocess.run([get_ffmpeg_exe(), "-v", "error", "-i", str(clip), *tenfold], check=True)
    cli("--video", deep, "--png-only", "--end", "last-frame")
    originals = [frame.pixels for frame in read_video(probe_video(deep))]
    pictures = [
        f.pixels for f in read_image_folder(probe_image_folder(Path("vid_out")), Fraction(1))
    ]
    for picture, original in zip(pictures[::2], originals, strict=True):
        assert torch.equal(picture, original)


def test_exr_pictures_become_exr_pictures(cli: RunCli, clip: Path) -> None:
    how = ("--png-only", "--picture-format", "exr", "--end", "last-frame")
    assert cli("--video", clip, *how, "--output", "first").code == 0
    assert cli("--img", "first", "--source-fps", 24, *how, "--output", "second").code == 0
    first, second = (
        [f.pixels for f in read_image_folder(probe_image_folder(Path(name)), Fraction(1))]
        for name in ("first", "second")
    )
    assert same([to_uint8(pixels).numpy() for pixels in first[::2]], PICTURES)
    assert len(second) == 13
    for picture, original in zip(second[::2], first, strict=True):
        assert torch.allclose(picture, original, atol=1e-6)


def test_frames_between_are_those_of_the_network(cli: RunCli, clip: Path, checkpoint: Path) -> None:
    cli("--video", clip, "--png-only", "--end", "last-frame", "--multi", 4, "--precision", "fp32")
    img0, img1 = (torch.tensor(p).permute(2, 0, 1)[None] / 255 for p in PICTURES[:2])
    quarter = load_checkpoint(checkpoint)(img0, img1, 0.25)[0].permute(1, 2, 0)
    difference = np.abs(read_pictures(Path("vid_out"))[1] - quarter.numpy() * 255)
    assert difference.max() < 0.51  # rounded to a code value, not truncated


def test_pngs_are_numbered_from_zero(cli: RunCli, clip: Path) -> None:
    cli("--video", clip, "--png-only")
    names = sorted(path.name for path in Path("vid_out").iterdir())
    assert names == [f"{number:07}.png" for number in range(8)]


@pytest.mark.parametrize(
    ("short", "long"),
    [(("--exp", 2), ("--multi", 4)), (("--UHD",), ("--scale", 0.5))],
    ids=["exp 2 is multi 4", "UHD is scale 0.5"],
)
def test_short_form_gives_the_same_pixels(
    cli: RunCli, clip: Path, short: tuple[object, ...], long: tuple[object, ...]
) -> None:
    cli("--video", clip, "--png-only", "--output", "short", *short)
    cli("--video", clip, "--png-only", "--output", "long", *long)
    assert same(read_pictures(Path("short")), read_pictures(Path("long")))


def test_scale_changes_the_frames_between(cli: RunCli, clip: Path) -> None:
    cli("--video", clip, "--png-only", "--output", "one")
    cli("--video", clip, "--png-only", "--output", "half", "--scale", 0.5)
    assert not same(read_pictures(Path("one"))[1::2], read_pictures(Path("half"))[1::2])


# --- names and formats ---------------------------------------------------------------------------


def test_keep_pngs_gives_video_and_pngs(cli: RunCli, clip: Path) -> None:
    assert cli("--video", clip, "--keep-pngs").code == 0
    assert count_frames(Path("clip_2X_48fps.mp4")) == 8
    assert same(read_pictures(Path("vid_out"))[::2], PICTURES)


def test_png_only_writes_no_video(cli: RunCli, clip: Path, folder: Path) -> None:
    cli("--video", clip, "--png-only", "--output", "frames")
    assert {path.name for path in folder.iterdir()} == {"clip.mkv", "frames"}


@pytest.mark.parametrize(
    ("ext", "container"), [("mp4", "mp4"), ("mkv", "matroska"), ("mov", "mov")]
)
def test_ext_chooses_the_container(cli: RunCli, clip: Path, ext: str, container: str) -> None:
    assert cli("--video", clip, "--ext", ext).code == 0
    assert container in format_name(Path(f"clip_2X_48fps.{ext}"))


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (("--output", "out.mkv"), "out.mkv"),
        (("--output", "out"), "out.mp4"),
        (("--output", "out", "--ext", "mov"), "out.mov"),
        (("--output", "new/folder/out.mp4"), "new/folder/out.mp4"),
    ],
    ids=["with extension", "without extension", "without extension but ext", "in a new folder"],
)
def test_output_names_the_file(
    cli: RunCli, clip: Path, options: tuple[str, ...], name: str
) -> None:
    assert cli("--video", clip, *options).code == 0
    assert count_frames(Path(name)) == 8


@pytest.mark.parametrize(
    ("rate", "options", "name"),
    [
        ("24", (), "a.b_2X_48fps.mp4"),
        ("24000/1001", (), "a.b_2X_47.952fps.mp4"),
        ("24", ("--exp", 2, "--fps", 30), "a.b_4X_30fps.mp4"),
    ],
    ids=["whole rate", "NTSC rate", "rate of its own"],
)
def test_default_name_lies_beside_the_input(
    cli: RunCli, folder: Path, rate: str, options: tuple[object, ...], name: str
) -> None:
    (folder / "videos").mkdir()
    clip = write_clip(folder / "videos" / "a.b.mkv", PICTURES[:2], rate)
    assert cli("--video", clip, *options).code == 0
    assert {path.name for path in clip.parent.iterdir()} == {"a.b.mkv", name}


def test_existing_video_is_refused_and_untouched(cli: RunCli, clip: Path, folder: Path) -> None:
    Path("clip_2X_48fps.mp4").write_text("precious")
    before = snapshot(folder)
    ended = cli("--video", clip)
    assert ended.code == 2
    assert "clip_2X_48fps.mp4 exists already" in ended.err
    assert snapshot(folder) == before


def test_existing_pngs_are_refused_and_untouched(cli: RunCli, clip: Path, folder: Path) -> None:
    cli("--video", clip, "--png-only")
    before = snapshot(folder)
    ended = cli("--video", clip, "--keep-pngs", "--multi", 3)
    assert ended.code == 2
    assert "vid_out exists already" in ended.err
    assert snapshot(folder) == before


def test_overwrite_replaces_what_is_there(cli: RunCli, clip: Path) -> None:
    cli("--video", clip, "--keep-pngs", "--output", "out.mp4")
    ended = cli("--video", clip, "--keep-pngs", "--output", "out.mp4", "--multi", 3, "--overwrite")
    assert ended.code == 0
    assert count_frames(Path("out.mp4")) == len(read_pictures(Path("vid_out"))) == 12


# --- presets -------------------------------------------------------------------------------------


def codec_name(path: Path) -> str:
    with av.open(str(path)) as container:
        return container.streams.video[0].codec_context.codec.canonical_name


@pytest.mark.parametrize(
    ("options", "name", "codec"),
    [
        (("--preset", "webm"), "clip_2X_48fps.webm", "vp9"),
        (("--preset", "lossless", "--output", "out"), "out.mkv", "ffv1"),
        (("--preset", "high-quality", "--ext", "mkv"), "clip_2X_48fps.mkv", "hevc"),
        (("--preset", "master", "--output", "out.mkv"), "out.mkv", "prores"),
    ],
    ids=["its container", "extension added", "ext", "output"],
)
def test_preset_chooses_codec_and_container(
    cli: RunCli, clip: Path, options: tuple[str, ...], name: str, codec: str
) -> None:
    assert cli("--video", clip, *options).code == 0
    assert codec_name(Path(name)) == codec
    assert count_frames(Path(name)) == 8


def test_lossless_preset_keeps_source_frames_bit_for_bit(cli: RunCli, clip: Path) -> None:
    cli("--video", clip, "--preset", "lossless", "--output", "out.mkv")
    frames = [frame.pixels.numpy() for frame in read_video(probe_video(Path("out.mkv")))]
    assert same(frames[::2], PICTURES)


def test_dithering_changes_new_frames_by_a_level_and_source_frames_not_at_all(
    cli: RunCli, clip: Path
) -> None:
    cli("--video", clip, "--png-only", "--output", "plain")
    cli("--video", clip, "--png-only", "--output", "dithered", "--dither")
    plain, dithered = (
        np.stack(read_pictures(Path(name))).astype(int) for name in ("plain", "dithered")
    )
    assert same(list(dithered[::2]), PICTURES)
    difference = np.abs(dithered - plain)
    assert difference.max() == 1
    assert (difference[1] > 0).mean() > 0.05


def test_crf_and_options_reach_the_encoder(cli: RunCli, clip: Path) -> None:
    options = ("--crf", 33, "--ffmpeg-options", "-preset ultrafast -g 5")
    assert cli("--video", clip, "--output", "out.mp4", *options).code == 0
    settings = Path("out.mp4").read_bytes()
    assert b"crf=33.0" in settings
    assert b"keyint=5 " in settings
    assert b"cabac=0" in settings


def test_speed_reaches_the_encoder(cli: RunCli, clip: Path) -> None:
    assert cli("--video", clip, "--output", "out.mp4", "--encoder-speed", "fast").code == 0
    assert b"subme=2 " in Path("out.mp4").read_bytes()


def test_presets_that_can_be_written_are_listed(cli: RunCli) -> None:
    ended = cli("--list-presets")
    assert re.search(r"^share +mp4, mov, mkv +libx264 +plays everywhere", ended.out, re.M)
    assert re.search(r"^with PyAV \d", ended.out, re.M)


# --- sound, rates of one's own, folders ----------------------------------------------------------


def test_sound_is_kept_packet_by_packet(cli: RunCli, talkie: Path) -> None:
    ended = cli("--video", talkie, "--output", "out.mp4")
    assert "48 fps, audio kept" in ended.out
    assert sound_packets(Path("out.mp4")) == sound_packets(talkie) != []


def test_sound_that_the_container_cannot_hold_is_reencoded_and_says_so(
    cli: RunCli, folder: Path
) -> None:
    talkie = write_clip(folder / "talkie.mkv", PICTURES, sound="pcm_s16le")
    ended = cli("--video", talkie, "--output", "out.mp4")
    assert "re-encoded to AAC at 192k: .mp4 files do not hold pcm_s16le" in ended.out
    assert sound_packets(Path("out.mp4"))


def test_fps_relabels_and_the_sound_follows(cli: RunCli, talkie: Path) -> None:
    ended = cli("--video", talkie, "--output", "out.mp4", "--fps", "23.976")
    assert "23.976 fps, audio 0.5 times as fast" in ended.out
    assert frame_rate(Path("out.mp4")) == Fraction(24000, 1001)
    assert count_frames(Path("out.mp4")) == 24
    assert sound_duration(Path("out.mp4")) == pytest.approx(1.0, abs=0.06)


def test_fps_that_changes_nothing_keeps_the_sound(cli: RunCli, talkie: Path) -> None:
    ended = cli("--video", talkie, "--output", "out.mp4", "--fps", "48")
    assert "audio kept" in ended.out
    assert sound_packets(Path("out.mp4"))


@pytest.mark.parametrize(("options", "rate"), [((), 48), (("--fps", 30), 30)], ids=["24", "fps"])
def test_picture_folder_becomes_a_video(
    cli: RunCli, folder: Path, options: tuple[object, ...], rate: int
) -> None:
    write_pictures(folder / "shots", PICTURES)
    ended = cli("--img", "shots", *options)
    assert f"shots  64x48, 4 frames, {rate // 2} fps" in ended.out
    assert count_frames(Path(f"shots_2X_{rate}fps.mp4")) == 8
    assert frame_rate(Path(f"shots_2X_{rate}fps.mp4")) == rate


def test_pictures_of_a_folder_are_bit_exact_in_png_output(cli: RunCli, folder: Path) -> None:
    cli("--img", write_pictures(folder / "shots", PICTURES), "--png-only", "--fps", "23.976")
    assert same(read_pictures(Path("vid_out"))[::2], PICTURES)


def test_current_folder_is_a_picture_folder_with_a_name(
    cli: RunCli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write_pictures(folder / "shots", PICTURES[:2]))
    assert cli("--img", ".").code == 0
    assert count_frames(folder / "shots_2X_48fps.mp4") == 4


# --- target rates, speeds, loops -----------------------------------------------------------------


def test_target_rate_keeps_length_and_sound(cli: RunCli, talkie: Path) -> None:
    ended = cli("--video", talkie, "--target-fps", "59.94")
    assert "30 frames, 59.94 fps, audio kept" in ended.out
    assert frame_rate(Path("talkie_59.94fps.mp4")) == Fraction(60000, 1001)
    assert count_frames(Path("talkie_59.94fps.mp4")) == 30
    assert sound_packets(Path("talkie_59.94fps.mp4")) == sound_packets(talkie)


@pytest.mark.parametrize(
    "options",
    [
        "--multi 3",
        "--target-fps 60",
        "--target-fps 25",
        "--target-fps 7",
        "--loop",
        "--duplicates smooth",
        "--at-cut hold --cuts 5",
        "--montage",
    ],
)
def test_picture_and_sound_have_one_length(cli: RunCli, talkie: Path, options: str) -> None:
    cli("--video", talkie, "--output", "out.mp4", *options.split())
    rate = frame_rate(Path("out.mp4"))
    assert rate
    assert abs(count_frames(Path("out.mp4")) / rate - Fraction(12, 24)) <= Fraction(1, 2) / rate
    assert sound_packets(Path("out.mp4")) == sound_packets(talkie)


def test_target_rate_below_the_source_leaves_frames_out(cli: RunCli, clip: Path) -> None:
    cli("--video", clip, "--target-fps", 12, "--png-only")
    assert same(read_pictures(Path("vid_out")), PICTURES[::2])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--speed", 0.5, "--multi", 2), 48),
        (("--speed", 2, "--target-fps", 24), 6),
        (("--ramp", "0:1 0.25:0.5"), 40),  # a third of a second down to 0.5, then a half
    ],
    ids=["slow", "fast", "ramp"],
)
def test_speed_changes_the_length(
    cli: RunCli, talkie: Path, options: tuple[object, ...], expected: int
) -> None:
    cli("--video", talkie, "--output", "out.mp4", *options)
    assert count_frames(Path("out.mp4")) == expected


@pytest.mark.parametrize(("speed", "seconds"), [(0.5, 1.0), (2, 0.25)])
def test_sound_follows_the_speed(cli: RunCli, talkie: Path, speed: float, seconds: float) -> None:
    cli("--video", talkie, "--output", "out.mp4", "--speed", speed)
    assert sound_duration(Path("out.mp4")) == pytest.approx(seconds, abs=0.06)


def test_sound_has_no_speed_that_changes_and_that_is_said(cli: RunCli, talkie: Path) -> None:
    ended = cli("--video", talkie, "--output", "out.mp4", "--ramp", "0:1 0.25:0.5")
    assert "audio dropped, because the speed varies" in ended.out
    assert not sound_packets(Path("out.mp4"))


def test_loop_adds_frames_between_the_last_and_the_first(cli: RunCli, clip: Path) -> None:
    cli("--video", clip, "--loop", "--png-only", "--end", "last-frame")
    pictures = read_pictures(Path("vid_out"))
    assert same(pictures[::2], PICTURES)
    assert len(pictures) == 8
    assert not np.array_equal(pictures[7], PICTURES[3])


def test_pictures_of_a_folder_have_the_rate_one_says(cli: RunCli, folder: Path) -> None:
    write_pictures(folder / "shots", PICTURES)
    cli("--img", "shots", "--source-fps", 16, "--target-fps", 24)
    assert count_frames(folder / "shots_24fps.mp4") == 6


# --- cuts, repeats, masks, montage ---------------------------------------------------------------


def between(pictures: list[Picture]) -> list[Picture]:
    """The new ones of a clip at twice its rate."""
    return pictures[1::2]


def test_cuts_that_are_given_are_kept_apart_and_reported(cli: RunCli, clip: Path) -> None:
    ended = cli("--video", clip, "--png-only", "--cuts", "1, 0.12s", "--at-cut", "hold")
    news = between(read_pictures(Path("vid_out")))
    assert np.array_equal(news[0], PICTURES[0])
    assert not np.array_equal(news[1], PICTURES[1])
    assert np.array_equal(news[2], PICTURES[2])
    assert ended.out.splitlines()[-1] == "cuts: 2, at frame 1 (0.04 s), 3 (0.12 s)"


@pytest.fixture
def two_scenes(folder: Path) -> Path:
    """Six moving frames, then six of another picture."""
    other = [np.flipud(255 - picture) // 2 for picture in moving_pictures(6)]
    return write_clip(folder / "scenes.mkv", moving_pictures(6) + other)


@pytest.mark.parametrize(("options", "cuts"), [((), [6]), (("--scene-threshold", 0), [])])
def test_cuts_are_found_and_reported(
    cli: RunCli, two_scenes: Path, options: tuple[object, ...], cuts: list[int]
) -> None:
    last = cli("--video", two_scenes, "--output", "out.mp4", *options).out.splitlines()[-1]
    assert re.findall(r"at frame (\d+)", last) == [str(cut) for cut in cuts]


def test_repeats_are_smoothed_on_request(cli: RunCli, folder: Path) -> None:
    doubled = [picture for picture in moving_pictures(6) for _ in range(2)]
    clip = write_clip(folder / "doubled.mkv", doubled)
    cli("--video", clip, "--duplicates", "smooth", "--target-fps", 24, "--png-only")
    pictures = read_pictures(Path("vid_out"))
    assert len(pictures) == 12
    assert same(pictures[:10:2], moving_pictures(6)[:5])
    assert not any(np.array_equal(*pair) for pair in pairwise(pictures[:10]))


def test_repeats_are_redrawn_in_their_place_on_request(cli: RunCli, folder: Path) -> None:
    numbers = [0, 1, 1, 2, 3, 3, 3, 4, 5, 5]
    source = [moving_pictures(6)[number] for number in numbers]
    clip = write_clip(folder / "stutter.mkv", source)
    ended = cli(
        *("--video", clip, "--duplicates", "redraw", "--target-fps", 24, "--png-only", "--json")
    )
    pictures = read_pictures(Path("vid_out"))
    changed = [
        number
        for number, (before, after) in enumerate(zip(source, pictures, strict=True))
        if not np.array_equal(before, after)
    ]
    assert changed == [2, 5, 6]  # the last repeat has nothing to move to
    assert "redrawn: 3 repeated frames" in ended.out
    assert json.loads(ended.out.splitlines()[-1])["results"][0]["redrawn"] == 3


def test_mask_keeps_its_part_of_the_picture(cli: RunCli, clip: Path, folder: Path) -> None:
    mask = np.zeros((48, 64, 3), np.uint8)
    mask[:, :32] = 255
    write_pictures(folder / "mask", [mask])
    cli("--video", clip, "--mask", "mask/shot_0001.png", "--png-only")
    new = read_pictures(Path("vid_out"))[1]
    assert np.array_equal(new[:, :32], PICTURES[0][:, :32])
    assert not np.array_equal(new[:, 32:], PICTURES[0][:, 32:])


def test_montage_shows_the_source_at_the_left(cli: RunCli, clip: Path) -> None:
    cli("--video", clip, "--montage", "--output", "out.mp4", "--keep-pngs")
    left, right = zip(
        *(np.split(p, 2, axis=1) for p in read_pictures(Path("vid_out"))), strict=True
    )
    assert same(list(left), [picture for picture in PICTURES for _ in range(2)])
    assert same(list(right[::2]), PICTURES)
    assert probe_video(Path("out.mp4")).width == 128


def test_montage_of_another_layout_is_written_in_its_size(cli: RunCli, clip: Path) -> None:
    cli("--video", clip, "--montage", "stacked", "--output", "stacked.mp4")
    cli("--video", clip, "--montage", "split", "--output", "split.mp4")
    sizes = [probe_video(Path(f"{name}.mp4")) for name in ("stacked", "split")]
    assert [(info.width, info.height) for info in sizes] == [(64, 96), (64, 48)]


def test_montage_labels_are_the_rates_unless_others_are_given(cli: RunCli, clip: Path) -> None:
    def montage(*labels: str) -> bytes:
        cli("--video", clip, "--montage", *labels, "--png-only", "--overwrite")
        return b"".join(picture.tobytes() for picture in read_pictures(Path("vid_out")))

    assert montage("--montage-labels") == montage("--montage-labels", "24 fps | 48 fps")
    assert montage("--montage-labels") != montage()


def test_montage_labels_without_a_montage_are_refused(cli: RunCli, clip: Path) -> None:
    ended = cli("--video", clip, "--montage-labels", "--output", "out.mp4")
    assert ended.code == 2
    assert "--montage-labels requires --montage" in ended.err


def test_skip_is_taken_and_said_to_do_nothing(cli: RunCli, clip: Path) -> None:
    ended = cli("--video", clip, "--skip", "--output", "out.mp4")
    assert "note: --skip is ignored; --duplicates redraw replaces" in ended.out


# --- what it says --------------------------------------------------------------------------------


def test_header_names_input_output_and_model(cli: RunCli, talkie: Path) -> None:
    ended = cli("--video", talkie, "--output", "out.mp4", "--keep-pngs", "--UHD")
    assert re.search(r"^input +\S+talkie\.mp4  64x48, 12 frames, 24 fps$", ended.out, re.M)
    assert re.search(
        r"^output +out\.mp4 and vid_out  24 frames, 48 fps, audio kept$", ended.out, re.M
    )
    assert re.search(r"^model +RIFE .*5 blocks, cpu, (fp32|bf16), scale 0\.5$", ended.out, re.M)


@pytest.mark.parametrize(
    ("options", "target"),
    [(("--keep-pngs",), "out.mp4 and vid_out"), (("--png-only",), "out.mp4")],
    ids=["video and pngs", "pngs"],
)
def test_closing_line_names_all_output(
    cli: RunCli, clip: Path, options: tuple[str, ...], target: str
) -> None:
    last = cli("--video", clip, "--output", "out.mp4", *options).out.splitlines()[-1]
    assert re.fullmatch(rf"done: {target} \(8 frames, \d+\.\d s, \d+\.\d fps\)", last)


def test_progress_counts_output_frames(cli: RunCli, clip: Path) -> None:
    ended = cli("--video", clip, "--output", "out.mp4")
    assert "0/8 [" in ended.err
    assert "8/8 [" in ended.err


def test_fp16_is_a_precision(cli: RunCli, clip: Path) -> None:
    ended = cli("--video", clip, "--output", "out.mp4", "--fp16")
    assert ended.code == 0
    assert "cpu, fp16" in ended.out


@pytest.mark.parametrize("evaluation", ["plain", "exact"])
def test_evaluation_can_be_chosen(
    cli: RunCli, clip: Path, evaluation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[str] = []
    for way, owner in (("plain", IFNet), ("exact", Pyramid)):
        name = "forward" if way == "plain" else "__call__"
        run = getattr(owner, name)

        def noted(*args: Any, way: str = way, run: Any = run) -> Any:
            used.append(way)
            return run(*args)

        monkeypatch.setattr(owner, name, noted)
    assert cli("--video", clip, "--output", "out.mp4", "--evaluation", evaluation).code == 0
    assert set(used) == {evaluation}


def test_evaluation_that_cannot_run_here_is_one_message(cli: RunCli, clip: Path) -> None:
    ended = cli("--video", clip, "--output", "out.mp4", "--device", "cpu", "--evaluation", "triton")
    assert ended.code == 2
    assert ended.err == (
        "error: evaluation triton cannot run here: it needs a GPU with CUDA, and the network runs on cpu. "
        "Choose auto, which is the fastest there is.\n"
    )
    assert not Path("out.mp4").exists()


def test_version_is_the_one_of_the_package(cli: RunCli) -> None:
    ended = cli("--version")
    pyproject = (SCRIPT.parent / "pyproject.toml").read_text()
    assert ended.code == 0
    assert f'version = "{ended.out.split()[-1]}"' in pyproject


def test_inspect_describes_a_checkpoint(cli: RunCli, checkpoint: Path) -> None:
    ended = cli("--inspect", checkpoint)
    rows = dict(re.findall(r"^(\S.*?) {2,}(.+)$", ended.out, re.M))
    assert ended.code == 0
    assert rows["network"] == "RIFE unnamed, 5 blocks"
    assert rows["weights"] == "109,716 in 158 tensors"
    assert rows["left out"] == "none"
    assert rows["config"] == str(TINY_CONFIG)


@pytest.mark.slow
def test_demo_needs_no_material(cli: RunCli, folder: Path) -> None:
    assert cli("--demo").code == 0
    assert {path.name for path in folder.iterdir()} == {"demo.mp4", "demo_2X_24fps.mp4"}
    assert count_frames(Path("demo_2X_24fps.mp4")) == 48
    assert sound_packets(Path("demo_2X_24fps.mp4"))


def test_demo_does_not_replace_a_file_of_the_user(cli: RunCli, folder: Path) -> None:
    Path("demo.mp4").write_text("precious")
    ended = cli("--demo")
    assert ended.code == 2
    assert "demo.mp4 exists already" in ended.err
    assert snapshot(folder) == {folder / "demo.mp4": b"precious"}


@pytest.mark.parametrize(
    ("root", "models"),
    [("rife", "rife/ckpts"), ("custom_nodes/rife", "models/frame_interpolation")],
    ids=["ckpts beside the script", "models of the ComfyUI around it"],
)
def test_model_is_found_by_its_version(
    cli: RunCli,
    clip: Path,
    checkpoint: Path,
    monkeypatch: pytest.MonkeyPatch,
    root: str,
    models: str,
) -> None:
    Path(models).mkdir(parents=True)
    (Path(models) / "rife_v4.26.pth").write_bytes(checkpoint.read_bytes())
    monkeypatch.setattr("cli.checkpoints.ROOT", Path(root).resolve())
    ended = cli("--video", clip, "--model", "auto")
    assert ended.code == 0
    assert f"model 4.26: the best on disk, {Path(models).resolve()}" in ended.out


# --- wrong inputs --------------------------------------------------------------------------------


class _RunsCode:
    """Unpickling it makes a folder named "pwned" in the current folder."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, ("pwned",)


@pytest.fixture(scope="module")
def wrong_inputs(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    """Files of many kinds; shared, as a run that fails changes nothing."""
    folder = tmp_path_factory.mktemp("wrong")
    clip = write_clip(folder / "clip.mkv", PICTURES)
    write_clip(folder / "one.mkv", PICTURES[:1])
    write_clip_without_frames(folder / "empty.avi", clip)
    write_damaged_clip(folder / "damaged.mkv", num_frames=6, damaged=4)
    (folder / "text.mp4").write_text("This is not a video.\n" * 100)
    write_pictures(folder / "sizes", [PICTURES[0], PICTURES[1][:20]])
    (folder / "no pictures").mkdir()
    (folder / "cut.pth").write_bytes(checkpoint.read_bytes()[:100_000])
    (folder / "code.pkl").write_bytes(pickle.dumps(_RunsCode(), protocol=2))
    torch.save({"conv.weight": torch.zeros(3, 3)}, folder / "other.pth")
    return folder


WRONG = {
    "no source": ("", 2, "one of the arguments --video --img --join --demo"),
    "two sources": ("--video clip.mkv --demo", 2, "not allowed with"),
    "missing file": ("--video none.mp4", 2, "none.mp4: there is no such file"),
    "folder as video": ("--video sizes", 2, "sizes: there is no video in this folder"),
    "no frames": ("--video empty.avi", 1, "empty.avi: this video has no frames"),
    "one frame": (
        "--video one.mkv",
        2,
        "This clip has one frame, and interpolation needs at least two",
    ),
    "text": ("--video text.mp4", 1, "text.mp4: FFmpeg cannot read this file"),
    "damage": ("--video damaged.mkv", 1, "damaged.mkv: frame 4 does not decode"),
    "damage, pngs": (
        "--video damaged.mkv --keep-pngs --no-resume",
        1,
        "frame 4 does not decode",
    ),
    "missing folder": ("--img none", 2, "none does not exist"),
    "empty folder": ("--img no_pictures", 2, "no pictures has no images"),
    "sizes differ": ("--img sizes", 2, "shot_0001.png is 64x48, shot_0002.png is 64x20"),
    "cut checkpoint": (
        "--video clip.mkv --model cut.pth",
        1,
        "cut.pth is not a complete PyTorch checkpoint",
    ),
    "code": ("--video clip.mkv --model code.pkl", 1, "It was not run"),
    "other network": (
        "--video clip.mkv --model other.pth",
        1,
        "other.pth: this is not a RIFE network",
    ),
    "unknown version": (
        "--video clip.mkv --model 9.99",
        2,
        'model "9.99": there is no such version. Known are 4.25',
    ),
    "missing checkpoint": (
        "--video clip.mkv --model none.pth",
        2,
        "none.pth: there is no such file or folder",
    ),
    "inspect nothing": ("--inspect none.pth", 1, "none.pth: there is no such file or folder"),
    "inspect text": ("--inspect text.mp4", 1, "text.mp4 is not a complete PyTorch"),
    "unwritable": (
        "--video clip.mkv --output text.mp4/a.mp4",
        2,
        "text.mp4/a.mp4 cannot be written",
    ),
    "unwritable pngs": (
        "--video clip.mkv --png-only --output text.mp4/a",
        2,
        "text.mp4/a cannot be written",
    ),
    "output is a folder": ("--video clip.mkv --output .", 2, ". is a folder; add a file name"),
    "output format": ("--video clip.mkv --output a.avi", 2, "a.avi: cannot write .avi"),
    "multi": (
        "--video clip.mkv --multi 1",
        2,
        "must be a whole number from 2 to 999999999, got '1'",
    ),
    "multi text": (
        "--video clip.mkv --multi two",
        2,
        "a whole number from 2 to 999999999, got 'two'",
    ),
    "multi huge": (
        "--video clip.mkv --multi 9999999999",
        2,
        "from 2 to 999999999, got '9999999999'",
    ),
    "exp": ("--video clip.mkv --exp 7", 2, "must be a whole number from 1 to 6, got '7'"),
    "scale": (
        "--video clip.mkv --scale 3",
        2,
        "argument --scale: scale must be one of 0.25, 0.5, 1, 2, 4, auto",
    ),
    "fps": ("--video clip.mkv --fps 0", 2, "'0' is no frame rate"),
    "speed": ("--video clip.mkv --speed 0", 2, "A speed must be a number above 0"),
    "ramp": ("--video clip.mkv --ramp 0-1", 2, "Invalid speed ramp: '0-1' has no colon"),
    "cuts": ("--video clip.mkv --cuts 1.5", 2, "Cuts must be frame numbers such as 48"),
    "threshold": ("--video clip.mkv --scene-threshold -1", 2, "must be 0 or more"),
    "two rates": ("--video clip.mkv --multi 3 --target-fps 60", 2, "not allowed with argument"),
    "two speeds": ("--video clip.mkv --speed 2 --ramp 0:1", 2, "not allowed with argument"),
    "source fps": ("--video clip.mkv --source-fps 16", 2, "--source-fps requires --img"),
    "no mask": ("--video clip.mkv --mask none.png", 2, "none.png: there is no such file"),
    "fps text": ("--video clip.mkv --fps 24/0", 2, "'24/0' is no frame rate"),
    "preset": ("--video clip.mkv --preset best", 2, "argument --preset: invalid choice: 'best'"),
    "preset and output": (
        "--video clip.mkv --preset master --output a.mp4",
        2,
        "a.mp4: preset master writes .mov or .mkv, not .mp4",
    ),
    "preset and ext": (
        "--video clip.mkv --ext webm",
        2,
        "preset share writes .mp4 or .mov or .mkv, not .webm",
    ),
    "crf": ("--video clip.mkv --crf 52", 2, "crf must be 0 to 51, got 52"),
    "crf without": (
        "--video clip.mkv --preset gif --crf 9 --fps 24",
        2,
        "Preset gif has no quality setting",
    ),
    "gif rate": (
        "--video clip.mkv --preset gif --multi 4",
        2,
        "Preset gif plays at most 50 frames per second",
    ),
    "ffmpeg options": (
        "--video clip.mkv --ffmpeg-options=-y",
        2,
        "'-y' is not among those",
    ),
    "ext": ("--video clip.mkv --ext avi", 2, "argument --ext: invalid choice: 'avi'"),
    "png": ("--video clip.mkv --png", 2, "--png was removed: use --png-only, or --keep-pngs"),
    "device": ("--video clip.mkv --device nonsense", 2, "--device nonsense cannot be used here"),
    "device without data": (
        "--video clip.mkv --device meta",
        2,
        "--device meta cannot be used here",
    ),
}


@pytest.mark.parametrize(("arguments", "code", "message"), WRONG.values(), ids=WRONG.keys())
def test_wrong_input_is_explained_and_leaves_nothing(
    cli: RunCli,
    wrong_inputs: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: str,
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(wrong_inputs)
    before = snapshot(wrong_inputs)
    ended = cli(*(argument.replace("_pictures", " pictures") for argument in arguments.split()))
    assert ended.code == code
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert snapshot(wrong_inputs) == before  # no output, no .partial, and no code was run


def test_debug_shows_where_an_error_comes_from(cli: RunCli) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        cli("--video", "none.mp4", "--debug")


def test_full_gpu_is_explained(cli: RunCli, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill_the_gpu(*_: object, **__: object) -> int:
        raise torch.OutOfMemoryError("Tried to allocate 9 GiB.\ndetails")

    monkeypatch.setattr("cli.rendering.render", fill_the_gpu)
    ended = cli("--video", clip)
    assert ended.code == 1
    assert ended.err.endswith(
        "error: Tried to allocate 9 GiB. Try --scale 0.5 or --precision fp16.\n"
    )


# --- as a process: interruption and memory -------------------------------------------------------


@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "kill"])
def test_interrupted_run_ends_and_leaves_no_file(
    folder: Path, checkpoint: Path, number: signal.Signals
) -> None:
    clip = write_clip(folder / "clip.mkv", moving_pictures(48))
    options = ("--multi", 64, "--keep-pngs", "--output", "out.mp4", "--no-resume")
    command = script(checkpoint, "--video", clip, *options)
    with stopped_at(command, folder / "vid_out.partial" / "0000001.png") as process:
        assert (folder / "out.mp4.segments").exists()
        err = end(process, number)
    assert process.returncode == 130
    assert err.endswith("interrupted; nothing was written under the final name.\n")
    assert "Traceback" not in err
    assert list(folder.iterdir()) == [clip]


# In a process of its own: before it runs its program, a child counts the memory of its parent.
_MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""


def peak_memory(command: list[str]) -> int:
    """Run a command; returns the most memory it had, in bytes."""
    # With the threshold, glibc gives the memory of frames back as soon as they are gone; without,
    # the peak of one and the same run varies by 30 MB.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": "65536"}
    measure = [sys.executable, "-c", _MEASURE, *command]
    done = subprocess.run(measure, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss is in KiB on Linux")
def test_memory_does_not_grow_with_the_clip(folder: Path, checkpoint: Path) -> None:
    pictures = moving_pictures(20, width=320, height=180)
    short = write_clip(folder / "short.mp4", pictures)
    long = write_clip(folder / "long.mp4", 4 * pictures)
    # An encoder that holds no frames back: x264 would not have filled its queue with the short clip.
    options = ("--preset", "lossless")
    peaks = [peak_memory(script(checkpoint, "--video", clip, *options)) for clip in (short, long)]
    all_further_frames = 60 * 2 * pictures[0].nbytes
    assert peaks[1] - peaks[0] < all_further_frames / 4


# --- checkpoints ---------------------------------------------------------------------------------


def test_inspect_and_convert_keep_what_a_fine_tuned_checkpoint_says(cli: RunCli) -> None:
    tuning = Tuning("4.26", "ab" * 32, "cd" * 32, 1500, "CC BY-NC 4.0")
    weights = random_weights(TINY_CONFIG, seed=0)
    Path("anime.safetensors").write_bytes(canonical_bytes(weights, tuning.as_metadata()))
    assert cli("--convert", "anime.safetensors", "copy.safetensors").code == 0
    ended = cli("--inspect", "copy.safetensors")
    rows = dict(re.findall(r"^(\S.*?) {2,}(.+)$", ended.out, re.M))
    assert rows["fine-tuned from"] == f"4.26, weights {'ab' * 32}"
    assert rows["training"] == f"1500 steps on data {'cd' * 32}"
    assert rows["licence"] == "CC BY-NC 4.0"


def test_inspect_reads_a_folder_as_upstream_unpacks_it(cli: RunCli, checkpoint: Path) -> None:
    Path("train_log").mkdir()
    shutil.copy(checkpoint, "train_log/flownet.pkl")
    ended = cli("--inspect", "train_log")
    assert (ended.code, "5 blocks" in ended.out) == (0, True)


def test_convert_writes_the_same_network_as_safetensors(cli: RunCli, checkpoint: Path) -> None:
    ended = cli("--convert", checkpoint, "clean.safetensors")
    assert ended.code == 0
    assert "done: clean.safetensors" in ended.out
    expected = canonical_bytes(random_weights(TINY_CONFIG, seed=0))
    assert Path("clean.safetensors").read_bytes() == expected


def test_convert_keeps_an_existing_file(cli: RunCli, checkpoint: Path) -> None:
    Path("clean.safetensors").write_text("mine")
    ended = cli("--convert", checkpoint, "clean.safetensors")
    assert ended.code == 2
    assert "clean.safetensors exists already" in ended.err
    assert Path("clean.safetensors").read_text() == "mine"


def test_convert_refuses_another_network_and_another_extension(
    cli: RunCli, checkpoint: Path
) -> None:
    torch.save({"conv.weight": torch.zeros(1)}, "other.pth")
    assert cli("--convert", "other.pth", "out.safetensors").code == 1
    assert cli("--convert", checkpoint, "out.pth").code == 2
    assert not list(Path().glob("out*"))


def test_list_models_names_every_version_and_how_to_get_it(cli: RunCli) -> None:
    ended = cli("--list-models")
    assert ended.code == 0
    rows = {line.split()[0]: line for line in ended.out.splitlines() if line}
    assert "4.25" in rows
    assert "(pip)" in rows["3.6"] or "ckpts" in rows["3.6"]
    assert "(https, first use)" in rows["4.10"] or "ckpts" in rows["4.10"]
    assert "its hash is recorded" in ended.out


def test_ensemble_is_refused_where_the_network_has_none(cli: RunCli, clip: Path) -> None:
    ended = cli("--video", clip, "--ensemble", "--output", "out.mp4")
    assert ended.code == 2
    assert "has no ensemble" in ended.err
    assert not list(Path().glob("out*"))


def test_ensemble_changes_new_frames_and_leaves_originals(cli: RunCli, clip: Path) -> None:
    torch.save(random_weights(preset_config("4.6"), seed=0), "rife46.pth")
    for folder, options in (("plain", []), ("averaged", ["--ensemble"])):
        arguments = ("--video", clip, "--model", "rife46.pth", "--png-only", "--output", folder)
        assert cli(*arguments, *options).code == 0
    plain, averaged = (
        [path.read_bytes() for path in sorted(Path(name).iterdir())]
        for name in ("plain", "averaged")
    )
    assert plain[0] == averaged[0]
    assert plain[1] != averaged[1]


def test_quality_changes_new_frames_and_leaves_originals(cli: RunCli, clip: Path) -> None:
    for quality in QUALITIES:
        arguments = ("--video", clip, "--png-only", "--quality", quality, "--output", quality)
        assert cli(*arguments).code == 0
    first, second = ({Path(q, f"000000{i}.png").read_bytes() for q in QUALITIES} for i in (0, 1))
    assert (len(first), len(second)) == (1, len(QUALITIES))


def test_scale_auto_changes_new_frames_and_leaves_originals(cli: RunCli, clip: Path) -> None:
    for scale in ("1", "auto"):
        assert cli("--video", clip, "--png-only", "--scale", scale, "--output", scale).code == 0
    first, second = (
        {Path(s, f"000000{i}.png").read_bytes() for s in ("1", "auto")} for i in (0, 1)
    )
    assert (len(first), len(second)) == (1, 2)


def test_version_that_the_weights_contradict_is_refused(cli: RunCli, clip: Path) -> None:
    torch.save(random_weights(preset_config("4.6"), seed=0), "mine.pth")
    ended = cli("--video", clip, "--model", "mine.pth", "--model-version", "3.8")
    assert ended.code == 1
    assert "this is not RIFE 3.8 but the network of 4.6" in ended.err


def test_multiplier_the_network_cannot_hit_exactly_is_noted(cli: RunCli, clip: Path) -> None:
    torch.save(random_weights(preset_config("3.6"), seed=0), "rife36.pth")
    arguments = ("--video", clip, "--model", "rife36.pth", "--overwrite", "--output", "out.mp4")
    assert "nearest sixteenths" in cli(*arguments, "--multi", 3).out
    assert "nearest sixteenths" not in cli(*arguments, "--multi", 2).out


@pytest.mark.parametrize("options", [["--output", "clip.mkv"], ["--output", "./clip.mkv"]])
def test_source_is_never_overwritten_by_its_result(
    cli: RunCli, clip: Path, options: list[str]
) -> None:
    before = clip.read_bytes()
    ended = cli("--video", clip, "--overwrite", *options)
    assert ended.code == 2
    assert "would replace the input" in ended.err
    assert clip.read_bytes() == before


def test_source_folder_is_never_overwritten_by_its_result(cli: RunCli, folder: Path) -> None:
    write_pictures(folder / "vid_out", PICTURES[:2])
    before = snapshot(folder)
    assert cli("--img", "vid_out", "--png-only", "--overwrite").code == 2
    assert snapshot(folder) == before
