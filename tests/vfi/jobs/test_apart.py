"""Results that several processes write, against those that one writes."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.clips import moving_pictures, write_clip
from tests.helpers.running import snapshot
from tests.helpers.stand_in_models import Blend
from vfi.encode import EncodingSettings
from vfi.errors import DecodeError, EncodeError, InputError, MissingFramesError
from vfi.jobs import InterpolationJob, Piece, complete, plan_job, plan_video, render, render_piece
from vfi.preprocess import Preparation
from vfi.read import open_video
from vfi.timing import Schedule
from vfi.tracks import AudioMode
from vfi.write import ImageSequenceWriter, RunStore, VideoWriter

LENGTH = 10


@pytest.fixture
def job(tmp_path: Path) -> InterpolationJob:
    """34 frames with sound become 68."""
    clip = open_video(write_clip(tmp_path / "clip.mp4", moving_pictures(34), sound="aac"))
    schedule = Schedule(clip.rate * 2, 1 / clip.rate)
    return plan_job(clip, schedule, preparation=Preparation(scene_threshold=0))


def writers(job: InterpolationJob, folder: Path, key: str = "key") -> Sequence[Any]:
    lossless = EncodingSettings("lossless")
    path = folder / "out.mkv"
    return [
        VideoWriter(
            path,
            plan_video(job, path, lossless),
            tracks=job.tracks(AudioMode.COPY),
            resume_key=key,
            segment_length=LENGTH,
        ),
        ImageSequenceWriter(folder / "images", resume_key=key),
    ]


def make(
    job: InterpolationJob,
    sinks: Sequence[Any],
    order: Callable[[list[Piece]], list[Piece]] = lambda pieces: pieces,
    on_frame: Callable[[], object] = lambda: None,
) -> None:
    """Make pieces, in an order, from what is sent to another process; completes nothing."""
    pieces = list(job.pieces(print, length=LENGTH))
    with ExitStack() as stack:
        opened = [stack.enter_context(sink.apart()) for sink in sinks]
        stores: list[RunStore] = pickle.loads(pickle.dumps([apart.store for apart in opened]))
        for piece in order(pieces):
            frames = partial(_frames_of, job, piece)
            render_piece(frames, piece, stores, on_frame=on_frame)
        if len(order(pieces)) == len(pieces):
            for apart in opened:
                apart.complete(pieces[-1].stop)


def _frames_of(job: InterpolationJob, piece: Piece, bit_depth: int) -> Any:
    return job.frames_of(Blend()(), piece, bit_depth=bit_depth)


def whole(job: InterpolationJob, folder: Path) -> dict[Path, bytes | None]:
    folder.mkdir()
    frames = partial(job.frames, Blend()(), print)
    assert render(frames, writers(job, folder), on_frame=lambda *_: None) == 68
    return relative(folder)


def relative(folder: Path) -> dict[Path, bytes | None]:
    return {path.relative_to(folder): data for path, data in snapshot(folder).items()}


def test_pieces_in_any_order_become_the_same_files(job: InterpolationJob, tmp_path: Path) -> None:
    (tmp_path / "apart").mkdir()
    make(job, writers(job, tmp_path / "apart"), lambda pieces: [*pieces[::2], *pieces[1::2]])
    complete(writers(job, tmp_path / "apart"), 68)
    assert relative(tmp_path / "apart") == whole(job, tmp_path / "whole")


def test_what_is_there_is_not_made_again(job: InterpolationJob, tmp_path: Path) -> None:
    folder = tmp_path / "apart"
    folder.mkdir()
    made: list[None] = []
    make(job, writers(job, folder), lambda pieces: pieces[2:4], lambda: made.append(None))
    make(job, writers(job, folder), on_frame=lambda: made.append(None))
    assert len(made) == 68
    complete(writers(job, folder), 68)
    assert relative(folder) == whole(job, tmp_path / "whole")


@pytest.mark.parametrize("kind", [0, 1], ids=["video", "images"])
@pytest.mark.parametrize("missing", [0, 3, 6], ids=["first", "middle", "last"])
def test_result_that_lacks_a_run_gets_no_name(
    job: InterpolationJob, tmp_path: Path, kind: int, missing: int
) -> None:
    make(job, [writers(job, tmp_path)[kind]])
    stores = sorted(tmp_path.glob("*.segments/*.mkv")) or sorted(tmp_path.glob("*.partial/*.png"))
    stores[missing * len(stores) // 7].unlink()
    before = relative(tmp_path)
    with pytest.raises(MissingFramesError, match="of 68 frames are where they were written"):
        complete([writers(job, tmp_path)[kind]], 68)
    assert relative(tmp_path) == before


def test_one_process_goes_on_with_what_several_have_begun(
    job: InterpolationJob, tmp_path: Path
) -> None:
    folder = tmp_path / "apart"
    folder.mkdir()
    make(job, writers(job, folder), lambda pieces: [pieces[0], pieces[1], pieces[4]])
    resumed: list[int] = []
    frames = partial(job.frames, Blend()(), print)
    render(frames, writers(job, folder), on_frame=lambda number, _: resumed.append(number))
    assert resumed[0] == 20
    assert relative(folder) == whole(job, tmp_path / "whole")


@pytest.mark.parametrize("kind", [0, 1], ids=["video", "images"])
def test_what_another_job_has_left_is_replaced(
    job: InterpolationJob, tmp_path: Path, kind: int
) -> None:
    make(job, [writers(job, tmp_path, "other")[kind]], lambda pieces: pieces[:3])
    made: list[None] = []
    make(job, [writers(job, tmp_path)[kind]], on_frame=lambda: made.append(None))
    assert len(made) == 68


def test_damaged_run_is_made_again(job: InterpolationJob, tmp_path: Path) -> None:
    folder = tmp_path / "apart"
    folder.mkdir()
    make(job, writers(job, folder))
    for damaged in (
        folder / "out.mkv.segments/0000020-0000029.mkv",
        folder / "images.partial/0000045.png",
    ):
        damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])
    made: list[None] = []
    make(job, writers(job, folder), on_frame=lambda: made.append(None))
    assert len(made) == 20
    complete(writers(job, folder), 68)
    assert relative(folder) == whole(job, tmp_path / "whole")


def test_failure_leaves_whole_runs_and_nothing_else(job: InterpolationJob, tmp_path: Path) -> None:
    folder = tmp_path / "apart"
    folder.mkdir()

    def fail_at_15() -> None:
        made.append(None)
        if len(made) == 15:
            raise KeyboardInterrupt

    made: list[None] = []
    with pytest.raises(KeyboardInterrupt):
        make(job, writers(job, folder), on_frame=fail_at_15)
    found = sorted(str(path) for path in relative(folder))
    segments = [
        "out.mkv.segments",
        "out.mkv.segments/0000000-0000009.mkv",
        "out.mkv.segments/segments.json",
    ]
    assert [name for name in found if name.startswith("out")] == segments
    assert not [name for name in found if name.endswith(".part")]


def test_failure_before_the_first_run_leaves_nothing(job: InterpolationJob, tmp_path: Path) -> None:
    folder = tmp_path / "apart"
    folder.mkdir()

    def fail() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(job, [writers(job, folder)[0]], on_frame=fail)
    make(job, [writers(job, folder)[1]], lambda pieces: [])
    assert relative(folder) == {}


def test_two_runs_do_not_share_a_result(job: InterpolationJob, tmp_path: Path) -> None:
    for one, other in zip(writers(job, tmp_path), writers(job, tmp_path), strict=True):
        with one.apart(), pytest.raises(InputError, match="another run is writing it"):
            other.apart().__enter__()


def test_source_that_has_become_shorter_is_an_error(job: InterpolationJob, tmp_path: Path) -> None:
    piece = next(job.pieces(print, length=LENGTH))
    short = (pixels for _, pixels in zip(range(3), _frames_of(job, piece, 8), strict=False))
    message = "Of the 10 frames from number 0 on 3 were made"
    with writers(job, tmp_path)[0].apart() as apart, pytest.raises(DecodeError, match=message):
        render_piece(lambda _: short, piece, [apart.store], on_frame=lambda: None)
    assert not list(tmp_path.glob("*.segments"))


def test_segment_that_lacks_frames_gets_no_name(job: InterpolationJob, tmp_path: Path) -> None:
    piece = next(job.pieces(print, length=LENGTH))
    frame = next(_frames_of(job, piece, 8)).numpy()
    with writers(job, tmp_path)[0].apart() as apart:
        writer = apart.store.writer(0, 10)
        writer.__enter__()
        writer.write(frame)
        with pytest.raises(EncodeError, match="of 10 frames of a segment 1 were encoded"):
            writer.__exit__(None, None, None)
        assert [path.name for path in apart.store.folder.iterdir()] == ["segments.json"]


@pytest.mark.parametrize("kind", [0, 1], ids=["video", "images"])
def test_nothing_of_a_failure_is_kept_on_request(
    job: InterpolationJob, tmp_path: Path, kind: int
) -> None:
    piece = next(job.pieces(print, length=LENGTH))
    sink = writers(job, tmp_path)[kind]
    before = relative(tmp_path)
    with pytest.raises(KeyboardInterrupt), sink.apart(keep=False) as apart:  # noqa: PT012
        frames = partial(_frames_of, job, piece)
        render_piece(frames, piece, [apart.store], on_frame=lambda: None)
        assert apart.store.has(piece.first, piece.stop)
        raise KeyboardInterrupt
    assert relative(tmp_path) == before
