"""A result is read again before it gets its name, and before anything it was made of is removed."""

import errno
import os
import threading

import numpy as np
import pytest

from tests.helpers.writers import source_tracks, video_writer
from vfi.encode.convert import PixelConverter
from vfi.errors import EncodeError
from vfi.write import encoding_thread, video
from vfi.write.finished import Ledger, count_frames
from vfi.write.segments import SegmentsFolder

NOISE = np.random.default_rng(0).integers(0, 256, (25, 48, 64, 3), np.uint8)
# With its assembly, x264 165 may make another file of the same frames.
OPTIONS = {"": {"x264-params": "no-asm=1"}, ".webm": {"cpu-used": "8"}}
PRESETS = {".mkv": "lossless", ".webm": "webm", ".gif": "gif", ".webp": "webp"}


def writer(path, **options):
    preset = PRESETS.get(path.suffix, "share")
    encoder = OPTIONS.get(path.suffix, OPTIONS[""] if preset == "share" else {})
    fixed = {"width": 64, "height": 48, "segment_length": 10, "resume_key": "k"}
    return video_writer(path, preset=preset, **{"options": encoder, **fixed, **options})


def write(path, frames=NOISE, **options):
    with writer(path, **options) as opened:
        first = opened.num_finished
        opened.start_at(first)
        for frame in frames[first:]:
            opened.write(frame)
    return path


@pytest.fixture
def damage(monkeypatch):
    """Damage a result before it is looked at: ``damage(function of the path)``."""

    def set_up(spoil):
        find_fault, find_fault_of_animation = Ledger.find_fault, video.find_fault_of_animation

        def spoil_video(self, path, check):
            spoil(path)
            return find_fault(self, path, check)

        def spoil_animation(path, *args):
            spoil(path)
            return find_fault_of_animation(path, *args)

        monkeypatch.setattr(Ledger, "find_fault", spoil_video)
        monkeypatch.setattr(video, "find_fault_of_animation", spoil_animation)

    return set_up


def cut_to(part):
    return lambda path: os.truncate(path, int(part * path.stat().st_size))


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm", "a.gif", "a.webp"])
@pytest.mark.parametrize("part", [0, 0.3, 0.9, 0.97])
def test_file_that_lost_its_end_gets_no_name(tmp_path, damage, name, part):
    (tmp_path / name).write_text("the old one")
    damage(cut_to(part))
    with pytest.raises(EncodeError, match=r"Is the disk full\?"):
        write(tmp_path / name)
    assert (tmp_path / name).read_text() == "the old one"


def test_file_that_lost_its_end_costs_no_frame(tmp_path, damage, monkeypatch):
    damage(cut_to(0.5))
    with pytest.raises(EncodeError, match=r"resumes from its segments"):
        write(tmp_path / "a.mp4")
    monkeypatch.undo()
    with writer(tmp_path / "a.mp4") as opened:
        assert opened.num_finished == len(NOISE)
        opened.start_at(len(NOISE))
    assert count_frames(tmp_path / "a.mp4") == len(NOISE)


def test_file_that_lost_its_sound_gets_no_name(tmp_path, damage, talkie):
    tracks = source_tracks(talkie, ("aac",))
    write(tmp_path / "fine.mp4", tracks=tracks)
    mute = write(tmp_path / "mute.mp4")
    damage(lambda path: mute.replace(path))
    with pytest.raises(EncodeError, match="0 of 1 audio tracks are in the written file"):
        write(tmp_path / "a.mp4", tracks=tracks)
    assert not (tmp_path / "a.mp4").exists()


def test_file_whose_sound_ends_early_gets_no_name(tmp_path, damage, talkie, ffmpeg):
    short = ffmpeg("-i", talkie, "-c:v", "copy", "-af", "atrim=0:0.2", "short.mp4")
    tracks = source_tracks(talkie, ("aac",))
    half = write(tmp_path / "half.mp4", tracks=source_tracks(short, ("aac",)))
    damage(lambda path: half.replace(path))
    with pytest.raises(EncodeError, match=r"audio track 1 .* lasts 0\.2\d+ s instead of 1\.0"):
        write(tmp_path / "a.mp4", tracks=tracks)


@pytest.fixture
def talkie(ffmpeg):
    """25 frames at 25 fps with sound."""
    picture, sound = "testsrc2=s=64x48:r=25:d=1", "sine=d=1"
    inputs = ("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound)
    return ffmpeg(*inputs, "-preset", "ultrafast", "-c:a", "aac", "talkie.mp4")


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize(
    "spoil", [cut_to(0.6), cut_to(0), lambda path: path.write_bytes(b"x" * 99)]
)
def test_segment_that_was_damaged_is_made_again(tmp_path, monkeypatch, name, spoil):
    monkeypatch.setattr(SegmentsFolder, "complete", fail_with(errno.EIO))
    with pytest.raises(EncodeError, match="Input/output error"):
        write(tmp_path / name)
    monkeypatch.undo()
    (second,) = (tmp_path / f"{name}.segments").glob("0000010-*")
    spoil(second)
    with writer(tmp_path / name) as opened:
        assert opened.num_finished == 10
        opened.start_at(10)
        for frame in NOISE[10:]:
            opened.write(frame)
    assert count_frames(tmp_path / name) == len(NOISE)


def fail_with(number):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("name", ["a.mp4", "a.webp"])
def test_disk_that_takes_nothing_at_the_end_is_one_clear_error(tmp_path, monkeypatch, name):
    # A network folder may say so only when one waits for it.
    monkeypatch.setattr(video, "sync_file", fail_with(errno.ENOSPC))
    with pytest.raises(EncodeError, match=r"No space left on device.*Is the disk full\?"):
        write(tmp_path / name)
    assert not (tmp_path / name).exists()
    monkeypatch.undo()
    write(tmp_path / name)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.mp4", "a.webp"])
def test_encoder_that_stalls_ends_the_job(tmp_path, monkeypatch, name):
    stalled, go_on = threading.Event(), threading.Event()
    convert = PixelConverter.convert

    def stall_at_3(self, frame, number):
        if number == 3 and not go_on.is_set():
            stalled.set()
            go_on.wait(60)
        return convert(self, frame, number)

    monkeypatch.setattr(PixelConverter, "convert", stall_at_3)
    monkeypatch.setattr(encoding_thread, "_STALL_LIMIT", 0.3)
    monkeypatch.setattr(encoding_thread, "_STOP_LIMIT", 0.1)
    with pytest.raises(EncodeError, match="the encoder has taken no frame for"):
        write(tmp_path / name)
    assert stalled.is_set()
    assert not (tmp_path / name).exists()
    go_on.set()
    for thread in threading.enumerate():
        if thread.name == "encoder":
            thread.join()
    monkeypatch.undo()
    write(tmp_path / name)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
