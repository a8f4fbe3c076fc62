"""Files whose timestamps jump: all frames, the right length, and sound that stays with its picture."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from av.format import Flags

from tests.helpers.clocks import Change, change_flv
from vfi.errors import InputError
from vfi.jobs import plan_job
from vfi.read import open_video, read_audio, read_sound, sound_format
from vfi.read.clock import Clock, corrected, side_packets
from vfi.read.video import probe_video, read_video, trim_video
from vfi.timing import Schedule
from vfi.tracks import SourceTracks

Ffmpeg = Callable[..., Path]
MILLISECOND = Fraction(1, 1000)
HOUR = 3_600_000
RATE = 25
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "12", "-pix_fmt", "yuv420p")


# --- the clock alone -----------------------------------------------------------------------------


class Packet(SimpleNamespace):
    """One of 40 ms, with what of a packet a clock looks at."""

    def __init__(self, dts: int | None, index: int = 0, pts: int | None = None) -> None:
        super().__init__(
            stream_index=index,
            dts=dts,
            pts=dts if pts is None else pts,
            duration=40,
            size=1,
            time_base=MILLISECOND,
        )


def put_right(packets: list[Packet], *, may_jump: bool = False) -> tuple[list[Packet], Clock]:
    """What becomes of packets, and the clock that has watched them."""
    streams = [
        SimpleNamespace(index=index, type="video", time_base=MILLISECOND) for index in (0, 1)
    ]
    flags = Flags.ts_discont.value if may_jump else 0
    clock = Clock(SimpleNamespace(format=SimpleNamespace(flags=flags), streams=streams))
    for packet in packets:
        clock.watch(packet)
    return list(corrected(packets, clock.corrections)), clock


def steady(count: int, start: int = 0, index: int = 0) -> list[Packet]:
    return [Packet(start + 40 * number, index) for number in range(count)]


def times(packets: list[Packet], index: int = 0) -> list[int | None]:
    return [packet.pts for packet in packets if packet.stream_index == index]


EVEN = [40 * number for number in range(10)]


@pytest.mark.parametrize("may_jump", [False, True])
def test_clock_that_does_not_jump_is_left_alone(may_jump: bool) -> None:
    packets, clock = put_right(
        [Packet(time) for time in (0, 40, 133, 2000, 8000)], may_jump=may_jump
    )
    assert times(packets) == [0, 40, 133, 2000, 8000]
    assert (clock.corrections, clock.jumps) == ({}, [])


@pytest.mark.parametrize("may_jump", [False, True])
@pytest.mark.parametrize("size", [300, 5000, HOUR])
@pytest.mark.parametrize("wild", [(5,), (5, 6, 7), (1,), (3, 7), (0,)])
def test_packets_that_leap_away_are_put_back(
    may_jump: bool, size: int, wild: tuple[int, ...]
) -> None:
    packets = steady(10)
    for number in wild:
        packets[number] = Packet(40 * number + size)
    assert times(put_right(packets, may_jump=may_jump)[0]) == EVEN


@pytest.mark.parametrize("may_jump", [False, True])
@pytest.mark.parametrize("size", [300, 20_000])
def test_packet_that_leaps_away_among_others_that_did_is_put_back(
    may_jump: bool, size: int
) -> None:
    packets = steady(10)
    for number, away in ((3, size), (4, size), (5, 29_000), (6, size), (7, size)):
        packets[number] = Packet(40 * number + away)
    assert times(put_right(packets, may_jump=may_jump)[0]) == EVEN


@pytest.mark.parametrize("may_jump", [False, True])
def test_packet_that_leaps_back_is_put_back(may_jump: bool) -> None:
    packets = [*steady(5), Packet(0), *steady(4, 240)]
    assert times(put_right(packets, may_jump=may_jump)[0]) == EVEN


@pytest.mark.parametrize("may_jump", [False, True])
def test_clock_that_starts_anew_goes_on(may_jump: bool) -> None:
    packets, clock = put_right(steady(5) + steady(5), may_jump=may_jump)
    assert times(packets) == EVEN
    assert clock.jumps == [Fraction(1, 5)]


def test_clock_that_leaps_for_good_goes_on_where_a_format_lets_it_jump() -> None:
    packets = steady(5) + steady(5, HOUR)
    assert times(put_right(packets, may_jump=True)[0]) == EVEN


def test_gap_is_kept_where_a_format_does_not_let_its_clock_jump() -> None:
    packets, clock = put_right(steady(5) + steady(5, HOUR))
    assert times(packets)[5] == HOUR
    assert not clock.jumps


def test_gap_below_ten_seconds_is_kept_as_in_ffmpeg() -> None:
    packets = steady(5) + steady(5, 9000)
    assert times(put_right(packets, may_jump=True)[0])[5] == 9000


def test_all_streams_move_together() -> None:
    first = [packet for pair in zip(steady(5), steady(5, 10, 1), strict=True) for packet in pair]
    later = zip(steady(5, HOUR), steady(5, HOUR + 10, 1), strict=True)
    packets, _ = put_right([*first, *(p for pair in later for p in pair)], may_jump=True)
    assert times(packets) == EVEN
    assert times(packets, 1) == [time + 10 for time in EVEN]


def test_packet_of_the_clock_before_keeps_it() -> None:
    # The sound of the first recording comes after the first picture of the second.
    packets = [
        *steady(5),
        *steady(4, 0, 1),
        *steady(2, HOUR),
        Packet(160, 1),
        *steady(3, HOUR + 80),
    ]
    packets += steady(5, HOUR, 1)
    shown, _ = put_right(packets, may_jump=True)
    assert times(shown) == EVEN
    assert times(shown, 1) == EVEN


@pytest.mark.parametrize("away", [HOUR, -HOUR])
def test_stream_that_begins_on_another_clock_is_put_on_that_of_the_others(away: int) -> None:
    packets, _ = put_right([*steady(10), *steady(10, away, 1)], may_jump=True)
    assert times(packets) == EVEN
    first, *_ = shown = times(packets, 1)
    assert shown == [first + time for time in EVEN]
    assert 0 <= first <= EVEN[-1] + 40


def test_packets_that_do_not_say_how_long_they_last_go_on_too() -> None:
    packets = steady(5, 1000) + steady(5, 1000)
    for packet in packets:
        packet.duration = 0
    assert times(put_right(packets)[0]) == [1000 + time for time in EVEN]


def test_wild_time_of_decoding_is_not_believed() -> None:
    packets = steady(10)
    packets[5].dts = HOUR
    assert times(put_right(packets, may_jump=True)[0]) == EVEN


def test_times_of_decoding_move_with_those_of_display() -> None:
    packets, _ = put_right(steady(5) + steady(5))
    assert [packet.dts for packet in packets] == EVEN


def test_wild_time_of_display_is_left_out_where_no_other_is_known() -> None:
    packets = [*steady(5), Packet(None, pts=HOUR), *steady(4, 240)]
    assert times(put_right(packets)[0]) == [*EVEN[:5], None, *EVEN[6:]]


@pytest.mark.parametrize(("picture_end", "is_kept"), [(1000, True), (50, False)])
def test_late_sound_is_kept_where_a_picture_is_seen(picture_end: int, is_kept: bool) -> None:
    packets = [*steady(3, index=1), *steady(3, 700_000, 1)]
    streams = [SimpleNamespace(index=1, type="audio")]
    source = SimpleNamespace(demux=lambda *_: iter(packets))
    tracks = SourceTracks(Path("a.mkv"), picture_end=Fraction(picture_end))
    kept = list(side_packets(source, streams, tracks, Fraction(0)))
    assert kept == (packets if is_kept else packets[:3])


def test_wild_time_of_display_is_left_out() -> None:
    packets = [*steady(5), Packet(200, pts=HOUR), *steady(4, 240)]
    assert times(put_right(packets)[0]) == [*EVEN[:5], None, *EVEN[6:]]


def test_jumps_that_follow_each_other_are_one() -> None:
    packets = [*steady(50), *steady(50, 0, 1), *steady(50), *steady(50, 0, 1)]
    assert len(put_right(packets, may_jump=True)[1].jumps) == 1


# --- files ---------------------------------------------------------------------------------------


@pytest.fixture
def flash(ffmpeg: Ffmpeg) -> Callable[..., Path]:
    """Make a second of black with a flash and a beep at the same time: ``flash("a.ts", 0.2)``."""

    def make(name: str, at: float, *options: str) -> Path:
        lit = f"between(t,{at},{at}+0.1)"
        picture = f"color=s=64x48:r={RATE}:d=1,drawbox=c=white:t=fill:enable='{lit}'"
        sound = f"aevalsrc='0.5*sin(6000*t)*{lit}':d=1:s=44100"
        sources = ("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound)
        return ffmpeg(*sources, *X264, "-c:a", "aac", *options, name)

    return make


def joined(path: Path, *parts: Path) -> Path:
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def flashes(path: Path) -> list[float]:
    levels = [
        (float(f.time), float(f.pixels.float().mean())) for f in read_video(probe_video(path))
    ]
    return [later for (_, low), (later, high) in pairwise(levels) if low < 100 < high]


def beeps(path: Path) -> list[float]:
    clip = open_video(path)
    assert clip.tracks
    assert clip.length
    found = read_audio(clip.tracks, clip.length)
    assert found
    samples, rate = found
    loud = np.flatnonzero(np.abs(samples[0].numpy()) > 0.1) / rate
    return [float(t) for t, gap in zip(loud, np.diff(loud, prepend=-1), strict=True) if gap > 0.05]


@pytest.mark.parametrize("offset", ["0", "3600"], ids=["starts anew", "leaps an hour"])
def test_joined_transport_streams_have_all_frames_and_their_sound(
    flash: Callable[..., Path], tmp_path: Path, offset: str
) -> None:
    parts = flash("a.ts", 0.2), flash("b.ts", 0.6, "-output_ts_offset", offset)
    path = joined(tmp_path / "both.ts", *parts)
    info = probe_video(path)
    assert [frame.time for frame in read_video(info)] == [Fraction(k, RATE) for k in range(50)]
    assert (info.num_frames, info.rate, info.duration) == (50, RATE, None)
    assert info.notes[0].startswith("its timestamps jump in one place, at 1.000 s")
    assert flashes(path) == pytest.approx([0.2, 1.6])
    assert beeps(path) == pytest.approx([0.2, 1.6], abs=0.06)


def test_part_of_joined_transport_streams_is_that_of_the_whole(
    flash: Callable[..., Path], tmp_path: Path
) -> None:
    path = joined(tmp_path / "both.ts", flash("a.ts", 0.2), flash("b.ts", 0.6))
    part = trim_video(probe_video(path), Fraction(3, 2))
    lit = [float(f.time) for f in read_video(part) if f.pixels.float().mean() > 100]
    assert lit[0] == pytest.approx(1.6 - float(part.first_time))
    assert part.num_frames == 12  # frames 38 to 49
    clip = open_video(path, Fraction(3, 2))
    assert clip.tracks
    form = sound_format(clip.tracks, 0)
    samples = np.concatenate(list(read_sound(clip.tracks, 0, form, 20_000)), axis=1)[0]
    onset = float(np.argmax(np.abs(samples) > 0.1)) / form.sample_rate
    assert onset == pytest.approx(1.6 - float(part.first_time), abs=0.06)


@pytest.mark.parametrize("kind", ["picture", "sound"])
@pytest.mark.parametrize(
    "changes",
    [
        {5: lambda time: time + HOUR},
        {5: lambda time: time + 3000, 6: lambda time: time + 7000},
        {8: lambda time: 0},
        {0: lambda time: 50_000},
        {5: lambda time: -1},
    ],
    ids=["an hour ahead", "two ahead", "back", "the first", "below 0"],
)
def test_wild_timestamp_does_not_decide_the_length(
    flash: Callable[..., Path], tmp_path: Path, kind: str, changes: dict[int, Change]
) -> None:
    good = flash("a.flv", 0.6, "-bf", "0")
    bad = tmp_path / "b.flv"
    bad.write_bytes(change_flv(good.read_bytes(), **{kind: changes}))
    info = probe_video(bad)
    assert [frame.time for frame in read_video(info)] == [Fraction(k, RATE) for k in range(25)]
    assert (info.rate, info.notes != ()) == (RATE, True)
    assert info.longest_gap[0] < 1
    assert beeps(bad) == pytest.approx(beeps(good), abs=0.06)


# --- gaps ----------------------------------------------------------------------------------------


def test_long_gap_is_asked_about_before_anything_is_made(
    flash: Callable[..., Path], tmp_path: Path
) -> None:
    path = tmp_path / "b.flv"
    later: dict[int, Change] = {number: lambda time: time + HOUR for number in range(10, 25)}
    path.write_bytes(change_flv(flash("a.flv", 0.2, "-bf", "0").read_bytes(), picture=later))
    clip = open_video(path)
    with pytest.raises(
        InputError, match=r"one frame is shown for 3600 s, from 0\.360 s on: 1\d{5} frames"
    ):
        plan_job(clip, Schedule(Fraction(50), Fraction(1, RATE)))
    assert plan_job(clip, Schedule(Fraction(1), Fraction(1, RATE))).num_frames
    part = open_video(path, Fraction(0), Fraction(1, 5))
    assert plan_job(part, Schedule(Fraction(50), Fraction(1, RATE))).num_frames == 10


def test_slow_clip_has_no_gap(ffmpeg: Ffmpeg) -> None:
    clip = open_video(ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=1/100:d=300", *X264, "a.mp4"))
    assert plan_job(clip, Schedule(clip.rate * 8, 1 / clip.rate)).num_frames == 24
