"""The picture that is meant: the right track, without what is cut off, and what is said of it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from vfi.errors import DecodeError
from vfi.read import open_video
from vfi.read.cropping import _parse_clap
from vfi.read.video import probe_video, read_video
from vfi.read.video_info import NO_CROP, Crop

Ffmpeg = Callable[..., Path]
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


def source(size: str = "64x48", kind: str = "testsrc2", rate: str = "25") -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"{kind}=s={size}:r={rate}:d=0.4")


def size(path: Path) -> tuple[int, int]:
    info = probe_video(path)
    shapes = {frame.pixels.shape for frame in read_video(info)}
    assert shapes == {(info.height, info.width, 3)}
    return info.width, info.height


# --- which track ---------------------------------------------------------------------------------

BOTH = ("-map", "0", "-map", "1")
SMALL_THEN_LARGE = (*source("32x32"), *source("64x48"), *BOTH)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov"])
@pytest.mark.parametrize("number", [0, 1])
def test_default_picture_is_read(ffmpeg: Ffmpeg, name: str, number: int) -> None:
    marks = (f"-disposition:v:{number}", "default", f"-disposition:v:{1 - number}", "0")
    path = ffmpeg(*SMALL_THEN_LARGE, *X264, *marks, name)
    assert size(path) == ((32, 32), (64, 48))[number]


@pytest.mark.parametrize("name", ["a.ts", "a.mkv"])
def test_largest_picture_is_read_where_none_is_marked(ffmpeg: Ffmpeg, name: str) -> None:
    assert size(ffmpeg(*SMALL_THEN_LARGE, *X264, "-disposition:v", "0", name)) == (64, 48)


def test_first_of_equal_pictures_is_read(ffmpeg: Ffmpeg) -> None:
    path = ffmpeg(*source(kind="color"), *source(), *BOTH, *X264, "a.mkv")
    assert next(read_video(probe_video(path))).pixels.float().std() < 1


def test_animation_of_an_avif_is_read(ffmpeg: Ffmpeg) -> None:
    path = ffmpeg(*source(rate="10"), "-c:v", "libaom-av1", "-cpu-used", "8", "a.avif")
    info = probe_video(path)
    assert (info.num_frames, info.rate) == (4, 10)
    assert len(list(read_video(info))) == 4


@pytest.mark.parametrize("mark", ["default", "attached_pic", "still_image", "timed_thumbnails"])
def test_still_is_not_read_for_the_film(ffmpeg: Ffmpeg, tmp_path: Path, mark: str) -> None:
    Image.new("RGB", (320, 240)).save(tmp_path / "cover.png")
    cover = ("-i", tmp_path / "cover.png")
    marks = ("-disposition:v:0", mark, "-disposition:v:1", "default")
    codecs = ("-c:v:0", "png" if mark == "attached_pic" else "mjpeg", "-c:v:1", "libx264")
    path = ffmpeg(*cover, *source(), *BOTH, *codecs, *marks, "a.mp4")
    assert size(path) == (64, 48)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_preview_with_few_frames_is_not_read(ffmpeg: Ffmpeg, name: str) -> None:
    few = ("-c:v:0", "mjpeg", "-r:v:0", "5", "-c:v:1", "mpeg4", "-r:v:1", "25")
    few += ("-disposition:v", "default")
    assert size(ffmpeg(*source("32x32"), *source(), *BOTH, *few, name)) == (64, 48)


def test_codec_that_ffmpeg_does_not_know_is_told(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    data = ffmpeg(*source(), *X264, "a.mp4").read_bytes()
    (tmp_path / "b.mp4").write_bytes(data.replace(b"avc1", b"zzzz"))
    with pytest.raises(DecodeError, match=r"b\.mp4: FFmpeg does not know the codec"):
        probe_video(tmp_path / "b.mp4")


# --- cropping ------------------------------------------------------------------------------------


def with_clap(path: Path, *numbers: int) -> Path:
    """Put a clean aperture behind the other boxes of the sample entry of an MP4."""
    data = bytearray(path.read_bytes())
    box = struct.pack(">I4s8i", 40, b"clap", *numbers)
    entry = data.index(b"avc1", data.index(b"stsd")) - 4  # "ftyp" has the word as well
    end = entry + struct.unpack_from(">I", data, entry)[0]
    data[end:end] = box
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        begin = entry if name == b"avc1" else data.index(name) - 4
        struct.pack_into(">I", data, begin, struct.unpack_from(">I", data, begin)[0] + len(box))
    cropped = path.with_name(f"clap_{path.name}")
    cropped.write_bytes(data)
    return cropped


@pytest.fixture
def barred(ffmpeg: Ffmpeg) -> Path:
    """A film of 64x48 in white with 8 black rows above and below; its index is behind its frames."""
    bars = "drawbox=y=0:h=8:c=black:t=fill,drawbox=y=40:h=8:c=black:t=fill"
    return ffmpeg(*source(kind="color"), "-vf", f"negate,{bars}", *X264, "a.mp4")


@pytest.mark.parametrize("name", ["clap.mp4", "crop.mkv"])
def test_what_the_container_wants_cut_off_is_cut_off(
    ffmpeg: Ffmpeg, barred: Path, name: str
) -> None:
    path = with_clap(barred, 64, 1, 32, 1, 0, 1, 0, 1)
    path = path if name == "clap.mp4" else ffmpeg("-i", path, "-c", "copy", name)
    clip = open_video(path)
    assert (clip.width, clip.height) == size(path) == (64, 32)
    assert all(frame.pixels.min() > 200 for frame in clip.frames())


def test_cut_is_made_before_the_turn(ffmpeg: Ffmpeg, barred: Path) -> None:
    cropped = with_clap(barred, 64, 1, 32, 1, 0, 1, 0, 1)
    path = ffmpeg("-display_rotation", "90", "-i", cropped, "-c", "copy", "turned.mkv")
    assert size(path) == (32, 64)


@pytest.mark.parametrize(
    ("codec", "crop"),
    [("h264", {"left": 2, "right": 6, "top": 4, "bottom": 2}), ("hevc", {"left": 8, "top": 8})],
)
def test_what_a_codec_wants_cut_off_is_cut_off_where_it_says(
    ffmpeg: Ffmpeg, codec: str, crop: dict[str, int]
) -> None:
    encoder = {"h264": "libx264", "hevc": "libx265"}[codec]
    whole = ffmpeg(*source(), "-c:v", encoder, "-pix_fmt", "yuv420p", "a.mkv")
    sides = ":".join(f"crop_{side}={value}" for side, value in crop.items())
    path = ffmpeg("-i", whole, "-c", "copy", "-bsf:v", f"{codec}_metadata={sides}", "b.mkv")
    cut = Crop(**crop)
    assert size(path) == cut.size_of(64, 48)
    before, after = (next(read_video(probe_video(file))).pixels for file in (whole, path))
    wanted = before[cut.top : 48 - cut.bottom, cut.left : 64 - cut.right]
    assert (after.float() - wanted.float()).abs().mean() < 1  # chroma differs at edges


def test_aperture_off_the_centre_is_kept_there(barred: Path) -> None:
    path = with_clap(barred, 16, 1, 20, 1, -24, 1, 6, 1)
    assert probe_video(path).crop == Crop(left=0, right=48, top=20, bottom=8)


@pytest.mark.parametrize(
    "numbers",
    [
        (128, 1, 32, 1, 0, 1, 0, 1),
        (64, 0, 32, 1, 0, 1, 0, 1),
        (0, 1, 32, 1, 0, 1, 0, 1),
        (-64, 1, 32, 1, 0, 1, 0, 1),
        (64, 1, 32, 1, 0, 1, 100, 1),
    ],
    ids=["wider", "by 0", "nothing", "below 0", "outside"],
)
def test_aperture_that_cannot_be_is_none(barred: Path, numbers: tuple[int, ...]) -> None:
    path = with_clap(barred, *numbers)
    assert probe_video(path).crop == NO_CROP
    assert size(path) == (64, 48)


def test_half_a_clean_aperture_is_none() -> None:
    assert _parse_clap(b"\0" * 31, 64, 48) == NO_CROP


def test_ordinary_file_is_not_cut(ffmpeg: Ffmpeg) -> None:
    for name in ("a.mp4", "a.mkv", "a.webm"):
        options = ("-c:v", "libvpx") if name == "a.webm" else X264
        assert probe_video(ffmpeg(*source(), *options, name)).crop == NO_CROP


# --- what is said --------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_interlaced_picture_is_said(ffmpeg: Ffmpeg, codec: str) -> None:
    fields = ("-vf", "setfield=tff", "-flags", "+ilme+ildct")
    tff = ("-x264opts", "tff=1") if codec == "libx264" else ()
    (note,) = probe_video(ffmpeg(*source(), *fields, "-c:v", codec, *tff, "a.mkv")).notes
    assert note.startswith("interlaced: ")


def test_picture_that_becomes_interlaced_is_said_while_it_is_read(
    ffmpeg: Ffmpeg, caplog: pytest.LogCaptureFixture
) -> None:
    even = ffmpeg(*source(), "-c:v", "mpeg2video", "a.m2v").read_bytes()
    fields = ("-vf", "setfield=tff", "-flags", "+ilme+ildct", "-c:v", "mpeg2video")
    path = ffmpeg(*source(), *fields, "b.m2v")
    path.write_bytes(even + path.read_bytes())
    info = probe_video(path)
    assert not any(note.startswith("interlaced") for note in info.notes)
    for _ in read_video(info):
        pass
    (message,) = (text for text in caplog.messages if "interlaced" in text)
    assert "b.m2v: from frame 1" in message


@pytest.mark.parametrize("transfer", ["bt470bg", "linear", "log100", "bt470m", "iec61966-2-1"])
def test_transfer_function_that_is_far_from_all_others_is_said(
    ffmpeg: Ffmpeg, transfer: str
) -> None:
    path = ffmpeg(*source(), "-vf", f"setparams=color_trc={transfer}", *X264, "a.mkv")
    notes = probe_video(path).notes
    is_far = transfer in ("bt470bg", "linear", "log100")
    assert [note.startswith("its brightness comes out wrong") for note in notes] == [True] * is_far


def test_alpha_of_an_animated_avif_is_said(ffmpeg: Ffmpeg) -> None:
    split = "format=yuva444p,split[a][b];[b]alphaextract[c]"
    av1 = ("-c:v", "libaom-av1", "-cpu-used", "8")
    path = ffmpeg(
        *source(rate="10"), "-filter_complex", split, "-map", "[a]", "-map", "[c]", *av1, "a.avif"
    )
    assert probe_video(path).notes == (
        "its transparency is in a track of its own, which is not read.",
    )


def test_notes_come_along_with_the_clip(ffmpeg: Ffmpeg) -> None:
    path = ffmpeg(*source(), "-c:v", "libx264", "a.h264")
    assert open_video(path).notes == probe_video(path).notes != ()
