"""A folder of clips becomes a cache of samples, once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image

from tests.helpers.clips import Picture, write_clip, write_clip_without_frames, write_damaged_clip
from tests.training.data.pans import (
    SMALL,
    pan,
    position_in,
    prepare_quietly,
    steps,
    write_folder,
    write_pan,
)
from training.data import CutOptions, Manifest, prepare, read_manifest
from training.data.crops import cut
from training.data.store import read_frames
from vfi.errors import DecodeError, InputError
from vfi.frames import Frame, to_uint8
from vfi.preprocess import apparent_motion
from vfi.read import open_video


def changes(cache: Path) -> dict[str, int]:
    """When each file of a cache was written."""
    return {
        path.relative_to(cache).as_posix(): path.stat().st_mtime_ns for path in cache.rglob("*.png")
    }


def clips_in(manifest: Manifest) -> set[str]:
    return {sample.clip for sample in manifest.samples}


# --- what is cut ---------------------------------------------------------------------------------


def test_samples_are_crops_of_the_frames_at_their_times(tmp_path: Path) -> None:
    write_pan(tmp_path / "in" / "a.mkv")
    manifest = prepare_quietly(tmp_path / "in", tmp_path / "cache", replace(SMALL, held_out=0))
    texture = pan([0], width=1000)[0]
    assert len(manifest.samples) == 3
    for sample in manifest.samples:
        positions = [
            position_in(frame, texture) for frame in read_frames(tmp_path / "cache", sample)
        ]
        offsets = {at - 4 * 24 * time for at, time in zip(positions, sample.times, strict=True)}
        assert len(offsets) == 1
        assert all(after > before for before, after in pairwise(sample.times))
        assert sample.motion > 0.2


def test_crops_are_where_something_moves(tmp_path: Path) -> None:
    pictures = [np.full((192, 320, 3), 90, np.uint8) for _ in range(13)]
    for picture, moving in zip(pictures, pan(steps(13), width=64), strict=True):
        picture[96:160, 224:288] = moving
    write_folder(tmp_path / "in" / "a", pictures)
    manifest = prepare_quietly(tmp_path / "in", tmp_path / "cache")
    for sample in manifest.samples:
        moves = read_frames(tmp_path / "cache", sample).float().std(0).mean(-1) > 0
        assert moves.float().mean() > 0.2


def test_large_short_clip_is_cut_at_several_places_of_each_run(tmp_path: Path) -> None:
    write_folder(tmp_path / "in" / "a", pan(steps(5), width=256, height=128))
    manifest = prepare_quietly(tmp_path / "in", tmp_path / "cache", replace(SMALL, held_out=0))
    assert len({sample.digest for sample in manifest.samples}) == len(manifest.samples) >= 3


def test_long_clip_gives_no_more_than_is_asked_for(tmp_path: Path) -> None:
    write_pan(tmp_path / "in" / "a.mkv", 41, 2)
    options = replace(SMALL, most_per_clip=4, held_out=0)
    assert len(prepare_quietly(tmp_path / "in", tmp_path / "cache", options).samples) == 4
    assert len(changes(tmp_path / "cache")) == 4


def test_small_clip_is_cut_as_large_as_fits(tmp_path: Path) -> None:
    write_folder(tmp_path / "in" / "a", pan(steps(6), width=180, height=110))
    manifest = prepare_quietly(tmp_path / "in", tmp_path / "cache", CutOptions())
    assert {sample.side for sample in manifest.samples} == {96}


def test_16_bits_and_alpha_become_8_bits_of_colour(tmp_path: Path) -> None:
    folder = tmp_path / "in" / "a"
    folder.mkdir(parents=True)
    for number, picture in enumerate(pan(steps(6))):
        alpha = np.full((64, 96, 1), 128, np.uint8)
        Image.fromarray(np.concatenate([picture, alpha], 2)).save(folder / f"{number}.png")
    deep = tmp_path / "in" / "b"
    deep.mkdir()
    for number, picture in enumerate(pan(steps(6))):
        grey = picture[..., 0].astype(np.uint16) * 257
        Image.fromarray(grey).save(deep / f"{number}.png")
    manifest = prepare_quietly(tmp_path / "in", tmp_path / "cache")
    texture = pan([0], width=1000)[0]
    samples = {sample.clip: sample for sample in manifest.samples}
    frame = read_frames(tmp_path / "cache", samples["a"])[0]
    assert position_in(frame, texture) >= 0
    frame = read_frames(tmp_path / "cache", samples["b"])[0]
    assert position_in(frame, texture[..., :1].repeat(3, axis=2)) >= 0


def test_hdr_is_cut_as_what_is_shown_of_it(tmp_path: Path) -> None:
    clip = tmp_path / "in" / "a.mkv"
    clip.parent.mkdir()
    rows = [each[..., 0].astype("<u2") * 3 + 100 for each in pan(steps(6))]
    grey = np.full(2 * 32 * 48, 512, "<u2").tobytes()
    tags = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc:range=tv"
    command = [get_ffmpeg_exe(), "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p10le"]
    command += ["-s", "96x64", "-r", "24", "-i", "-", "-vf", tags, "-c:v", "ffv1", str(clip)]
    subprocess.run(command, input=b"".join(row.tobytes() + grey for row in rows), check=True)
    (sample, *_) = prepare_quietly(tmp_path / "in", tmp_path / "cache").samples
    source = open_video(clip)
    assert source.color.is_hdr
    with closing(source.tone_mapped().frames()) as frames:
        shown = to_uint8(next(frames).pixels).numpy()
    assert position_in(read_frames(tmp_path / "cache", sample)[0], shown) >= 0


def window_of(pictures: list[Picture]) -> list[Frame]:
    return [Frame(torch.from_numpy(each), Fraction(n)) for n, each in enumerate(pictures)]


def test_crops_are_where_something_moves_in_each_step() -> None:
    small, large = pan(steps(4)), pan([0, 4, 4, 8], seed=1, width=800)
    both = [np.concatenate(pair, axis=1) for pair in zip(small, large, strict=True)]
    for seed in range(20):
        (crop,) = cut(window_of(both), 64, 1, Random(seed))
        assert min(apparent_motion(*pair) for pair in pairwise(crop.pixels)) >= 0.2


def test_noise_is_no_motion() -> None:
    noise = np.random.RandomState(0)
    pictures = [pan([0])[0] // 2 + noise.randint(0, 4, (64, 96, 3), np.uint8) for _ in range(4)]
    assert list(cut(window_of(pictures), 64, 4, Random(0))) == []


# --- once, and again where it must ---------------------------------------------------------------


def test_second_call_reads_no_clip_and_gives_the_same(tmp_path: Path) -> None:
    for name in "abc":
        write_pan(tmp_path / "in" / f"{name}.mkv")
    first = prepare_quietly(tmp_path / "in", tmp_path / "cache")
    before = changes(tmp_path / "cache")
    assert prepare_quietly(tmp_path / "in", tmp_path / "cache") == first
    assert changes(tmp_path / "cache") == before
    assert read_manifest(tmp_path / "cache") == first


def test_another_cache_gets_the_same_pixels(tmp_path: Path) -> None:
    write_pan(tmp_path / "in" / "a.mkv", 30)
    options = replace(SMALL, most_per_clip=4)
    first = prepare_quietly(tmp_path / "in", tmp_path / "cache1", options)
    assert prepare_quietly(tmp_path / "in", tmp_path / "cache2", options) == first


def test_copied_clips_have_the_same_digest_and_other_options_another(tmp_path: Path) -> None:
    write_pan(tmp_path / "in" / "a.mkv", 20)
    first = prepare_quietly(tmp_path / "in", tmp_path / "cache1")
    shutil.copytree(tmp_path / "in", tmp_path / "copy", copy_function=shutil.copyfile)
    assert prepare_quietly(tmp_path / "copy", tmp_path / "cache2").digest == first.digest
    other = prepare_quietly(tmp_path / "in", tmp_path / "cache3", replace(SMALL, seed=1))
    assert other.digest != first.digest


def test_changed_clip_alone_is_cut_again(tmp_path: Path) -> None:
    for name in "abc":
        write_pan(tmp_path / "in" / f"{name}.mkv")
    first = prepare_quietly(tmp_path / "in", tmp_path / "cache")
    before = changes(tmp_path / "cache")
    write_pan(tmp_path / "in" / "b.mkv", 20, seed=1)
    second = prepare_quietly(tmp_path / "in", tmp_path / "cache")
    after = changes(tmp_path / "cache")
    old = {sample.file for sample in first.samples if sample.clip == "b.mkv"}
    assert old.isdisjoint(after)
    assert before.items() - {item for item in before.items() if item[0] in old} <= after.items()
    assert second.digest != first.digest
    assert after.keys() == {sample.file for sample in second.samples}


def test_interrupted_preparation_goes_on_at_the_next_clip(tmp_path: Path) -> None:
    for name in "abc":
        write_pan(tmp_path / "in" / f"{name}.mkv")

    def stop(done: int, _: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    cache = tmp_path / "cache"
    with pytest.raises(KeyboardInterrupt):
        prepare(tmp_path / "in", cache, SMALL, lambda _: None, stop)
    before = changes(cache)
    assert before
    assert not (cache / "manifest.json").exists()
    prepare_quietly(tmp_path / "in", cache)
    assert before.items() <= changes(cache).items()


def test_clip_that_was_being_cut_is_begun_again(tmp_path: Path) -> None:
    write_pan(tmp_path / "in" / "a.mkv")
    first = prepare_quietly(tmp_path / "in", tmp_path / "cache")
    (home,) = (path for path in (tmp_path / "cache").iterdir() if path.is_dir())
    home.rename(home.with_name(f"{home.name}.partial"))
    (home.with_name(f"{home.name}.partial") / "clip.json").unlink()
    assert prepare_quietly(tmp_path / "in", tmp_path / "cache") == first
    assert [path.name for path in (tmp_path / "cache").iterdir() if path.is_dir()] == [home.name]


@pytest.mark.parametrize("damage", ["missing", "short", "record"])
def test_damaged_cache_is_filled_again(tmp_path: Path, damage: str) -> None:
    write_pan(tmp_path / "in" / "a.mkv")
    first = prepare_quietly(tmp_path / "in", tmp_path / "cache")
    file = tmp_path / "cache" / first.samples[0].file
    match damage:
        case "missing":
            file.unlink()
        case "short":
            file.write_bytes(file.read_bytes()[:500])
        case _:
            (file.parent / "clip.json").write_text('[{"file": 1}]')
    assert prepare_quietly(tmp_path / "in", tmp_path / "cache") == first
    assert read_frames(tmp_path / "cache", first.samples[0]).shape[0] == 5


@pytest.mark.parametrize("damage", ["missing", "cut short", "other pixels"])
def test_damaged_sample_is_named_with_what_to_do(tmp_path: Path, damage: str) -> None:
    write_pan(tmp_path / "in" / "a.mkv")
    sample = prepare_quietly(tmp_path / "in", tmp_path / "cache").samples[0]
    file = tmp_path / "cache" / sample.file
    match damage:
        case "missing":
            file.unlink()
        case "cut short":
            file.write_bytes(file.read_bytes()[:500])
        case _:
            pixels = np.array(Image.open(file))
            pixels[0, 0, 0] ^= 1
            Image.fromarray(pixels).save(file)
    with pytest.raises(DecodeError, match=rf"{file}: .*damaged.*Remove the folder .*a\.mkv"):
        read_frames(tmp_path / "cache", sample)


def test_manifest_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"manifest\.json: .*Prepare the clips first"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps({"samples": 3}))
    with pytest.raises(InputError, match=r"manifest\.json"):
        read_manifest(tmp_path)


def test_cache_inside_the_folder_is_no_clip(tmp_path: Path) -> None:
    write_pan(tmp_path / "a.mkv", 20)
    first = prepare_quietly(tmp_path, tmp_path / "cache")
    assert prepare_quietly(tmp_path, tmp_path / "cache") == first
    assert first.refused == ()


# --- whatever else is in the folder --------------------------------------------------------------


def hostile_folder(folder: Path) -> None:
    """Make two clips that can be used, and ten that cannot."""
    write_pan(folder / "good.mkv")
    write_folder(folder / "größe und raum" / "ein bild", pan(steps(8), seed=1))
    (folder / "text.mp4").write_text("not a video")
    (folder / "._good.mkv").write_bytes(b"\0" * 100)
    (folder / "empty.mp4").touch()
    write_clip_without_frames(folder / "none.avi", folder / "good.mkv")
    write_damaged_clip(folder / "damaged.avi", 12, 6)
    write_clip(folder / "one.mkv", pan([0]))
    write_clip(folder / "still.mkv", pan([0] * 12))
    write_clip(folder / "tiny.mkv", pan(steps(6), width=64, height=32))
    sizes = write_folder(folder / "sizes", pan(steps(5)))
    Image.fromarray(pan([0], width=80)[0]).save(sizes / "shot_0009.png")
    names = write_folder(folder / "names", pan(steps(5)))
    (names / "shot_0001.png").rename(names / "cover.png")
    (folder / "nothing").mkdir()


def test_each_clip_that_cannot_be_used_is_named_with_a_reason(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    hostile_folder(folder)
    told: list[str] = []
    done: list[tuple[int, int]] = []
    manifest = prepare(
        folder, tmp_path / "cache", SMALL, told.append, lambda *count: done.append(count)
    )
    reasons = dict(manifest.refused)
    assert clips_in(manifest) == {"good.mkv", "größe und raum/ein bild"}
    assert reasons.keys() == {
        *("text.mp4", "empty.mp4", "none.avi", "damaged.avi", "one.mkv", "still.mkv", "tiny.mkv"),
        *("sizes", "names"),
    }
    assert "1 frame;" in reasons["one.mkv"]
    assert "12 frames" in reasons["still.mkv"]
    assert "64x32" in reasons["tiny.mkv"]
    assert "differ in size" in reasons["sizes"]
    assert "cover.png" in reasons["names"]
    assert told == [f"note: left out: {why}" for _, why in manifest.refused]
    assert all(Path(clip).name in why for clip, why in manifest.refused)
    assert done == [(number, 11) for number in range(1, 12)]


def test_nothing_usable_is_one_error_with_all_reasons(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write_clip(tmp_path / "one.mkv", pan([0]))
    folder.mkdir()
    shutil.move(tmp_path / "one.mkv", folder)
    (folder / "text.mp4").write_text("not a video")
    with pytest.raises(InputError) as raised:
        prepare_quietly(folder, tmp_path / "cache")
    message = str(raised.value)
    assert "none of its 2 clips" in message
    assert "one.mkv has 1 frame" in message
    assert "text.mp4" in message
    assert message.endswith("Add clips of three or more frames that move.")
    assert not (tmp_path / "cache" / "manifest.json").exists()


def test_pictures_taken_for_thumbnails_are_told(tmp_path: Path) -> None:
    write_folder(tmp_path / "in" / "a", pan(steps(4)))
    write_pan(tmp_path / "in" / "a" / "a.mkv")
    manifest = prepare_quietly(tmp_path / "in", tmp_path / "cache")
    ((clip, why),) = manifest.refused
    assert clip == "a"
    assert "4 pictures lie beside videos" in why
    assert clips_in(manifest) == {"a/a.mkv"}


def test_empty_folder_says_what_to_put_there(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(InputError, match=r"there is no clip in this folder.*Put videos there"):
        prepare_quietly(tmp_path / "in", tmp_path / "cache")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="everything can be read")
def test_unreadable_clip_is_left_out(tmp_path: Path) -> None:
    write_pan(tmp_path / "in" / "a.mkv")
    write_pan(tmp_path / "in" / "b.mkv").chmod(0)
    manifest = prepare_quietly(tmp_path / "in", tmp_path / "cache")
    assert [clip for clip, _ in manifest.refused] == ["b.mkv"]


@pytest.mark.skipif(os.name != "posix", reason="such names are not possible elsewhere")
def test_name_that_is_not_utf8_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    clip = write_pan(folder / "a.mkv")
    clip.rename(folder / os.fsdecode(b"\xff.mkv"))
    still = write_clip(folder / "still.mkv", pan([0] * 4))
    still.rename(folder / os.fsdecode(b"\xfe.mkv"))
    manifest = prepare_quietly(folder, tmp_path / "cache")
    assert clips_in(manifest) == {os.fsdecode(b"\xff.mkv")}
    assert read_manifest(tmp_path / "cache") == manifest
    assert manifest.refused[0][1].isprintable()


def test_cache_that_cannot_be_written_ends_the_run(tmp_path: Path) -> None:
    write_pan(tmp_path / "in" / "a.mkv")
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(InputError, match="cache: samples cannot be written there"):
        prepare_quietly(tmp_path / "in", tmp_path / "cache")


def test_full_disk_is_no_fault_of_the_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise InputError("No space left")

    write_pan(tmp_path / "in" / "a.mkv")
    monkeypatch.setattr("training.data.cache.write_frames", fail)
    with pytest.raises(InputError, match=r"^No space left$"):
        prepare_quietly(tmp_path / "in", tmp_path / "cache")
    assert [path for path in (tmp_path / "cache").iterdir() if path.is_dir()] == []


@pytest.mark.parametrize(
    ("name", "value"), [("size", 100), ("span", 1), ("most_per_clip", 0), ("held_out", 1.0)]
)
def test_impossible_option_is_refused(name: str, value: float) -> None:
    with pytest.raises(InputError, match=rf"not {value}"):
        CutOptions(**{name: value})
