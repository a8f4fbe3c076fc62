"""Values on sockets as other packs give them: each works, or is refused in a sentence that helps.

An expression makes the value; see ``value_stand_ins.py`` for the names in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.clips import moving_pictures, read_pictures, sound_packets, write_clip
from tests.helpers.comfy_server import Comfy, Ended, Workflow
from tests.helpers.workflows import (
    blank,
    interpolate,
    load,
    node,
    png,
    refusal,
    shown_files,
    timed,
    video,
)

ERRORS = ("vfi.", "rife_arch.")


@pytest.fixture(scope="module")
def talkie(comfy: Comfy) -> Path:
    return write_clip(comfy.input / "border.mp4", moving_pictures(4), sound="aac")


def run(comfy: Comfy, workflow: Workflow, expression: str, path: object = "") -> Ended:
    """Run a workflow in which "value" is what an expression makes."""
    given = node("Give", expression=expression, path=str(path))
    return comfy.run({**workflow, "value": given})


def sentence(ended: Ended) -> str:
    """What the user reads: a message of this pack, in one line, and no traceback's last line."""
    error = ended.messages["execution_error"]
    assert error["exception_type"].startswith(ERRORS), error
    message = error["exception_message"].strip()
    assert "\n" not in message
    return message


def names_in(comfy: Comfy, folder: str) -> list[str]:
    return sorted(path.name for path in (comfy.output / folder).glob("*"))


# --- IMAGE ---------------------------------------------------------------------------------------

PICTURES = {
    "clip().half()": 3,
    "clip().bfloat16()": 3,
    "clip().double()": 3,
    "(255 * clip()).byte()": 3,
    "clip().to(torch.float8_e4m3fn)": 3,
    "clip().requires_grad_()": 3,
    "clip().permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)": 3,
    "clip()[:1].expand(4, -1, -1, -1)": 4,
    "clip(channels=1)": 3,
    "clip()[None]": 3,
    "[clip()[:1], clip()[1]]": 2,
    "clip().numpy()[::-1]": 3,
    "clip().numpy().astype('>f4')": 3,
    "(255 * clip().numpy()).astype('uint8')": 3,
    "1.4 * clip() - 0.2": 3,
    "torch._neg_view(-clip())": 3,
}


@pytest.mark.parametrize(("number", "expression"), list(enumerate(PICTURES)), ids=PICTURES)
def test_pictures_of_any_kind_are_taken(comfy: Comfy, number: int, expression: str) -> None:
    ended = run(comfy, {"png": png(f"taken{number}/x", ["value", 0])}, expression)
    assert ended.succeeded, ended.messages
    assert len(shown_files(comfy, ended.outputs["png"])) == PICTURES[expression]


def test_grey_pictures_and_bytes_keep_their_values(comfy: Comfy) -> None:
    exported = {"png": png("grey/x", ["value", 0])}
    ended = run(comfy, exported, "torch.full((2, 8, 8, 1), 51, dtype=torch.uint8)")
    (first, _) = read_pictures(shown_files(comfy, ended.outputs["png"])[0].parent)
    assert np.array_equal(first, np.full((8, 8, 3), 51))


NO_PICTURES = {
    "None": "images must be images or a VIDEO, and nothing (None) arrived",
    "clip()[:0]": "images has no frames. Check what is connected to it",
    "clip()[:, :0]": "images has pictures without a pixel",
    "clip()[0]": "one picture without a batch of shape [24, 32, 3] arrived",
    "clip()[..., 0]": "masks of shape [3, 24, 32] arrived, and expected is a batch of pictures",
    "torch.stack([clip(), clip()])": "2 clips in one value",
    "torch.tensor(1.0)": "values of shape [] arrived",
    "clip(channels=2)": "must be RGB or RGBA (3 or 4 channels), got 2 on images",
    "clip(channels=5)": "must be RGB or RGBA (3 or 4 channels), got 5 on images",
    "clip().permute(0, 3, 1, 2)": "The channels seem to come first",
    "[]": "images has no frames: a list of none arrived",
    "[None]": "images (number 0 of a list) must be a batch of pictures",
    "[[clip()]]": "a list of lists arrived",
    "[clip()[0, ..., 0]]": "images (number 0 of a list) must be a batch of pictures",
    "torch.nested.nested_tensor([clip()[0]])": "a tensor without plain values arrived",
    "-1e30 * torch.ones(2, 8, 8, 3)": "the values are -1e+30 on average",
    "[clip()[:1], clip(width=16)[:1]]": "picture 1 is 1 x 16x24 with 3 channels, not 1 x 32x24",
    "{'samples': clip()}": "a dictionary arrived. Latents become pictures with VAE Decode",
    "'text'": "a text arrived. Load the file with Load Video",
    "LikeAVideo()": "an object of type LikeAVideo arrived",
    "clip().to_sparse()": "a tensor without plain values arrived",
    "clip().long()": "must hold floating point values from 0 to 1, and int64 numbers",
    "np.array([None])": "images must hold numbers, and object numbers of shape [1] arrived",
    "255 * clip()": "the values are 127 on average, and expected are values from 0 to 1",
    "damaged(nan)": "1 of 3 frames holds values that are NaN or infinite: frame 1 (75 values)",
    "damaged(inf, channels=4)": "frame 1 (100 values)",
    "damaged(nan).half()": "frame 1 (75 values)",
    "clip().double() * 1e300": "3 of 3 frames hold values that are NaN or infinite: frame 0",
}


@pytest.mark.parametrize("expression", NO_PICTURES)
def test_what_are_no_pictures_is_refused_and_nothing_is_written(
    comfy: Comfy, expression: str
) -> None:
    ended = run(comfy, {"png": png("refused/x", ["value", 0])}, expression)
    assert NO_PICTURES[expression] in sentence(ended)
    assert names_in(comfy, "refused") == []


def test_pictures_that_come_one_by_one_are_noticed(comfy: Comfy) -> None:
    one_by_one = node("GiveList", expression="[f[None] for f in clip()]", path="")
    batched = node("RebatchImages", images=["list", 0], batch_size=64)
    smooth = {"list": one_by_one, "model": load(), "smooth": interpolate(["list", 0])}
    message = sentence(comfy.run({**smooth, "png": png("list/x", ["smooth", 0])}))
    assert message.startswith("This clip has one frame, and interpolation needs at least two.")
    assert "put Rebatch Images in between" in message
    # The advice works:
    smooth |= {"batch": batched, "smooth": interpolate(["batch", 0])}
    ended = comfy.run({**smooth, "png": png("list/x", ["smooth", 0])})
    assert len(shown_files(comfy, ended.outputs["png"])) == 5
    ended = comfy.run({"list": one_by_one, "png": png("list/y", ["list", 0])})
    assert "put Rebatch Images in between" in ended.lines["png"][-1]


def with_two(images: list[Any]) -> dict[str, dict[str, Any]]:
    """Each node that takes IMAGEs, at work on some and on good ones."""
    rates = {"before_fps": 8.0, "after_fps": 8.0}
    good = ["good", 0]
    return {
        "smooth": interpolate(images),
        "joined": node(
            "JoinClipsRIFE", **{"clips.clip_1": good, "clips.clip_2": images}, overlap=0
        ),
        "cuts": node("DetectCutsRIFE", images=images, scene_threshold=0.2),
        "compared": node(
            "CompareClipsRIFE", before=good, after=images, show="largest difference", **rates
        ),
        "montage": node("MontageRIFE", before=images, after=good, layout="side-by-side", **rates),
        "motion": node(
            "PreviewMotionRIFE", model=["model", 0], images=images, frame=0, timestep=0.5, scale="1"
        ),
        "video": video("anywhere/x", images, fps=8.0),
        "best": node(
            "FindBestModelRIFE",
            images=images,
            models="rife_tiny.pth",
            scales="1",
            qualities="fast",
            frames=1,
            every=1,
        ),
    }


@pytest.mark.parametrize("name", with_two([]))
@pytest.mark.parametrize(
    ("expression", "expected"),
    [("damaged(nan)", "frame 1 (75 values)"), ("clip()[0]", "one picture without a batch")],
    ids=["damaged", "no batch"],
)
def test_every_node_checks_its_pictures(
    comfy: Comfy, name: str, expression: str, expected: str
) -> None:
    workflow = {
        "model": load(),
        "good": node("Give", expression="clip()", path=""),
        name: with_two(["value", 0])[name],
    }
    shown = {"end": node("PreviewAny", source=[name, 0])}
    assert expected in sentence(run(comfy, {**workflow, **shown}, expression))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("torch.ones(64, 64)", ""),
        ("torch.ones(1, 1, 64, 64)", ""),
        ("torch.ones(2, 64, 64) > 0", ""),
        ("[torch.ones(64, 64), torch.zeros(64, 64)]", ""),
        ("[torch.ones(64)]", "mask (number 0 of a list) must be masks"),
        ("None", ""),
        ("clip()", "Pictures become masks with Convert Image to Mask"),
        ("damaged(nan)[..., 0]", "mask: 1 of 3 frames holds values that are NaN"),
        ("'text'", "mask must be masks, [H, W] or [N, H, W], and a text arrived"),
    ],
)
def test_masks_are_checked(comfy: Comfy, expression: str, expected: str) -> None:
    smooth = {**interpolate(["images", 0])["inputs"], "mask": ["value", 0]}
    workflow = {"model": load(), "images": blank(2), "smooth": node("RIFEInterpolate", **smooth)}
    ended = run(comfy, {**workflow, "end": node("PreviewAny", source=["smooth", 2])}, expression)
    assert ended.succeeded if not expected else expected in sentence(ended)


# --- AUDIO ---------------------------------------------------------------------------------------

SOUNDS = {
    "sound(tone().half())": "",
    "sound(tone().double())": "",
    "sound(tone()[0])": "",
    "sound(tone()[0, 0])": "",
    "sound((32767 * tone()).short())": "",
    "sound((100 * tone() + 128).byte())": "",
    "sound(tone(8))": "",
    "sound(tone().numpy())": "",
    "sound(tone().requires_grad_())": "",
    "sound(sample_rate=8000.0)": "",
    "sound(sample_rate=torch.tensor(8000))": "",
    "sound(sample_rate=np.int64(8000))": "",
    "sound(sample_rate='8000')": "",
    "Lazy()": "",
    "LazyObject()": "",
    "LazyDictionary()": "",
    "LazyDictionary(OSError('gone'))": "audio was left out: OSError: gone",
    "sound(torch._neg_view(-tone()))": "",
    "sound(torch.cat([tone(), -tone()]))": "audio is a batch of 2, of which the first was taken",
    "sound(broken_tone())": "audio: 11 of 4000 samples are NaN or infinite, and were made silent",
    "{}": "audio was left out: it is empty",
    "{'waveform': None, 'sample_rate': 8000}": "audio was left out: it has no waveform",
    "sound(tone()[..., :0])": "audio was left out: it has no samples",
    "sound(tone()[:, :0])": "audio was left out: it has no channels",
    "Lazy(Exception('no audio:\\nstream'))": "audio was left out: Exception: no audio: stream",
    "Lazy(KeyError('5.1'))": "audio was left out: KeyError: '5.1'",
}


@pytest.mark.parametrize(("number", "expression"), list(enumerate(SOUNDS)), ids=SOUNDS)
def test_sound_of_any_kind_is_taken_or_left_out_with_a_word(
    comfy: Comfy, number: int, expression: str
) -> None:
    exported = video(f"sound{number}/x", ["images", 0], fps=8.0, audio=["value", 0])
    ended = run(comfy, {"images": blank(4), "video": exported}, expression)
    assert ended.succeeded, ended.messages
    (path,) = shown_files(comfy, ended.outputs["video"])
    assert bool(sound_packets(path)) == ("left out" not in SOUNDS[expression])
    assert SOUNDS[expression] in ended.lines["video"][-1]


NO_SOUNDS = {
    "sound(tone(9))": "audio has 9 channels, and a file can have at most 8",
    "sound(tone(2)[0].T)": "its waveform is [T, C], 4000 samples of 2 channels",
    "sound(tone()[None])": "must be numbers of shape [B, C, T]",
    "sound(tone().long())": "must be floating point from -1 to 1, and int64 numbers",
    "sound('x')": "its waveform must be numbers of shape [B, C, T], and a text arrived",
    "sound(sample_rate=0)": "its sample_rate must be 100 to 768000, got 0",
    "sound(sample_rate=-1)": "its sample_rate must be 100 to 768000, got -1",
    "sound(sample_rate=nan)": "its sample_rate must be a number, got nan",
    "sound(sample_rate=None)": "its sample_rate must be a number, and nothing (None) arrived",
    "sound(sample_rate=torch.ones(2))": "its sample_rate must be a number",
    "sound(sample_rate=Rate(KeyError('x')))": "its sample_rate must be a number",
    "sound(torch.nested.nested_tensor([tone()[0]]))": "a tensor without plain values arrived",
    "{'samples': tone()}": "a dictionary with samples arrived",
    "[sound()]": "a list of 1 arrived",
    "tone()": "float32 numbers of shape [1, 1, 4000] arrived",
    "'text'": "audio must be an AUDIO: a dictionary",
}


@pytest.mark.parametrize("expression", NO_SOUNDS)
@pytest.mark.parametrize("smooth", [False, True], ids=["export", "interpolate"])
def test_what_is_no_sound_is_refused(comfy: Comfy, expression: str, smooth: bool) -> None:
    images = ["images", 0]
    exported = video("mute/x", images, fps=8.0, audio=["value", 0])
    workflow = {"model": load(), "images": blank(4), "video": exported}
    if smooth:
        workflow["smooth"] = interpolate(images, audio=["value", 0])
        workflow["video"] = video("mute/x", ["smooth", 3], fps=0.0)
    assert NO_SOUNDS[expression] in sentence(run(comfy, workflow, expression))


# --- VIDEO ---------------------------------------------------------------------------------------

VIDEOS = {
    "File(Path(path))": 4,
    "File(open(path, 'rb'))": 4,
    "File(path.encode())": 4,
    "File(__import__('os').path.relpath(path))": 4,
    "components(rate=8.0)": 3,
    "components(rate='8')": 3,
    "components(rate=torch.tensor(8.0))": 3,
    "components((255 * clip()).byte())": 3,
    "components(audio=sound(tone()[0]))": 3,
    "components(audio=Lazy(Exception('silent')))": 3,
    "Own()": 3,
    "Own(trimmed=ValueError('not here'))": 3,
    "Own(window=[0.0, 0.0])": 3,
    "Trimmed(rate=8.0)": 3,
}


def smooth_video(prefix: str) -> Workflow:
    how = {"source_fps": 0.0, "scale": "1", "preset": "share", "crf": 20, "audio": "copy"}
    smooth = node(
        "RIFEInterpolateVideo",
        model=["model", 0],
        video=["value", 0],
        filename_prefix=f"{prefix}/x",
        scene_threshold=0.0,
        **timed("multiplier", multi=2),
        **how,
    )
    return {"model": load(), "smooth": smooth}


@pytest.mark.parametrize(("number", "expression"), list(enumerate(VIDEOS)), ids=VIDEOS)
def test_videos_of_any_kind_are_taken(
    comfy: Comfy, talkie: Path, number: int, expression: str
) -> None:
    ended = run(comfy, smooth_video(f"video{number}"), expression, talkie)
    assert ended.succeeded, ended.messages
    count = VIDEOS[expression]
    assert f"{count} → {2 * count} frames" in ended.lines["smooth"][-1]


NO_VIDEOS = {
    "path": "video must be images or a VIDEO, and a text arrived",
    "Path(path)": "Load the file with Load Video",
    "None": "nothing (None) arrived",
    "[File(path)]": "an object of type VideoFromFile arrived",
    "File(path + '.gone')": "border.mp4.gone: there is no such file",
    "File('http://127.0.0.1:1/a.mp4')": "http://127.0.0.1:1/a.mp4 is an address, and only files",
    "File('concat:a|b')": "there is no such file",
    "File(3)": "its file must be a path or an open file",
    "File(StringIO('x'))": "its file was opened as text",
    "File(path, start_time=nan)": "its trim must be a number, got nan",
    "File(path + '.gone', start_time=-1)": "VideoFromFile.get_active_trim_window failed",
    "components(rate=0)": "its frame rate is 0, and must be above 0",
    "components(rate=-1)": "its frame rate is -1, and must be above 0",
    "components(rate=nan)": "its frame rate must be a number, got nan",
    "components(rate=None)": "its frame rate must be a number, and nothing (None) arrived",
    "components(clip()[:0])": "video has no frames",
    "components(clip()[0])": "one picture without a batch",
    "components(damaged(nan))": "frame 1 (75 values)",
    "components(audio=[sound()])": "video: its sound must be an AUDIO",
    "Own(components=RuntimeError('no\\nnetwork'))": "get_components failed (RuntimeError: no network)",
    "Own(components=3)": "Own.get_components gave an object of type int, without images",
    "Own(components=Broken())": "its images cannot be had (RuntimeError: gone)",
    "Own(components=MemoryError())": "get_components failed (MemoryError). Check",
    "components(rate=10 ** 400)": "its frame rate must be a number, and an object of type int",
    "Trimmed(duration=1e9)": "it is 1e+09 s long, more than 10000000 frames",
    "File(b'\\xff')": "\\udcff: there is no such file",
    "File('/dev/zero')": "/dev/zero is a pipe or a device, not a video file",
    "File(path, start_time=1e300)": "no frames from 1000000000.000 s on",
    "Own(window=None)": "its trim must be a start and a length",
    "Own(depth=None)": "its bit depth must be a number",
    "Trimmed(rate=RuntimeError('x'))": "Trimmed.get_frame_rate failed (RuntimeError: x)",
    "Trimmed(duration=nan)": "its duration must be a number, got nan",
    "Trimmed(duration=0.0)": "it has no frames",
    "Trimmed(part=3)": "Trimmed.get_components gave an object of type int, without images",
    "Trimmed(components=components(damaged(nan)).get_components())": "frame 1 (75 values)",
}


@pytest.mark.parametrize("expression", NO_VIDEOS)
def test_what_is_no_video_is_refused(comfy: Comfy, talkie: Path, expression: str) -> None:
    ended = run(comfy, smooth_video("refused_video"), expression, talkie)
    assert NO_VIDEOS[expression] in sentence(ended)
    assert [name for name in names_in(comfy, "refused_video") if name.endswith(".mp4")] == []


# --- numbers, choices, texts and models ----------------------------------------------------------


def exporting(**inputs: object) -> Workflow:
    exported = video("values/x", ["images", 0])["inputs"]
    return {"images": blank(2), "end": node("ExportVideoRIFE", **{**exported, **inputs})}


def smoothing(**inputs: object) -> Workflow:
    smooth = node("RIFEInterpolate", **{**interpolate(["images", 0])["inputs"], **inputs})
    shown = node("PreviewAny", source=["smooth", 2])
    return {"model": load(), "images": blank(2), "smooth": smooth, "end": shown}


VALUE: list[Any] = ["value", 0]
MODEL = node("PreviewAny", source=["model", 0])


@pytest.mark.parametrize(
    ("workflow", "expression", "expected"),
    [
        (exporting(fps=VALUE), "8", ""),
        (exporting(fps=VALUE), "np.float32(8)", ""),
        (exporting(fps=VALUE), "Fraction(30000, 1001)", ""),
        (exporting(fps=VALUE), "nan", "fps must be a number, got nan"),
        (exporting(fps=VALUE), "-1", "fps must be 0.0 to 1000.0, got -1"),
        (exporting(fps=VALUE), "10 ** 400", "fps must be a number"),
        (exporting(fps=VALUE), "0.0001", "A frame rate must be at least 0.001"),
        (exporting(fps=VALUE), "0", "Type the frame rate of the images in fps"),
        (exporting(fps=VALUE), "None", "fps must be a number, and nothing (None) arrived"),
        (exporting(crf=VALUE), "99", "crf must be 0 to 51, got 99"),
        (exporting(preset=VALUE), "None", "preset must be one of share"),
        (exporting(filename_prefix=VALUE), "None", "filename_prefix must be a text"),
        (exporting(ffmpeg_options=VALUE), "None", ""),
        (
            exporting(filename_prefix=VALUE),
            "'../up'",
            "'../up' is no name, or leads out of",
        ),
        (
            exporting(filename_prefix=VALUE),
            "'a\\0b'",
            "is no name, or leads out of ComfyUI's output folder",
        ),
        (exporting(filename_prefix=VALUE), "'\\ud800'", "'\\ud800' is no name"),
        (smoothing(**{"mode.multi": VALUE}), "2.0", ""),
        (smoothing(**{"mode.multi": VALUE}), "2.5", "multi must be a whole number, got 2.5"),
        (smoothing(**{"mode.multi": VALUE}), "1000000", "multi must be 2 to 64, got 1e+06"),
        (smoothing(scale=VALUE), "'3'", "scale must be one of 0.25, 0.5, 1, 2, 4, auto, got 3"),
        (smoothing(model=VALUE), "3", "model must come from Load RIFE Model"),
        (smoothing(cuts=VALUE), "None", ""),
        (smoothing(curve=VALUE), "3", "curve must come from a Curve Editor"),
        (
            smoothing(curve=VALUE, **timed("speed ramp", ramp="0:1", target_fps=0.0)),
            "Bumpy(nan)",
            "curve must be a number, got nan",
        ),
    ],
)
def test_values_of_widgets_that_are_connected_are_checked(
    comfy: Comfy, workflow: Workflow, expression: str, expected: str
) -> None:
    ended = run(comfy, workflow, expression)
    assert ended.succeeded if not expected else expected in sentence(ended)


def test_picture_as_wide_as_a_ruler_is_shown_while_it_is_worked_on(comfy: Comfy) -> None:
    # ComfyUI would shrink it to a preview without a pixel, which ends the server.
    ended = run(comfy, {**smoothing(images=["value", 0])}, "clip(count=2, height=1, width=3000)")
    assert ended.succeeded, ended.messages
    assert comfy.get("/system_stats")


def test_name_that_is_taken_by_a_file_is_refused(comfy: Comfy) -> None:
    (comfy.output / "taken.txt").write_text("")
    message = sentence(comfy.run(exporting(filename_prefix="taken.txt/x", fps=8.0)))
    assert message.startswith("filename_prefix: 'taken.txt/x' cannot be saved in ")


def test_list_of_no_numbers_on_a_node_of_lists_is_refused(comfy: Comfy) -> None:
    empty = node("GiveList", expression="[]", path="")
    joined = node("JoinClipsRIFE", **{"clips.clip_1": ["images", 0], "overlap": ["none", 0]})
    workflow = {"none": empty, "images": blank(2), "joined": joined}
    end = {"end": node("PreviewAny", source=["joined", 1])}
    assert "overlap must be a number" in sentence(comfy.run({**workflow, **end}))


@pytest.mark.parametrize(
    ("workflow", "name", "expected"),
    [
        (exporting(fps=8.0, crf={"a": 1}), "end", "crf must be a number, and a dictionary arrived"),
        (exporting(fps=8.0, preset={}), "end", "got a dictionary"),
        (exporting(fps=8.0, ffmpeg_options=[1]), "end", "must be a text, and a list of 1 arrived"),
        (smoothing(cuts=[1]), "smooth", "cuts must be a text, and a list of 1 arrived"),
        (
            smoothing(**{"mode.multi": {}}),
            "smooth",
            "mode.multi must be a number, and a dictionary",
        ),
        ({"model": load(3), "end": MODEL}, "model", "an object of type int"),  # type: ignore[arg-type]
    ],
)
def test_values_of_another_kind_are_refused_when_queued(
    comfy: Comfy, workflow: Workflow, name: str, expected: str
) -> None:
    assert expected in refusal(comfy, workflow, name)


def test_number_that_is_none_is_refused_when_queued(comfy: Comfy) -> None:
    for fps, expected in (
        ("abc", "fps must be a number, and a text arrived"),
        (float("nan"), "nan"),
    ):
        assert expected in refusal(comfy, exporting(fps=fps), "end")
