"""A part of a video: the same pictures, at the same intervals, as in the whole one."""

from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers.clips import write_damaged_clip
from vfi.errors import DecodeError, InputError
from vfi.read import seek
from vfi.read.video import probe_video, read_video, trim_video

NTSC_FILM = Fraction(24000, 1001)
X264 = ("-c:v", "libx264", "-preset", "veryfast", "-x264-params")
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params")
VPX = ("-deadline", "realtime", "-cpu-used", "8", "-g", "12")

FILES = {
    "b-frames": ("a.mp4", *X264, "keyint=12:bframes=3"),
    "open groups of h264": ("a.mkv", *X264, "keyint=12:min-keyint=6:bframes=5:open-gop=1"),
    "open groups of h265": ("a.mp4", *X265, "keyint=12:bframes=4:open-gop=1:radl=2:log-level=none"),
    "open groups of mpeg2": ("a.mkv", "-c:v", "mpeg2video", "-g", "12", "-bf", "2"),
    "starts late": ("a.mp4", *X264, "keyint=12:bframes=3", "-output_ts_offset", "0.7"),
    "fragments": ("a.mp4", *X264, "keyint=12", "-movflags", "+frag_keyframe+empty_moov"),
    "vp9": ("a.webm", "-c:v", "libvpx-vp9", *VPX),
    "vp9 with alpha": ("a.webm", "-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", *VPX),
    "10 bits": ("a.mov", "-c:v", "prores_ks", "-pix_fmt", "yuv422p10le"),
    "no list of key frames": ("a.ts", *X264, "keyint=12:bframes=3"),
    "no presentation times": ("a.avi", *X264, "keyint=12:bframes=3"),
    "no times": ("a.h264", *X264, "keyint=12:bframes=3"),
    "differences on a canvas": ("a.gif",),
}


@pytest.fixture
def noisy_clip(ffmpeg):
    """Make a clip of 48 frames that all differ, 64x48: ``noisy_clip("a.mkv", "-c:v", "ffv1")``."""

    def make(name, *options, size="64x48", seconds="2.002"):
        source = f"testsrc2=s={size}:r=24000/1001:d={seconds},noise=alls=12:allf=t"
        return ffmpeg("-f", "lavfi", "-i", source, *options, name)

    return make


def frames_of(info):
    return [(frame.time, frame.pixels) for frame in read_video(info, alpha=True)]


def same(frames, others):
    """Whether two lists of frames have the same pixels and the same intervals."""
    return len(frames) == len(others) and all(
        time - frames[0][0] == other_time - others[0][0] and torch.equal(pixels, other_pixels)
        for (time, pixels), (other_time, other_pixels) in zip(frames, others, strict=True)
    )


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_part_has_the_frames_of_the_whole(noisy_clip, file):
    info = probe_video(noisy_clip(*file))
    whole = frames_of(info)
    for number in (0, 1, 11, 13, 22, 23, 24, 25, 30, 36, 47):
        part = trim_video(info, whole[number][0])
        frames = frames_of(part)

        assert frames[0][0] == 0
        assert part.first_time == whole[number][0]
        assert same(frames, whole[number:])


def test_picture_that_is_refreshed_little_by_little_is_complete(noisy_clip):
    refreshed = ("-c:v", "libx264", "-x264-params", "keyint=24:intra-refresh=1")
    info = probe_video(noisy_clip("a.mp4", *refreshed, size="96x64", seconds="6"))
    whole = frames_of(info)

    assert same(frames_of(trim_video(info, whole[112][0])), whole[112:])


def test_end_is_exclusive_and_start_is_inclusive(noisy_clip):
    info = probe_video(noisy_clip("a.mp4"))
    whole = frames_of(info)
    part = trim_video(info, 10 / NTSC_FILM, 20 / NTSC_FILM)

    assert same(frames_of(part), whole[10:20])
    assert part.num_frames == 10


def test_part_begins_with_the_first_frame_after_the_start(noisy_clip):
    info = probe_video(noisy_clip("a.mp4"))
    part = trim_video(info, Fraction(1, 2), Fraction(1))

    assert part.first_time == 12 / NTSC_FILM  # 0.5005 s; frame 11 is at 0.459 s
    assert same(frames_of(part), frames_of(info)[12:24])


def test_part_of_a_part_counts_from_it(noisy_clip):
    info = probe_video(noisy_clip("a.mp4"))
    part = trim_video(trim_video(info, Fraction(1, 2), Fraction(1)), 3 / NTSC_FILM, Fraction(9))

    assert part.first_time == 15 / NTSC_FILM
    assert same(frames_of(part), frames_of(info)[15:24])
    assert part.num_frames == 9


def test_variable_frame_rate_keeps_its_intervals(noisy_clip, ffmpeg):
    chosen = "select='not(mod(n,5))+not(mod(n,7))'"
    source = noisy_clip("source.mkv", "-c:v", "ffv1")
    path = ffmpeg("-i", source, "-vf", chosen, "-c:v", "ffv1", "a.mkv")
    info = probe_video(path)
    whole = frames_of(info)

    assert len({later[0] - time[0] for time, later in pairwise(whole)}) > 2
    for number in (1, 4, 9):
        assert same(frames_of(trim_video(info, whole[number][0])), whole[number:])


@pytest.mark.skipif(not hasattr(av.VideoFrame, "duration"), reason="this PyAV does not tell it")
def test_last_frame_of_a_part_is_shown_until_the_part_ends(noisy_clip, ffmpeg):
    chosen = ("-vf", "select='not(mod(n,5))+not(mod(n,7))'", "-fps_mode", "vfr", "-bf", "0")
    info = probe_video(ffmpeg("-i", noisy_clip("source.mkv", "-c:v", "ffv1"), *chosen, "a.mp4"))
    assert info.duration is not None  # the rate varies
    frame, following = list(read_video(info))[-4:-2]
    interval = following.time - frame.time
    part = trim_video(info, Fraction(0), frame.time + interval / 3)
    *_, last = read_video(part)

    assert (last.time, last.duration) == (frame.time, interval / 3)
    assert part.duration == frame.time + interval / 3


def test_part_of_a_constant_rate_has_whole_frames(noisy_clip):
    part = trim_video(probe_video(noisy_clip("a.mp4")), Fraction(0), Fraction(201, 200))
    *_, last = read_video(part)

    assert last.time + (last.duration or 1 / NTSC_FILM) == 25 / NTSC_FILM > Fraction(201, 200)


def test_damage_behind_a_seek_is_told_by_its_time_in_the_file(tmp_path):
    path = write_damaged_clip(tmp_path / "a.mkv", num_frames=96, damaged=72)  # 24 fps, key frames
    part = trim_video(probe_video(path), Fraction(2))

    with pytest.raises(DecodeError, match=r"the frame after 2\.958 s does not decode"):
        list(read_video(part))
    with pytest.raises(DecodeError, match="frame 72 does not decode"):
        list(read_video(probe_video(path)))


def test_turned_video_stays_turned(noisy_clip, ffmpeg):
    flat = noisy_clip("flat.mp4", *X264, "keyint=12")
    info = probe_video(ffmpeg("-display_rotation", "90", "-i", flat, "-c", "copy", "a.mp4"))

    assert same(frames_of(trim_video(info, 30 / NTSC_FILM)), frames_of(info)[30:])


def test_animated_webp_has_parts(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (5, 16, 32, 3), np.uint8)
    pictures = [Image.fromarray(pixels) for pixels in noise]
    pictures[0].save(
        tmp_path / "a.webp",
        save_all=True,
        append_images=pictures[1:],
        duration=[40, 80, 30, 50, 40],
        lossless=True,
    )
    info = probe_video(tmp_path / "a.webp")
    part = trim_video(info, Fraction(50, 1000), Fraction(170, 1000))

    assert part.first_time == Fraction(120, 1000)
    assert same(frames_of(part), frames_of(info)[2:4])


def test_start_of_the_sound_moves_with_the_first_frame(noisy_clip, ffmpeg):
    sound = ffmpeg("-f", "lavfi", "-i", "sine=d=3", "-c:a", "mp2", "sound.mkv")
    late = ("-itsoffset", "0.5", "-i", noisy_clip("v.mp4"), "-map", "1", "-map", "0", "-c", "copy")
    info = probe_video(ffmpeg("-i", sound, *late, "a.mkv"))
    part = trim_video(info, Fraction(1))

    assert info.start > Fraction(2, 5)
    assert part.start == info.start + part.first_time


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_what_comes_long_before_the_part_is_not_decoded(noisy_clip, monkeypatch, name):
    info = probe_video(noisy_clip(name, *X264, "keyint=12:scenecut=0"))
    decoded = []

    def counted(*arguments, read=seek.read_container, **options):
        for picture in read(*arguments, **options):
            decoded.append(picture)
            yield picture

    monkeypatch.setattr(seek, "read_container", counted)
    part = trim_video(info, 40 / NTSC_FILM, 42 / NTSC_FILM)
    decoded.clear()

    assert len(list(read_video(part))) == 2
    assert len(decoded) <= 3 + 12


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (5, None, r"no frames from 5\.000 s on: it is 2\.002 s long"),
        (2.002, 9, r"no frames from 2\.002 s on: it is 2\.002 s long"),
        (0.01, 0.02, r"between 0\.010 s and 0\.020 s; the next one is at 0\.042 s"),
        (1, 1, r"cannot trim to 1\.000 s to 1\.000 s"),
        (2, 1, r"cannot trim to 2\.000 s to 1\.000 s"),
        (-1, None, r"cannot trim to -1\.000 s to the end"),
    ],
)
def test_part_without_a_frame_is_refused(noisy_clip, start, end, message):
    info = probe_video(noisy_clip("a.mp4"))
    start, end = Fraction(str(start)), None if end is None else Fraction(str(end))
    with pytest.raises(InputError, match=message):
        trim_video(info, start, end)
