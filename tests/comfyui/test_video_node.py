"""RIFEInterpolateVideo in a real ComfyUI: from file to file, and what comes along."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.clips import (
    count_frames,
    frame_rate,
    moving_pictures,
    read_pictures,
    sound_duration,
    sound_packets,
    write_clip,
)
from tests.helpers.comfy_server import Comfy, Ended, Workflow, run_script
from tests.helpers.workflows import (
    complaint,
    everything_in,
    load,
    node,
    refusal,
    several,
    shown_files,
    timed,
)
from vfi.color import PQ, SDR, Color
from vfi.frames import as_float
from vfi.read.video import probe_video, read_video

NUM_FRAMES = 12


@pytest.fixture(scope="module")
def talkie(comfy: Comfy) -> Path:
    """Twelve frames at 24 fps with sound, in ComfyUI's input folder."""
    pictures = moving_pictures(NUM_FRAMES)
    return write_clip(comfy.input / "talkie.mp4", pictures, sound="aac")


def smooth(mode: str, video: list[Any], prefix: str, **settings: Any) -> dict[str, Any]:
    """The node; settings of the mode are called ``mode_...``."""
    inputs = {name.replace("mode_", "mode."): value for name, value in settings.items()}
    defaults: dict[str, Any] = {
        "source_fps": 0.0,
        "scale": "1",
        "preset": "share",
        "crf": 20,
        "audio": "copy",
    }
    return node(
        "RIFEInterpolateVideo",
        model=["model", 0],
        video=video,
        mode=mode,
        filename_prefix=f"{prefix}/RIFE",
        **{**defaults, "scene_threshold": 0.0, **inputs},
    )


def run(comfy: Comfy, prefix: str, mode: str = "multiplier", **settings: Any) -> Ended:
    workflow = {
        "model": load(),
        "video": node("LoadVideo", file="talkie.mp4"),
        "smooth": smooth(mode, ["video", 0], prefix, **settings),
    }
    return comfy.run(workflow)


def made(comfy: Comfy, prefix: str) -> Path:
    (path,) = (comfy.output / prefix).iterdir()
    return path


def decoded(path: Path) -> NDArray[np.uint8]:
    return np.stack([frame.pixels.numpy() for frame in read_video(probe_video(path))])


def test_video_becomes_a_file_with_its_sound_that_the_front_end_plays(
    comfy: Comfy, talkie: Path
) -> None:
    ended = run(comfy, "film", mode_multi=2)
    (path,) = shown_files(comfy, ended.outputs["smooth"])
    assert path == made(comfy, "film")
    assert ended.outputs["smooth"]["animated"] == [True]
    assert count_frames(path) == 2 * NUM_FRAMES
    assert frame_rate(path) == 48
    assert sound_packets(path) == sound_packets(talkie)


@pytest.mark.parametrize(
    ("mode", "settings", "num_frames", "rate"),
    [
        ("target fps", {"mode_target_fps": 59.94}, 30, Fraction(60000, 1001)),
        ("speed", {"mode_speed": 0.5, "mode_target_fps": 0.0}, 24, Fraction(24)),
        ("speed ramp", {"mode_ramp": "0:1 0.25:0.5", "mode_target_fps": 30.0}, None, Fraction(30)),
    ],
)
def test_mode_decides_which_moments_are_shown(
    comfy: Comfy,
    talkie: Path,
    mode: str,
    settings: dict[str, Any],
    num_frames: int | None,
    rate: Fraction,
) -> None:
    prefix = mode.replace(" ", "_")
    assert run(comfy, prefix, mode, **settings).succeeded
    path = made(comfy, prefix)
    assert frame_rate(path) == rate
    if num_frames:
        assert count_frames(path) == num_frames


@pytest.mark.parametrize("preset", ["share", "gif", "lossless"])
def test_live_pictures_do_not_take_the_place_of_what_follows(
    comfy: Comfy, talkie: Path, preset: str
) -> None:
    """The front end would keep its own in place of the player; so the pack has its own way."""
    ended = run(comfy, f"live_{preset}", mode_multi=2, preset=preset)
    assert ended.outputs["smooth"]["images"]
    assert (ended.num_previews, ended.num_own_previews > 0) == (0, True)


def test_node_says_what_it_made(comfy: Comfy, talkie: Path) -> None:
    ended = run(comfy, "said", mode_multi=2)
    *_, line = ended.lines["smooth"]
    assert re.fullmatch(
        r"said/RIFE_00001_\.mp4 · 12 → 24 frames · 24 → 48 fps · 0\.50 s of video · RIFE .+ · "
        r"[\d.]+ frames per second · took [\d.]+ s",
        line,
    )


def test_repeats_are_redrawn_in_their_place_and_counted(comfy: Comfy) -> None:
    how = {"mode_target_fps": 0.0, "source_fps": 24.0, "preset": "lossless"}
    film = smooth("target fps", ["clip", 0], "redrawn", duplicates="redraw", **how)
    clip = several("first", "second", "second", "first")
    ended = comfy.run({**clip, "model": load(), "smooth": film})
    *_, line = ended.lines["smooth"]
    assert " · 4 frames · 1 redrawn · 24 fps · " in line
    first, second, new, last = decoded(made(comfy, "redrawn"))
    assert np.array_equal(first, last)
    assert not np.array_equal(new, second)


def test_typed_rate_that_the_video_does_not_have_is_ignored_and_said_so(
    comfy: Comfy, talkie: Path
) -> None:
    ended = run(comfy, "typed", mode_multi=2, source_fps=16.0)
    assert frame_rate(made(comfy, "typed")) == 48
    *_, line = ended.lines["smooth"]
    assert line.endswith("source_fps 16 was ignored: the video has 24 fps")


def test_sound_follows_the_speed(comfy: Comfy, talkie: Path) -> None:
    run(comfy, "slow", "speed", mode_speed=0.5, mode_target_fps=0.0)
    path = made(comfy, "slow")
    assert sound_duration(path) == pytest.approx(2 * NUM_FRAMES / 24, abs=0.06)


def test_sound_is_left_out_on_request(comfy: Comfy, talkie: Path) -> None:
    run(comfy, "mute", mode_multi=2, audio="none")
    assert sound_packets(made(comfy, "mute")) == []


def test_trim_of_the_video_is_honoured(comfy: Comfy, talkie: Path) -> None:
    trim = node(
        "Video Slice", video=["video", 0], start_time=0.125, duration=0.25, strict_duration=False
    )
    workflow = {
        "model": load(),
        "video": node("LoadVideo", file="talkie.mp4"),
        "part": trim,
        "smooth": smooth(
            "multiplier", ["part", 0], "part", mode_multi=2, preset="lossless", end="last-frame"
        ),
    }
    assert comfy.run(workflow).succeeded
    path = made(comfy, "part")
    assert np.array_equal(decoded(path)[::2], decoded(talkie)[3:9])
    assert sound_duration(path) == pytest.approx(0.25, abs=0.05)


def test_video_made_of_images_is_taken_with_its_sound(comfy: Comfy) -> None:
    workflow = {
        "model": load(),
        "images": node("EmptyImage", width=64, height=64, batch_size=8, color=0x336699),
        "sound": node("EmptyAudio", duration=0.5, sample_rate=44100, channels=2),
        "video": node("CreateVideo", images=["images", 0], audio=["sound", 0], fps=16.0),
        "smooth": smooth("multiplier", ["video", 0], "created", mode_multi=2),
    }
    assert comfy.run(workflow).succeeded
    path = made(comfy, "created")
    assert count_frames(path) == 16
    assert frame_rate(path) == 32
    assert sound_duration(path) == pytest.approx(0.5, abs=0.05)


def test_video_in_memory_is_taken_with_its_sound(comfy: Comfy, talkie: Path) -> None:
    workflow = {
        "model": load(),
        "video": node("VideoInMemory", path=str(talkie)),
        "smooth": smooth("multiplier", ["video", 0], "bytes", mode_multi=2),
    }
    assert comfy.run(workflow).succeeded
    path = made(comfy, "bytes")
    assert count_frames(path) == 2 * NUM_FRAMES
    assert sound_packets(path) == sound_packets(talkie)


def test_result_goes_on_to_the_next_node(comfy: Comfy, talkie: Path) -> None:
    workflow = {
        "model": load(),
        "video": node("LoadVideo", file="talkie.mp4"),
        "first": smooth("multiplier", ["video", 0], "chain_a", mode_multi=2),
        "second": smooth("multiplier", ["first", 0], "chain_b", mode_multi=2),
    }
    assert comfy.run(workflow).succeeded
    assert count_frames(made(comfy, "chain_b")) == 4 * NUM_FRAMES


@pytest.mark.slow  # runs the command line as well
@pytest.mark.parametrize(
    ("dither", "scale", "quality"),
    [(False, "1", "fast"), (True, "1", "fast"), (False, "auto", "ultra")],
)
def test_command_line_makes_the_same_pixels(
    comfy: Comfy, talkie: Path, tmp_path: Path, dither: bool, scale: str, quality: str
) -> None:
    folder, out = f"same_{dither}_{quality}", tmp_path / "out.mkv"
    chosen = {"dither": dither, "scale": scale, "quality": quality}
    run(comfy, folder, "target fps", mode_target_fps=60.0, preset="lossless", **chosen)
    checkpoint = comfy.models / "frame_interpolation" / "rife_tiny.pth"
    options = ["--video", talkie, "--model", checkpoint, "--precision", "fp32", "--output", out]
    options += ["--target-fps", "60", "--scene-threshold", "0", "--preset", "lossless"]
    options += ["--scale", scale, "--quality", quality, *["--dither"] * dither]
    # By ComfyUI's own Python: another torch, or one without numba, may round otherwise.
    run_script("inference_video.py", *options)
    assert np.array_equal(decoded(out), decoded(made(comfy, folder)))


@pytest.mark.slow  # a segment has 250 frames
def test_cancelled_job_goes_on_where_it_stopped(comfy: Comfy) -> None:
    write_clip(comfy.input / "long.mp4", moving_pictures(30))
    workflow = {
        "model": load(),
        "video": node("LoadVideo", file="long.mp4"),
        "smooth": smooth("multiplier", ["video", 0], "long", mode_multi=32),
    }
    folder = comfy.output / "long"
    ended = comfy.run(workflow, interrupt="smooth", after=300)
    assert ended.messages["execution_interrupted"]["node_type"] == "RIFEInterpolateVideo"
    (kept,) = folder.iterdir()
    parts = sorted(path.name for path in kept.iterdir())
    assert len(parts) > 1
    ended = comfy.run(workflow)
    assert count_frames(made(comfy, "long")) == 30 * 32  # and nothing else is there
    *_, line = ended.lines["smooth"]
    resumed = re.search(r" · resumed at frame (\d+) · took ", line)
    assert resumed
    assert 250 <= int(resumed[1]) <= 340  # a few frames are made before the cancel is heard


def hdr_workflow(prefix: str, **settings: Any) -> dict[str, Any]:
    video = {"model": load(), "video": node("HdrVideo")}
    return {**video, "smooth": smooth("multiplier", ["video", 0], prefix, mode_multi=2, **settings)}


@pytest.mark.parametrize(
    ("preset", "color", "level"), [("share", SDR, 108.3 / 255), ("master", PQ, 0.3793)]
)
def test_video_that_says_it_is_hdr_is_kept_or_converted(
    comfy: Comfy, preset: str, color: Color, level: float
) -> None:
    assert comfy.run(hdr_workflow(f"hdr_{preset}", preset=preset)).succeeded
    info = probe_video(made(comfy, f"hdr_{preset}"))
    assert info.color == color
    for frame in read_video(info):
        assert as_float(frame.pixels).mean().item() == pytest.approx(level, abs=1 / 255)


def test_refused_hdr_is_explained(comfy: Comfy) -> None:
    assert "set hdr to tonemap" in complaint(comfy, hdr_workflow("refused", hdr="refuse"))
    assert everything_in(comfy.output / "refused") == []


def test_wrong_mode_is_explained(comfy: Comfy, talkie: Path) -> None:
    workflow = {
        "model": load(),
        "video": node("LoadVideo", file="talkie.mp4"),
        "smooth": smooth("faster", ["video", 0], "wrong"),
    }
    assert refusal(comfy, workflow, "smooth").startswith("Choose a mode: one of multiplier")
    assert everything_in(comfy.output / "wrong") == []


# --- one node that just works --------------------------------------------------------------------


def smooth_film(prefix: str, mode: dict[str, object], **changes: Any) -> dict[str, Any]:
    settings = {"save": True, "filename_prefix": f"{prefix}/RIFE", "preset": "share", "crf": 20}
    given = {"video": ["video", 0], "model": "rife_tiny.pth", **mode, **settings, **changes}
    return {"video": node("LoadVideo", file="talkie.mp4"), "smooth": node("RIFESmooth", **given)}


@pytest.mark.parametrize(
    ("mode", "num_frames", "rate"),
    [
        (timed("target fps", target_fps=60.0), 30, Fraction(60)),
        (timed("multiplier", multi=3), 36, Fraction(72)),
    ],
    ids=["60 fps", "three times"],
)
def test_video_is_made_smooth_by_one_node(
    comfy: Comfy, talkie: Path, mode: dict[str, object], num_frames: int, rate: Fraction
) -> None:
    prefix = f"one_node_{num_frames}"
    ended = comfy.run(smooth_film(prefix, mode))
    (path,) = shown_files(comfy, ended.outputs["smooth"])
    assert path == made(comfy, prefix)
    assert ended.outputs["smooth"]["animated"] == [True]  # a player
    assert (count_frames(path), frame_rate(path)) == (num_frames, rate)
    assert sound_packets(path) == sound_packets(talkie)
    *_, line = ended.lines["smooth"]
    assert line.startswith(f"{prefix}/RIFE_00001_.mp4 · 12 → {num_frames} frames · 24 → {rate} fps")


def test_smooth_video_that_is_not_saved_is_shown_and_passed_on(comfy: Comfy, talkie: Path) -> None:
    workflow = smooth_film("not_saved", timed("target fps", target_fps=48.0), save=False)
    parts = {"parts": node("GetVideoComponents", video=["smooth", 0])}
    fps = {"fps": node("PreviewAny", source=["parts", 2])}
    ended = comfy.run({**workflow, **parts, **fps})
    (shown,) = ended.outputs["smooth"]["images"]
    assert shown["type"] == "temp"
    assert not (comfy.output / "not_saved").exists()
    assert ended.text("fps") == "48.0"
    *_, line = ended.lines["smooth"]
    assert line.startswith("12 → 24 frames")


# --- rate, frames and sound travel together ------------------------------------------------------


def through_memory(prefix: str, *, audio: list[Any] | None = None, **settings: Any) -> Workflow:
    """A VIDEO through RIFEInterpolate, which keeps its frames in memory, and into a file."""
    inputs = {"source_fps": 0.0, "scale": "1", "scene_threshold": 0.0, **settings}
    inputs |= {"audio": audio} if audio else {}
    to_file = {"filename_prefix": f"{prefix}/RIFE", "preset": "lossless", "crf": 20}
    return {
        "model": load(),
        "video": node("LoadVideo", file="talkie.mp4"),
        "out": node("RIFEInterpolate", model=["model", 0], images=["video", 0], **inputs),
        "file": node("ExportVideoRIFE", images=["out", 3], fps=0.0, **to_file),
        "fps": node("PreviewAny", source=["out", 1]),
        "count": node("PreviewAny", source=["out", 2]),
    }


def test_video_through_memory_keeps_its_speed_and_sound(comfy: Comfy, talkie: Path) -> None:
    ended = comfy.run(through_memory("memory", **timed("multiplier", multi=2)))
    path = made(comfy, "memory")
    assert (count_frames(path), frame_rate(path)) == (2 * NUM_FRAMES, 48)
    assert (ended.text("fps"), ended.text("count")) == ("48.0", str(2 * NUM_FRAMES))
    assert np.array_equal(decoded(path)[::2], decoded(talkie))
    assert sound_duration(path) == pytest.approx(NUM_FRAMES / 24, abs=0.02)


def test_sound_of_a_video_in_memory_follows_its_speed(comfy: Comfy, talkie: Path) -> None:
    comfy.run(through_memory("memory_slow", **timed("speed", speed=0.5, target_fps=0.0)))
    path = made(comfy, "memory_slow")
    assert frame_rate(path) == 24
    assert sound_duration(path) == pytest.approx(2 * NUM_FRAMES / 24, abs=0.05)


def test_speed_that_varies_leaves_no_sound(comfy: Comfy, talkie: Path) -> None:
    mode = timed("speed ramp", ramp="0:1 0.25:0.5", target_fps=0.0)
    ended = comfy.run(through_memory("memory_ramp", **mode))
    assert sound_packets(made(comfy, "memory_ramp")) == []
    *_, line = ended.lines["out"]
    assert line.endswith(" · sound was left out: the speed varies")


@pytest.mark.parametrize(
    ("mode", "seconds"),
    [(timed("multiplier", multi=2), 0.25), (timed("speed", speed=0.5, target_fps=0.0), 0.5)],
    ids=["same speed", "half speed"],
)
def test_other_sound_takes_the_place_of_the_videos(
    comfy: Comfy, talkie: Path, mode: dict[str, object], seconds: float
) -> None:
    prefix = f"other_sound_{seconds}"
    sound = {"sound": node("EmptyAudio", duration=0.25, sample_rate=22050, channels=1)}
    comfy.run({**through_memory(prefix, audio=["sound", 0], **mode), **sound})
    # The filter that changes the speed leaves out less than its window at the end.
    assert sound_duration(made(comfy, prefix)) == pytest.approx(seconds, abs=0.1)


def test_images_in_memory_become_a_video_of_the_rate_that_was_typed(comfy: Comfy) -> None:
    workflow = through_memory("memory_typed", **timed("target fps", target_fps=60.0))
    workflow["images"] = node("EmptyImage", width=64, height=64, batch_size=8, color=0x336699)
    workflow["out"]["inputs"] |= {"images": ["images", 0], "source_fps": 16.0}
    assert comfy.run(workflow).succeeded
    path = made(comfy, "memory_typed")
    assert (count_frames(path), frame_rate(path)) == (30, 60)


@pytest.mark.parametrize("fps", [0.0, 16.0])
def test_video_is_exported_at_its_own_rate_with_its_sound(
    comfy: Comfy, talkie: Path, fps: float
) -> None:
    prefix = f"exported_{fps:g}"
    to_file = {"filename_prefix": f"{prefix}/RIFE", "preset": "lossless", "crf": 20}
    video = node("LoadVideo", file="talkie.mp4")
    export = node("ExportVideoRIFE", images=["video", 0], fps=fps, **to_file)
    ended = comfy.run({"video": video, "export": export})
    path = made(comfy, prefix)
    assert frame_rate(path) == 24
    assert np.array_equal(decoded(path), decoded(talkie))
    assert sound_packets(path) == sound_packets(talkie)
    *_, line = ended.lines["export"]
    assert ("fps 16 was ignored: the video has 24 fps" in line) == (fps == 16.0)


def test_frames_of_a_video_are_exported(comfy: Comfy, talkie: Path) -> None:
    export = node("ExportPNGRIFE", images=["video", 0], filename_prefix="exported_png/RIFE")
    ended = comfy.run({"video": node("LoadVideo", file="talkie.mp4"), "export": export})
    pictures = read_pictures(made(comfy, "exported_png"))
    assert np.array_equal(np.stack(pictures), decoded(talkie))
    *_, line = ended.lines["export"]
    assert line.startswith(f"exported_png/RIFE_00001_/ · {NUM_FRAMES} frames · took")
