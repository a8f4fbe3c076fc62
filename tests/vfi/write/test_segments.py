"""A video in segments: joined without a trace, and resumed after a crash."""

import gc
import hashlib
import json
import os
import signal
import subprocess
import sys
import weakref
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.helpers.writers import PYAV, source_tracks, video_writer
from vfi.encode.encoders import available_presets
from vfi.errors import EncodeError, InputError
from vfi.read.video import probe_video
from vfi.write import segment_encoder, segments
from vfi.write.encoding_thread import EncodingThread
from vfi.write.mux import Mux

# With its assembly, x264 165 reads memory that it has not written (mbtree, AVX-512), so that the same
# frames may become another file.
FAST = {
    "share": {"preset": "veryfast", "x264-params": "no-asm=1"},  # with B-frames
    "high-quality": {"preset": "ultrafast", "bf": "3"},
    "web": {"preset": "12"},
    "webm": {"cpu-used": "8"},
}
RATE = Fraction(24000, 1001)
TEXTURE = np.random.default_rng(0).integers(0, 256, (48, 64, 4), np.uint8)


def moving(count, *, alpha=False):
    return [np.roll(TEXTURE, 2 * k, axis=1)[..., : 4 if alpha else 3] for k in range(count)]


def writer(path, preset="share", **options):
    defaults = {"rate": RATE, "options": FAST.get(preset, {}), "segment_length": 10}
    return video_writer(path, width=64, height=48, preset=preset, **{**defaults, **options})


def write(path, frames, **options):
    with writer(path, **options) as opened:
        for frame in frames:
            opened.write(frame)
    return path


def decoded(path):
    """Return time and hash of each frame."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [(frame.pts * stream.time_base, digest(frame)) for frame in container.decode(stream)]


def digest(frame):
    return hashlib.sha256(frame.to_ndarray(format="rgba64le").tobytes()).hexdigest()


@pytest.fixture(scope="module")
def offered():
    return {preset.name for preset, _ in available_presets()}


@pytest.fixture
def segments_seen(monkeypatch):
    """Hashes of the frames of each part, as they were when the parts were joined."""
    seen = []

    def join(self, folder, *arguments):
        seen.extend([seen for _, seen in decoded(segment.path)] for segment in folder.finished)
        joined(self, folder, *arguments)

    joined = Mux.write
    monkeypatch.setattr(Mux, "write", join)
    return seen


# --- joined --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "name", "rate", "alpha"),
    [
        *(("share", "a.mp4", rate, False) for rate in ("24000/1001", "60000/1001", "128/117")),
        *(("share", "a.mp4", rate, False) for rate in ("15", "50")),
        ("share", "a.mkv", "24000/1001", False),
        ("high-quality", "a.mov", "128/117", False),
        ("web", "a.mp4", "60000/1001", False),
        ("web", "a.webm", "60000/1001", False),
        ("webm", "a.webm", "24000/1001", False),
        ("webm", "a.webm", "128/117", True),
        ("master", "a.mov", "24000/1001", True),
        ("lossless", "a.mkv", "128/117", True),
    ],
)
@pytest.mark.parametrize("count", [20, 21], ids=["full", "one more"])
def test_joined_parts_have_every_frame_in_its_place(
    tmp_path, offered, segments_seen, preset, name, rate, alpha, count
):
    if preset not in offered:
        pytest.skip(f"this ffmpeg has no encoder for {preset}")
    rate = Fraction(rate)
    frames = moving(count, alpha=alpha)
    path = write(tmp_path / name, frames, preset=preset, rate=rate, has_alpha=alpha)

    assert [len(segment) for segment in segments_seen] == [10, 10, 1][: 2 + count % 2]
    frames = decoded(path)
    assert [seen for _, seen in frames] == [seen for segment in segments_seen for seen in segment]
    tick = Fraction(1, 1000) if path.suffix in (".mkv", ".webm") else Fraction(0)
    assert all(abs(time - number / rate) <= tick / 2 for number, (time, _) in enumerate(frames))
    if path.suffix not in (".mkv", ".webm") or PYAV >= (18, 1):  # an older one stores no rate there
        assert probe_video(path).rate == rate
    assert_lasts(path, count / rate)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def assert_lasts(path, seconds):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        if stream.duration:  # Matroska has one for the file only
            assert stream.duration * stream.time_base == seconds
            assert stream.frames / stream.average_rate == seconds
        assert container.duration / 1e6 == pytest.approx(float(seconds), abs=0.002)


def test_one_part_is_the_file_of_many_but_for_key_frames(tmp_path):
    frames = moving(25)
    one = decoded(write(tmp_path / "one.mkv", frames, preset="lossless", segment_length=100))

    assert decoded(write(tmp_path / "many.mkv", frames, preset="lossless")) == one


@pytest.mark.parametrize("rate", [Fraction(60000, 1001), Fraction(120000, 1001), Fraction(1000)])
def test_many_parts_do_not_drift(tmp_path, rate):
    path = write(tmp_path / "a.mp4", moving(100), segment_length=3, rate=rate)
    with av.open(str(path)) as container:
        times = sorted(p.pts * p.time_base for p in container.demux(video=0) if p.size)

    assert times == [number / rate for number in range(100)]


@pytest.mark.parametrize("folder", ["a:b", "-c", "d#e?f", "g%20h 'i'", "ä"])
def test_any_name_of_a_folder_will_do(tmp_path, folder):
    path = write(tmp_path / folder / "a'b.mp4", moving(12), metadata={"prompt": "x"})

    assert len(decoded(path)) == 12
    assert [entry.name for entry in path.parent.iterdir()] == ["a'b.mp4"]


def test_relative_name_will_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert len(decoded(write(Path("a.mp4"), moving(12)))) == 12


# --- going on ------------------------------------------------------------------------------------


class CrashError(Exception):
    pass


def interrupt(path, frames, **options):
    """Write frames, then crash."""
    crash_in(writer(path, **options), frames)


def crash_in(opened, frames, first=0):
    with pytest.raises(CrashError), opened:  # noqa: PT012  the block is the subject
        opened.start_at(first)
        for frame in frames:
            opened.write(frame)
        draining = getattr(opened._running, "_draining", None)
        if draining:
            draining[1].finish()
        raise CrashError


def go_on(path, frames, **options):
    """Write what is missing; returns how many frames were there."""
    with writer(path, **options) as opened:
        first = opened.num_finished
        opened.start_at(first)
        for frame in frames[first:]:
            opened.write(frame)
    return first


def found(path, **options):
    """Return how many frames are there, and whether those are all, and touch nothing."""
    with pytest.raises(CrashError), writer(path, **options) as opened:  # noqa: PT012
        result = opened.num_finished, opened.is_complete
        raise CrashError
    return result


@pytest.mark.parametrize(
    ("preset", "name", "alpha"),
    [("share", "a.mp4", False), ("webm", "a.webm", True), ("lossless", "a.mkv", False)],
)
def test_interrupted_job_goes_on_to_the_identical_file(tmp_path, preset, name, alpha):
    frames = moving(34, alpha=alpha)
    options = {"preset": preset, "resume_key": "x", "has_alpha": alpha}
    whole = write(tmp_path / f"whole{name}", frames, **options)
    path = tmp_path / name
    interrupt(path, frames[:25], **options)
    assert not path.exists()

    assert go_on(path, frames, **options) == 20
    assert decoded(path) == decoded(whole)
    assert path.stat().st_size == whole.stat().st_size
    assert {entry.name for entry in tmp_path.iterdir()} == {name, whole.name}


def test_twice_interrupted_job_goes_on_too(tmp_path):
    frames = moving(34)
    interrupt(tmp_path / "a.mp4", frames[:12], resume_key="x")
    crash_in(writer(tmp_path / "a.mp4", resume_key="x"), frames[10:31], first=10)

    assert go_on(tmp_path / "a.mp4", frames, resume_key="x") == 30
    assert len(decoded(tmp_path / "a.mp4")) == 34


def test_what_is_left_says_what_it_is(tmp_path):
    interrupt(tmp_path / "a.mp4", moving(25), resume_key="x")

    folder = tmp_path / "a.mp4.segments"
    assert {entry.name for entry in folder.iterdir()} == {
        "segments.json",
        "0000000-0000009.mp4",
        "0000010-0000019.mp4",
    }
    manifest = json.loads((folder / "segments.json").read_text())
    assert "Run the same job again to resume" in manifest["note"]
    assert manifest["segment_length"] == 10
    assert len(decoded(folder / "0000010-0000019.mp4")) == 10


def test_part_that_is_not_finished_is_not_kept(tmp_path):
    interrupt(tmp_path / "a.mp4", moving(9), resume_key="x")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("at_joining", "least"), [(False, 0), (True, 23)], ids=["last part", "joining"]
)
def test_wait_at_the_end_can_be_given_up(tmp_path, at_joining, least):
    frames = moving(23)

    def check():
        if opened.is_complete == at_joining:
            raise CrashError

    opened = writer(tmp_path / "a.mp4", resume_key="x", check=check)
    crash_at_end(opened, frames)
    assert not [entry for entry in tmp_path.iterdir() if entry.suffix != ".segments"]

    assert go_on(tmp_path / "a.mp4", frames, resume_key="x") >= least
    assert len(decoded(tmp_path / "a.mp4")) == 23
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize(("preset", "name"), [("share", "a.mp4"), ("gif", "a.gif")])
def test_nothing_is_left_of_a_wait_that_was_given_up(tmp_path, preset, name):
    def check():
        raise CrashError

    crash_at_end(writer(tmp_path / name, preset=preset, check=check), moving(23))
    assert list(tmp_path.iterdir()) == []


def crash_at_end(opened, frames):
    with pytest.raises(CrashError), opened:  # noqa: PT012  the block is the subject
        for frame in frames:
            opened.write(frame)


def test_without_a_job_nothing_is_kept(tmp_path):
    interrupt(tmp_path / "a.mp4", moving(25))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "other",
    [
        {"resume_key": "y"},
        {"crf": 30},
        {"rate": Fraction(25)},
        {"segment_length": 5},
        {"preset": "web"},
    ],
    ids=["frames", "crf", "rate", "length", "preset"],
)
def test_other_settings_begin_from_the_start(tmp_path, offered, other):
    if not {other.get("preset", "share")} <= offered:
        pytest.skip("no such encoder")
    frames = moving(25)
    interrupt(tmp_path / "a.mp4", frames, resume_key="x")
    options = {"resume_key": "x", **other}

    assert go_on(tmp_path / "a.mp4", frames, **options) == 0
    assert len(decoded(tmp_path / "a.mp4")) == 25
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.mp4"]


def test_segments_of_other_settings_are_gone_before_the_first_frame(tmp_path):
    # Or a run that is killed would leave them to the next one, which took them for its own.
    interrupt(tmp_path / "a.mp4", moving(25), resume_key="x")
    folder = tmp_path / "a.mp4.segments"

    with writer(tmp_path / "a.mp4", resume_key="y") as opened:
        opened.write(moving(1)[0])
        left = {entry.name for entry in folder.iterdir()}
    assert not left & {"0000000-0000009.mp4", "0000010-0000019.mp4"}


def test_run_that_fails_before_its_first_frame_leaves_what_another_has_kept(tmp_path):
    interrupt(tmp_path / "a.mp4", moving(25), resume_key="x")

    assert found(tmp_path / "a.mp4", resume_key="y") == (0, False)
    assert found(tmp_path / "a.mp4", resume_key="x") == (20, False)


def test_other_sound_and_tags_do_not_matter_to_the_pictures(tmp_path):
    frames = moving(25)
    interrupt(tmp_path / "a.mp4", frames, resume_key="x")

    assert go_on(tmp_path / "a.mp4", frames, resume_key="x", metadata={"prompt": "new"}) == 20


def test_earlier_frame_to_begin_at_gives_later_parts_up(tmp_path):
    frames = moving(34)
    interrupt(tmp_path / "a.mp4", frames[:25], resume_key="x")
    with writer(tmp_path / "a.mp4", resume_key="x") as opened:
        opened.start_at(10)
        for frame in frames[10:]:
            opened.write(frame)

    assert len(decoded(tmp_path / "a.mp4")) == 34


@pytest.mark.parametrize("number", [-10, 5, 26, 30])
def test_frame_where_nothing_can_go_on_is_refused(tmp_path, number):
    interrupt(tmp_path / "a.mp4", moving(25), resume_key="x", redo_limit=0)
    opened = writer(tmp_path / "a.mp4", resume_key="x")
    complaint = f"multiple of 10 up to 25 or in an unfinished segment, got {number}"
    with pytest.raises(ValueError, match=complaint), opened:
        opened.start_at(number)
    assert found(tmp_path / "a.mp4", resume_key="x") == (25, False)


def test_failure_at_joining_costs_no_frame(tmp_path):
    missing = source_tracks(write(tmp_path / "mute.mp4", moving(3)), ("aac",))
    with pytest.raises(EncodeError, match="audio track 1 is no longer in it"):
        write(tmp_path / "a.mp4", moving(23), resume_key="x", tracks=missing)
    assert found(tmp_path / "a.mp4", resume_key="x") == (23, True)
    assert go_on(tmp_path / "a.mp4", moving(23), resume_key="x") == 23
    assert len(decoded(tmp_path / "a.mp4")) == 23
    assert {entry.name for entry in tmp_path.iterdir()} == {"a.mp4", "mute.mp4"}


def test_segment_that_got_its_name_just_before_an_interruption_is_kept(tmp_path, monkeypatch):
    name = segments.give_name

    def stop_after_it(written, path):
        name(written, path)
        path.with_name("0000000.frames").unlink()  # as those that took no time
        raise KeyboardInterrupt

    monkeypatch.setattr(segments, "give_name", stop_after_it)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "a.mp4", moving(25), resume_key="x")
    monkeypatch.undo()
    # On a busy machine the next segment was encoded by then, and its frames are kept too.
    assert found(tmp_path / "a.mp4", resume_key="x") in ((10, False), (20, False))


def test_whole_film_can_be_gone_on_with_at_its_last_part(tmp_path):
    missing = source_tracks(write(tmp_path / "mute.mp4", moving(3)), ("aac",))
    with pytest.raises(EncodeError, match="audio track 1 is no longer in it"):
        write(tmp_path / "a.mp4", moving(23), resume_key="x", tracks=missing)
    crash_in(writer(tmp_path / "a.mp4", resume_key="x"), moving(21)[20:], first=20)
    assert found(tmp_path / "a.mp4", resume_key="x") == (20, False)

    assert go_on(tmp_path / "a.mp4", moving(24), resume_key="x") == 20
    assert len(decoded(tmp_path / "a.mp4")) == 24


def test_parts_can_be_kept_elsewhere(tmp_path):
    place = tmp_path / "elsewhere" / "job"
    interrupt(tmp_path / "a_00001.mp4", moving(25), resume_key="x", segments_folder=place)
    assert [entry.name for entry in tmp_path.iterdir()] == ["elsewhere"]

    assert go_on(tmp_path / "a_00002.mp4", moving(25), resume_key="x", segments_folder=place) == 20
    assert not place.exists()


@pytest.mark.parametrize("preset", ["gif", "webp"])
def test_what_is_written_at_once_has_no_parts(tmp_path, offered, preset):
    if preset not in offered:
        pytest.skip("no such encoder")
    path, options = (
        tmp_path / f"a.{preset}",
        {"preset": preset, "rate": Fraction(25), "resume_key": "x"},
    )
    interrupt(path, moving(25), **options)
    assert list(tmp_path.iterdir()) == []

    assert go_on(path, moving(25), **options) == 0
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


KILLED = """
import sys, time
from fractions import Fraction
from pathlib import Path
import numpy as np
from vfi.encode import EncodingSettings
from vfi.write import VideoWriter

texture = np.load(sys.argv[2])
path = Path(sys.argv[1])
encoding = EncodingSettings(options={"preset": "veryfast", "x264-params": "no-asm=1"})
frames = encoding.resolve(path, width=64, height=48, rate=Fraction(24000, 1001))
with VideoWriter(
    path, frames, resume_key="x", segment_length=10, metadata={"prompt": "x"}, redo_limit=0
) as writer:
    for number in range(1000):
        writer.write(np.roll(texture, 2 * number, axis=1))
        time.sleep(0.01)
        print(number, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_process_costs_few_frames(tmp_path):
    np.save(tmp_path / "texture.npy", TEXTURE[..., :3])
    path = tmp_path / "a.mp4"
    command = [sys.executable, "-c", KILLED, str(path), str(tmp_path / "texture.npy")]
    root = Path(__file__).resolve().parents[3]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE)
    while int(process.stdout.readline()) < 35:
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert len(list(tmp_path.glob("a.mp4.segments/*.mp4"))) >= 2
    frames = moving(50)

    # Two frames wait for the thread that keeps them, which has one in its hands.
    assert go_on(path, frames, resume_key="x", metadata={"prompt": "x"}) >= 36 - 3
    whole = write(tmp_path / "whole.mp4", frames, metadata={"prompt": "x"})
    assert decoded(path) == decoded(whole)
    assert path.read_bytes() == whole.read_bytes()
    assert not (tmp_path / "a.mp4.segments").exists()


# --- what can go wrong ---------------------------------------------------------------------------


def test_folder_that_is_somebody_elses_is_refused(tmp_path):
    (tmp_path / "a.mp4.segments").mkdir()
    (tmp_path / "a.mp4.segments" / "diary.txt").touch()
    with (
        pytest.raises(InputError, match=r"the folder holds other files \(diary\.txt\)"),
        writer(tmp_path / "a.mp4"),
    ):
        pytest.fail("it was opened")


def test_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "a.mp4.segments").touch()
    with (
        pytest.raises(InputError, match=r"folder for segments .* cannot be used: Not a dir"),
        writer(tmp_path / "a.mp4"),
    ):
        pytest.fail("it was opened")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": 1, "colour": 2}'])
def test_manifest_that_cannot_be_read_begins_from_the_start(tmp_path, text):
    interrupt(tmp_path / "a.mp4", moving(25), resume_key="x")
    (tmp_path / "a.mp4.segments" / "segments.json").write_text(text)

    assert go_on(tmp_path / "a.mp4", moving(25), resume_key="x") == 0


def test_missing_part_ends_what_is_there(tmp_path):
    interrupt(tmp_path / "a.mp4", moving(35), resume_key="x")
    (tmp_path / "a.mp4.segments" / "0000010-0000019.mp4").unlink()

    assert go_on(tmp_path / "a.mp4", moving(35), resume_key="x") == 10
    assert len(decoded(tmp_path / "a.mp4")) == 35


class LosingThread(EncodingThread):
    """Loses every frame after the fifth."""

    num_read = 0

    def _next(self):
        frame = super()._next()
        self.num_read += 1
        while frame is not None and self.num_read > 5:
            frame = super()._next()
        return frame


def test_encoder_that_loses_frames_is_told_on(tmp_path, monkeypatch):
    monkeypatch.setattr(segment_encoder, "EncodingThread", LosingThread)
    with pytest.raises(EncodeError, match="of 10 frames from number 0 on, 5 were encoded"):
        write(tmp_path / "a.mp4", moving(25))
    assert list(tmp_path.iterdir()) == []


# --- bounds --------------------------------------------------------------------------------------


def test_neither_frames_nor_threads_pile_up(tmp_path, monkeypatch):
    threads, frames = [], weakref.WeakSet()

    class CountedThread(EncodingThread):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            threads.append(self)

    monkeypatch.setattr(segment_encoder, "EncodingThread", CountedThread)
    most_frames = most_threads = 0
    with writer(tmp_path / "a.mkv", "lossless", segment_length=20) as opened:
        for number in range(400):
            frame = Counted(np.roll(TEXTURE, number, axis=1)[..., :3])
            frames.add(frame)
            opened.write(frame)
            del frame
            most_frames = max(most_frames, len(frames))
            most_threads = max(most_threads, sum(not thread.has_ended for thread in threads))

    assert most_frames <= 1
    assert most_threads <= 2
    assert len(threads) == 20
    gc.collect()


class Counted(np.ndarray):
    """A frame that can be counted."""

    def __new__(cls, pixels):
        return np.ascontiguousarray(pixels).view(cls)

    __hash__ = object.__hash__
