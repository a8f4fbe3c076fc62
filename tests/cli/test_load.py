"""Many clips in a row in one process: it takes no more of the machine at the end.

``python -m pytest -m faults tests/cli/test_load.py -s`` shows the figures.
"""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from tests.helpers.clips import moving_pictures, write_clip
from tests.helpers.footprint import footprint
from tests.helpers.running import RunCli

pytestmark = [pytest.mark.faults, pytest.mark.slow]

NUM_CLIPS = 500
WARM_UP = 50
MOST_GROWTH = 40e6  # bytes; what the allocator keeps for later

# In turn: a video with its sound, pictures, what lasts as long as the source, and an error.
KINDS = (
    ("--multi", "2", "--output", "out.mp4"),
    ("--multi", "3", "--output", "out", "--png-only"),
    ("--target-fps", "30", "--output", "out.mkv", "--preset", "lossless"),
    ("--multi", "2", "--output", "out.mp4", "--mask", "none.png"),
)


def test_clips_one_after_the_other_take_no_more_each_time(cli: RunCli, folder: Path) -> None:
    talkie = write_clip(folder / "talkie.mp4", moving_pictures(4), sound="aac")
    before = None
    for number in range(WARM_UP + NUM_CLIPS):
        if number == WARM_UP:
            gc.collect()
            before = footprint()
        kind = KINDS[number % len(KINDS)]
        ended = cli("--video", talkie, "--overwrite", *kind)
        assert ended.code == (2 if "none.png" in kind else 0), ended.err
    gc.collect()
    after = footprint()
    print(f"{NUM_CLIPS} clips: {before} -> {after}")  # noqa: T201
    assert before is not None
    assert after.memory - before.memory < MOST_GROWTH
    assert after.handles == before.handles
    assert after.threads <= before.threads
