"""Files that are damaged, lie, or point elsewhere: frames, or one message; nothing else is opened."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.helpers.hostile import Outcome, damaged, outcome_of, read_apart
from vfi.errors import DecodeError, InputError
from vfi.read import open_video
from vfi.read.demux import open_container
from vfi.read.video import probe_video, read_video

Ffmpeg = Callable[..., Path]
PICTURE = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.6")
SOUND = ("-f", "lavfi", "-i", "sine=d=0.6")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
FILES = {
    "mp4": (*SOUND, *X264, "-c:a", "aac", "a.mp4"),
    "fragments": (*SOUND, *X264, "-movflags", "empty_moov+frag_keyframe", "a.mp4"),
    "mov": ("-c:v", "prores_ks", "a.mov"),
    "mkv": (*SOUND, *X264, "-c:a", "libmp3lame", "a.mkv"),
    "webm": (*SOUND, "-c:v", "libvpx-vp9", "-deadline", "realtime", "-c:a", "libopus", "a.webm"),
    "gif": ("a.gif",),
    "webp": ("-c:v", "libwebp_anim", "a.webp"),
    "apng": ("-f", "apng", "a.apng"),
    "avi": (*SOUND, "-c:v", "mpeg4", "-c:a", "libmp3lame", "a.avi"),
    "ts": (*SOUND, *X264, "-c:a", "aac", "a.ts"),
    "flv": (*SOUND, *X264, "-c:a", "aac", "a.flv"),
    "vob": (*SOUND, "-c:v", "mpeg2video", "a.vob"),
    "h264": (*X264, "a.h264"),
}
MOST_MEMORY = 1 << 30  # bytes, PyTorch's 250 MB among them


def copies(folder: Path, good: Path, count: int, seed: int) -> list[Path]:
    paths = [folder / f"{number:04}{good.suffix}" for number in range(count)]
    for path, data in zip(paths, damaged(good.read_bytes(), count, seed), strict=True):
        path.write_bytes(data)
    return paths


@pytest.mark.parametrize("kind", FILES)
def test_damaged_file_gives_frames_or_one_message(
    ffmpeg: Ffmpeg, tmp_path: Path, kind: str
) -> None:
    outcomes = [outcome_of(path) for path in copies(tmp_path, ffmpeg(*PICTURE, *FILES[kind]), 8, 1)]
    assert [outcome for outcome in outcomes if not outcome.is_good] == []


@pytest.mark.faults
@pytest.mark.parametrize("kind", FILES)
def test_hundreds_of_damaged_files_stay_within_limits(
    ffmpeg: Ffmpeg, tmp_path: Path, kind: str
) -> None:
    good = ffmpeg(*PICTURE, *FILES[kind])
    outcomes = read_apart(copies(tmp_path, good, int(os.environ.get("FAULTS", "400")), 7))
    assert [outcome for outcome in outcomes if not outcome.is_good] == []
    assert max(outcome.memory for outcome in outcomes) < MOST_MEMORY


def test_outcome_that_is_not_good_is_noticed() -> None:
    told = Outcome("/a/b.mp4", "refused", "/a/b.mp4: damaged")
    assert [told.is_good, Outcome("/a/b.mp4", "frames", "3").is_good] == [True, True]
    bad = [Outcome("/a/b.mp4", kind) for kind in ("raised", "hung", "crashed")]
    bad += [Outcome("/a/b.mp4", "refused", "no name"), Outcome("b.mp4", "refused", "b.mp4\nline 2")]
    assert not any(outcome.is_good for outcome in bad)


# --- headers that lie ----------------------------------------------------------------------------

HUGE = b"\x7f\xff\xff\xff"


@pytest.mark.parametrize("value", [HUGE, b"\xff" * 4, bytes(4)], ids=["huge", "most", "zero"])
@pytest.mark.parametrize(
    ("box", "place"),
    [
        (b"mvhd", 16),
        (b"mvhd", 20),
        (b"mdhd", 16),
        (b"mdhd", 20),
        (b"tkhd", 44),
        (b"avc1", 28),
        (b"stsz", 12),
        (b"stts", 12),
        (b"stts", 16),
        (b"stsc", 16),
        (b"stco", 12),
        (b"elst", 12),
        (b"elst", 16),
    ],
)
def test_absurd_number_in_an_mp4_gives_frames_or_one_message(
    ffmpeg: Ffmpeg, tmp_path: Path, box: bytes, place: int, value: bytes
) -> None:
    data = bytearray(ffmpeg(*PICTURE, *FILES["mp4"][:-1], "-g", "3", "a.mp4").read_bytes())
    begin = data.index(box) + place
    data[begin : begin + 4] = value
    (tmp_path / "b.mp4").write_bytes(data)
    outcome = outcome_of(tmp_path / "b.mp4")
    assert outcome.is_good, outcome


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), -1e30, 1e30, 0.0],
    ids=["nan", "inf", "below 0", "huge", "0"],
)
def test_absurd_duration_of_a_matroska_file_is_not_believed(
    ffmpeg: Ffmpeg, tmp_path: Path, value: float
) -> None:
    data = bytearray(ffmpeg(*PICTURE, *X264, "a.mkv").read_bytes())
    begin = data.index(b"\x44\x89\x88") + 3
    data[begin : begin + 8] = struct.pack(">d", value)
    (tmp_path / "b.mkv").write_bytes(data)
    clip = open_video(tmp_path / "b.mkv")
    assert (clip.num_frames, clip.length) == (15, Fraction(3, 5))


@pytest.mark.parametrize("size", ["1x1", "16384x2", "2x16384"])
def test_extreme_size_is_read(ffmpeg: Ffmpeg, size: str) -> None:
    width, height = map(int, size.split("x"))
    scaled = ("-vf", f"scale={width}:{height}:flags=neighbor,format=bgr0")
    path = ffmpeg(*PICTURE, *scaled, "-c:v", "ffv1", "-frames:v", "3", "a.mkv")
    shapes = {frame.pixels.shape for frame in read_video(probe_video(path))}
    assert shapes == {(height, width, 3)}


def test_picture_of_absurd_size_is_refused(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    # FFmpeg's own limit is 2^28 px. A JPEG says its height and width behind the mark FF C0.
    data = bytearray(ffmpeg(*PICTURE, "-c:v", "mjpeg", "a.mkv").read_bytes())
    place = data.index(b"\xff\xc0") + 5
    while place > 5:
        data[place : place + 4] = b"\xea\x60\xea\x60"
        place = data.find(b"\xff\xc0", place) + 5
    (tmp_path / "b.mkv").write_bytes(data)
    with pytest.raises(DecodeError, match=r"b\.mkv"):
        probe_video(tmp_path / "b.mkv")


def test_kinds_of_pixels_and_of_sound_may_change(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    first = ffmpeg(*PICTURE, "-f", "lavfi", "-i", "sine=d=0.6:r=44100", *X264, "a.ts")
    other = ("-c:v", "libx264", "-pix_fmt", "yuv444p", "-ac", "2", "b.ts")
    second = ffmpeg(*PICTURE, "-f", "lavfi", "-i", "sine=d=0.6:r=22050", *other)
    (tmp_path / "c.ts").write_bytes(first.read_bytes() + second.read_bytes())
    assert outcome_of(tmp_path / "c.ts").text == "30"


def test_stream_that_begins_late_does_no_harm(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    silent = ffmpeg(*PICTURE, *X264, "-bf", "0", "a.flv").read_bytes()
    heard = ffmpeg(*PICTURE, *SOUND, *X264, "-bf", "0", "-c:a", "aac", "b.flv").read_bytes()
    (tmp_path / "c.flv").write_bytes(silent + heard[13:])
    outcome = outcome_of(tmp_path / "c.flv")
    assert outcome.text == "30", outcome


# --- files that point elsewhere ------------------------------------------------------------------

PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"
POINTERS = {
    "list.m3u8": PLAYLIST.format("a.ts"),
    "list.mp4": PLAYLIST.format("a.ts"),
    "web.m3u8": PLAYLIST.format("http://127.0.0.1:9/a.ts"),
    "script.txt": "ffconcat version 1.0\nfile a.ts\n",
    "script.mp4": "ffconcat version 1.0\nfile a.ts\n",
    "call.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    "drawing.svg": '<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "list.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"/>',
    "script.avs": 'AviSource("a.ts")',
    "subtitles.idx": "# VobSub index file, v7\n",
}


@pytest.mark.parametrize("name", POINTERS)
def test_file_that_names_another_is_not_followed(ffmpeg: Ffmpeg, tmp_path: Path, name: str) -> None:
    ffmpeg(*PICTURE, *X264, "a.ts")
    (tmp_path / name).write_text(POINTERS[name])
    with pytest.raises(DecodeError, match=name):
        open_video(tmp_path / name)


def test_playlist_is_followed_where_it_was_asked_for(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    ffmpeg(*PICTURE, *SOUND, *X264, "-c:a", "aac", "a.ts")
    (tmp_path / "list.m3u8").write_text(POINTERS["list.m3u8"])
    clip = open_video(tmp_path / "list.m3u8", may_refer=True)
    assert sum(1 for _ in clip.frames()) == clip.num_frames == 15
    assert clip.tracks
    assert len(clip.tracks.audio) == 1
    (tmp_path / "web.m3u8").write_text(POINTERS["web.m3u8"])
    with pytest.raises(DecodeError, match=r"web\.m3u8"):
        open_video(tmp_path / "web.m3u8", may_refer=True)


def test_data_that_an_mp4_says_to_be_elsewhere_is_not_looked_for(
    ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    data = bytearray(ffmpeg(*PICTURE, *X264, "a.mp4").read_bytes())
    data[data.index(b"url \0\0\0\1") + 7] = 0
    (tmp_path / "b.mp4").write_bytes(data)
    assert outcome_of(tmp_path / "b.mp4").is_good


def test_devices_and_lists_are_among_the_formats_that_exist() -> None:
    # What is refused is a list of names; were they spelled otherwise, nothing would be refused.
    assert {"concat", "hls", "image2", "lavfi", "rtsp", "sdp"} <= av.formats_available


def test_refused_format_is_refused_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.mkv").write_text(POINTERS["script.txt"])
    with pytest.raises(DecodeError, match="is no video, but a list of other files"):
        open_container(tmp_path / "a.mkv")


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("-dash.mp4", "a'b.mp4", 'a"b.mp4', "a\nb.mp4", "a%d.mp4", "%03d.mp4", "ünï 日本.mp4"),
        *("x" * 251 + ".mp4", "file:a.mp4", "http:a.mp4", "pipe:0.mp4", "concat:a.mp4|b.mp4"),
        *(" .mp4", "#a?b=1.mp4", "a\\b.mp4", "[x]*.mp4", "mp4"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="Windows does not have such names")
def test_name_means_nothing_but_itself(
    ffmpeg: Ffmpeg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(ffmpeg(*PICTURE, *X264, "-frames:v", "3", "a.mp4"), folder / name)
    monkeypatch.chdir(folder)
    for path in (folder / name, Path(name)):
        assert sum(1 for _ in read_video(probe_video(path))) == 3


@pytest.mark.parametrize("name", ["a\0b.mp4", "y" * 300 + ".mp4"], ids=["NUL", "too long"])
def test_name_that_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        probe_video(tmp_path / name)


@pytest.mark.parametrize("path", ["/dev/null", "/dev/zero"])
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_device_is_refused(path: str) -> None:
    with pytest.raises(InputError, match=path):
        probe_video(Path(path))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_pipe_is_refused_without_waiting_for_its_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(path := tmp_path / "a.mp4")

    def wait(*_: object) -> None:
        pytest.fail("would wait")

    monkeypatch.setattr(Path, "open", wait)
    with pytest.raises(InputError, match="is a pipe or a device, not a video file"):
        probe_video(path)
