"""VIDEOs that a ComfyUI after 0.25 has, and those of other packs: which frames are read, and how.

Their classes are stand-ins on top of ComfyUI's own; see ``video_stand_ins.py``.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from tests.helpers.clips import count_frames, moving_pictures, sound_packets, write_clip
from tests.helpers.comfy_server import Comfy
from tests.helpers.workflows import load, node
from vfi.read.video import probe_video, read_video

COUNT = 11
PICTURES = moving_pictures(COUNT)  # 64x48
TIMES = [str(Fraction(number, 24)) for number in range(COUNT)]
CROP = "EditedFile(path).as_cropped(8, 4, 32, 16)"


@pytest.fixture(scope="module")
def lossless(comfy: Comfy) -> Path:
    """RGB: of anything else, ComfyUI 0.25 makes pictures that are up to a level darker."""
    source = write_clip(comfy.input / "source.mkv", PICTURES)
    return convert(source, comfy.input / "edit.mkv", "-c:v", "png", "-pix_fmt", "rgb24")


@pytest.fixture(scope="module")
def talkie(comfy: Comfy) -> Path:
    """As people have them: frames that depend on each other, in another order, with sound."""
    return write_clip(comfy.input / "edit_talkie.mp4", PICTURES, sound="aac")


def convert(source: Path, path: Path, *options: str, before: tuple[str, ...] = ()) -> Path:
    command = [get_ffmpeg_exe(), "-v", "error", "-y", *before, "-i", str(source), *options]
    subprocess.run([*command, str(path)], check=True)
    return path


def read(
    comfy: Comfy, kind: str, path: Path | str = "", *, window: int = 3, alpha: bool = False
) -> Any:
    """What ``open_source`` makes of a VIDEO."""
    ended = comfy.run(
        {
            "video": node("NewVideo", kind=kind, path=str(path)),
            "read": node("ReadVideo", video=["video", 0], window=window, alpha=alpha),
            "text": node("PreviewAny", source=["read", 0]),
        }
    )
    assert ended.succeeded, ended.messages
    return json.loads(ended.text("text"))


def hashes(pictures: Any) -> list[str]:
    return [hashlib.sha256(np.ascontiguousarray(p).data).hexdigest() for p in pictures]


CROPPED = [picture[4:20, 8:40] for picture in PICTURES]


@pytest.mark.parametrize("window", [2, 3, 4, COUNT, 100])
def test_crop_is_honoured_and_no_frame_is_lost_between_windows(
    comfy: Comfy, lossless: Path, window: int
) -> None:
    found = read(comfy, CROP, lossless, window=window)
    assert found["size"] == [32, 16]
    assert found["pixels"] == hashes(CROPPED)
    assert found["times"] == TIMES
    assert found["largest"] == [min(window, COUNT), 1]


def test_resize_after_crop_is_honoured(comfy: Comfy, lossless: Path) -> None:
    found = read(comfy, f"{CROP}.as_resized(64, 8)", lossless)
    assert found["size"] == [64, 8]
    assert found["pixels"] == hashes([p[::2].repeat(2, axis=1) for p in CROPPED])


@pytest.mark.parametrize(
    ("trim", "first", "last"),
    [("3 / 24, 5 / 24", 3, 8), ("3 / 24", 3, COUNT), ("-5.5 / 24", 6, COUNT), ("0, 2 / 24", 0, 2)],
    ids=["both", "start", "from the end", "end"],
)
def test_trim_of_an_edited_video_is_honoured(
    comfy: Comfy, lossless: Path, trim: str, first: int, last: int
) -> None:
    video = f"EditedFile(path, {trim}).as_cropped(8, 4, 32, 16)"
    found = read(comfy, video, lossless, window=2)
    assert found["pixels"] == hashes(CROPPED[first:last])
    assert found["times"] == TIMES[: last - first]


def test_trim_that_begins_before_the_file_is_explained(comfy: Comfy, lossless: Path) -> None:
    video = "EditedFile(path, -100).as_cropped(8, 4, 32, 16)"
    workflow = {
        "video": node("NewVideo", kind=video, path=str(lossless)),
        "read": node("ReadVideo", video=["video", 0], window=2, alpha=False),
        "text": node("PreviewAny", source=["read", 0]),
    }
    error = comfy.run(workflow).messages["execution_error"]
    assert "trimmed from a time before it begins" in error["exception_message"]


@pytest.mark.parametrize(
    "options",
    [
        ("-bf", "3", "-g", "5", "-x264-params", "open-gop=1:scenecut=0", "open.mp4"),
        ("-bf", "3", "-g", "5", "-x264-params", "open-gop=1:scenecut=0", "open.mkv"),
        ("-bf", "2", "-g", "250", "-f", "mpegts", "late.ts"),
        ("-c:v", "mjpeg", "-q:v", "2", "tick.avi"),
        ("-vf", "setpts=N*N/100/TB", "-fps_mode", "vfr", "varying.mp4"),
    ],
    ids=["mp4", "mkv", "ts", "avi", "vfr"],
)
def test_windows_give_the_frames_and_times_of_the_file(comfy: Comfy, options: list[str]) -> None:
    source = write_clip(comfy.input / "source.mkv", moving_pictures(30))
    *options, name = options
    path = convert(source, comfy.input / name, "-pix_fmt", "yuvj420p", *options)
    whole = read(comfy, "EditedFile(path, 0, 0, (('crop', 0, 0, 64, 48),))", path, window=30)
    found = read(comfy, "EditedFile(path, 0, 0, (('crop', 0, 0, 64, 48),))", path, window=2)
    assert found["pixels"] == whole["pixels"]
    assert len(set(found["pixels"])) == 30
    assert found["times"] == [str(frame.time) for frame in read_video(probe_video(path))]


def test_rotated_file_is_cropped_as_it_is_displayed(comfy: Comfy, talkie: Path) -> None:
    turn = ("-display_rotation", "90")
    path = convert(talkie, comfy.input / "turned.mp4", "-c", "copy", before=turn)
    assert read(comfy, "EditedFile(path)", path)["size"] == [48, 64]
    assert read(comfy, "EditedFile(path).as_cropped(0, 0, 48, 32)", path)["size"] == [48, 32]


@pytest.mark.parametrize("alpha", [False, True])
def test_alpha_is_cropped_along_where_it_is_wanted(
    comfy: Comfy, lossless: Path, *, alpha: bool
) -> None:
    options = ("-vf", "format=rgba,colorchannelmixer=aa=0.2", "-c:v", "png")
    found = read(comfy, CROP, convert(lossless, comfy.input / "alpha.mkv", *options), alpha=alpha)
    assert found["alpha"] == alpha
    opaque = np.stack(CROPPED)
    see_through = np.concatenate((opaque, np.full_like(opaque[..., :1], 51)), axis=-1)
    assert found["pixels"] == hashes(see_through if alpha else opaque)


def test_sound_of_an_edited_video_is_that_of_its_file(comfy: Comfy, talkie: Path) -> None:
    assert read(comfy, CROP, talkie)["sound"] == ["edit_talkie.mp4", "0", 1]


def test_edited_video_in_memory_is_read(comfy: Comfy, lossless: Path) -> None:
    found = read(comfy, CROP.replace("path", "data"), lossless)
    assert found["pixels"] == hashes(CROPPED)
    assert found["identity"]


def test_identity_tells_edits_and_trims(comfy: Comfy, lossless: Path) -> None:
    kinds = [
        CROP,
        "EditedFile(path)",
        "EditedFile(path).as_cropped(8, 4, 32, 18)",
        "EditedFile(path).as_resized(32, 16)",
        "EditedFile(path, 0, 0.25).as_cropped(8, 4, 32, 16)",
    ]
    identities = [read(comfy, kind, lossless)["identity"] for kind in kinds]
    assert all(identities)
    assert len(set(identities)) == len(kinds)
    assert read(comfy, f"({CROP})", lossless)["identity"] == identities[0]


def test_edit_that_cannot_be_compared_is_not_resumed(comfy: Comfy, lossless: Path) -> None:
    kind = "EditedFile(path, 0, 0, [type('Crop', (tuple,), {})(('crop', 8, 4, 32, 16)), *[]])"
    assert read(comfy, kind, lossless)["identity"] == ""


# --- several in a row ----------------------------------------------------------------------------


def test_videos_in_a_row_are_read_one_after_the_other(comfy: Comfy, lossless: Path) -> None:
    kind = f"VideoList([{CROP}, EditedFile(path, 6 / 24).as_cropped(8, 4, 32, 16)])"
    found = read(comfy, kind, lossless, window=2)
    assert found["pixels"] == hashes([*CROPPED, *CROPPED[6:]])
    assert found["times"] == [str(Fraction(n, 24)) for n in range(COUNT + 5)]
    assert found["count"] == COUNT + 5
    assert found["largest"] == [2, 1]
    assert found["identity"]
    assert found["sound"] is None


def test_sound_of_videos_in_a_row_stays_with_their_frames(comfy: Comfy, talkie: Path) -> None:
    samples = read(comfy, "VideoList(3 * [File(path)])", talkie)["sound"]
    silent = read(comfy, "VideoList([File(path), EditedFile(path)])", talkie)
    second = round(44100 * COUNT / 24)
    assert len(samples) == round(44100 * 3 * COUNT / 24)
    # The file's sound goes on after its picture; in a row each part begins with its first frame.
    for start in (second, 2 * second):
        np.testing.assert_allclose(samples[start + 3000 :][:9000], samples[3000:12000], atol=700)
    assert len(silent["sound"]) == round(44100 * 2 * COUNT / 24)


def test_sound_of_a_whole_row_is_taken(comfy: Comfy, lossless: Path) -> None:
    sound = "{'waveform': torch.ones(1, 1, 99999), 'sample_rate': 8000}"
    samples = read(comfy, f"VideoList([File(path), File(path)], {sound})", lossless)["sound"]
    assert samples == 7334 * [32767]  # 2 x 11 frames, rounded up


def test_images_in_a_row_with_a_file_are_read(comfy: Comfy, lossless: Path) -> None:
    images = "VideoComponents(images=torch.zeros(2, 48, 64, 3), frame_rate=Fraction(12))"
    found = read(comfy, f"VideoList([Components({images}), File(path)])", lossless)
    assert found["times"][:4] == ["0", "1/12", "1/6", "5/24"]
    assert found["pixels"][2:] == hashes(PICTURES)
    assert found["identity"] == ""


def test_videos_of_two_sizes_in_a_row_are_explained(comfy: Comfy, lossless: Path) -> None:
    workflow = {
        "video": node("NewVideo", kind=f"VideoList([File(path), {CROP}])", path=str(lossless)),
        "read": node("ReadVideo", video=["video", 0], window=2, alpha=False),
        "text": node("PreviewAny", source=["read", 0]),
    }
    error = comfy.run(workflow).messages["execution_error"]
    assert "part 2 is 32x16, not 64x48 like the first" in error["exception_message"]


# --- classes of other packs ----------------------------------------------------------------------


@pytest.mark.parametrize("window", [2, 7, 200])
@pytest.mark.parametrize("rate", ["24", "30000, 1001"])
def test_video_of_another_class_is_read_in_windows(comfy: Comfy, rate: str, window: int) -> None:
    found = read(comfy, f"Foreign(100, Fraction({rate}))", window=window)
    exact = Fraction(*map(int, rate.split(",")))
    assert found["times"] == [str(number / exact) for number in range(100)]
    assert found["pixels"] == hashes(
        np.full((8, 8, 3), round(255 * n / 100), np.uint8) for n in range(100)
    )
    assert found["largest"] == [min(window, 100), 1]
    assert found["count"] == 100
    assert found["identity"]
    # Samples count up, so each is at its place; where windows meet one may be held.
    samples = np.array(found["sound"])
    assert len(samples) == round(100 / exact * 8000)
    expected = np.arange(len(samples)) / 100_000 * 32767
    np.testing.assert_allclose(samples, expected, atol=1.5)


def test_class_that_trims_by_encoding_is_read_at_once(comfy: Comfy) -> None:
    found = read(comfy, "Untrimmable(9, Fraction(24))", window=2)
    assert len(found["pixels"]) == 9
    assert found["largest"] == [9, 1]


# --- to the end ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [CROP, f"VideoList([{CROP}, {CROP}])"], ids=["edited", "in a row"])
def test_edited_video_is_interpolated_with_its_sound(comfy: Comfy, talkie: Path, kind: str) -> None:
    prefix = f"edits_{len(kind)}"
    smooth = node(
        "RIFEInterpolateVideo",
        **{"model": ["model", 0], "video": ["video", 0], "mode": "multiplier", "mode.multi": 2},
        source_fps=0.0,
        scale="1",
        filename_prefix=f"{prefix}/RIFE",
        preset="share",
        crf=20,
        audio="copy",
        scene_threshold=0.0,
    )
    video = node("NewVideo", kind=kind, path=str(talkie))
    assert comfy.run({"model": load(), "video": video, "smooth": smooth}).succeeded
    (path,) = (comfy.output / prefix).iterdir()
    parts = kind.count("as_cropped")
    info = probe_video(path)
    assert (info.width, info.height) == (32, 16)
    assert count_frames(path) == 2 * COUNT * parts
    if parts == 1:
        assert sound_packets(path) == sound_packets(talkie)
    else:
        assert sound_packets(path)
