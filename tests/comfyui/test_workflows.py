"""Whole workflows in a real ComfyUI: what comes out, what is cached, what an error says."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from tests.helpers.clips import count_frames, frame_rate, moving_pictures, read_pictures
from tests.helpers.comfy_server import Comfy, Workflow
from tests.helpers.workflows import (
    PAIR,
    behind_slider,
    blank,
    complaint,
    everything_in,
    inputs,
    interpolate,
    load,
    node,
    png,
    refusal,
    several,
    shown,
    shown_files,
    smooth_pair,
    timed,
    video,
)
from vfi.encode import PRESETS, opens
from vfi.preprocess.scene_detection import DEFAULT_THRESHOLD
from vfi.read.image_sequence import probe_image_folder, read_image_folder
from vfi.read.video import probe_video, read_video

PICTURES = moving_pictures(2, width=96, height=64)


# --- files ---------------------------------------------------------------------------------------


def test_pair_becomes_pngs_with_the_originals_bit_for_bit(comfy: Comfy) -> None:
    ended = comfy.run({**smooth_pair(multi=4), "png": png("exact/RIFE", ["smooth", 0])})
    files = shown_files(comfy, ended.outputs["png"])
    assert [file.name for file in files] == [f"{number:07}.png" for number in range(5)]
    pictures = read_pictures(files[0].parent)
    assert np.array_equal(pictures[0], PICTURES[0])
    assert np.array_equal(pictures[4], PICTURES[1])
    assert not np.array_equal(pictures[2], pictures[1])


def test_pair_becomes_a_video_that_the_front_end_plays(comfy: Comfy) -> None:
    ended = comfy.run({**smooth_pair(multi=4), "video": video("played/RIFE", ["smooth", 0])})
    (path,) = shown_files(comfy, ended.outputs["video"])
    assert ended.outputs["video"]["animated"] == [True]
    assert path == comfy.output / "played" / "RIFE_00001_.mp4"
    assert count_frames(path) == 5


@pytest.mark.parametrize(
    ("preset", "suffix", "shown_suffix", "is_animated"),
    [
        ("webm", ".webm", ".webm", True),
        ("webp", ".webp", ".webp", True),
        ("gif", ".gif", ".gif", False),  # Nodes 2.0 takes an animated one for a video
        ("high-quality", ".mp4", ".mp4.jpg", False),
        ("master", ".mov", ".mov.jpg", False),
        ("lossless", ".mkv", ".mkv.jpg", False),
    ],
)
def test_export_preset_makes_its_file_and_shows_what_browsers_can(
    comfy: Comfy, preset: str, suffix: str, shown_suffix: str, is_animated: bool
) -> None:
    export = video(f"preset_{preset}/RIFE", ["pair", 0], preset=preset)
    ended = comfy.run({**PAIR, "video": export})
    path = comfy.output / f"preset_{preset}" / f"RIFE_00001_{suffix}"
    assert ended.succeeded
    assert len(list(read_video(probe_video(path)))) == 2
    shown = ended.outputs["video"]
    assert any(shown.get("animated") or ()) == is_animated
    (image,) = shown["images"]
    assert image["filename"] == f"RIFE_00001_{shown_suffix}"
    if shown_suffix.endswith(".jpg"):
        (still,) = read_temporary(comfy, shown["images"])
        # Noise is much for JPEG, but it is the first picture, not the second.
        first, second = (np.abs(still.astype(int) - picture).mean() for picture in PICTURES)
        assert first < second


def test_export_keeps_transparency_where_the_preset_has_it(comfy: Comfy) -> None:
    mask = node("SolidMask", value=1.0, width=64, height=64)
    images = {"images": blank(2), "mask": mask}
    rgba = node("JoinImageWithAlpha", image=["images", 0], alpha=["mask", 0])
    export = video("see_through/RIFE", ["rgba", 0], preset="lossless")
    assert comfy.run({**images, "rgba": rgba, "video": export}).succeeded
    with av.open(str(comfy.output / "see_through" / "RIFE_00001_.mkv")) as container:
        pixels = next(container.decode(video=0)).to_ndarray(format="rgba")
    assert tuple(pixels[0, 0]) == (0x33, 0x66, 0x99, 0)


def test_export_takes_options_of_the_encoder_and_no_others(comfy: Comfy) -> None:
    export = video("options/RIFE", ["images", 0], ffmpeg_options="-preset ultrafast")
    assert comfy.run({"images": blank(2), "video": export}).succeeded
    assert b"cabac=0" in (comfy.output / "options" / "RIFE_00001_.mp4").read_bytes()
    export["inputs"]["ffmpeg_options"] = "-f image2 /tmp/x"
    message = refusal(comfy, {"images": blank(2), "video": export}, "video")
    assert message.startswith("Write ffmpeg options as preset=slow")
    assert "'-f' is not among those" in message


def test_export_takes_the_speed_of_the_encoder_where_there_are_several(comfy: Comfy) -> None:
    fast = video("encoder_speed/RIFE", ["images", 0], encoder_speed="fast")
    lossless = video("encoder_speed/RIFE", ["images", 0], encoder_speed="fast", preset="lossless")
    assert comfy.run({"images": blank(2), "fast": fast, "lossless": lossless}).succeeded
    (path,) = (comfy.output / "encoder_speed").glob("*.mp4")
    assert b"subme=2 " in path.read_bytes()
    assert len(list((comfy.output / "encoder_speed").glob("*.mkv"))) == 1


def test_exports_dither_new_frames_and_leave_originals(comfy: Comfy) -> None:
    workflow = smooth_pair()
    for dither in (False, True):
        workflow[f"png_{dither}"] = png(f"dithered/{dither}", ["smooth", 0], dither=dither)
    film = video("dithered/film", ["smooth", 0], preset="lossless", dither=True)
    assert comfy.run({**workflow, "film": film}).succeeded
    plain, dithered = (
        np.stack(read_pictures(comfy.output / "dithered" / f"{dither}_00001_")).astype(int)
        for dither in (False, True)
    )
    assert np.abs(dithered - plain).max(axis=(1, 2, 3)).tolist() == [0, 1, 0]
    frames = read_video(probe_video(comfy.output / "dithered" / "film_00001_.mkv"))
    assert np.array_equal(np.stack([frame.pixels.numpy() for frame in frames]), dithered)


@pytest.mark.parametrize(
    "options", [{"quality": "best"}, {"quality": "ultra"}, {"scale": "auto"}], ids=str
)
def test_better_estimates_change_new_frames_and_leave_originals(
    comfy: Comfy, options: dict[str, str]
) -> None:
    runs = []
    for chosen in ({}, options):
        workflow = smooth_pair()
        workflow["smooth"]["inputs"] |= chosen
        ended = comfy.run({**workflow, "png": png("quality/RIFE", ["smooth", 0])})
        runs.append(read_pictures(shown_files(comfy, ended.outputs["png"])[0].parent))
    (first, new, last), (better_first, better_new, better_last) = runs
    assert np.array_equal(first, better_first)
    assert np.array_equal(last, better_last)
    assert not np.array_equal(new, better_new)


def test_second_export_takes_the_next_number(comfy: Comfy) -> None:
    for colour in (1, 2):
        images = node("EmptyImage", width=64, height=64, batch_size=2, color=colour)
        comfy.run({"images": images, "png": png("numbered/RIFE", ["images", 0])})
        comfy.run({"images": images, "video": video("numbered/RIFE", ["images", 0])})
    names = sorted(path.name for path in (comfy.output / "numbered").iterdir())
    assert names == ["RIFE_00001_", "RIFE_00002_.mp4", "RIFE_00003_", "RIFE_00004_.mp4"]


@pytest.mark.parametrize(
    ("fps", "exact"),
    [(16.0, Fraction(16)), (47.952, Fraction(48000, 1001)), (12.5, Fraction(25, 2))],
)
def test_rate_of_the_video_is_exact(comfy: Comfy, fps: float, exact: Fraction) -> None:
    ended = comfy.run({"images": blank(5), "video": video("rate/RIFE", ["images", 0], fps)})
    (path,) = shown_files(comfy, ended.outputs["video"])
    assert frame_rate(path) == exact


def test_files_hold_the_workflow(comfy: Comfy) -> None:
    workflow = {
        **smooth_pair(),
        "png": png("tags/RIFE", ["smooth", 0]),
        "video": video("tags/RIFE", ["smooth", 0]),
    }
    graph = {"nodes": ["the graph with 'quotes' = ä; #\n"]}
    ended = comfy.run(workflow, extra_pnginfo={"workflow": graph})
    (film,) = shown_files(comfy, ended.outputs["video"])
    with av.open(str(film)) as container:
        tags = [container.metadata]
    for file in shown_files(comfy, ended.outputs["png"]):
        with Image.open(file) as image:
            tags.append(image.text)  # pyright: ignore  only PNG images have it
    assert [inputs(json.loads(tag["prompt"])) for tag in tags] == 4 * [inputs(workflow)]
    assert [json.loads(tag["workflow"]) for tag in tags] == 4 * [graph]


@pytest.mark.parametrize(("workflow_in", "count"), [("first file", 1), ("no file", 0)])
def test_pngs_hold_the_workflow_where_one_says(comfy: Comfy, workflow_in: str, count: int) -> None:
    export = png("some_tags/RIFE", ["images", 0], workflow_in=workflow_in)
    ended = comfy.run({"images": blank(3), "png": export})
    texts: list[dict[str, str]] = []
    for file in shown_files(comfy, ended.outputs["png"]):
        with Image.open(file) as image:
            texts.append(image.text)  # pyright: ignore  only PNG images have it
    assert [bool(text) for text in texts] == [True] * count + [False] * (3 - count)


@pytest.mark.parametrize("bit_depth", ["8", "16"])
def test_pngs_keep_transparency_and_depth(comfy: Comfy, bit_depth: str) -> None:
    mask = node("SolidMask", value=0.7, width=64, height=64)
    rgba = node("JoinImageWithAlpha", image=["images", 0], alpha=["mask", 0])
    export = png("clear/RIFE", ["rgba", 0], bit_depth=bit_depth, compression=9)
    ended = comfy.run({"images": blank(2), "mask": mask, "rgba": rgba, "png": export})
    info = probe_image_folder(shown_files(comfy, ended.outputs["png"])[0].parent)
    pixels = next(read_image_folder(info, Fraction(24), alpha=True)).pixels[0, 0].double()
    assert (info.has_alpha, info.bit_depth) == (True, int(bit_depth))
    is_deep = bit_depth == "16"
    values = pixels * (65535 if is_deep else 1)
    alpha = round(0.3 * 65535) if is_deep else round(0.3 * 255)
    scale = 257 if is_deep else 1
    assert values.round().int().tolist() == [0x33 * scale, 0x66 * scale, 0x99 * scale, alpha]


def test_sound_is_cut_to_the_length_of_the_picture(comfy: Comfy) -> None:
    sound = node("EmptyAudio", duration=5.0, sample_rate=44100, channels=2)
    film = video("sound/RIFE", ["images", 0], 16.0, audio=["sound", 0])
    ended = comfy.run({"images": blank(8), "sound": sound, "video": film})
    with av.open(str(shown_files(comfy, ended.outputs["video"])[0])) as container:
        (track,) = container.streams.audio
        assert track.codec_context.name == "aac"
        assert float((track.duration or 0) * track.time_base) == pytest.approx(0.5, abs=0.05)


# --- what other nodes get ------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "multi", "expected"), [(33, 2, 65), (5, 4, 17)])
def test_batch_of_n_becomes_n_minus_1_times_multi_plus_1(
    comfy: Comfy, count: int, multi: int, expected: int
) -> None:
    ended = comfy.run(
        {
            "images": blank(count),
            "model": load(),
            "smooth": interpolate(["images", 0], multi),
            "png": png(f"batch{count}/RIFE", ["smooth", 0]),
            "count": node("PreviewAny", source=["smooth", 2]),
        }
    )
    assert ended.text("count") == str(expected)
    assert len(shown_files(comfy, ended.outputs["png"])) == expected


def test_scale_reaches_the_network(comfy: Comfy) -> None:
    folders = []
    for scale in ("1", "0.5"):
        ended = comfy.run({**smooth_pair(scale=scale), "png": png("scale/RIFE", ["smooth", 0])})
        folders.append(shown_files(comfy, ended.outputs["png"])[0].parent)
    one, half = (read_pictures(folder)[1] for folder in folders)
    assert not np.array_equal(one, half)


def test_folder_of_the_pngs_is_passed_on(comfy: Comfy) -> None:
    workflow = {"images": blank(2), "png": png("told/RIFE", ["images", 0])}
    ended = comfy.run({**workflow, "folder": node("PreviewAny", source=["png", 0])})
    assert Path(ended.text("folder")) == comfy.output / "told" / "RIFE_00001_"


def test_core_nodes_can_use_the_video(comfy: Comfy) -> None:
    saved = {"video": ["video", 0], "filename_prefix": "core/again"}
    ended = comfy.run(
        {
            "images": blank(6),
            "video": video("core/RIFE", ["images", 0], 24.0),
            "saved": node("SaveVideo", **saved, format="auto", codec="auto"),
            "parts": node("GetVideoComponents", video=["video", 0]),
            "fps": node("PreviewAny", source=["parts", 2]),
            "png": png("core/parts", ["parts", 0]),
        }
    )
    assert count_frames(shown_files(comfy, ended.outputs["saved"])[0]) == 6
    assert ended.text("fps") == "24.0"
    assert len(shown_files(comfy, ended.outputs["png"])) == 6


# --- rates, speeds, loops, cuts, masks -----------------------------------------------------------


def retime(source: float, target: float, speed: float = 1.0, **options: object) -> dict[str, Any]:
    rate = {"target_fps": target}
    mode = timed("target fps", **rate) if speed == 1 else timed("speed", speed=speed, **rate)
    return interpolate(["clip", 0], fps=source, **mode, **options)


def ramp(source: float, target: float, text: str, **options: object) -> dict[str, Any]:
    mode = timed("speed ramp", ramp=text, target_fps=target)
    return interpolate(["clip", 0], fps=source, **mode, **options)


@pytest.mark.parametrize(
    ("rates", "options", "fps", "count"),
    [
        ((16.0, 24.0), {}, "24.0", 6),
        ((16.0, 24.0), {"end": "last-frame"}, "24.0", 5),
        ((23.976, 59.94), {}, "59.94005994005994", 10),
        ((24.0, 12.0), {}, "12.0", 2),
        ((24.0, 24.0, 0.5), {}, "24.0", 8),
        ((24.0, 24.0, 2.0), {}, "24.0", 2),
        ((16.0, 32.0), {"loop": True}, "32.0", 8),
    ],
    ids=["16-24", "to the last frame", "broadcast", "lower", "slow", "fast", "loop"],
)
def test_retimed_clip_has_the_rate_and_length_asked_for(
    comfy: Comfy, rates: tuple[float, ...], options: dict[str, Any], fps: str, count: int
) -> None:
    clip = several("first", "second", "first", "second")
    out = retime(*rates, **options)
    pictures, texts = shown(comfy, {**clip, "out": out}, "retime")
    assert texts == {"text1": fps, "text2": str(count)}
    assert len(pictures) == count
    assert np.array_equal(pictures[0], PICTURES[0])


def test_ramp_slows_down_where_it_says(comfy: Comfy) -> None:
    clip = several("first", "second", "first")
    out = ramp(1.0, 2.0, "0:1 1:1 2:0.5", scene_threshold=DEFAULT_THRESHOLD)
    pictures, texts = shown(comfy, {**clip, "out": out}, "ramp")
    assert texts == {"text1": "2.0", "text2": "9"}  # 1 s, 4/3 s on the way down, 2 s at 0.5
    assert np.array_equal(pictures[2], PICTURES[1])


def test_curve_takes_the_place_of_the_text(comfy: Comfy) -> None:
    flat = {"points": [[0, 1], [1, 1]], "interpolation": "linear"}  # the top: four times as fast
    out = ramp(1.0, 4.0, "0:1", curve=["drawn", 0])
    drawn = {"drawn": node("CurveEditor", curve=flat)}
    pictures, _ = shown(comfy, {**several("first", "second"), **drawn, "out": out}, "curve")
    assert np.array_equal(np.stack(pictures), np.stack(PICTURES))


def test_ramp_that_is_none_is_explained(comfy: Comfy) -> None:
    out = ramp(1.0, 2.0, "slow")
    workflow = {**several("first", "second"), "model": load(), "out": out}
    workflow |= {"png": png("x/R", ["out", 0])}
    assert refusal(comfy, workflow, "out").startswith("Invalid speed ramp")


def test_loop_is_closed_and_the_rate_passed_on(comfy: Comfy) -> None:
    out = interpolate(["clip", 0], loop=True, fps=23.976)
    pictures, texts = shown(comfy, {**several("first", "second"), "out": out}, "loop")
    assert texts == {"text1": str(48000 / 1001), "text2": "4"}
    assert np.array_equal(pictures[2], PICTURES[1])
    assert not np.array_equal(pictures[3], pictures[2])


@pytest.mark.parametrize(
    ("options", "is_mixed"),
    [({"at_cut": "hold", "scene_threshold": DEFAULT_THRESHOLD}, False), ({}, True)],
    ids=["found", "off"],
)
def test_cut_is_held_unless_the_search_is_off(
    comfy: Comfy, options: dict[str, Any], is_mixed: bool
) -> None:
    night = {"night": node("ImageInvert", image=["upside", 0])}
    upside = {"upside": node("ImageFlip", image=["first", 0], flip_method="x-axis: vertically")}
    clip = several(*["first"] * 4, *["night"] * 4, **night, **upside)
    pictures, _ = shown(comfy, {**clip, "out": interpolate(["clip", 0], **options)}, "cut")
    assert np.array_equal(pictures[7], pictures[6]) is not is_mixed


def test_cut_that_is_given_is_held(comfy: Comfy) -> None:
    out = interpolate(["clip", 0], cuts="1", at_cut="hold")
    pictures, _ = shown(comfy, {**several("first", "second", "first"), "out": out}, "given")
    assert np.array_equal(pictures[1], PICTURES[0])
    assert not np.array_equal(pictures[3], PICTURES[1])


def test_repeats_are_smoothed(comfy: Comfy) -> None:
    clip = several("first", "first", "second", "second", "first", "first", "second", "second")
    pictures, _ = shown(
        comfy, {**clip, "out": interpolate(["clip", 0], duplicates="smooth")}, "smooth"
    )
    assert np.array_equal(pictures[4], PICTURES[1])
    assert not np.array_equal(pictures[2], PICTURES[0])


def test_repeats_are_redrawn_in_their_place_and_counted(comfy: Comfy) -> None:
    clip = several("first", "second", "second", "first")
    how = timed("target fps", target_fps=0.0)
    out = interpolate(["clip", 0], duplicates="redraw", **how)
    pictures, _ = shown(comfy, {**clip, "out": out}, "redraw")
    assert len(pictures) == 4
    assert [np.array_equal(pictures[n], PICTURES[k]) for n, k in enumerate((0, 1, 1, 0))] == [
        *(True, True, False, True)
    ]


def test_masked_picture_is_the_nearest_original(comfy: Comfy) -> None:
    mask = {"mask": node("SolidMask", value=1.0, width=96, height=64)}
    out = interpolate(["clip", 0], mask=["mask", 0])
    pictures, _ = shown(comfy, {**several("first", "second"), **mask, "out": out}, "mask")
    assert np.array_equal(pictures[1], PICTURES[0])


def test_mask_of_another_size_is_explained(comfy: Comfy) -> None:
    mask = {"mask": node("SolidMask", value=1.0, width=64, height=64)}
    out = {"out": interpolate(["clip", 0], mask=["mask", 0]), "model": load()}
    workflow = {**several("first", "second"), **mask, **out, "png": png("x/RIFE", ["out", 0])}
    assert "The mask is 64x64, the frames are 96x64" in complaint(comfy, workflow)


@pytest.mark.parametrize(
    ("parts", "overlap", "count"),
    [(("first", "second"), 0, 2), (("pair", "back"), 0, 3), (("pair", "pair", "pair"), 2, 2)],
    ids=["all kept", "repeat dropped", "overlap"],
)
def test_parts_are_joined(comfy: Comfy, parts: tuple[str, ...], overlap: int, count: int) -> None:
    clips = {f"clips.clip_{number}": [name, 0] for number, name in enumerate(parts, 1)}
    ended = comfy.run(
        {
            **PAIR,
            "back": node("ImageBatch", image1=["second", 0], image2=["first", 0]),
            "out": node("JoinClipsRIFE", overlap=overlap, **clips),
            "count": node("PreviewAny", source=["out", 1]),
            "png": png("joined/RIFE", ["out", 0]),
        }
    )
    assert ended.text("count") == str(count)
    pictures = read_pictures(shown_files(comfy, ended.outputs["png"])[0].parent)
    assert len(pictures) == count
    assert np.array_equal(pictures[1], PICTURES[1])


@pytest.mark.parametrize(("more", "count"), [(False, 2), (True, 3)], ids=["list", "list and batch"])
def test_parts_in_a_list_are_joined(comfy: Comfy, *, more: bool, count: int) -> None:
    clips = {"clips.clip_1": ["list", 0]} | ({"clips.clip_2": ["back", 0]} if more else {})
    workflow = {
        **PAIR,
        "list": node("RebatchImages", images=["pair", 0], batch_size=1),
        "back": node("ImageBatch", image1=["second", 0], image2=["first", 0]),
        "out": node("JoinClipsRIFE", overlap=0, **clips),
    }
    pictures = saved(comfy, workflow, f"joined_list_{count}")
    assert np.array_equal(pictures, [*PICTURES, PICTURES[0]][:count])


def test_join_without_a_part_is_refused(comfy: Comfy) -> None:
    workflow = {"out": node("JoinClipsRIFE", overlap=0), "png": png("x/RIFE", ["out", 0])}
    answer = comfy.post("/prompt", {"prompt": workflow})
    (error,) = answer["node_errors"]["out"]["errors"]
    assert error["type"] == "required_input_missing"


@pytest.mark.parametrize(
    ("parts", "cuts", "count"),
    [
        (5 * ("first",) + 5 * ("black",) + 5 * ("first",), "5, 10", "2"),  # longer than a hold
        (("first", "first", "first"), "", "0"),
    ],
    ids=["two", "none"],
)
def test_cuts_are_listed_and_shown(
    comfy: Comfy, parts: tuple[str, ...], cuts: str, count: str
) -> None:
    black = node("EmptyImage", width=96, height=64, batch_size=1, color=0)
    ended = comfy.run(
        {
            **several(*parts, black=black),
            "out": node("DetectCutsRIFE", images=["clip", 0], scene_threshold=0.2, fps=24.0),
            "cuts": node("PreviewAny", source=["out", 0]),
            "count": node("PreviewAny", source=["out", 1]),
            "png": png(f"sheet{count}/RIFE", ["out", 2]),
        }
    )
    assert (ended.text("cuts"), ended.text("count")) == (cuts, count)
    (sheet,) = read_pictures(shown_files(comfy, ended.outputs["png"])[0].parent)
    assert (sheet == 0).all(-1).sum() == int(count) * 96 * 64  # one of each pair is black


# --- montage -------------------------------------------------------------------------------------


def compare(**optional: object) -> dict[str, Any]:
    """The pair at 8 fps and its retimed version at 24, or what is given, in one picture."""
    given = {"before": ["pair", 0], "after": ["smooth", 0], "before_fps": 8.0, "after_fps": 24.0}
    given |= {"layout": "side-by-side", "before_label": "", "after_label": ""}
    return node("MontageRIFE", **(given | optional))


def test_montage_shows_both_clips_at_the_same_moments(comfy: Comfy) -> None:
    """Six pictures, for the pair takes longer than the four frames made of it."""
    workflow = {**smooth_pair(multi=3), "compare": compare(), "png": png("mix/R", ["compare", 0])}
    left, right = zip(
        *(
            np.split(picture, 2, axis=1)
            for picture in read_pictures(
                shown_files(comfy, comfy.run(workflow).outputs["png"])[0].parent
            )
        ),
        strict=True,
    )
    assert np.array_equal(left, [PICTURES[0]] * 3 + [PICTURES[1]] * 3)
    assert np.array_equal(right[0], PICTURES[0])
    assert not np.array_equal(right[1], PICTURES[0])
    assert np.array_equal(right[3:], [PICTURES[1]] * 3)


@pytest.mark.parametrize(
    ("layout", "size"), [("side-by-side", (192, 64)), ("stacked", (96, 128)), ("split", (96, 64))]
)
def test_montage_gives_its_rate_and_length(
    comfy: Comfy, layout: str, size: tuple[int, int]
) -> None:
    montage = compare(layout=layout, after=["pair", 0], before_label="{fps} fps")
    show = {
        "fps": node("PreviewAny", source=["compare", 1]),
        "count": node("PreviewAny", source=["compare", 2]),
        "video": video(f"montage_{layout}/RIFE", ["compare", 0]),
    }
    ended = comfy.run({**PAIR, "compare": montage, **show})
    assert (ended.text("fps"), ended.text("count")) == ("24.0", "6")
    info = probe_video(shown_files(comfy, ended.outputs["video"])[0])
    assert (info.width, info.height) == size


def test_montage_of_two_sizes_is_explained(comfy: Comfy) -> None:
    montage = compare(after=["other", 0])
    workflow = {**PAIR, "other": blank(2), "compare": montage, "png": png("no/R", ["compare", 0])}
    expected = "before is 96x64 with 3 channels, after is 64x64 with 3 channels. Scale or convert"
    assert expected in complaint(comfy, workflow)


def at_frame(number: int) -> dict[str, object]:
    return {"show": "frame", "show.frame": number}


def behind(comfy: Comfy, shown: dict[str, Any]) -> list[Any]:
    """The two pictures that the slider shows."""
    return read_temporary(comfy, [*shown["a_images"], *shown["b_images"]])


def read_temporary(comfy: Comfy, shown: list[dict[str, str]]) -> list[Any]:
    """Pictures that a node wrote to be looked at."""
    assert {file["type"] for file in shown} == {"temp"}
    folder = comfy.output.parent / "temp"
    return [np.array(Image.open(folder / file["subfolder"] / file["filename"])) for file in shown]


def test_slider_gets_the_frames_of_a_moment(comfy: Comfy) -> None:
    workflow = {**smooth_pair(multi=3), "look": behind_slider(**at_frame(1))}
    shown = comfy.run(workflow).outputs["look"]
    (before,) = read_temporary(comfy, shown["a_images"])
    (after,) = read_temporary(comfy, shown["b_images"])
    assert np.array_equal(before, PICTURES[0])
    assert not any(np.array_equal(after, picture) for picture in PICTURES)


def test_slider_shows_what_the_slower_clip_has_on_screen(comfy: Comfy) -> None:
    workflow = {**smooth_pair(multi=3), "look": behind_slider(**at_frame(4))}
    shown = comfy.run(workflow).outputs["look"]
    for picture in behind(comfy, shown):
        assert np.array_equal(picture, PICTURES[1])


def test_slider_finds_where_the_clips_differ_most(comfy: Comfy) -> None:
    clips = several("first", "first", "second", "first")
    look = behind_slider(before=["still", 0], after=["clip", 0], after_fps=8.0)
    still = node("RepeatImageBatch", image=["first", 0], amount=4)
    show = {"number": node("PreviewAny", source=["look", 0])}
    ended = comfy.run({**clips, "still": still, "look": look, **show})
    assert ended.text("number") == "2"


def test_slider_gets_transparent_pictures_as_they_are_seen(comfy: Comfy) -> None:
    """One lies on the other: through a transparent one, that would be seen."""
    look = behind_slider(before=["clip", 0], after=["clip", 0], **at_frame(0))
    shown = comfy.run({**see_through("first", "second"), "look": look}).outputs["look"]
    before, after = behind(comfy, shown)
    assert np.array_equal(before, after)
    assert np.allclose(before, PICTURES[0] * 0.75, atol=1)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"after": ["other", 0]},
            "before is 96x64 with 3 channels, after is 64x64 with 3 channels. Scale or convert",
        ),
        ({"after": ["nothing", 0]}, "after has no frames. Check what is connected to it."),
        (
            at_frame(6),
            "Choose a frame from 0 to 5, or show the largest difference: there is no frame 6.",
        ),
    ],
    ids=["sizes", "empty", "frame"],
)
def test_what_the_slider_cannot_show_is_explained(
    comfy: Comfy, change: dict[str, Any], expected: str
) -> None:
    look = behind_slider(**{"after": ["pair", 0], **change})
    others = {"other": blank(2), "nothing": node("NoPictures")}
    assert expected in complaint(comfy, {**PAIR, **others, "look": look})


def test_single_pictures_are_compared(comfy: Comfy) -> None:
    look = behind_slider(before=["first", 0], after=["second", 0])
    shown = comfy.run({**PAIR, "look": look}).outputs["look"]
    assert np.array_equal(behind(comfy, shown), PICTURES)


# --- transparency --------------------------------------------------------------------------------


def see_through(*names: str) -> Workflow:
    """The named pictures in order, three quarters opaque: node "clip"."""
    workflow = dict(several(*names))
    workflow["opaque"] = workflow["clip"]
    workflow["mask"] = node("SolidMask", value=0.25, width=96, height=64)
    workflow["clip"] = node("JoinImageWithAlpha", image=["opaque", 0], alpha=["mask", 0])
    return workflow


def saved(comfy: Comfy, workflow: Workflow, prefix: str) -> list[Any]:
    """The pictures node "out" gives, with their alpha, as ComfyUI itself saves them."""
    save = node("SaveImage", images=["out", 0], filename_prefix=f"{prefix}/RGBA")
    ended = comfy.run({**workflow, "model": load(), "save": save})
    return [np.array(Image.open(file)) for file in shown_files(comfy, ended.outputs["save"])]


@pytest.mark.parametrize(
    "out",
    [
        interpolate(["clip", 0]),
        retime(1.0, 2.0, end="last-frame"),
        ramp(1.0, 2.0, "0:1", end="last-frame"),
    ],
    ids=["multiplier", "target fps", "speed ramp"],
)
def test_transparent_pictures_stay_so(comfy: Comfy, out: dict[str, Any]) -> None:
    clip = see_through("first", "second")
    first, new, second = saved(comfy, {**clip, "out": out}, out["inputs"]["mode"])
    for shown_picture, picture in ((first, PICTURES[0]), (second, PICTURES[1])):
        assert np.array_equal(shown_picture[..., :3], picture)
    assert np.unique(np.stack((first, new, second))[..., 3]).tolist() == [191]
    assert not np.array_equal(new[..., :3], first[..., :3])


def test_transparent_parts_are_joined(comfy: Comfy) -> None:
    clips = {"clips.clip_1": ["clip", 0], "clips.clip_2": ["clip", 0]}
    out = node("JoinClipsRIFE", overlap=0, **clips)
    pictures = saved(comfy, {**see_through("first", "second"), "out": out}, "joined_alpha")
    assert [picture.shape for picture in pictures] == 4 * [(64, 96, 4)]


def test_parts_with_and_without_alpha_are_refused(comfy: Comfy) -> None:
    clips = {"clips.clip_1": ["opaque", 0], "clips.clip_2": ["clip", 0]}
    out = {"out": node("JoinClipsRIFE", overlap=0, **clips)}
    workflow = {**see_through("first", "second"), **out, "png": png("x/RIFE", ["out", 0])}
    assert "Clip 2 is 96x64 with 4 channels, not 96x64 with 3 channels like" in complaint(
        comfy, workflow
    )


def test_cuts_are_found_in_transparent_pictures(comfy: Comfy) -> None:
    black = node("EmptyImage", width=96, height=64, batch_size=1, color=0)
    clip = {**see_through(*3 * ("first",), *3 * ("black",)), "black": black}
    out = node("DetectCutsRIFE", images=["clip", 0], scene_threshold=0.2, fps=0.0)
    cuts = {"cuts": node("PreviewAny", source=["out", 0])}
    ended = comfy.run({**clip, "out": out, **cuts})
    assert ended.text("cuts") == "3"


# --- the cache -----------------------------------------------------------------------------------


def test_second_prompt_uses_the_loaded_model(comfy: Comfy) -> None:
    comfy.run({**smooth_pair(2), "png": png("cached/RIFE", ["smooth", 0])})
    num_loads = comfy.log.read_text(errors="replace").count("loaded RIFE")
    ended = comfy.run({**smooth_pair(3), "png": png("cached/RIFE", ["smooth", 0])})
    assert ended.succeeded
    assert {"model", "pair"} <= ended.cached
    assert "smooth" not in ended.cached
    assert comfy.log.read_text(errors="replace").count("loaded RIFE") == num_loads > 0


def test_cached_pictures_are_not_modified(comfy: Comfy) -> None:
    comfy.run(
        {
            **smooth_pair(5),
            "png": png("shared/RIFE", ["smooth", 0]),
            "video": video("shared/RIFE", ["pair", 0]),
            "look": behind_slider(),
        }
    )
    again = node("SaveImage", images=["pair", 0], filename_prefix="shared/again")
    ended = comfy.run({**PAIR, "again": again})
    assert {"first", "second", "pair"} <= ended.cached
    for file, picture in zip(shown_files(comfy, ended.outputs["again"]), PICTURES, strict=True):
        with Image.open(file) as image:
            assert np.array_equal(np.array(image), picture)


@pytest.mark.slow  # seven prompts, and memory settles slowly
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_does_not_grow_from_prompt_to_prompt(comfy: Comfy) -> None:
    def run(number: int) -> int:
        workflow = {
            "model": load(),
            "images": node(
                "EmptyImage", width=512, height=512, batch_size=16, color=0x336600 + number
            ),
            "smooth": interpolate(["images", 0]),
            "video": video("grown/RIFE", ["smooth", 0]),
            "free": node("PreviewAny", source=["smooth", 2]),
        }
        assert comfy.run(workflow).succeeded
        comfy.post("/free", {"free_memory": True})  # what ComfyUI's cache keeps is no leak
        time.sleep(2)
        return comfy.memory()

    run(0), run(1)
    before = run(2)
    after = [run(number) for number in range(3, 7)][-1]
    assert after - before < 31 * 512 * 512 * 12  # one result


# --- interruption --------------------------------------------------------------------------------


@pytest.mark.parametrize("export", [png, video], ids=["ExportPNGRIFE", "ExportVideoRIFE"])
def test_cancelled_export_leaves_nothing(comfy: Comfy, export: Any) -> None:
    prefix = f"stopped_{export.__name__}"
    long = {"images": blank(4000, 96), "export": export(f"{prefix}/RIFE", ["images", 0])}
    folder = comfy.output / prefix
    ended = comfy.run(long, interrupt="export")
    assert ended.messages["execution_interrupted"]["node_id"] == "export"
    assert everything_in(folder) == []


# --- errors --------------------------------------------------------------------------------------


def test_error_goes_by_a_short_name(comfy: Comfy) -> None:
    workflow = {**smooth_pair(), "png": png("refused/RIFE", ["smooth", 0])}
    workflow["smooth"] = interpolate(["first", 0])
    error = comfy.run(workflow).messages["execution_error"]
    assert error["exception_type"] == "vfi.InputError"  # no path of a folder before the message


def test_single_image_is_explained(comfy: Comfy) -> None:
    workflow = {**smooth_pair(), "png": png("refused/RIFE", ["smooth", 0])}
    workflow["smooth"] = interpolate(["first", 0])
    assert "This clip has one frame, and interpolation needs" in complaint(comfy, workflow)
    assert everything_in(comfy.output / "refused") == []


def test_result_that_cannot_fit_is_refused_with_the_sizes(comfy: Comfy) -> None:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    side = math.isqrt(memory // (65 * 12)) + 64  # 65 frames are more than this machine has
    workflow = {"images": blank(2, side, side), "model": load()}
    workflow["smooth"] = interpolate(["images", 0], multi=64)
    message = complaint(comfy, {**workflow, "png": png("huge/RIFE", ["smooth", 0])})
    assert f"Not enough memory: 65 frames of {side}x{side} take" in message
    assert "RIFE Interpolate Video" in message


def test_unreadable_checkpoint_is_explained(comfy: Comfy) -> None:
    workflow = {**smooth_pair(), "model": load("broken.pth")}
    message = complaint(comfy, {**workflow, "png": png("broken/RIFE", ["smooth", 0])})
    assert "broken.pth is not" in message
    assert everything_in(comfy.output / "broken") == []


# --- what is refused when it is queued -----------------------------------------------------------


def queued(out: dict[str, Any]) -> Workflow:
    """A workflow whose node "out" gives pictures; "latent" is there to be connected by mistake."""
    latent = node("EmptyLatentImage", width=64, height=64, batch_size=1)
    return {**PAIR, "model": load(), "latent": latent, "out": out, "png": png("x/R", ["out", 0])}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"fps": 0.0}, "Type the frame rate of the images in source_fps: 16 for Wan"),
        ({"images": ["latent", 0]}, "Connect IMAGE or VIDEO to images: LATENT is connected."),
        ({"multi": 65}, "mode.multi must be 2 to 64, got 65."),
        ({"mode": "faster"}, "Choose a mode: one of multiplier, target fps"),
        ({"mode": "speed ramp", "mode.ramp": "0:x", "mode.target_fps": 0.0}, "A speed must be"),
        ({"scale": "3"}, "scale must be one of 0.25, 0.5, 1, 2, 4, auto, got 3."),
        ({"scene_threshold": 2.0}, "scene_threshold must be 0.0 to 1.0, got 2."),
        ({"cuts": "a, b"}, "Cuts must be frame numbers such as 48"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_interpolation_is_refused_when_it_is_queued(
    comfy: Comfy, changes: dict[str, Any], expected: str
) -> None:
    out = interpolate(**{"images": ["pair", 0], **changes})
    assert refusal(comfy, queued(out), "out").startswith(expected)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"fps": 0.0}, "Type the frame rate of the images in fps: 16 for Wan"),
        ({"fps": 2000.0}, "fps must be 0.0 to 1000.0, got 2000."),
        ({"preset": "nonsense"}, "There is no preset 'nonsense'. Choose one of share"),
        ({"crf": 52}, "crf must be 0 to 51, got 52."),
        ({"ffmpeg_options": "tune=nonsense"}, "libx264 does not take these ffmpeg options"),
        ({"images": ["model", 0]}, "Connect IMAGE or VIDEO to images: RIFE_MODEL is connected."),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_export_is_refused_when_it_is_queued(
    comfy: Comfy, changes: dict[str, Any], expected: str
) -> None:
    export = video(**{"prefix": "x/R", "images": ["pair", 0], **changes})
    workflow = {**PAIR, "model": load(), "out": export}
    assert refusal(comfy, workflow, "out").startswith(expected)


def test_preset_without_an_encoder_here_is_not_offered_and_refused(comfy: Comfy) -> None:
    inputs = comfy.get("/object_info/ExportVideoRIFE")["ExportVideoRIFE"]["input"]["required"]
    missing = [name for name, preset in PRESETS.items() if not opens(preset)]
    assert not set(missing) & set(inputs["preset"][1]["options"])
    if missing:
        workflow = {**PAIR, "out": video("x/R", ["pair", 0], preset=missing[0])}
        assert refusal(comfy, workflow, "out").startswith("Choose another preset (share, ")


def test_unknown_model_is_refused_before_anything_runs(comfy: Comfy) -> None:
    workflow = {**smooth_pair(), "model": load("9.99"), "png": png("x/RIFE", ["smooth", 0])}
    assert "there is no version" in refusal(comfy, workflow, "model")


def test_unknown_model_of_smooth_video_is_refused_before_anything_runs(comfy: Comfy) -> None:
    settings = {"save": True, "filename_prefix": "x/R", "preset": "share", "crf": 20}
    smooth = node("RIFESmooth", video=["video", 0], model="9.99", **settings)
    smooth["inputs"] |= timed("target fps", target_fps=60.0)
    created = node("CreateVideo", images=["pair", 0], fps=24.0)
    workflow = {**PAIR, "video": created, "out": smooth}
    assert refusal(comfy, workflow, "out").startswith("choose ")
