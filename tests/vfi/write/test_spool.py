"""Frames of unfinished segments: kept where they were slow to make, and encoded again to the same file."""

from __future__ import annotations

import errno
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
import torch
from av.video.frame import VideoFrame
from torch import Tensor

from tests.helpers.writers import video_writer
from vfi.encode import EncodingSettings, FrameFormat, PixelConverter
from vfi.jobs.render import render
from vfi.write import ImageSequenceWriter, VideoWriter, spool
from vfi.write.segment_encoder import Pace
from vfi.write.spool import FrameSpool, count_spooled, trim_spool

Pixels = npt.NDArray[Any]
TEXTURE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
# With its assembly, x264 165 reads memory that it has not written (mbtree, AVX-512), so that the same
# frames may become another file.
FAST = {
    "share": {"preset": "veryfast", "x264-params": "no-asm=1"},
    "high-quality": {"preset": "ultrafast", "bf": "3"},
}


class CrashError(Exception):
    pass


def moving(count: int) -> list[Pixels]:
    return [np.roll(TEXTURE, 2 * k, axis=1) for k in range(count)]


def writer(path: Path, preset: str = "share", **options: Any) -> VideoWriter:
    defaults = {
        "options": FAST.get(preset, {}),
        "segment_length": 10,
        "resume_key": "x",
        "redo_limit": 0,
    }
    return video_writer(path, width=64, height=48, preset=preset, **{**defaults, **options})


def write(opened: VideoWriter, frames: Sequence[Pixels], crash_after: int | None = None) -> int:
    """Write from where an earlier run stopped, which is returned."""
    first = 0
    with suppress(CrashError), opened:
        first = opened.num_finished
        opened.start_at(first)
        for pixels in frames[first:crash_after]:
            opened.write(pixels)
        if crash_after is not None:
            raise CrashError
    return first


def decoded(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(frame.to_ndarray(format="rgb48le")) for frame in container.decode(video=0)]


# --- resumed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", ["share", "high-quality"])
def test_cancelled_job_resumes_at_its_last_frame_and_makes_the_same_video(
    tmp_path: Path, preset: str
) -> None:
    made: list[int] = []

    def source(*, first: int, bit_depth: int) -> Generator[Tensor, None, None]:
        for number in range(first, 300):
            made.append(number)
            yield torch.from_numpy(np.roll(TEXTURE, 2 * number, axis=1))

    def run(name: str, cancel_at: int | None = None) -> Path:
        def on_frame(number: int, _pixels: object) -> None:
            if number == cancel_at:
                raise CrashError

        made.clear()
        path = tmp_path / name
        bit_depth = 8 if preset == "share" else 16
        sink = writer(path, preset, bit_depth=bit_depth, segment_length=250)
        with suppress(CrashError):
            render(source, [sink], on_frame=on_frame)
        return path

    run("a.mp4", cancel_at=186)
    resumed = run("a.mp4")
    assert made == list(range(186, 300))
    assert decoded(resumed) == decoded(run("whole.mp4"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "whole.mp4"]


@pytest.mark.parametrize("stops", [(3,), (25,), (7, 8, 19), (30,), (31, 31), (40, 42)])
def test_stops_anywhere_leave_no_trace(tmp_path: Path, stops: Sequence[int]) -> None:
    frames = moving(45)
    for before, stop in zip((0, *stops), stops, strict=False):
        assert write(writer(tmp_path / "a.mp4"), frames, stop) == before
    assert write(writer(tmp_path / "a.mp4"), frames) == stops[-1]
    write(writer(tmp_path / "whole.mp4"), frames)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "whole.mp4"]


def test_kept_frames_have_the_colours_of_the_others(tmp_path: Path) -> None:
    frames = [pixels.astype(np.uint16) * 257 for pixels in moving(9)]
    write(writer(tmp_path / "a.mov", "master", bit_depth=16), frames, 5)
    assert write(writer(tmp_path / "a.mov", "master", bit_depth=16), frames) == 5
    write(writer(tmp_path / "whole.mov", "master", bit_depth=16), frames)  # which tags each frame
    assert (tmp_path / "a.mov").read_bytes() == (tmp_path / "whole.mov").read_bytes()


def test_earlier_frame_of_the_unfinished_segment_will_do(tmp_path: Path) -> None:
    frames = moving(34)
    write(writer(tmp_path / "a.mp4"), frames, 28)
    with writer(tmp_path / "a.mp4") as opened:
        opened.start_at(23)
        for pixels in frames[23:]:
            opened.write(pixels)
    write(writer(tmp_path / "whole.mp4"), frames)
    assert decoded(tmp_path / "a.mp4") == decoded(tmp_path / "whole.mp4")


def test_video_waits_for_images_that_are_behind(tmp_path: Path) -> None:
    def source(*, first: int, bit_depth: int) -> Generator[Tensor, None, None]:
        starts.append(first)
        yield from map(torch.from_numpy, moving(30)[first:])

    starts: list[int] = []
    write(writer(tmp_path / "a.mp4"), moving(30), 28)
    images = ImageSequenceWriter(tmp_path / "out", resume_key="x")
    with suppress(CrashError), images:
        for pixels in moving(17):
            images.write(pixels)
        while images.num_finished < 17:
            pass
        raise CrashError
    sinks = [writer(tmp_path / "a.mp4"), ImageSequenceWriter(tmp_path / "out", resume_key="x")]
    assert render(source, sinks, on_frame=lambda number, pixels: None) == 30
    assert starts[0] in (10, 17)  # 17 if the segment with this frame was not finished
    assert len(decoded(tmp_path / "a.mp4")) == len(list((tmp_path / "out").iterdir())) == 30


def test_frames_that_are_made_again_in_no_time_are_not_kept(tmp_path: Path) -> None:
    write(writer(tmp_path / "a.mp4", redo_limit=10), moving(9), 9)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_kept_of_a_job_that_has_no_name(tmp_path: Path) -> None:
    write(writer(tmp_path / "a.mp4", resume_key=None), moving(25), 25)
    assert list(tmp_path.iterdir()) == []


# --- when frames are kept ------------------------------------------------------------------------


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds_per_frame", "is_slow"), [(5, True), (0.05, True), (0.039, False), (0.002, False)]
)
def test_frames_are_slow_where_a_segment_takes_longer_than_may_be_lost(
    seconds_per_frame: float, is_slow: bool
) -> None:
    clock = Clock()
    pace = Pace(250, 10, clock)
    for number in range(1000):
        if number % 250 == 0:
            pace.begin_segment()
        clock.now += seconds_per_frame
        pace.count_frame()
    assert pace.is_slow == is_slow


def test_frames_count_as_slow_until_the_speed_is_known() -> None:
    clock = Clock()
    pace = Pace(250, 10, clock)
    pace.begin_segment()
    clock.now += 30  # a network that is loaded
    for _ in range(5):
        pace.count_frame()
        clock.now += 0.01
        assert pace.is_slow
    for _ in range(100):
        clock.now += 0.01
        pace.count_frame()
    assert not pace.is_slow


def test_speed_is_that_of_the_segment() -> None:
    clock = Clock()
    pace = Pace(250, 10, clock)
    for seconds_per_frame in (1.0, 0.01):
        pace.begin_segment()
        for _ in range(250):
            clock.now += seconds_per_frame
            pace.count_frame()
    assert not pace.is_slow


def test_work_that_is_lost_is_bounded() -> None:
    clock = Clock()
    pace = Pace(250, 10, clock)
    pace.begin_segment()
    for number in range(1, 10):
        clock.now += 2
        pace.count_frame()
        assert pace.is_redoable == (number < 5)
    pace.begin_segment()
    assert pace.is_redoable


# --- the file ------------------------------------------------------------------------------------


def converted(frames: FrameFormat, count: int) -> list[VideoFrame]:
    """Noise, in the pixel format of an encoder."""
    random = np.random.default_rng(1)
    shape = (frames.height, frames.width, 4 if frames.has_alpha else 3)
    most, converter = 2**frames.bit_depth, PixelConverter(frames)
    noise = (random.integers(0, most, shape, f"uint{frames.bit_depth}") for _ in range(count))
    return [
        converter.convert(frames.to_video_frame(pixels), number)
        for number, pixels in enumerate(noise)
    ]


def frame_format(preset: str, pixel_format: str | None = None, *, alpha: bool) -> FrameFormat:
    encoding = EncodingSettings(preset)
    path = Path(f"a{encoding.suffixes[0]}")
    frames = encoding.resolve(path, width=65, height=47, rate=Fraction(25), has_alpha=alpha)
    encoder = replace(frames.encoder, pixel_format=pixel_format or frames.encoder.pixel_format)
    return replace(frames, encoder=encoder)


def keep(path: Path, frames: FrameFormat, pictures: Sequence[VideoFrame]) -> FrameSpool:
    kept = FrameSpool(path, frames)
    for picture in pictures:
        kept.add(picture)
    return kept


def planes(picture: VideoFrame) -> list[bytes]:
    """The values that count: rows without their padding, and the fourth byte of bgr0 not."""
    name = picture.format.name
    result: list[bytes] = []
    for number, plane in enumerate(picture.planes):
        sample = 1 if picture.format.components[0].bits == 8 else 2
        packed = (
            4 if name in ("bgr0", "bgra") else 2 if name in ("nv12", "p010le") and number else 1
        )
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        values = rows[: plane.height, : plane.width * packed * sample]
        if name == "bgr0":
            values = values.reshape(plane.height, -1, 4)[..., :3]
        result.append(values.tobytes())
    return result


@pytest.mark.parametrize(
    ("preset", "pixel_format", "alpha"),
    [
        ("share", None, False),
        ("share", "nv12", False),
        ("high-quality", None, False),
        ("high-quality", "p010le", False),
        ("webm", None, True),
        ("master", None, False),
        ("master", None, True),
        ("lossless", None, False),
        ("lossless", None, True),
        ("lossless-16", None, True),
    ],
)
def test_frames_come_back_bit_for_bit(
    tmp_path: Path, preset: str, pixel_format: str | None, alpha: bool
) -> None:
    frames = frame_format(preset, pixel_format, alpha=alpha)
    pictures = converted(frames, 4)
    keep(tmp_path / "a", frames, pictures).close()
    assert count_spooled(tmp_path / "a", frames) == 4
    back = list(FrameSpool(tmp_path / "a", frames, 4).kept())
    assert {picture.format.name for picture in back} == {frames.encoder.pixel_format}
    assert [*map(planes, back)] == [*map(planes, pictures)]


def test_torn_end_is_cut_off_and_written_again(tmp_path: Path) -> None:
    frames = frame_format("share", alpha=False)
    pictures = converted(frames, 4)
    path = tmp_path / "a"
    keep(path, frames, pictures).close()
    path.write_bytes(path.read_bytes()[:-9])
    assert count_spooled(path, frames) == 3
    trim_spool(path, 2)
    resumed = FrameSpool(path, frames, 2)
    assert len(list(resumed.kept())) == 2
    for picture in pictures[2:]:
        resumed.add(picture)
    resumed.close()
    back = FrameSpool(path, frames, count_spooled(path, frames)).kept()
    assert [*map(planes, back)] == [*map(planes, pictures)]


def test_damage_ends_what_can_be_read(tmp_path: Path) -> None:
    frames = frame_format("share", alpha=False)
    keep(tmp_path / "a", frames, converted(frames, 4)).close()
    content = bytearray((tmp_path / "a").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "a").write_bytes(content)
    assert count_spooled(tmp_path / "a", frames) in (1, 2)
    (tmp_path / "a").write_bytes(b"something else")
    assert count_spooled(tmp_path / "a", frames) == 0
    assert count_spooled(tmp_path / "none", frames) == 0


def test_dropped_frames_are_removed(tmp_path: Path) -> None:
    frames = frame_format("share", alpha=False)
    kept = keep(tmp_path / "a", frames, converted(frames, 2))
    kept.drop()
    kept.add(converted(frames, 1)[0])
    assert not (tmp_path / "a").exists()
    kept.close()


def test_disk_without_room_for_them_does_not_stop_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spool.FrameSpool, "_write", full)
    write(writer(tmp_path / "a.mp4", segment_length=1000), moving(12))
    assert len(decoded(tmp_path / "a.mp4")) == 12
    (record,) = caplog.records
    assert "frames cannot be kept (No space left on device)" in record.message
