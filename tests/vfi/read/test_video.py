import errno
import gc
import shutil
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch
from PIL import Image

from vfi.errors import DecodeError, InputError
from vfi.frames import to_uint8
from vfi.read import probe, video
from vfi.read.decode import decode_frames
from vfi.read.scan import Scan
from vfi.read.timestamps import DecodedFrame, exact_duration
from vfi.read.video import probe_video, read_video, trim_video
from vfi.tracks import AudioStream, Chapter, SubtitleStream

NTSC_FILM = Fraction(24000, 1001)


with_chapters = pytest.mark.skipif(
    not hasattr(av.container.InputContainer, "chapters"), reason="this PyAV tells no chapters"
)


def read(path):
    return list(read_video(probe_video(path)))


def times(path):
    return [frame.time for frame in read(path)]


def write_packets(path, stamps, *, sabotage=None):
    """Mux one JPEG packet per timestamp (ms); ``sabotage`` is the number of a damaged one."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for number, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number, np.uint8))
            frame.pts, frame.time_base = number, Fraction(1, 1000)
            for packet in stream.encode(frame):
                damaged = av.Packet(b"no jpeg") if number == sabotage else packet
                damaged.stream, damaged.time_base = stream, Fraction(1, 1000)
                damaged.pts = damaged.dts = stamp
                container.mux(damaged)
    return path


# --- what a video is -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov", "a.avi", "a.flv", "a.ts"])
def test_frame_rate_is_an_exact_fraction(clip, name):
    path = clip(name, "-c:v", "libx264", "-preset", "ultrafast", rate="24000/1001", seconds="1")

    assert probe_video(path).rate == NTSC_FILM


@pytest.mark.parametrize("rate", ["48000/1001", "60000/1001", "120000/1001"])
def test_ntsc_rate_is_exact_in_matroska(clip, rate):
    assert probe_video(clip("a.mkv", rate=rate)).rate == Fraction(rate)


def test_rate_near_ntsc_that_is_meant_so_is_kept(clip):
    assert probe_video(clip("a.mp4", rate="2997/125")).rate == Fraction(2997, 125)


@pytest.mark.parametrize(("rate", "exact"), [("16", 16), ("30", Fraction(30000, 1001))])
def test_gif_rate_is_the_one_its_coarse_ticks_stand_for(clip, rate, exact):
    info = probe_video(clip("a.gif", "-loop", "0", rate=rate, seconds="1"))

    assert info.rate == exact
    assert [frame.time for frame in read_video(info)] == [k / info.rate for k in range(int(rate))]


def test_size_count_and_sound_tracks_are_told(clip):
    sound = ("-f", "lavfi", "-i", "sine=d=0.4", "-f", "lavfi", "-i", "sine=d=0.4")
    tracks = ("-map", "0", "-map", "1", "-map", "2", "-c:a:0", "libmp3lame", "-c:a:1", "libopus")
    info = probe_video(clip("a.mp4", *sound, *tracks, "-preset", "ultrafast"))

    assert (info.width, info.height, info.num_frames) == (64, 48, 10)
    assert info.audio == (AudioStream(1, "mp3"), AudioStream(2, "opus"))


@pytest.fixture
def told(ffmpeg, tmp_path):
    """Make a clip of 4 s with subtitles, two chapters and tags: ``told("a.mkv", "srt")``."""
    (tmp_path / "text.srt").write_text("1\n00:00:00,500 --> 00:00:01,500\nhello\n")
    (tmp_path / "tags.txt").write_text(
        ";FFMETADATA1\ntitle=Café\nprompt={}\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1500\ntitle=One\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=1500\nEND=4000\n"
    )

    def make(name, subtitles, *options):
        clip = ("-f", "lavfi", "-i", "testsrc2=s=64x48:d=4", "-i", tmp_path / "text.srt")
        tags = ("-i", tmp_path / "tags.txt", "-map_metadata", "2", "-map_chapters", "2")
        return ffmpeg(*clip, *tags, "-map", "0", "-map", "1", "-c:s", subtitles, *options, name)

    return make


@pytest.mark.parametrize(
    ("name", "codec", "tags"),
    [
        ("a.mp4", "mov_text", {"title": "Café", "prompt": "{}"}),
        ("a.mkv", "subrip", {"title": "Café", "PROMPT": "{}"}),
    ],
)
def test_subtitles_chapters_and_tags_are_told(told, name, codec, tags):
    info = probe_video(told(name, codec, "-movflags", "use_metadata_tags"))

    assert info.subtitles == (SubtitleStream(1, codec),)
    assert info.tags == tags
    if hasattr(av.container.InputContainer, "chapters"):
        middle = Fraction(3, 2)
        assert info.chapters == (Chapter(Fraction(0), middle, "One"), Chapter(middle, 4, ""))


def test_ordinary_clip_has_nothing_besides_its_picture(clip):
    info = probe_video(clip("a.mp4"))

    assert (info.audio, info.subtitles, info.chapters, info.tags) == ((), (), (), {})


def test_tag_that_is_no_text_is_left_out(clip):
    path = clip("a.mkv", "-metadata", "title=Cafe", "-metadata", "artist=me")
    path.write_bytes(path.read_bytes().replace(b"Cafe", b"Caf\xe9"))

    assert probe_video(path).tags == {"ARTIST": "me"}


@with_chapters
def test_chapters_of_a_part_are_cut_to_it(told):
    info = trim_video(probe_video(told("a.mkv", "srt")), Fraction(1), Fraction(2))

    assert info.chapters == (
        Chapter(Fraction(0), Fraction(1, 2), "One"),
        Chapter(Fraction(1, 2), Fraction(1), ""),
    )
    assert trim_video(info, Fraction(3, 5)).chapters == (Chapter(Fraction(0), Fraction(2, 5), ""),)


@with_chapters
def test_chapters_count_from_the_first_picture(told, ffmpeg):
    # FFmpeg moves the picture alone; the second chapter, from 1.5 to 4 s, has it from 2 s on.
    path = ffmpeg("-i", told("a.mkv", "srt"), "-c", "copy", "-output_ts_offset", "2", "b.mkv")

    assert probe_video(path).chapters == (Chapter(Fraction(0), Fraction(2), ""),)


def test_pixel_aspect_is_told(clip):
    assert probe_video(clip("a.mp4", "-vf", "setsar=16/15")).pixel_aspect == Fraction(16, 15)


def test_unknown_pixel_aspect_is_square(clip):
    assert probe_video(clip("a.mkv", "-vf", "setsar=0")).pixel_aspect == 1


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_late_picture_is_told(clip, ffmpeg, name):
    sound = ffmpeg("-f", "lavfi", "-i", "sine=d=2", "-c:a", "mp2", "sound.mkv")
    late = ("-itsoffset", "0.5", "-i", clip("v.mp4"), "-map", "1", "-map", "0", "-c", "copy")
    info = probe_video(ffmpeg("-i", sound, *late, name))

    assert float(info.start) == pytest.approx(0.5, abs=0.012)  # an mp2 encoder's delay
    assert next(read_video(info)).time == 0


def test_start_of_an_ordinary_file_is_exactly_0(clip):
    path = clip("a.mp4", "-f", "lavfi", "-i", "sine=d=0.4", "-bf", "3")

    assert probe_video(path).start == 0


def test_early_picture_of_a_transport_stream_is_counted_from_the_sound(clip, ffmpeg):
    picture = clip("v.mp4")
    late = ("-itsoffset", "0.5", "-f", "lavfi", "-i", "sine=d=1")
    path = ffmpeg("-i", picture, *late, "-c:v", "copy", "-c:a", "mp2", "a.ts")

    assert float(probe_video(path).start) == pytest.approx(-0.5, abs=0.05)


@pytest.mark.parametrize(
    ("turn", "corners"),
    [
        (("-display_rotation", "90"), "GWRB"),
        (("-display_rotation", "180"), "WBGR"),
        (("-display_rotation", "270"), "BRWG"),
        (("-display_hflip",), "GRWB"),
        (("-display_rotation", "90", "-display_hflip"), "WGBR"),
    ],
    ids=["90", "180", "270", "mirrored", "mirrored, then 90"],
)
def test_frames_are_turned_for_display(ffmpeg, quarters, turn, corners):
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "64x32", "-i", "pipe:0")
    flat = ffmpeg(*raw, "-vf", "setsar=4/3", "-crf", "1", "flat.mp4", stdin=quarters.tobytes())
    info = probe_video(ffmpeg(*turn, "-i", flat, "-c", "copy", "turned.mp4"))
    pixels = next(read_video(info)).pixels

    colours = {(1, 0, 0): "R", (0, 1, 0): "G", (0, 0, 1): "B", (1, 1, 1): "W"}
    seen = [pixels[y, x] for y in (4, -4) for x in (4, -4)]
    assert "".join(colours[tuple((c > 127).int().tolist())] for c in seen) == corners
    assert pixels.shape == (info.height, info.width, 3)


def test_quarter_turn_swaps_size_and_pixel_aspect(clip, ffmpeg):
    flat = clip("flat.mp4", "-vf", "setsar=4/3")
    info = probe_video(ffmpeg("-display_rotation", "-90", "-i", flat, "-c", "copy", "a.mp4"))

    assert (info.width, info.height, info.rotation) == (48, 64, 270)
    assert info.pixel_aspect == Fraction(3, 4)


# --- frames and times ----------------------------------------------------------------------------


def test_every_frame_arrives_with_its_own_pixels(greys):
    frames = read(greys("a.mkv", [0, 1, 128, 254, 255]))

    assert [frame.pixels.unique().tolist() for frame in frames] == [[0], [1], [128], [254], [255]]
    assert frames[0].pixels.dtype == torch.uint8


@pytest.mark.parametrize("rate", ["30", "24000/1001"])
def test_times_in_millisecond_ticks_become_exact(clip, rate):
    path = clip("a.mkv", rate=rate, seconds="1")

    assert times(path) == [k / Fraction(rate) for k in range(len(read(path)))]


def test_variable_frame_rate_keeps_its_times(tmp_path):
    path = write_packets(tmp_path / "a.mkv", [0, 40, 107, 213, 1000])

    assert times(path) == [Fraction(ms, 1000) for ms in (0, 40, 107, 213, 1000)]


# 30 fps, of which frames are left out: the mean is 14 fps, and the last frame lasts 1/30 s.
VFR = ("-fps_mode", "vfr")
DROPPED = (
    "-vf",
    "select='not(mod(n,7))+not(mod(n,5))+lt(n,12)'",
    *VFR,
    "-c:v",
    "libx264",
    "-bf",
    "0",
)

with_durations = pytest.mark.skipif(
    not hasattr(av.VideoFrame, "duration"), reason="this PyAV does not tell how long frames last"
)


@with_durations
@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.gif"])
def test_last_frame_of_a_variable_rate_lasts_as_long_as_the_file_says(clip, ffmpeg, name):
    dropped = clip("dropped.mp4", *DROPPED, rate="30", seconds="2")
    codec = "gif" if name == "a.gif" else "copy"
    path = dropped if name == "a.mp4" else ffmpeg("-i", dropped, *VFR, "-c:v", codec, name)
    info = probe_video(path)
    last = read(path)[-1]

    tick = Fraction(1, 100)  # of a GIF
    assert abs(last.duration - Fraction(1, 30)) < tick
    assert last.time + last.duration == info.duration == Fraction(19, 10)


@with_durations
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi", "a.gif"])
def test_last_frame_of_a_constant_rate_lasts_as_long_as_any(clip, name):
    info = probe_video(clip(name))

    assert info.duration is None  # num_frames / rate says it
    assert list(read_video(info))[-1].duration in (None, 1 / info.rate)


@with_durations
def test_last_duration_of_one_tick_is_not_believed(tmp_path):
    info = probe_video(write_packets(tmp_path / "a.mkv", [0, 40, 80]))
    picture = DecodedFrame(80, Fraction(1, 1000), 1, lambda: torch.zeros(0))

    assert exact_duration(picture, Fraction(2, 25), info) is None


def test_count_in_matroska_is_that_of_the_picture_not_of_the_sound(clip):
    path = clip("a.mkv", "-f", "lavfi", "-i", "sine=d=3", "-preset", "ultrafast")

    assert probe_video(path).num_frames == 10


def test_first_frame_is_at_0_wherever_the_file_starts(tmp_path):
    path = write_packets(tmp_path / "a.mkv", [513, 553, 593])

    assert times(path) == [0, Fraction(1, 25), Fraction(2, 25)]


def test_frames_without_timestamps_follow_at_the_rate(clip):
    path = clip("a.h264", "-bf", "2")

    assert times(path) == [Fraction(k, 25) for k in range(10)]


def test_frame_that_does_not_come_later_is_dropped_with_a_warning(tmp_path, caplog):
    path = write_packets(tmp_path / "a.mkv", [0, 40, 40, 80])

    assert times(path) == [0, Fraction(1, 25), Fraction(2, 25)]
    assert "dropped a frame at 0.040 s" in caplog.text


def test_b_frames_in_avi_all_arrive_in_order(clip):
    path = clip("a.avi", "-c:v", "libx264", "-bf", "3")

    assert times(path) == [Fraction(k, 25) for k in range(10)]


def test_truncated_file_ends_early_without_error(clip):
    path = clip("a.mkv", "-c:v", "mpeg4", seconds="2")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    assert 5 < len(read(path)) < 45


def test_closing_half_way_closes_the_file(clip):
    path = clip("a.mp4")
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("needs /proc")
    gc.disable()
    try:
        frames = read_video(probe_video(path))
        next(frames)
        opened = {link.readlink() for link in descriptors.iterdir() if link.is_symlink()}
        frames.close()
        left = [link.readlink() for link in descriptors.iterdir() if link.is_symlink()]
    finally:
        gc.enable()

    assert path in opened
    assert path not in left


def test_closing_half_way_does_not_wait_for_the_garbage_collector(clip, monkeypatch):
    info = probe_video(clip("a.mp4"))
    pictures = video.read_container_before(info, alpha=False)
    monkeypatch.setattr(video, "read_container_before", lambda _, alpha: pictures)
    frames = read_video(info)
    next(frames)
    frames.close()

    assert pictures.gi_frame is None


def test_colon_in_a_name_is_not_a_protocol(clip, tmp_path, monkeypatch):
    clip("a.mp4").rename(tmp_path / "scene:1.mp4")
    monkeypatch.chdir(tmp_path)

    assert len(read(Path("scene:1.mp4"))) == 10


# --- colours -------------------------------------------------------------------------------------

BT601, BT709 = (0.299, 0.114), (0.2126, 0.0722)
COLOUR = (200, 90, 60)


def to_yuv(rgb, matrix, full):
    kr, kb = matrix
    r, g, b = (value / 255 for value in rgb)
    y = kr * r + (1 - kr - kb) * g + kb * b
    u, v = (b - y) / (2 - 2 * kb), (r - y) / (2 - 2 * kr)
    if full:
        return [round(255 * y), round(128 + 255 * u), round(128 + 255 * v)]
    return [round(16 + 219 * y), round(128 + 224 * u), round(128 + 224 * v)]


@pytest.mark.parametrize(
    ("height", "tags", "matrix", "full"),
    [
        (480, "colorspace=bt709:range=tv", BT709, False),
        (720, "colorspace=smpte170m:range=tv", BT601, False),
        (480, "colorspace=bt709:range=pc", BT709, True),
        (478, "colorspace=unknown:range=unknown", BT601, False),
        (720, "colorspace=unknown:range=unknown", BT709, False),
    ],
    ids=["bt709", "bt601", "full range", "small untagged is bt601", "large untagged is bt709"],
)
def test_flat_colour_comes_back_by_the_right_matrix(ffmpeg, height, tags, matrix, full):
    y, u, v = to_yuv(COLOUR, matrix, full)
    raw = bytes([y]) * (64 * height) + bytes([u]) * (16 * height) + bytes([v]) * (16 * height)
    source = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"64x{height}", "-i", "pipe:0")
    # FFV1, because a decoder of H.264 shows a full range in the pixel format as well.
    codec = ("-c:v", "ffv1", "-color_range", "pc" if full else "tv")
    path = ffmpeg(*source, "-vf", f"setparams={tags}", *codec, "a.mkv", stdin=raw)
    pixels = read(path)[0].pixels.int()

    assert (pixels - torch.tensor(COLOUR)).abs().max() <= 1


# --- more than 8 bits ----------------------------------------------------------------------------


def write_planes(ffmpeg, name, pixel_format, planes, *options):
    """Store one frame of 64x48, given plane by plane as rows of 64 values, without loss."""
    raw = b"".join(np.broadcast_to(plane, (48, *plane.shape)).tobytes() for plane in planes)
    source = ("-f", "rawvideo", "-pix_fmt", pixel_format, "-s", "64x48", "-i", "pipe:0")
    return ffmpeg(*source, *options, "-c:v", "ffv1", name, stdin=raw)


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("is_full", [False, True], ids=["limited", "full"])
def test_deep_greys_come_back_between_the_code_values_of_8_bits(ffmpeg, bits, is_full):
    unit, most = 1 << (bits - 8), (1 << bits) - 1
    black, white = (0, most) if is_full else (16 * unit, 235 * unit)
    ramp = np.linspace(black, white, 64).round().astype("<u2")
    grey = np.full(64, 128 * unit, "<u2")
    tags = f"setparams=colorspace=bt709:range={'pc' if is_full else 'tv'}"
    tagged = ("-vf", tags, "-color_range", "pc" if is_full else "tv")
    planes = [ramp, grey, grey]
    info = probe_video(write_planes(ffmpeg, "a.mkv", f"yuv444p{bits}le", planes, *tagged))
    pixels = next(read_video(info)).pixels

    assert info.bit_depth > 8
    assert pixels.dtype == torch.float32
    expected = torch.from_numpy((ramp.astype(float) - black) / (white - black))
    assert (pixels[7] - expected[:, None]).abs().max() * 1023 < 0.1


@pytest.mark.parametrize(
    ("pixel_format", "bits"),
    [("gbrp10le", 10), ("gbrp12le", 12), ("gbrp16le", 16), ("gray10le", 10), ("gray12le", 12)],
)
def test_deep_values_without_a_matrix_come_back_exactly(ffmpeg, pixel_format, bits):
    most = (1 << bits) - 1
    ramp = np.linspace(0, most, 64).round().astype("<u2")
    planes = [ramp] * (3 if pixel_format.startswith("gbr") else 1)
    pixels = read(write_planes(ffmpeg, "a.mkv", pixel_format, planes))[0].pixels

    assert (pixels * most).round().int()[9, :, 1].tolist() == ramp.tolist()
    assert (pixels[9, 0].tolist(), pixels[9, 63].tolist()) == ([0] * 3, [1] * 3)


def test_video_of_8_bits_stays_at_8_bits(clip):
    info = probe_video(clip("a.mp4"))

    assert info.bit_depth <= 8
    assert next(read_video(info)).pixels.dtype == torch.uint8


# --- transparency --------------------------------------------------------------------------------

OPAQUE, HALF, HOLE = (20, 5), (20, 24), (20, 50)  # y, x


@pytest.fixture
def hole(ffmpeg):
    """Write five orange pictures of 64x48: opaque, half see-through, and not there."""
    pixels = np.zeros((5, 48, 64, 4), np.uint8)
    pixels[:, :, :32] = (200, 120, 40, 255)
    pixels[:, :, 16:32, 3] = 128
    pixels[:, 40:, :16, 2] += 40 * np.arange(5, dtype=np.uint8)[:, None, None]  # something moves

    def make(name, *options):
        source = ("-f", "rawvideo", "-pix_fmt", "rgba", "-s", "64x48", "-r", "10", "-i", "pipe:0")
        return ffmpeg(*source, *options, name, stdin=pixels.tobytes())

    return make


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.webm", ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-crf", "4", "-b:v", "0")),
        ("a.mkv", ("-c:v", "libvpx", "-pix_fmt", "yuva420p", "-auto-alt-ref", "0", "-b:v", "4M")),
        ("a.mov", ("-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le")),
        ("a.mov", ("-c:v", "qtrle")),
        ("a.mov", ("-c:v", "png")),
        ("a.mkv", ("-c:v", "ffv1", "-pix_fmt", "bgra")),
        ("a.apng", ("-f", "apng")),
        ("a.webp", ("-c:v", "libwebp_anim", "-pix_fmt", "bgra", "-lossless", "1")),
    ],
    ids=["vp9", "vp8", "prores", "qtrle", "png", "ffv1", "apng", "webp"],
)
def test_transparency_is_read_on_request(hole, name, options):
    info = probe_video(hole(name, *options))
    frames = list(read_video(info, alpha=True))
    pixels = to_uint8(frames[-1].pixels).int()

    assert info.has_alpha
    assert len(frames) == 5
    assert (pixels[OPAQUE] - torch.tensor([200, 120, 40, 255])).abs().max() <= 3
    assert (pixels[HALF] - torch.tensor([200, 120, 40, 128])).abs().max() <= 3
    assert pixels[HOLE][3] <= 1


def test_transparency_of_a_gif_is_read_on_request(ffmpeg):
    raw = np.zeros((48, 64, 4), np.uint8)
    raw[:, :32] = (200, 120, 40, 255)
    source = ("-f", "rawvideo", "-pix_fmt", "rgba", "-s", "64x48", "-r", "10", "-i", "pipe:0")
    palette = "split[a][b];[a]palettegen=reserve_transparent=1[p];[b][p]paletteuse"
    info = probe_video(ffmpeg(*source, "-vf", palette, "a.gif", stdin=raw.tobytes() * 3))
    pixels = next(read_video(info, alpha=True)).pixels

    assert info.has_alpha
    assert (pixels[OPAQUE][3], pixels[HOLE][3]) == (255, 0)


def test_transparency_is_dropped_with_a_note_otherwise(hole, caplog):
    path = hole("a.mov", "-c:v", "png")
    with caplog.at_level("INFO"):
        frames = read(path)

    assert {frame.pixels.shape for frame in frames} == {(48, 64, 3)}
    assert [record.message for record in caplog.records] == [f"{path}: transparency is dropped"]


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.apng"])
def test_animation_that_becomes_transparent_later_is_read_so_on_request(tmp_path, name):
    pictures = [np.zeros((48, 64, 4), np.uint8) for _ in range(4)]
    pictures[0][:] = (200, 120, 40, 255)
    for number, picture in enumerate(pictures):
        picture[10:20, 10 * number : 10 * number + 10] = (0, 120, 255, 255)
        picture[14:16, 10 * number + 4 : 10 * number + 6, 3] = 0 if number else 255
    first, *others = map(Image.fromarray, pictures)
    options = {"lossless": True} if name == "a.webp" else {"disposal": 2}
    kind = {"a.apng": "PNG"}.get(name)
    path = tmp_path / name
    first.save(path, kind, save_all=True, append_images=others, duration=100, **options)
    frames = list(read_video(probe_video(path), alpha=True))

    assert [frame.pixels.shape[2] for frame in frames] == [4] * 4
    assert frames[0].pixels[..., 3].min() == 255
    assert frames[3].pixels[..., 3].min() == 0


@pytest.mark.parametrize("name", ["a.gif", "a.webp"])
def test_what_did_not_change_is_no_transparency(clip, tmp_path, name):
    if name == "a.gif":
        path = clip("a.gif")
    else:  # what FFmpeg's writer sets as soon as a frame is stored as a difference
        path = save_webp(tmp_path / "a.webp", [40] * 3)
        data = bytearray(path.read_bytes())
        assert data[12:16] == b"VP8X"
        data[20] |= 0x10
        path.write_bytes(data)
        with Image.open(path) as image:
            assert image.mode == "RGBA"
    info = probe_video(path)

    assert not info.has_alpha
    assert next(read_video(info, alpha=True)).pixels.shape[2] == 3


@pytest.mark.parametrize("pixel_format", ["gbrap10le", "gbrap12le", "gbrap16le", "yuva444p10le"])
def test_deep_transparency_comes_back_exactly(ffmpeg, pixel_format):
    most = (1 << int(pixel_format[-4:-2])) - 1
    ramp = np.linspace(0, most, 64).round().astype("<u2")
    grey = np.full(64, 512, "<u2")
    path = write_planes(ffmpeg, "a.mkv", pixel_format, [grey, grey, grey, ramp])
    pixels = next(read_video(probe_video(path), alpha=True)).pixels

    assert (pixels * most).round().int()[9, :, 3].tolist() == ramp.tolist()


# --- files that are no videos --------------------------------------------------------------------


def test_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.mp4: there is no such file"):
        probe_video(tmp_path / "none.mp4")


def test_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="is a folder, not a video file"):
        probe_video(tmp_path)


def test_path_through_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot be read \(Not a directory\)"):
        probe_video(tmp_path / "file" / "a.mp4")


def test_text_file_named_mp4_is_refused(tmp_path):
    (tmp_path / "a.mp4").write_text("not a video\n" * 100)
    with pytest.raises(DecodeError, match=r"a\.mp4: FFmpeg cannot read this file"):
        probe_video(tmp_path / "a.mp4")


def test_sound_is_refused(ffmpeg):
    path = ffmpeg("-f", "lavfi", "-i", "sine=d=0.2", "a.wav")
    with pytest.raises(DecodeError, match="no video stream: it is audio only"):
        probe_video(path)


@pytest.mark.parametrize("name", ["a.m4a", "a.mp3"])
def test_cover_of_a_song_is_no_video(ffmpeg, tmp_path, name):
    Image.new("RGB", (32, 32)).save(tmp_path / "cover.png")
    song = ("-f", "lavfi", "-i", "sine=d=0.2", "-i", tmp_path / "cover.png", "-map", "0")
    path = ffmpeg(*song, "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic", name)
    with pytest.raises(DecodeError, match="no video stream: it is audio with a cover image"):
        probe_video(path)


def test_single_picture_is_refused(tmp_path):
    Image.new("RGB", (32, 32)).save(tmp_path / "a.jpg")
    with pytest.raises(DecodeError, match=r"is a single image \(jpeg_pipe\)"):
        probe_video(tmp_path / "a.jpg")


def test_video_without_frames_is_refused(clip, ffmpeg):
    path = ffmpeg("-i", clip("a.mp4"), "-c", "copy", "-frames:v", "0", "a.avi")
    with pytest.raises(DecodeError, match="this video has no frames"):
        probe_video(path)


def test_video_that_lost_its_frames_is_refused(clip, ffmpeg):
    info = probe_video(clip("a.avi"))
    ffmpeg("-i", clip("a.mp4"), "-c", "copy", "-frames:v", "0", "a.avi")
    with pytest.raises(DecodeError, match="this video has no frames"):
        list(read_video(info))


def test_video_without_a_rate_is_refused():
    codec = SimpleNamespace(framerate=None)
    stream = SimpleNamespace(
        average_rate=None, guessed_rate=None, base_rate=Fraction(0), codec_context=codec
    )
    with pytest.raises(DecodeError, match="has no frame rate"):
        probe._cadence(stream, Scan((), Fraction(1)), Path("a.mp4"))


@pytest.mark.parametrize("number", [errno.ENOMEM, errno.EAGAIN])
def test_lack_of_memory_is_not_taken_for_a_damaged_file(clip, number):
    def decode(_packet):
        av.error.err_check(-number)

    path = clip("a.mp4")
    with av.open(str(path)) as container:
        frames = decode_frames(
            container, container.streams.video[0], SimpleNamespace(decode=decode), path
        )
        with pytest.raises(DecodeError, match=r"a\.mp4: there was not enough memory \(") as caught:
            next(frames)
    assert "damaged" not in str(caught.value)


def test_first_frame_that_does_not_decode_is_refused(tmp_path):
    path = write_packets(tmp_path / "a.mkv", [0, 40], sabotage=0)
    with pytest.raises(DecodeError, match="frame 0 does not decode"):
        probe_video(path)


def test_damage_in_the_middle_names_the_frame(tmp_path):
    info = probe_video(write_packets(tmp_path / "a.mkv", [0, 40, 80, 120], sabotage=2))
    with pytest.raises(DecodeError, match=r"a\.mkv: frame 2 does not decode"):
        list(read_video(info))


def test_change_of_size_names_both_sizes(clip, tmp_path):
    small, large = clip("a.h264"), clip("b.h264", "-vf", "scale=96:64")
    with (tmp_path / "both.h264").open("wb") as file:
        for part in (small, large):
            with part.open("rb") as source:
                shutil.copyfileobj(source, file)
    with pytest.raises(DecodeError, match="changes from 64x48 to 96x64 at frame 10"):
        read(tmp_path / "both.h264")


# --- animated WebP -------------------------------------------------------------------------------


def save_webp(path, durations, **options):
    pictures = [Image.new("RGB", (32, 16), (20 * k, 100, 200)) for k in range(len(durations))]
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=durations, quality=95, **options
    )
    return path


@pytest.mark.parametrize(
    ("durations", "rate"),
    [
        ([62] * 4, Fraction(500, 31)),
        ([33, 33, 34, 33], Fraction(30)),
        ([100, 500, 100], Fraction(10)),
    ],
    ids=["equal", "spread rounding", "variable"],
)
def test_animated_webp_has_the_rate_of_its_durations(tmp_path, durations, rate):
    info = probe_video(save_webp(tmp_path / "a.webp", durations))

    assert info.rate == rate
    assert (info.width, info.height, info.num_frames) == (32, 16, len(durations))


def test_animated_webp_has_exact_times_and_pixels(tmp_path):
    frames = read(save_webp(tmp_path / "a.webp", [30, 30, 45, 200, 30]))

    assert [frame.time * 1000 for frame in frames] == [0, 30, 60, 105, 305]
    assert [abs(int(f.pixels[8, 16, 0]) - 20 * k) <= 6 for k, f in enumerate(frames)] == [True] * 5


def test_workflow_of_an_animated_webp_is_told(tmp_path):
    exif = Image.Exif()
    exif[0x0110], exif[0x010F] = 'prompt:{"3": 1}', "workflow:{}"
    exif[0x010E] = "a description: of something"
    path = save_webp(tmp_path / "a.webp", [40] * 3, exif=exif)

    assert probe_video(path).tags == {"prompt": '{"3": 1}', "workflow": "{}"}


def test_chunk_of_odd_size_is_skipped_with_its_padding(tmp_path):
    path = save_webp(tmp_path / "a.webp", [40] * 4, icc_profile=b"x" * 101)

    assert probe_video(path).num_frames == 4


def test_damaged_picture_in_a_webp_is_named(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), np.uint8)
    pictures = [Image.fromarray(pixels) for pixels in noise]
    path = tmp_path / "a.webp"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], lossless=True)
    info = probe_video(path)
    data = bytearray(path.read_bytes())
    last = data.rindex(b"VP8L")
    data[last + 20 : last + 2000] = bytes(1980)
    path.write_bytes(data)
    with pytest.raises(DecodeError, match=r"a\.webp: frame 3 does not decode"):
        list(read_video(info))


def test_still_webp_is_refused(tmp_path):
    Image.new("RGB", (32, 16)).save(tmp_path / "a.webp")
    with pytest.raises(DecodeError, match="is a still image, not an animated WebP"):
        probe_video(tmp_path / "a.webp")


def test_webp_that_was_cut_short_is_refused(tmp_path):
    path = save_webp(tmp_path / "a.webp", [40] * 4)
    info = probe_video(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DecodeError, match=r"a\.webp: frame 0 does not decode"):
        list(read_video(info))
