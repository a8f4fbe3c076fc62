"""From file to file: what comes back of pictures, times, sound and everything else of a source."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from imageio_ffmpeg import get_ffmpeg_exe

from tests.helpers.clips import moving_pictures, sound_duration, write_clip
from tests.helpers.running import PICTURES, RunCli
from vfi.frames import Frame, to_uint8
from vfi.read.video import probe_video, read_video

Make = Callable[..., Path]


@pytest.fixture
def ffmpeg(folder: Path) -> Make:
    """Run ffmpeg; the last argument names the file it makes."""

    def run(*arguments: object) -> Path:
        path = folder / str(arguments[-1])
        command = [get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments[:-1]), str(path)]
        subprocess.run(command, check=True)
        return path

    return run


def frames_of(path: Path, *, alpha: bool = False) -> list[Frame]:
    return list(read_video(probe_video(path), alpha=alpha))


def make_smooth(cli: RunCli, source: Path, name: str, *options: object) -> Path:
    ended = cli("--video", source, "--output", name, *options)
    assert ended.code == 0, ended.err
    return Path(name)


@pytest.mark.parametrize("name", ["out.mkv", "out.mp4"])
def test_tracks_chapters_and_tags_come_along(
    cli: RunCli, ffmpeg: Make, folder: Path, name: str
) -> None:
    clip = write_clip(folder / "clip.mkv", moving_pictures(48))
    (folder / "lines.srt").write_text("1\n00:00:00,500 --> 00:00:01,500\nHello\n")
    (folder / "chapters.txt").write_text(
        ";FFMETADATA1\ntitle=A film\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=First\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=1000\nEND=2000\ntitle=Second\n"
    )
    inputs = ["-i", clip, "-f", "lavfi", "-i", "sine=duration=2", "-f", "lavfi"]
    inputs += ["-i", "sine=880:duration=2", "-i", folder / "lines.srt"]
    inputs += ["-i", folder / "chapters.txt", "-map_metadata", 4, "-map_chapters", 4]
    tracks = ["-map", 0, "-map", 1, "-map", 2, "-map", 3, "-metadata:s:a:1", "language=deu"]
    source = ffmpeg(*inputs, *tracks, "-c:v", "copy", "-c:a", "aac", "source.mkv")
    with av.open(str(make_smooth(cli, source, name))) as made:
        assert len(made.streams.video) == 1
        assert len(made.streams.audio) == 2
        assert made.streams.audio[1].language == "deu"
        (subtitles,) = made.streams.subtitles
        (line,) = [packet for packet in made.demux(subtitles) if packet.size > 2]
        assert b"Hello" in bytes(line)
        assert float(line.pts * line.time_base) == pytest.approx(0.5, abs=0.001)
        assert made.metadata["title"] == "A film"
    chapters = probe_video(Path(name)).chapters
    if chapters:  # old PyAV does not tell
        assert [(c.start, c.end, c.title) for c in chapters] == [(0, 1, "First"), (1, 2, "Second")]


def test_part_has_its_sound_and_chapters(cli: RunCli, ffmpeg: Make, folder: Path) -> None:
    clip = write_clip(folder / "clip.mkv", moving_pictures(48))
    # A second of silence, then a second of a tone.
    tone = "aevalsrc=exprs='if(lt(t,1),0,sin(2764*t))':d=2:s=48000"
    source = ffmpeg("-i", clip, "-f", "lavfi", "-i", tone, "-c:v", "copy", "talkie.mkv")
    made = make_smooth(cli, source, "out.mkv", "--start", 0.75, "--end", 1.25)
    assert sound_duration(made) == pytest.approx(0.5, abs=0.05)
    with av.open(str(made)) as container:
        samples = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    loud = np.flatnonzero(np.abs(samples.astype(float)) > 0.1 * np.abs(samples).max())
    assert loud[0] / 48000 == pytest.approx(0.25, abs=0.05)


def test_clip_without_sound_stays_without(cli: RunCli, clip: Path) -> None:
    assert sound_duration(make_smooth(cli, clip, "out.mp4")) == 0


def test_turned_clip_stands_upright(cli: RunCli, ffmpeg: Make, folder: Path) -> None:
    flat = write_clip(folder / "flat.mp4", PICTURES)
    turned = ffmpeg("-display_rotation", 90, "-i", flat, "-c", "copy", "turned.mp4")
    made = make_smooth(cli, turned, "out.mkv", "--preset", "lossless")
    info = probe_video(made)
    assert (info.width, info.height, info.rotation) == (48, 64, 0)
    for made_frame, frame in zip(frames_of(made)[::2], frames_of(turned), strict=True):
        assert torch.equal(made_frame.pixels, frame.pixels)


@pytest.mark.parametrize("preset", ["lossless", "share"])
@pytest.mark.parametrize(("width", "height"), [(65, 47), (1, 1), (2, 63)])
def test_odd_sizes_are_taken(
    cli: RunCli, folder: Path, preset: str, width: int, height: int
) -> None:
    source = write_clip(folder / "odd.mkv", moving_pictures(3, width, height))
    made = make_smooth(cli, source, "out.mkv", "--preset", preset)
    originals = frames_of(made)[::2]
    for frame, picture in zip(originals, moving_pictures(3, width, height), strict=True):
        shown = frame.pixels[:height, :width]  # share repeats the last row or column
        assert shown.shape == picture.shape
        if preset == "lossless":
            assert frame.pixels.shape == picture.shape
            assert np.array_equal(shown, picture)


@pytest.mark.parametrize("count", [2, 3])
def test_shortest_clips_are_taken(cli: RunCli, folder: Path, count: int) -> None:
    source = write_clip(folder / "short.mkv", moving_pictures(count))
    made = make_smooth(cli, source, "out.mp4")
    assert [frame.time for frame in frames_of(made)] == [Fraction(k, 48) for k in range(2 * count)]


def test_variable_rate_becomes_constant_and_as_long(
    cli: RunCli, ffmpeg: Make, folder: Path
) -> None:
    clip = write_clip(folder / "clip.mkv", moving_pictures(8), "10")
    # Each frame later than the one before by 100, 200, 300 … ms.
    delayed = ["-vf", "setpts=N*(N+1)/20/TB", "-c:v", "ffv1", "-pix_fmt", "bgr0"]
    source = ffmpeg("-i", clip, *delayed, "-fps_mode", "passthrough", "vfr.mkv")
    times = [frame.time for frame in frames_of(source)]
    assert times == [Fraction(k * (k + 1), 20) for k in range(8)]
    made = make_smooth(
        cli, source, "out.mkv", "--target-fps", 20, "--preset", "lossless", "--end", "last-frame"
    )
    frames = {frame.time: frame.pixels for frame in frames_of(made)}
    assert list(frames) == [Fraction(k, 20) for k in range(57)]
    for time, picture in zip(times, moving_pictures(8), strict=True):
        assert np.array_equal(frames[time], picture)


@pytest.mark.skipif(not hasattr(av.VideoFrame, "duration"), reason="this PyAV does not tell it")
@pytest.mark.parametrize(("part", "count"), [([], 57), (["--start", 0.5, "--end", 1.7], 36)])
def test_variable_rate_gives_as_many_frames_as_was_said_and_as_it_lasts(
    cli: RunCli, ffmpeg: Make, folder: Path, part: list[object], count: int
) -> None:
    clip = write_clip(folder / "clip.mkv", moving_pictures(60), "30")
    dropped = ["-vf", "select='not(mod(n,7))+not(mod(n,5))+lt(n,12)'", "-fps_mode", "vfr"]
    source = ffmpeg("-i", clip, *dropped, "-bf", 0, "-pix_fmt", "yuv420p", "vfr.mp4")  # 1.9 s
    ended = cli("--video", source, "--output", "out.mkv", "--target-fps", 30, *part)
    assert f"out.mkv  about {count} frames" in ended.out
    assert f"({count} frames, " in ended.out
    assert len(frames_of(Path("out.mkv"))) == count


def test_ten_bits_stay(cli: RunCli, ffmpeg: Make) -> None:
    ramp = (
        "gradients=s=256x64:c0=0x101010:c1=0xe0e0e0:x0=0:x1=255:y0=0:y1=0:d=0.2:r=10:speed=0.00001"
    )
    deep = ["-f", "lavfi", "-i", ramp, "-pix_fmt", "yuv420p10le", "-c:v", "ffv1"]
    source = ffmpeg(*deep, "-colorspace", "bt709", "-color_range", "tv", "deep.mkv")
    made = make_smooth(cli, source, "out.mkv", "--preset", "high-quality", "--crf", 4)
    with av.open(str(made)) as container:
        assert container.streams.video[0].pix_fmt == "yuv420p10le"
    for frame, original in zip(frames_of(made)[::2], frames_of(source), strict=True):
        assert (frame.pixels - original.pixels).abs().mean() * 1023 < 1


def test_new_frames_of_8_bits_have_steps_between_in_10(cli: RunCli, folder: Path) -> None:
    dark, light = (np.full((64, 64, 3), value, np.uint8) for value in (100, 101))
    source = write_clip(folder / "greys.mkv", [dark, light])
    made = make_smooth(cli, source, "out.mov", "--preset", "master", "--scene-threshold", 0)
    values = [float(frame.pixels.mean()) * 255 for frame in frames_of(made)]
    assert values[1] == pytest.approx(100.5, abs=0.2)


@pytest.mark.parametrize(
    ("preset", "suffix"), [("lossless", "mkv"), ("master", "mov"), ("webm", "webm")]
)
def test_transparency_stays(
    cli: RunCli, ffmpeg: Make, folder: Path, preset: str, suffix: str
) -> None:
    clip = write_clip(folder / "clip.mkv", [picture // 2 + 64 for picture in moving_pictures(4)])
    faded = [
        "-vf",
        "format=bgra,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='4*X'",
        "-c:v",
        "ffv1",
        "-pix_fmt",
        "bgra",
    ]
    source = ffmpeg("-i", clip, *faded, "faded.mkv")
    made = make_smooth(cli, source, f"out.{suffix}", "--preset", preset)
    assert probe_video(made).has_alpha
    pairs = zip(frames_of(made, alpha=True)[::2], frames_of(source, alpha=True), strict=True)
    for frame, original in pairs:
        pixels = to_uint8(frame.pixels)
        if preset == "lossless":
            assert torch.equal(pixels, original.pixels)
        else:
            change = (pixels[..., 3].float() - original.pixels[..., 3].float()).abs()
            assert change.mean() < 2


def test_transparency_that_a_preset_cannot_hold_is_left_out(
    cli: RunCli, ffmpeg: Make, clip: Path
) -> None:
    source = ffmpeg("-i", clip, "-vf", "format=bgra", "-c:v", "ffv1", "opaque.mkv")
    assert not probe_video(make_smooth(cli, source, "out.mp4")).has_alpha


def test_second_generation_has_the_colours_of_the_first(cli: RunCli, folder: Path) -> None:
    """A flat colour stays within a code value through files of H.264."""
    colour = np.array([200, 60, 120], np.uint8)
    source = write_clip(folder / "flat.mkv", [np.broadcast_to(colour, (64, 64, 3)).copy()] * 3)
    made = make_smooth(cli, make_smooth(cli, source, "a.mp4"), "b.mp4")
    for frame in frames_of(made):
        assert (frame.pixels.int() - torch.from_numpy(colour).int()).abs().max() <= 2
