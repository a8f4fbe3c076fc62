import errno
import json
import resource
import tempfile
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.helpers.writers import source_tracks, video_writer
from vfi.encode import PixelConverter
from vfi.errors import EncodeError, InputError
from vfi.read.video import probe_video, read_video

ULTRAFAST = {"preset": "ultrafast"}
GREY = np.full((48, 64, 3), 128, np.uint8)


def writer(path, **options):
    defaults = {"width": 64, "height": 48, "rate": Fraction(25), "options": ULTRAFAST}
    return video_writer(path, **{**defaults, **options})


def write(path, frames=(GREY,) * 3, **options):
    with writer(path, **options) as opened:
        for frame in frames:
            opened.write(frame)
    return path


def read(path):
    return [frame.pixels.numpy() for frame in read_video(probe_video(path))]


def sound_packets(path, track=0):
    with av.open(str(path)) as container:
        stream = container.streams.audio[track]
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


def sound_codecs(path):
    return [track.codec for track in probe_video(path).audio]


@pytest.fixture
def sound(ffmpeg):
    """Make half a second of sound: ``sound("a.mka", "libopus", "aac")``, one track per codec."""

    def make(name, *codecs):
        tracks = [f"-c:a:{number}={codec}".split("=") for number, codec in enumerate(codecs)]
        maps = ["-map", "0"] * len(codecs)
        flat = [word for track in tracks for word in track]
        return ffmpeg("-f", "lavfi", "-i", "sine=d=0.5", *maps, *flat, "-ac", "2", name)

    return make


# --- picture -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "A.MP4"])
def test_rate_count_and_size_are_kept(tmp_path, name):
    info = probe_video(write(tmp_path / name, [GREY] * 7, rate=Fraction(60000, 1001)))

    assert (info.width, info.height, info.rate) == (64, 48, Fraction(60000, 1001))
    assert len(list(read_video(info))) == 7


def test_stream_says_bt709_limited(tmp_path):
    with av.open(str(write(tmp_path / "a.mp4"))) as container:
        stream = container.streams.video[0]
        frame = next(container.decode(stream))
        context = stream.codec_context

    assert (frame.colorspace, frame.color_range) == (1, 1)
    assert (context.color_primaries, context.color_trc) == (1, 1)
    assert frame.format.name == "yuv420p"


def test_flat_colours_return_within_1(tmp_path):
    colours = np.random.default_rng(1).integers(0, 256, (12, 1, 1, 3), np.uint8)
    colours[0], colours[1] = 0, 255
    frames = np.broadcast_to(colours, (12, 48, 64, 3))
    path = write(tmp_path / "a.mp4", frames, options={})

    assert np.abs(np.stack(read(path)).astype(int) - frames).max() <= 1


def test_ramp_returns_within_1(tmp_path):
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8)[None, :, None], (48, 256, 3))
    path = write(tmp_path / "a.mp4", [ramp], width=256, crf=1)

    assert np.abs(read(path)[0].astype(int) - ramp).max() <= 1


def test_odd_size_repeats_the_last_column_and_row(tmp_path):
    white = np.full((47, 63, 3), 255, np.uint8)
    (pixels,) = read(write(tmp_path / "a.mp4", [white], width=63, height=47))

    assert pixels.shape == (48, 64, 3)
    assert pixels.min() >= 254


def test_pixel_aspect_is_kept_exactly(tmp_path):
    path = write(tmp_path / "a.mp4", pixel_aspect=Fraction(128, 117))

    assert probe_video(path).pixel_aspect == Fraction(128, 117)


def test_lower_crf_makes_a_larger_file(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    sizes = [write(tmp_path / f"{crf}.mp4", [noise], crf=crf).stat().st_size for crf in (1, 40)]

    assert sizes[0] > 2 * sizes[1]


def test_wrong_shape_names_both_shapes(tmp_path):
    with pytest.raises(ValueError, match=r"must be \[48, 64, 3\] uint8, got \[48, 65, 3\]"):
        write(tmp_path / "a.mp4", [np.zeros((48, 65, 3), np.uint8)])


# --- sound ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "aac"), ("a.mp4", "libopus"), ("a.mp4", "flac"), ("a.mov", "pcm_s16le")]
    + [("a.mkv", codec) for codec in ("libvorbis", "libopus", "flac", "libmp3lame")],
)
def test_sound_the_container_can_hold_is_copied(tmp_path, sound, name, codec):
    source, told = sound("s.mka", codec), []
    codecs = tuple(sound_codecs_of_sound(source))
    path = write(tmp_path / name, tracks=source_tracks(source, codecs), notify=told.append)

    assert sound_packets(path) == sound_packets(source)
    assert told == []


def sound_codecs_of_sound(path):
    with av.open(str(path)) as container:
        return [s.codec_context.codec.canonical_name for s in container.streams.audio]


def test_other_sound_becomes_aac_with_a_note(tmp_path, sound):
    source, told = sound("s.mka", "aac", "libvorbis"), []
    tracks = source_tracks(source, ("aac", "vorbis"))
    path = write(tmp_path / "a.mp4", tracks=tracks, notify=told.append)

    assert sound_codecs(path) == ["aac", "aac"]
    assert sound_packets(path) == sound_packets(source)
    assert told == ["audio track 2 was re-encoded to AAC at 192k: .mp4 files do not hold vorbis"]


def test_unknown_sound_is_left_out_with_a_note(tmp_path, sound):
    source, told = sound("s.mka", "aac", "libopus"), []
    tracks = source_tracks(source, ("unknown", "opus"))
    path = write(tmp_path / "a.mkv", tracks=tracks, notify=told.append)

    assert sound_codecs(path) == ["opus"]
    assert told == ["audio track 1 was left out: FFmpeg does not know its codec"]


def test_sound_is_not_cut_to_the_picture(tmp_path, sound):
    source = sound("s.mka", "flac")
    path = write(tmp_path / "a.mkv", tracks=source_tracks(source, ("flac",)))

    with av.open(str(path)) as container:
        assert container.duration == pytest.approx(500_000, abs=30_000)
    assert len(read(path)) == 3


def picture_after_sound(path):
    """Return by how many seconds the first frame comes after the first sound packet."""
    with av.open(str(path)) as container:
        sound = min(p.pts * p.time_base for p in container.demux(audio=0) if p.size)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        return float(frame.pts * frame.time_base - sound)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize(
    ("source_name", "encoder", "codec"),
    # FLAC in Matroska, because versions of FFmpeg disagree on the start of one with MP3.
    [("s.mp4", "libmp3lame", "mp3"), ("s.mkv", "flac", "flac"), ("s.ts", "libmp3lame", "mp3")],
)
def test_late_picture_stays_late(tmp_path, clip, sound, ffmpeg, name, source_name, encoder, codec):
    late = ("-itsoffset", "0.31", "-i", clip("v.mp4"), "-map", "1", "-map", "0", "-c", "copy")
    info = probe_video(ffmpeg("-i", sound("s.mka", encoder), *late, source_name))
    path = write(tmp_path / name, tracks=source_tracks(info.path, (codec,), delay=info.start))

    expected = picture_after_sound(info.path)
    assert picture_after_sound(path) == pytest.approx(expected, abs=0.0015)
    assert expected > 0.3
    assert sound_packets(path) == sound_packets(info.path)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_late_picture_does_not_cost_sound(tmp_path, sound, name):
    source = sound("s.mka", "flac")
    path = write(tmp_path / name, tracks=source_tracks(source, ("flac",), delay=Fraction(1, 4)))

    with av.open(str(path)) as container:
        heard = sum(frame.samples for frame in container.decode(audio=0))
    assert heard == pytest.approx(0.5 * 44100, abs=1)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_late_sound_of_a_transport_stream_stays_late(tmp_path, clip, ffmpeg, name):
    aac_delay = 0.025 if name == "a.mp4" else 0  # mp4 does not take mp2, so it is encoded anew
    late = ("-itsoffset", "0.31", "-f", "lavfi", "-i", "sine=d=0.5", "-c:v", "copy")
    info = probe_video(ffmpeg("-i", clip("v.mp4"), *late, "-c:a", "mp2", "s.ts"))
    path = write(tmp_path / name, tracks=source_tracks(info.path, ("mp2",), delay=info.start))

    expected = picture_after_sound(info.path)
    assert picture_after_sound(path) == pytest.approx(expected, abs=0.0015 + aac_delay)
    assert expected < -0.25


# --- tags ----------------------------------------------------------------------------------------

TRICKY = 'a=b;c#d\\e "é😀"\nsecond line\r\n  third '


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_tags_of_any_length_are_kept(tmp_path, name):
    workflow = json.dumps({"nodes": [TRICKY] * 20_000})
    path = write(tmp_path / name, metadata={"workflow": workflow, "prompt": TRICKY, ";a=b#c": "x"})

    with av.open(str(path)) as container:
        assert container.metadata["workflow"] == workflow
        assert container.metadata["prompt"] == TRICKY
        assert container.metadata[";a=b#c"] == "x"
    assert len(workflow) > 500_000


def test_matroska_keeps_tags_under_capital_names(tmp_path, sound):
    tracks = source_tracks(sound("s.mka", "aac"), ("aac",))
    path = write(tmp_path / "a.mkv", metadata={"workflow": TRICKY}, tracks=tracks)

    with av.open(str(path)) as container:
        assert container.metadata["WORKFLOW"] == TRICKY


def test_tags_leave_no_temporary_file(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    write(tmp_path / "a.mp4", metadata={"prompt": "x"})

    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


# --- what can go wrong ---------------------------------------------------------------------------


@pytest.fixture
def no_threads_left():
    """Encoders end with the writer."""
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name == "encoder"] == []


@pytest.mark.usefixtures("no_threads_left")
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, GeneratorExit])
def test_exception_stops_the_encoder_and_leaves_nothing(tmp_path, error):
    opened = writer(tmp_path / "a.mp4", metadata={"prompt": "x"}, segment_length=1000)
    with pytest.raises(error), opened:  # noqa: PT012  the block is the subject
        while not list(tmp_path.glob("*/*.mp4.partial")):  # made after some frames
            opened.write(GREY)
        raise error

    assert list(tmp_path.iterdir()) == []


def test_exception_keeps_the_file_that_was_there(tmp_path):
    (tmp_path / "a.mp4").write_text("old")
    with pytest.raises(RuntimeError), writer(tmp_path / "a.mp4"):
        raise RuntimeError

    assert (tmp_path / "a.mp4").read_text() == "old"


def test_file_appears_only_when_complete(tmp_path):
    path = tmp_path / "a.mp4"
    with writer(path) as opened:
        opened.write(GREY)
        assert not path.exists()

    assert [entry.name for entry in tmp_path.iterdir()] == ["a.mp4"]


def test_missing_folders_are_made(tmp_path):
    assert write(tmp_path / "x" / "y" / "a.mp4").is_file()


def test_colon_and_dash_in_a_name_are_only_letters(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert write(Path("-scene:1.mp4")).is_file()


def test_source_that_was_replaced_is_told(tmp_path, sound):
    tracks = source_tracks(sound("s.mka", "aac"), ("aac", "aac"))
    with pytest.raises(EncodeError, match=r"s\.mka: audio track 2 is no longer in it"):
        write(tmp_path / "a.mp4", tracks=tracks)
    assert not list(tmp_path.glob("a.mp4*"))


@pytest.fixture
def full_disk():
    """Make the disk take so many bytes of a file and no more: ``full_disk(1000)``."""
    _, most = before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


NOISE = np.random.default_rng(0).integers(0, 256, (40, 48, 64, 3), np.uint8)


@pytest.mark.usefixtures("no_threads_left")
@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webp", "a.gif"])
@pytest.mark.parametrize("part", [0.1, 0.6, 0.999])
def test_full_disk_is_one_clear_error_and_no_half_file(tmp_path, full_disk, name, part):
    suffix = name[1:]
    options = {} if suffix in (".mp4", ".mov", ".mkv") else {"preset": suffix[1:], "options": {}}
    whole = write(tmp_path / f"whole{suffix}", NOISE, **options).stat().st_size
    full_disk(int(part * whole))
    with pytest.raises(EncodeError, match=r"Is the disk\s+full\?"):
        write(tmp_path / name, NOISE, **options)
    assert [entry.name for entry in tmp_path.iterdir()] == [f"whole{suffix}"]


@pytest.mark.usefixtures("no_threads_left")
def test_disk_that_is_full_at_the_end_keeps_the_segments(tmp_path, full_disk):
    options = {"segment_length": 10, "resume_key": "k"}
    whole = write(tmp_path / "a.mp4", NOISE, **options)
    frames = read(whole)
    full_disk(whole.stat().st_size // 2)
    whole.unlink()
    with pytest.raises(EncodeError, match=r"Is the disk\s+full\?"):
        write(whole, NOISE, **options)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.mp4.segments"]

    full_disk(resource.RLIM_INFINITY)
    with writer(whole, **options) as opened:
        assert opened.num_finished == len(NOISE)
        opened.start_at(len(NOISE))
    assert np.array_equal(read(whole), frames)


@pytest.mark.usefixtures("no_threads_left")
def test_option_that_the_encoder_rejects_after_all_is_one_clear_error(tmp_path):
    # The encoder is tried on a larger picture, which has room for such a block.
    small = {"preset": "high-quality", "options": {"x265-params": "ctu=64"}, "width": 32}
    frames = [GREY[:, :32]] * 9
    with pytest.raises(EncodeError, match=r"could not be written.*remove the ffmpeg options"):
        write(tmp_path / "a.mp4", frames, **small)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_threads_left")
@pytest.mark.parametrize("name", ["a.mp4", "a.webp"])
def test_encoder_that_fails_in_mid_stream_is_one_clear_error(tmp_path, monkeypatch, name):
    convert = PixelConverter.convert

    def fail_at_5(self, frame, number):
        if number == 5:
            raise av.error.ExternalError(0x20545845, "Generic error in an external library")
        return convert(self, frame, number)

    monkeypatch.setattr(PixelConverter, "convert", fail_at_5)
    options = {"preset": "webp", "options": {}} if name == "a.webp" else {}
    with pytest.raises(EncodeError, match=r"after \d+ frames \(Generic error"):
        write(tmp_path / name, [GREY] * 40, **options)
    assert list(tmp_path.iterdir()) == []


def test_lack_of_memory_is_not_taken_for_a_full_disk(tmp_path, monkeypatch):
    convert = PixelConverter.convert

    def fail_at_5(self, frame, number):
        if number == 5:
            av.error.err_check(-errno.ENOMEM)
        return convert(self, frame, number)

    monkeypatch.setattr(PixelConverter, "convert", fail_at_5)
    with pytest.raises(EncodeError, match="there was not enough memory"):
        write(tmp_path / "a.mp4", [GREY] * 40)


def test_no_frames_is_an_error(tmp_path):
    with pytest.raises(EncodeError, match="there were no frames to write"):
        write(tmp_path / "a.mp4", [])
    assert list(tmp_path.iterdir()) == []


def test_complete_video_survives_a_name_that_got_taken(tmp_path):
    path = tmp_path / "a.mp4"
    opened = writer(path).__enter__()
    opened.write(GREY)
    path.mkdir()
    with pytest.raises(EncodeError, match=r"rename a\.mp4\.partial yourself"):
        opened.__exit__(None, None, None)
    assert (tmp_path / "a.mp4.partial").stat().st_size > 500


@pytest.mark.parametrize("name", ["a.avi", "a"])
def test_unknown_extension_lists_the_known_ones(tmp_path, name):
    with pytest.raises(InputError, match=r"cannot write .* extensions: \.mp4, \.mov, \.mkv"):
        writer(tmp_path / name)


def test_folder_as_output_is_refused(tmp_path):
    (tmp_path / "a.mp4").mkdir()
    with pytest.raises(InputError, match="is a folder; add a file name"):
        writer(tmp_path / "a.mp4").validate()


@pytest.mark.parametrize("place", ["file/a.mp4", "file/sub/a.mp4"])
def test_place_that_cannot_be_written_is_refused(tmp_path, place):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        writer(tmp_path / place).validate()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"crf": 52}, "crf must be 0 to 51, got 52"),
        ({"crf": -1}, "crf must be 0 to 51, got -1"),
        ({"preset": "fastest"}, "There is no preset 'fastest'. Choose one of share"),
        ({"rate": Fraction(0)}, "frame rate must be above 0"),
        ({"width": 0}, "needs at least 1x1 px, got 0x48"),
        ({"metadata": {"x": "a\0b"}}, "Metadata 'x' contains a NUL byte"),
    ],
)
def test_wrong_option_is_refused(tmp_path, option, message):
    with pytest.raises(InputError, match=message):
        writer(tmp_path / "a.mp4", **option).validate()


def test_use_outside_a_block_is_refused(tmp_path):
    with pytest.raises(RuntimeError, match="inside its with block"):
        writer(tmp_path / "a.mp4").write(GREY)
