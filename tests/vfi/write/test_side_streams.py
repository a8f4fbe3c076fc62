"""What comes along with the picture: kept, cut, moved, told of."""

import struct
import subprocess
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition
from imageio_ffmpeg import get_ffmpeg_exe

from tests.helpers.writers import PYAV, source_tracks, video_writer
from vfi.read.clip import open_video
from vfi.read.video import probe_video
from vfi.tracks import AudioMode, Chapter

GREY = np.full((48, 64, 3), 128, np.uint8)
RATE = 44100
PACKET = 1024 / RATE  # seconds in a packet of AAC
PRESETS = {".webm": "webm"}
OPTIONS = {".webm": {"cpu-used": "8", "deadline": "realtime"}}


@pytest.fixture
def write(tmp_path):
    """Write grey pictures at 25 fps with what comes along: ``write("a.mp4", tracks, seconds=2)``."""

    def make(name, tracks, seconds=8, **options):
        path = tmp_path / name
        suffix = path.suffix
        defaults = {
            "preset": PRESETS.get(suffix, "share"),
            "options": OPTIONS.get(suffix, {"preset": "ultrafast"}),
            "segment_length": 60,
        }
        with video_writer(
            path,
            width=64,
            height=48,
            rate=Fraction(25),
            tracks=tracks,
            **{**defaults, **options},
        ) as writer:
            for _ in range(round(25 * seconds)):
                writer.write(GREY)
        return path

    return make


SUBTITLES = """1
00:00:00,500 --> 00:00:02,000
first

2
00:00:03,000 --> 00:00:05,500
<i>second</i>

3
00:00:07,000 --> 00:00:07,900
third
"""


@pytest.fixture
def source(ffmpeg, tmp_path):
    """Make a film of 8 s: ``source("a.mkv", "-c:a", "flac")``; clicks sound at whole seconds."""

    def make(name, *options, tracks=1, subtitles=None):
        noise = "0.01*random(0)"  # or packets of silence are all the same
        clicks = f"aevalsrc='0.9*sin(2*PI*1000*t)*lt(mod(t,1),0.03)+{noise}':d=8:s=44100"
        inputs = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=8"]
        maps = ["-map", "0:v"]
        for number in range(tracks):
            inputs += ["-f", "lavfi", "-i", clicks]
            maps += ["-map", f"{1 + number}:a"]
        if subtitles:
            (tmp_path / "s.srt").write_text(SUBTITLES)
            inputs += ["-i", tmp_path / "s.srt"]
            maps += ["-map", f"{1 + tracks}:s", "-c:s", subtitles]
        picture = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "500", "-strict", "-2"]
        return ffmpeg(*inputs, *maps, *picture, *options, name)

    return make


def sound(path, track=0):
    """Return time and content of the packets of a sound track."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[track]
        return [
            (float(packet.pts * stream.time_base), bytes(packet))
            for packet in container.demux(stream)
            if packet.size
        ]


def clicks(path, track=0):
    """Return when the clicks of a sound track begin, seconds from the first picture."""
    with av.open(str(path)) as container:
        origin = next(container.decode(video=0)).time
    with av.open(str(path)) as container:
        heard, times = [], []
        for frame in container.decode(audio=track):
            samples = frame.to_ndarray()
            full = 1 if samples.dtype.kind == "f" else np.iinfo(samples.dtype).max
            samples = np.abs(samples.astype(float) / full).max(axis=0)
            heard.append(samples)
            times.append(frame.time + np.arange(len(samples)) / frame.sample_rate)
    loud = np.concatenate(times)[np.concatenate(heard) > 0.3] - origin
    starts = loud[np.flatnonzero(np.diff(loud, prepend=-9) > 0.2)]
    return starts.tolist()


def subtitles(path, track=0):
    """Return (start, end, text) of each subtitle, seconds from the first picture."""
    with av.open(str(path)) as container:
        origin = next(container.decode(video=0)).time
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[track]
        found = []
        for packet in container.demux(stream):
            text = bytes(packet)
            if stream.codec_context.codec.canonical_name == "mov_text":
                text = text[2 : 2 + int.from_bytes(text[:2], "big")]
            if text.strip(b"\0"):
                start = float(packet.pts * stream.time_base) - origin
                end = start + float((packet.duration or 0) * stream.time_base)
                found.append((start, end, text.decode()))
    return found


def times(found):
    return [time for start, end, _ in found for time in (start, end)]


def chapters(path):
    with av.open(str(path)) as container:
        return [
            (
                float(chapter["start"] * chapter["time_base"]),
                float(chapter["end"] * chapter["time_base"]),
                chapter["metadata"].get("title", ""),
            )
            for chapter in container.chapters()
        ]


def described(path):
    """Return codec, language and whether it is the default, of each stream but the picture."""
    with av.open(str(path)) as container:
        return [
            (
                stream.codec_context.codec.canonical_name,
                stream.language,
                bool(stream.disposition & Disposition.default),
            )
            for stream in container.streams
            if stream.type in ("audio", "subtitle")
        ]


# --- kept ----------------------------------------------------------------------------------------

NAMED = (
    *("-metadata:s:a:0", "language=eng", "-metadata:s:a:0", "title=Film"),
    *("-metadata:s:a:1", "language=fra", "-metadata:s:a:1", "title=Kommentar"),
    *("-disposition:a:0", "0", "-disposition:a:1", "default"),
)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm"])
def test_tracks_keep_language_title_and_which_is_the_default(source, write, name):
    film = source("s.mkv", "-c:a", "aac", *NAMED, tracks=2)
    path = write(name, source_tracks(film, ("aac", "aac")))

    codec = "opus" if name == "a.webm" else "aac"
    assert described(path) == [(codec, "eng", False), (codec, "fra", True)]
    with av.open(str(path)) as container:
        titles = [
            s.metadata.get("title") or s.metadata.get("name") for s in container.streams.audio
        ]
    if name in ("a.mkv", "a.webm") or PYAV >= (17, 1):  # before, FFmpeg 8.0: mp4 has no titles
        assert titles == ["Film", "Kommentar"]


LANGUAGES = ("deu", "fra", "zho", "eng", "und")


@pytest.mark.parametrize("start", [Fraction(0), Fraction(1)])
@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm"])
def test_languages_of_sound_and_subtitles_are_kept(source, ffmpeg, write, name, start):
    film = source("one.mkv", "-c:a", "aac", subtitles="subrip")
    words = ["-map", "0:v"]
    for number, language in enumerate(LANGUAGES):
        words += ["-map", "0:a", f"-metadata:s:a:{number}", f"language={language}"]
        words += ["-map", "0:s", f"-metadata:s:s:{number}", f"language={language}"]
    film = ffmpeg("-i", film, *words, "-c", "copy", "s.mkv")
    tracks = replace(open_video(film, start).tracks, audio_mode=AudioMode.COPY)
    path = write(name, tracks, seconds=3)

    # QuickTime numbers its languages, and ffmpeg knows those numbers by other codes for some.
    expected = (None, "fra", None, "eng", None) if name == "a.mov" else LANGUAGES
    if name in ("a.mkv", "a.webm"):
        expected = (*expected[:-1], None)
    found = [language for _, language, _ in described(path)]
    assert found == [*expected, *expected]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_sound_is_in_its_place_after_joining(source, write, name):
    film = source("s.mp4", "-c:a", "aac")
    path = write(name, source_tracks(film, ("aac",), delay=probe_video(film).start))

    assert [data for _, data in sound(path)] == [data for _, data in sound(film)]
    assert clicks(path) == pytest.approx(clicks(film), abs=0.001)


@pytest.mark.parametrize(
    ("origin", "name", "codec"),
    [
        ("s.mkv", "a.mkv", "subrip"),
        ("s.mkv", "a.mp4", "mov_text"),
        ("s.mkv", "a.mov", "mov_text"),
        ("s.mkv", "a.webm", "webvtt"),
        ("s.mp4", "a.mp4", "mov_text"),
        ("s.mp4", "a.mkv", "subrip"),
        ("s.mp4", "a.webm", "webvtt"),
    ],
)
def test_subtitles_become_what_the_format_takes(source, write, origin, name, codec):
    own = "mov_text" if origin == "s.mp4" else "subrip"
    # FLAC, because versions of ffmpeg disagree on the start of AAC in Matroska.
    film = source(origin, "-c:a", "flac", "-metadata:s:s:0", "language=fra", subtitles=own)
    tracks = source_tracks(film, ("flac",), (own,), delay=probe_video(film).start)
    path = write(name, tracks)

    assert described(path)[1][:2] == (codec, "fra")
    assert times(subtitles(path)) == pytest.approx([0.5, 2, 3, 5.5, 7, 7.9], abs=0.002)
    assert "second" in subtitles(path)[1][2]


def test_subtitles_keep_their_style_and_fonts(source, write, tmp_path, ffmpeg):
    (tmp_path / "font.ttf").write_bytes(b"not really a font")
    attach = ("-attach", tmp_path / "font.ttf", "-metadata:s:t", "mimetype=font/ttf")
    film = source("s.mkv", "-c:a", "flac", *attach, subtitles="ass")
    path = write("a.mkv", source_tracks(film, ("flac",), ("ass",)))

    assert subtitles(path) == subtitles(film)
    with av.open(str(path)) as container:
        (font,) = (s for s in container.streams if s.type == "attachment")
        assert font.metadata["filename"] == "font.ttf"


@pytest.mark.parametrize("codec", ["hdmv_pgs_subtitle", "dvd_subtitle", "unknown"])
def test_subtitles_that_are_pictures_are_left_out_of_mp4_with_a_note(source, write, codec):
    film, told = source("s.mkv", "-c:a", "aac", subtitles="srt"), []
    tracks = source_tracks(film, ("aac",), (codec, "subrip"))
    with pytest.raises(Exception, match="subtitle track 2 is no longer in it"):
        write("a.mp4", tracks, notify=told.append)

    assert told == [f"subtitle track 1 was left out: .mp4 files do not hold {codec}"]


def test_chapters_and_tags_come_along(source, write):
    film = source("s.mkv", "-c:a", "aac")
    marks = [Chapter(Fraction(0), Fraction(3), "A=b"), Chapter(Fraction(3), Fraction(8), "Ende; é")]
    tags = {"title": "Film", "comment": "old"}
    tracks = source_tracks(film, ("aac",), chapters=marks, tags=tags)
    for name in ("a.mp4", "a.mov", "a.mkv", "a.webm"):
        path = write(name, tracks, metadata={"Comment": "new"})

        assert chapters(path) == [(0, 3, "A=b"), (3, 8, "Ende; é")], name
        with av.open(str(path)) as container:
            found = [(key.lower(), value) for key, value in container.metadata.items()]
        assert [value for key, value in found if key == "title"] == ["Film"], name
        assert [value for key, value in found if key == "comment"] == ["new"], name


def test_tags_alone_use_the_fields_that_players_read(source, write):
    film = source("s.mkv", "-c:a", "aac")
    path = write("a.mp4", source_tracks(film, ("aac",), tags={"title": "Film", "artist": "I"}))

    assert b"\xa9nam" in path.read_bytes()
    assert b"mdta" not in path.read_bytes()


# --- a part of the film --------------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["s.mp4", "s.mkv"])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize(
    ("start", "duration"), [("2.48", "3.2"), ("2.48", None), ("0", "3.2")], ids=str
)
def test_sound_of_a_part_is_cut_within_one_packet(source, write, origin, name, start, duration):
    film = source(origin, "-c:a", "aac", tracks=2)
    window = (Fraction(start), Fraction(duration) if duration else None)
    delay = probe_video(film).start
    shown = 8 - float(start) if duration is None else float(duration)
    path = write(
        name,
        source_tracks(film, ("aac", "aac"), delay=delay, start=window[0], duration=window[1]),
        seconds=shown,
    )

    for track in (0, 1):
        expected = [time - float(start) for time in clicks(film)]
        expected = [time for time in expected if 0.1 < time < shown - 0.1]
        heard = [time for time in clicks(path, track) if 0.1 < time < shown - 0.1]
        # Versions of ffmpeg disagree on the start of AAC in Matroska.
        near = 0.0015 + (PACKET if origin == "s.mkv" else 0)
        assert heard == pytest.approx(expected, abs=near)
        packets = sound(path, track)
        originals = [data for _, data in sound(film)]
        first = originals.index(packets[1][1]) - 1
        assert [data for _, data in packets] == originals[first : first + len(packets)]
        assert len(packets) * PACKET == pytest.approx(shown, abs=2 * PACKET)


@pytest.mark.parametrize("audio_mode", [AudioMode.COPY, AudioMode.ENCODE])
def test_part_of_a_film_whose_picture_is_late(source, write, ffmpeg, audio_mode):
    mute = source("v.mkv", "-c:a", "flac")
    late = ("-itsoffset", "0.31", "-i", mute, "-map", "0:a", "-map", "1:v", "-c", "copy")
    film = ffmpeg("-i", source("s.mkv", "-c:a", "flac"), *late, "late.mkv")
    tracks = source_tracks(
        film,
        ("flac",),
        delay=probe_video(film).start,
        start=Fraction(2),
        duration=Fraction(3),
        audio_mode=audio_mode,
    )
    path = write("a.mkv", tracks, seconds=3)

    assert probe_video(film).start == pytest.approx(0.31, abs=0.001)
    assert clicks(path) == pytest.approx([0.69, 1.69, 2.69], abs=0.0015)
    assert sound(path)[-1][0] <= 3 + PACKET


@pytest.fixture
def late_sound(source, ffmpeg):
    """A transport stream whose sound begins 0.31 s after its picture."""
    late = ("-itsoffset", "0.31", "-i", source("s.mkv", "-c:a", "mp2"))
    maps = ("-map", "0:v", "-map", "1:a", "-c", "copy")
    return ffmpeg("-i", source("v.mkv", "-c:a", "mp2"), *late, *maps, "s.ts")


@pytest.mark.parametrize("audio_mode", [AudioMode.COPY, AudioMode.ENCODE])
@pytest.mark.parametrize("start", [0, 2])
def test_part_of_a_transport_stream_whose_sound_is_late(late_sound, write, audio_mode, start):
    delay = probe_video(late_sound).start
    tracks = source_tracks(
        late_sound,
        ("mp2",),
        delay=delay,
        start=Fraction(start),
        duration=Fraction(2),
        audio_mode=audio_mode,
    )
    path = write("a.mkv", tracks, seconds=2)

    assert delay == pytest.approx(-0.31, abs=0.03)
    assert clicks(path) == pytest.approx([0.31, 1.31], abs=0.003)
    assert sound(path)[-1][0] <= 2


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm"])
@pytest.mark.parametrize("origin", ["s.mp4", "s.mkv"])
def test_subtitles_of_a_part_are_moved_and_cut(source, write, origin, name):
    own = "mov_text" if origin == "s.mp4" else "subrip"
    film = source(origin, "-c:a", "aac", "-metadata:s:s:0", "language=fra", subtitles=own)
    tracks = source_tracks(
        film,
        ("aac",),
        (own,),
        delay=probe_video(film).start,
        start=Fraction(1),
        duration=Fraction(3),
    )
    path = write(name, tracks, seconds=3)

    assert times(subtitles(path)) == pytest.approx([0, 1, 2, 3], abs=0.002)
    assert described(path)[1][1] == "fra"


def blu_ray_subtitles(*shown):
    """Make a .sup file: a small square from ``start`` to ``end``, seconds, for each of ``shown``.

    A display set puts it up, and an empty one takes it down; neither says how long it lasts.
    """

    def segment(time, kind, data):
        return b"PG" + struct.pack(">IIBH", round(time * 90000), 0, kind, len(data)) + data

    def composition(time, state, *objects):
        header = struct.pack(">HHBHBBBB", 64, 48, 16, 0, state, 0, 0, len(objects))
        window = segment(time, 0x17, struct.pack(">BBHHHH", 1, 0, 8, 8, 16, 8))
        return segment(time, 0x16, header + b"".join(objects)) + window

    rows = (b"\0\x90\x01" + b"\0\0") * 8  # 16 px of colour 1 each
    size = (len(rows) + 4).to_bytes(3, "big")
    square = struct.pack(">HBB", 0, 0, 0xC0) + size + struct.pack(">HH", 16, 8) + rows
    file = b""
    for start, end in shown:
        file += composition(start, 0x80, struct.pack(">HBBHH", 0, 0, 0, 8, 8))
        file += segment(start, 0x14, bytes([0, 0, 1, 235, 128, 128, 255]))
        file += segment(start, 0x15, square) + segment(start, 0x80, b"")
        file += composition(end, 0) + segment(end, 0x80, b"")
    return file


def shown_pictures(path):
    """Return when each display set of subtitles comes, and whether something is shown from then."""
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        return [(float(packet.pts * stream.time_base), packet.size > 50) for packet in packets]


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        # On at 0 to 0.1, 1 to 3 and 5 to 7.
        ((0, 6), [(0, True), (0.1, False), (1, True), (3, False), (5, True)]),
        ((2, 4), [(0, True), (1, False), (3, True)]),
        ((4, 4), [(0, False), (1, True), (3, False)]),
    ],
    ids=["beginning", "begins while one is shown", "begins between"],
)
def test_picture_subtitles_are_moved_and_shown_from_the_start(
    ffmpeg, write, tmp_path, window, expected
):
    (tmp_path / "s.sup").write_bytes(blu_ray_subtitles((0, 0.1), (1, 3), (5, 7)))
    picture = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=8", "-i", tmp_path / "s.sup")
    film = ffmpeg(*picture, "-map", "0", "-map", "1", "-c:s", "copy", "s.mkv")
    start, duration = window
    tracks = source_tracks(
        film,
        (),
        ("hdmv_pgs_subtitle",),
        start=Fraction(start),
        duration=duration and Fraction(duration),
    )
    assert shown_pictures(write("a.mkv", tracks, seconds=1)) == expected


def test_chapters_of_a_part_are_moved_and_cut(source, write):
    film = source("s.mkv", "-c:a", "aac")
    marks = [
        Chapter(Fraction(a), Fraction(b), title)
        for a, b, title in ((0, 1, "1"), (1, 4, "2"), (4, 6, "3"), (6, 8, "4"))
    ]
    tracks = source_tracks(film, ("aac",), chapters=marks, start=Fraction(2), duration=Fraction(3))

    assert chapters(write("a.mkv", tracks, seconds=3)) == [(0, 2, "2"), (2, 3, "3")]


# --- another speed -------------------------------------------------------------------------------


@pytest.mark.parametrize("tempo", ["2", "5/2", "1/2", "1/5", "24/25"])
def test_sound_follows_the_speed_of_the_picture(source, write, tempo):
    tempo = Fraction(tempo)
    film, told = source("s.mkv", "-c:a", "flac"), []
    tracks = source_tracks(film, ("flac",), delay=probe_video(film).start, tempo=tempo)
    path = write("a.mkv", tracks, seconds=8 / tempo, notify=told.append)

    # atempo puts samples together in windows, which moves the edge of a click
    near = 0.06 * max(1, float(1 / tempo))
    expected = [number / tempo for number in range(8)]
    assert clicks(path) == pytest.approx([float(time) for time in expected], abs=near)
    assert sound(path)[-1][0] == pytest.approx(float(8 / tempo), abs=near)
    assert told == ["audio track 1 was re-encoded to AAC at 192k: the speed changes"]


def pitch(path):
    """Return the loudest frequency in Hz."""
    raw = subprocess.run(
        [
            get_ffmpeg_exe(),
            "-v",
            "error",
            "-i",
            path,
            "-f",
            "f32le",
            "-ac",
            "1",
            "-ar",
            "44100",
            "-",
        ],
        capture_output=True,
        check=True,
    ).stdout
    samples = np.frombuffer(raw, np.float32)
    return np.abs(np.fft.rfft(samples)).argmax() * RATE / len(samples)


@pytest.mark.parametrize("tempo", ["2", "1/3"])
def test_sound_at_another_speed_keeps_its_pitch(write, ffmpeg, tempo):
    tone = ffmpeg("-f", "lavfi", "-i", "sine=f=1000:d=2", "-c:a", "flac", "s.mka")
    path = write("a.mp4", source_tracks(tone, ("flac",), tempo=Fraction(tempo)), seconds=1)

    assert pitch(path) == pytest.approx(1000, abs=10)


def test_sound_of_a_late_picture_follows_its_speed(source, write, ffmpeg):
    mute = source("v.mkv", "-c:a", "flac")
    late = ("-itsoffset", "0.31", "-i", mute, "-map", "0:a", "-map", "1:v", "-c", "copy")
    film = ffmpeg("-i", source("s.mkv", "-c:a", "flac"), *late, "late.mkv")
    tracks = source_tracks(film, ("flac",), delay=probe_video(film).start, tempo=Fraction(2))
    path = write("a.mkv", tracks, seconds=4)

    assert clicks(path)[:3] == pytest.approx([0.345, 0.845, 1.345], abs=0.06)


def test_part_at_another_speed(source, write):
    film, told = source("s.mkv", "-c:a", "flac", subtitles="srt"), []
    marks = [Chapter(Fraction(0), Fraction(4), "1"), Chapter(Fraction(4), Fraction(8), "2")]
    tracks = source_tracks(
        film,
        ("flac",),
        ("subrip",),
        chapters=marks,
        delay=probe_video(film).start,
        start=Fraction(5, 2),
        duration=Fraction(5),
        tempo=Fraction(1, 2),
    )
    path = write("a.mp4", tracks, seconds=10, notify=told.append)

    assert clicks(path) == pytest.approx([1, 3, 5, 7, 9], abs=0.06)
    assert chapters(path) == [(0, 3, "1"), (3, 10, "2")]
    assert [kind for kind, *_ in described(path)] == ["aac"]
    assert "subtitles were left out: the speed changes" in told


# --- by choice -----------------------------------------------------------------------------------


def test_sound_is_encoded_by_choice(source, write):
    film, told = source("s.mkv", "-c:a", "flac"), []
    tracks = source_tracks(film, ("flac",), audio_mode=AudioMode.ENCODE)
    path = write("a.mkv", tracks, notify=told.append)

    assert described(path)[0][0] == "aac"
    assert told == []


def test_sound_is_left_out_by_choice(source, write):
    film, told = source("s.mkv", "-c:a", "aac", subtitles="srt"), []
    tracks = source_tracks(film, ("aac",), ("subrip",), audio_mode=AudioMode.NONE)
    path = write("a.mkv", tracks, notify=told.append)

    assert [codec for codec, *_ in described(path)] == ["subrip"]
    assert told == []
