"""Frame rates: those of the times, whatever the header says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import av
import numpy as np
import pytest

from vfi.read.cadence import Cadence, find_cadence
from vfi.read.scan import Scan
from vfi.read.video import probe_video, read_video

Ffmpeg = Callable[..., Path]
MILLISECOND = Fraction(1, 1000)
FILM, NTSC = Fraction(24_000, 1001), Fraction(30_000, 1001)


def cadence(
    ticks: Sequence[int], *told: Fraction | int | None, time_base: Fraction = MILLISECOND
) -> Cadence:
    found = find_cadence(Scan(ticks, time_base), [rate and Fraction(rate) for rate in told])
    assert found
    return found


def at(rate: Fraction, count: int, time_base: Fraction = MILLISECOND) -> list[int]:
    return [round(number / rate / time_base) for number in range(count)]


@pytest.mark.parametrize("told", [(), (24,), (25, 25, 50), (60, 60, 1000)])
@pytest.mark.parametrize(
    "rate",
    [Fraction(1, 5), Fraction(12), Fraction(30), 2 * NTSC, 4 * NTSC, Fraction(120), Fraction(500)],
)
def test_constant_rate_is_taken_from_the_times(rate: Fraction, told: tuple[int, ...]) -> None:
    # In 600 frames, 29.97 and 30 are 20 ms apart.
    assert cadence(at(rate, 600), *told) == Cadence(rate, is_constant=True)


@pytest.mark.parametrize(
    "rate", [Fraction(119), Fraction(120), Fraction(121), 4 * NTSC, 8 * NTSC, Fraction(1000)]
)
def test_rates_close_to_each_other_are_told_apart(rate: Fraction) -> None:
    fine = Fraction(1, 90_000)
    assert cadence(at(rate, 300, fine), 120, 240, time_base=fine).rate == rate


def test_header_decides_between_rates_that_the_times_allow() -> None:
    assert cadence([0, 33, 67, 100], NTSC).rate == NTSC
    assert cadence([0, 33, 67, 100], 30).rate == 30


def test_mean_of_a_recorder_with_jitter_is_taken() -> None:
    steps = [33, 34, 50, 17, 35, 32, 34, 50] * 4
    found = cadence(list(accumulate(steps, initial=0)), 60, 60, 1000)
    assert not found.is_constant
    assert found.rate == pytest.approx(Fraction(len(steps) * 1000, sum(steps)), rel=1e-3)


def test_average_of_a_header_is_kept_where_it_is_the_mean() -> None:
    assert cadence(
        [0, 5, 25, 30, 80], Fraction(50, 9), time_base=Fraction(1, 100)
    ).rate == Fraction(50, 9)


def test_some_missing_frames_do_not_change_the_rate() -> None:
    ticks = [tick for number, tick in enumerate(at(Fraction(25), 300)) if number % 40 != 20]
    found = cadence(ticks, Fraction(2443, 100))
    assert (found.rate, found.is_constant) == (25, False)


def test_rate_of_the_first_frames_holds_where_later_ones_are_irregular() -> None:
    later = accumulate([33, 34, 50, 17, 35, 32, 34, 50] * 30, initial=at(Fraction(25), 300)[-1])
    found = cadence([*at(Fraction(25), 299), *later], 25)
    assert (found.rate, found.is_constant) == (25, False)


def test_rate_without_times_is_the_header_s() -> None:
    assert cadence([], 24).rate == 24
    assert cadence([7, 7, 7], -1, 0, 24).rate == 24
    assert find_cadence(Scan([], MILLISECOND), [None, None]) is None
    assert cadence([7, 7, 7], 24).rate == 24


@pytest.mark.parametrize("pattern", [(2, 3), (3, 2), (2, 3, 3, 2), (3, 2, 2, 3)])
def test_soft_telecine_is_film(pattern: tuple[int, ...]) -> None:
    fields = accumulate(pattern * 12, initial=0)
    ticks = [round(field * 1001 * 90_000 / 60_000) for field in fields]
    found = cadence(ticks, NTSC, 31, time_base=Fraction(1, 90_000))
    assert (found.rate, found.is_constant) == (FILM, True)
    assert "soft telecine" in found.note


def test_film_in_parts_is_said() -> None:
    fields = accumulate((2, 3) * 10 + (2,) * 30, initial=0)
    found = cadence(
        [round(field * 1501.5) for field in fields], NTSC, time_base=Fraction(1, 90_000)
    )
    assert not found.is_constant
    assert "parts of it are film" in found.note


@pytest.mark.parametrize("rate", [FILM, NTSC, 2 * NTSC, Fraction(25), Fraction(20)])
@pytest.mark.parametrize("time_base", [Fraction(1, 90_000), MILLISECOND, Fraction(1, 100)])
def test_other_material_is_no_film(rate: Fraction, time_base: Fraction) -> None:
    assert cadence(at(rate, 100, time_base), rate, time_base=time_base) == Cadence(
        rate, is_constant=True
    )


# --- files ---------------------------------------------------------------------------------------


def recorded(path: Path, times: Sequence[int]) -> Path:
    """A recording as browsers make it: live WebM, times in ms, a rate in the header that is none."""
    with av.open(str(path), "w", options={"live": "1"}) as container:
        stream = container.add_stream("libvpx", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = stream.codec_context.time_base = MILLISECOND
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number, np.uint8))
            frame.pts, frame.time_base = time, MILLISECOND
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("has_rate", [True, False], ids=["wrong rate", "no rate"])
def test_recording_of_a_browser_has_the_rate_of_its_frames(tmp_path: Path, has_rate: bool) -> None:
    path = recorded(tmp_path / "a.webm", at(Fraction(30), 30))
    data = bytearray(path.read_bytes())
    place = data.index(b"\x23\xe3\x83\x84")  # DefaultDuration
    if not has_rate:
        data[place : place + 8] = b"\xec\x86" + bytes(6)  # Void
        path.write_bytes(data)
    info = probe_video(path)
    assert (info.rate, info.num_frames) == (30, 30)
    assert [frame.time for frame in read_video(info)] == [Fraction(k, 30) for k in range(30)]


def test_irregular_recording_has_its_mean(tmp_path: Path) -> None:
    info = probe_video(recorded(tmp_path / "a.webm", [0, 1003, 1990, 3050]))
    assert float(info.rate) == pytest.approx(0.984, abs=0.001)
    assert info.num_frames == 4


@pytest.mark.parametrize(
    ("name", "codec"), [("a.h264", "libx264"), ("a.m4v", "mpeg4"), ("a.m2v", "mpeg2video")]
)
def test_stream_without_a_container_has_the_rate_of_its_codec(
    ffmpeg: Ffmpeg, name: str, codec: str
) -> None:
    path = ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=50:d=0.4", "-c:v", codec, name)
    info = probe_video(path)
    assert (info.rate, info.num_frames) == (50, 20)
    assert len(list(read_video(info))) == 20


def test_frames_without_timestamps_are_said(ffmpeg: Ffmpeg) -> None:
    path = ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=50:d=0.4", "-c:v", "libx264", "a.h264")
    assert probe_video(path).notes == (
        "its frames have no timestamps: they are taken as 50 a second.",
    )


def test_soft_telecine_is_read_as_even_film(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    plain = ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=s=64x48:r=24000/1001:d=2", "-c:v", "mpeg2video"),
        *("-bf", "0", "p.mkv"),
    )
    path = tmp_path / "a.ts"
    with av.open(str(plain)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        fields = list(accumulate((3, 2) * 30, initial=0))
        packets = (packet for packet in source.demux(video=0) if packet.size)
        for packet, field in zip(packets, fields, strict=False):
            packet.time_base = Fraction(1, 90_000)
            packet.pts = packet.dts = round(field * 1501.5) + 9000
            packet.stream = stream
            target.mux(packet)
    info = probe_video(path)
    assert (info.rate, info.duration) == (FILM, None)
    assert [frame.time for frame in read_video(info)] == [
        k / FILM for k in range(info.num_frames or 0)
    ]
