"""The model of what a cluster costs, and its plot."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from benchmarks.cluster_model import (
    ADVICE,
    SEGMENT_LENGTH,
    Costs,
    Job,
    Machine,
    find_limit,
    helped,
    predict,
    seconds_alone,
)
from benchmarks.cluster_plot import Line, draw
from vfi.write import segments

CLIPS = Job("clips", clips=1024, source_frames=80)
FILM = Job("film", clips=1, source_frames=128_000)  # 1024 units
GPU = Machine(cores=8)
CPU = Machine(has_gpu=False)
NETWORK = Costs(network=0.01)
BOTH = pytest.mark.parametrize("job", [CLIPS, FILM], ids=lambda job: job.name)


def test_segments_are_those_of_the_writer() -> None:
    assert SEGMENT_LENGTH == segments.SEGMENT_LENGTH


@BOTH
@pytest.mark.parametrize("workers", [1, 2, 64, 1024])
def test_what_costs_nothing_but_the_network_is_divided(job: Job, workers: int) -> None:
    assert predict(job, NETWORK, GPU, workers).efficiency == pytest.approx(1)


@BOTH
def test_more_workers_than_units_gain_nothing(job: Job) -> None:
    enough, more = (predict(job, NETWORK, GPU, count) for count in (1024, 4096))
    assert more.wall == enough.wall
    assert more.limit == "one unit"


def test_short_clip_is_one_unit_and_long_one_is_split() -> None:
    assert (CLIPS.units, CLIPS.is_split) == (1024, False)
    assert (FILM.units, FILM.is_split) == (1024, True)


@pytest.mark.parametrize(
    ("job", "cost", "limit"),
    [
        (CLIPS, "start", "start"),
        (CLIPS, "plan", "plan"),
        (CLIPS, "hand_out", "hand out"),
        (FILM, "look", "look"),
        (FILM, "join", "join"),
        (FILM, "hand_out", "hand out"),
    ],
)
def test_limit_is_named_after_what_costs(job: Job, cost: str, limit: str) -> None:
    costs = replace(NETWORK, **{cost: 100.0 if cost == "start" else 0.01})
    found = find_limit(job, costs, GPU)
    assert found
    assert found.limit == limit
    assert limit in ADVICE


@BOTH
def test_limit_is_where_the_shared_work_is_no_longer_the_longest(job: Job) -> None:
    costs = replace(NETWORK, plan=0.01, look=0.001)
    edge = find_limit(job, costs, GPU)
    assert edge
    assert edge.workers > 2
    assert predict(job, costs, GPU, edge.workers - 1).limit == "work"
    assert predict(job, costs, GPU, edge.workers).limit != "work"


def test_planning_comes_before_the_work_and_looking_beside_it() -> None:
    planned = predict(CLIPS, replace(NETWORK, plan=1.0), GPU, 1)
    assert planned.wall == pytest.approx(1024 * 1.0 + 1024 * 80 * 0.01)
    unit = 125 * 0.01
    looked = replace(NETWORK, look=0.002)
    assert predict(FILM, looked, GPU, 1).wall == pytest.approx(1024 * unit)
    assert predict(FILM, looked, GPU, 1024).wall == pytest.approx(128_000 * 0.002 + unit)


def test_short_clips_are_joined_where_they_are_made() -> None:
    costs = replace(NETWORK, join=0.001)
    assert predict(CLIPS, costs, GPU, 64).efficiency == pytest.approx(1)
    assert predict(FILM, costs, GPU, 64).wall == pytest.approx(1024 / 64 * 125 * 0.01 + 256)


def test_drivers_divide_planning_and_handing_out() -> None:
    costs = replace(NETWORK, plan=0.1, hand_out=0.01)
    alone, divided = (predict(replace(CLIPS, drivers=n), costs, GPU, 64).parts for n in (1, 8))
    assert divided["plan"] == pytest.approx(alone["plan"] / 8)
    assert divided["hand out"] == pytest.approx(alone["hand out"] / 8)


def test_parts_are_looked_at_side_by_side_as_far_as_there_are_workers() -> None:
    costs = replace(NETWORK, look=0.01)
    parts = replace(FILM, parts=16)
    seconds = [predict(parts, costs, GPU, count).parts["look"] for count in (1, 4, 64)]
    assert seconds == pytest.approx([1280 / 2, 1280 / 4, 1280 / 16])


def test_given_cuts_leave_the_decoding() -> None:
    costs = replace(NETWORK, look=0.01, decode=0.001)
    assert predict(replace(FILM, has_cuts=True), costs, GPU, 64).parts["look"] == 128.0


def test_gpu_and_cores_work_side_by_side_and_a_core_alone_in_turn() -> None:
    costs = Costs(network=0.02, encode=0.03)
    frames = CLIPS.num_frames
    assert seconds_alone(CLIPS, costs, Machine(cores=1)) == pytest.approx(frames * 0.03)
    assert seconds_alone(CLIPS, costs, Machine(cores=8)) == pytest.approx(frames * 0.01)
    assert seconds_alone(CLIPS, costs, CPU) == pytest.approx(frames * 0.04)


def test_one_thread_reads_on_however_many_cores() -> None:
    costs = replace(NETWORK, look=0.08)
    assert seconds_alone(CLIPS, costs, GPU) == pytest.approx(CLIPS.num_frames * 0.04)


def test_what_is_shipped_passes_through_the_driver() -> None:
    costs = replace(NETWORK, ship=1e-9)
    shipped = replace(CLIPS, shipped_bytes=5e12)
    assert predict(shipped, costs, GPU, 64).wall == pytest.approx(5000)
    assert predict(shipped, costs, GPU, 64).limit == "hand out"


def test_help_against_a_limit_moves_it() -> None:
    for job, costs in ((CLIPS, replace(NETWORK, plan=0.01)), (FILM, replace(NETWORK, look=0.001))):
        edge = find_limit(job, costs, GPU)
        assert edge
        other = helped(job, edge.limit)
        assert other
        moved = find_limit(other, costs, GPU)
        assert moved
        assert moved.workers > 4 * edge.workers


def test_plot_has_each_line_and_marks_its_limit() -> None:
    points = [(1, 0.9), (8, 0.5), (512, 0.1)]
    svg = draw([Line("clips & <more>", points, (8, 0.5, "plan")), Line("film", points, None)])
    root = ElementTree.fromstring(svg)
    name = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{name}polyline")) == 2
    (dot,) = root.findall(f"{name}circle")
    polyline = root.findall(f"{name}polyline")[0].attrib["points"]
    assert f"{dot.attrib['cx']},{dot.attrib['cy']}" in polyline
    texts = [element.text for element in root.findall(f"{name}text")]
    assert "clips & <more> (dot: plan is the limit from 8 on)" in texts
