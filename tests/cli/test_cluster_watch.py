"""What people see while a cluster works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray")

from cli.spread.clip_run import ClipRun
from cli.spread.outcome import Failure
from cli.spread.watch import Watch


class CountedJob:
    """A job of ten frames that notes how often it is asked for their number."""

    num_asked = 0

    @property
    def num_frames(self) -> int:
        self.num_asked += 1
        return 10


class PlanOf:
    def __init__(self, job: CountedJob) -> None:
        self.job: Any = job
        self.source = Path("clip.mp4")


def run_of(job: CountedJob) -> ClipRun:
    plan: Any = PlanOf(job)
    return ClipRun(plan, "key")


def test_frames_of_a_clip_are_counted_once_however_many_clips_end() -> None:
    job = CountedJob()
    clips = [run_of(job) for _ in range(30)]
    with Watch(clips, 0) as watch:
        for clip in clips:
            clip.end(Failure("broken", 1, ""))
            watch.end(clip)
    assert job.num_asked == len(clips)


def test_bar_ends_with_all_clips_and_frames(capsys: pytest.CaptureFixture[str]) -> None:
    clips = [run_of(CountedJob()) for _ in range(3)]
    with Watch(clips, 0) as watch:
        for number, clip in enumerate(clips):
            clip.rendered.num_frames = 10
            watch.finish(number, 10)
            clip.end(Failure("broken", 1, ""))
            watch.end(clip)
    last = capsys.readouterr().err.rstrip().rpartition("\r")[2]
    assert "30/30" in last
    assert "clips 3/3" in last
