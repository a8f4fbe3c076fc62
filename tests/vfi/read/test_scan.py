"""When frames are shown, from the packets of a file alone."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av

from vfi.read.scan import Scan, scan_file

MILLISECOND = Fraction(1, 1000)


def test_frame_without_a_neighbour_leaves_no_gap() -> None:
    assert Scan([7], MILLISECOND).longest_gap() == (0, 0)
    assert Scan([], MILLISECOND).longest_gap() == (0, 0)


def test_gap_begins_where_its_frame_is_shown() -> None:
    gap = Scan([40, 80, 500, 540], MILLISECOND).longest_gap()
    assert gap == (Fraction(420, 1000), Fraction(40, 1000))


def test_last_frame_lasts_as_long_as_its_packet_says(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w", options={"movflags": "frag_keyframe+empty_moov"}) as output:
        stream = output.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = MILLISECOND
        packets = []
        for time in (0, 40, 100, 200):
            frame = av.VideoFrame(64, 48, "yuv420p")
            frame.pts, frame.time_base = time, MILLISECOND
            packets += stream.encode(frame)
        packets += stream.encode(None)
        for packet, duration in zip(packets, (40, 60, 100, 500), strict=True):
            packet.duration = duration
            output.mux(packet)
    scan = scan_file(path)
    assert scan.last_duration == Fraction(1, 2)
    assert (scan.span, scan.num_packets) == (Fraction(1, 5), 4)
