"""Which clips are found in a folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from tests.training.data.pans import pan, steps, write_folder
from training.data import find_clips
from vfi.errors import InputError


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"anything")
    return path


def animation(path: Path, count: int, mode: str = "RGB") -> Path:
    pictures = [Image.fromarray(each).convert(mode) for each in pan(steps(count))]
    for picture in pictures:
        if mode == "RGBA":
            picture.putpixel((0, 0), (0, 0, 0, 0))
    if count > 1:
        pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=40)
    else:
        pictures[0].save(path)
    return path


def test_videos_are_found_at_any_depth_and_sorted(tmp_path: Path) -> None:
    clips = [touch(tmp_path / name) for name in ("b/c d/ü.MOV", "b.gif", "a.mp4", "b/x.webm")]
    touch(tmp_path / "notes.txt")
    assert find_clips(tmp_path) == sorted(clips)


def test_three_numbered_pictures_are_a_clip_and_two_are_not(tmp_path: Path) -> None:
    clip = write_folder(tmp_path / "shots" / "long", pan(steps(3)))
    write_folder(tmp_path / "shots" / "short", pan(steps(2)))
    assert find_clips(tmp_path) == [clip]


def test_pictures_beside_a_video_are_its_thumbnails(tmp_path: Path) -> None:
    write_folder(tmp_path / "a", pan(steps(4)))
    clip = touch(tmp_path / "a" / "a.mp4")
    assert find_clips(tmp_path) == [clip]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_animated_webp_is_a_video_and_still_ones_are_pictures(tmp_path: Path, mode: str) -> None:
    moving = animation(tmp_path / "moving.webp", 4)
    stills = tmp_path / "stills"
    stills.mkdir()
    for number in range(3):
        animation(stills / f"{number}.webp", 1, mode)
    assert find_clips(tmp_path) == [moving, stills]


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path / "._a.mp4")
    touch(tmp_path / ".trash" / "a.mp4")
    assert find_clips(tmp_path) == [] == find_clips(tmp_path, tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="links need no rights elsewhere")
def test_what_two_paths_lead_to_is_found_once(tmp_path: Path) -> None:
    clip = touch(tmp_path / "a" / "a.mp4")
    (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a" / "self")
    (tmp_path / "b.mp4").symlink_to(clip)
    assert [path.resolve() for path in find_clips(tmp_path)] == [clip]


def test_cache_in_the_folder_is_not_searched(tmp_path: Path) -> None:
    touch(tmp_path / "cache" / "a.mp4")
    assert find_clips(tmp_path, tmp_path / "cache") == []


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: there is no such folder\. Name"):
        find_clips(tmp_path / "nowhere")
