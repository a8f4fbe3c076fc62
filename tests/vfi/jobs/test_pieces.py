from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.helpers.clips import moving_pictures, write_clip, write_pictures
from tests.helpers.jobs import greys
from tests.helpers.stand_in_models import Blend, Sum
from vfi.color import Color
from vfi.errors import DecodeError
from vfi.frames import Frame
from vfi.jobs import EnhancementJob, InterpolationJob, Piece, plan_job
from vfi.jobs.pieces import PlannedFrame, cut_frames, cut_schedule, read_planned
from vfi.preprocess import Cut, CutList, Duplicates, Preparation
from vfi.read import Clip, open_folder, open_video
from vfi.read.seekable import FolderFrames
from vfi.synthesis import AtCut
from vfi.timing import EndRule, Schedule, constant_speed, parse_ramp
from vfi.visualize import Layout, Montage

NO_CUTS = Preparation(scene_threshold=0)


def interpolation(clip: Clip, rate: Fraction | None = None, **settings: Any) -> InterpolationJob:
    """A job at 5/2 of the source's rate, or at the given one."""
    rules = {name: settings.pop(name) for name in ("end", "speed") if name in settings}
    schedule = Schedule(rate or clip.rate * Fraction(5, 2), 1 / clip.rate, **rules)
    return plan_job(clip, schedule, **{"preparation": NO_CUTS, **settings})


def whole(job: Any, model: Any, bit_depth: int = 8) -> tuple[list[Tensor], list[Cut]]:
    cuts: list[Cut] = []
    return list(job.frames(model, cuts.append, bit_depth=bit_depth)), cuts


def in_pieces(
    job: Any, model: Any, length: int, bit_depth: int = 8
) -> tuple[list[Tensor], list[Cut]]:
    """Make each piece as another machine does, from the last one to the first."""
    cuts: list[Cut] = []
    sent = pickle.dumps([(job, piece) for piece in job.pieces(cuts.append, length=length)])
    made = [
        list(job.frames_of(model, piece, bit_depth=bit_depth))
        for job, piece in reversed(pickle.loads(sent))
    ]
    return [pixels for frames in reversed(made) for pixels in frames], cuts


def require_equal(job: Any, model: Any, length: int = 10, bit_depth: int = 8) -> list[Tensor]:
    expected, cuts = whole(job, model, bit_depth)
    found, found_cuts = in_pieces(job, model, length, bit_depth)
    assert len(found) == len(expected)
    assert len(found) > length
    different = [
        n for n, (a, b) in enumerate(zip(found, expected, strict=True)) if not torch.equal(a, b)
    ]
    assert different == []
    assert found_cuts == cuts
    return found


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """40 frames; a key frame every 12."""
    pictures = moving_pictures(40)
    return write_clip(tmp_path / "clip.mp4", pictures)


@pytest.fixture
def uneven(ffmpeg: Callable[..., Path]) -> Path:
    """A variable frame rate: a third of the frames missing here and there."""
    source = "testsrc2=s=64x48:r=24:d=2.5"
    dropped = r"select='not(between(n\,7\,11)+eq(n\,20)+eq(n\,21)+between(n\,33\,35))'"
    return ffmpeg(
        *("-f", "lavfi", "-i", source, "-vf", dropped, "-fps_mode", "passthrough"),
        *("-g", "12", "uneven.mkv"),
    )


SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "last frame": {"end": EndRule.LAST_FRAME},
    "slow": {"speed": constant_speed(Fraction(3, 7))},
    "ramp": {"speed": parse_ramp("0:1 0.5:0.3 1.2:4")},
    "loop": {"preparation": replace(NO_CUTS, loop=True)},
    "cuts": {"preparation": replace(NO_CUTS, cuts=CutList(frozenset({3, 4, 5, 8, 12, 39})))},
    "hold": {
        "preparation": replace(NO_CUTS, cuts=CutList(frozenset({4, 8}))),
        "at_cut": AtCut.HOLD,
    },
    "slower rate": {"rate": Fraction(17)},
    "smooth loop": {"preparation": replace(NO_CUTS, duplicates=Duplicates.SMOOTH, loop=True)},
    "redraw": {"preparation": replace(NO_CUTS, duplicates=Duplicates.REDRAW)},
    "montage": {"montage": Montage(Layout.SIDE_BY_SIDE, 48, 64, Fraction(60), ("a", "b"))},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("length", [2, 5, 10, 13])
def test_pieces_are_what_one_process_makes(video: Path, settings: Any, length: int) -> None:
    require_equal(interpolation(open_video(video), **settings), Blend()(), length)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_frame_rate_may_vary(uneven: Path, settings: Any) -> None:
    require_equal(interpolation(open_video(uneven), **settings), Blend()(), 7)


@pytest.mark.parametrize("duplicates", Duplicates)
def test_repeated_frames_are_treated_alike(tmp_path: Path, duplicates: Duplicates) -> None:
    drawings = moving_pictures(20)
    pictures = [drawings[n // 2] for n in range(30)] + [drawings[15]] * 9 + drawings[16:]
    clip = open_video(write_clip(tmp_path / "twos.mkv", pictures))
    job = interpolation(clip, preparation=replace(NO_CUTS, duplicates=duplicates))
    require_equal(job, Blend()(), 8)


def test_detected_cuts_are_those_of_the_whole_clip(tmp_path: Path) -> None:
    pictures = [
        np.roll(np.kron(blocks, np.ones((8, 8, 1), np.uint8)), step, 1)
        for blocks in np.random.default_rng(0).integers(0, 255, (4, 6, 8, 3), np.uint8)
        for step in range(10)
    ]
    clip = open_video(write_clip(tmp_path / "scenes.mkv", pictures))
    job = interpolation(clip, rate=clip.rate * 2, preparation=Preparation())
    _, cuts = whole(job, Blend()())
    assert [cut.number for cut in cuts] == [10, 20, 30]
    for length in (19, 20, 21):  # the cuts lie at the ends of pieces, before them and after
        require_equal(job, Blend()(), length)


def test_trimmed_clip_is_entered_where_it_begins(video: Path) -> None:
    clip = open_video(video, Fraction(1, 3), Fraction(3, 2))
    require_equal(interpolation(clip), Blend()())


def test_more_bits_and_masks_come_along(video: Path) -> None:
    masks = [torch.zeros(48, 64), torch.ones(48, 64), torch.zeros(48, 64)]
    job = interpolation(open_video(video), preparation=replace(NO_CUTS, masks=masks))
    frames = require_equal(job, Blend()(), bit_depth=16)
    assert frames[1].is_floating_point()
    unmasked = list(interpolation(open_video(video)).frames(Blend()(), print, bit_depth=16))
    assert sum(not torch.equal(a, b) for a, b in zip(frames, unmasked, strict=True)) > 0


def test_hdr_becomes_sdr_in_pieces_as_well(tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "pictures", moving_pictures(20))
    clip = replace(open_folder(pictures, Fraction(24)), color=Color(transfer="smpte2084"))
    require_equal(interpolation(clip.tone_mapped()), Blend()())


def test_images_are_read_from_the_piece_on(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "pictures", moving_pictures(30))
    job = interpolation(open_folder(folder, Fraction(24)))
    require_equal(job, Blend()())
    *_, last = job.pieces(print, length=10)
    for file in sorted(folder.iterdir())[:20]:
        file.unlink()
    assert len(list(job.frames_of(Blend()(), last))) == last.num_frames


def test_clip_that_cannot_seek_is_read_from_its_start() -> None:
    job = interpolation(greys(range(0, 200, 5)))
    expected, _ = whole(job, Blend()())
    pieces = job.pieces(print, length=10)
    found = [pixels for piece in pieces for pixels in job.frames_of(Blend()(), piece)]
    assert all(map(torch.equal, found, expected))
    assert len(found) == len(expected)


def test_clip_that_cannot_be_entered_exactly_is_read_from_its_start(tmp_path: Path) -> None:
    class Inexact(FolderFrames):
        def starting_at(self, start: Fraction) -> Generator[Frame, None, None]:
            late = Fraction(1, 1000) if start else 0
            return (replace(frame, time=frame.time + late) for frame in super().starting_at(start))

    pictures = [np.full((8, 8, 3), n, np.uint8) for n in range(9)]
    clip = open_folder(write_pictures(tmp_path / "pictures", pictures), Fraction(1))
    assert isinstance(clip.frames, FolderFrames)
    clip = replace(clip, frames=Inexact(clip.frames.info, clip.rate, alpha=False))
    wanted = tuple(PlannedFrame(Fraction(n), Fraction(n)) for n in (5, 6))
    read = read_planned(clip, Piece(0, 2, wanted))
    assert [int(frame.pixels[0, 0, 0]) for frame in read] == [5, 6]


@pytest.mark.parametrize("missing", [Fraction(1, 2), Fraction(9)])
def test_clip_that_was_changed_meanwhile_is_refused(missing: Fraction) -> None:
    piece = Piece(0, 1, (PlannedFrame(Fraction(0), Fraction(0)), PlannedFrame(missing, missing)))
    with pytest.raises(
        DecodeError, match=r"greys: there is no frame at .* any more\. The file was"
    ):
        list(read_planned(greys([1, 2, 3]), piece))


@pytest.mark.parametrize("length", [2, 3, 10])
def test_enhancement_keeps_references(uneven: Path, length: int) -> None:
    cuts = CutList(frozenset({6, 7, 20}))
    job = EnhancementJob(open_video(uneven), scene_threshold=0, cuts=cuts)
    frames = require_equal(job, Sum()(), length, bit_depth=16)
    assert any(torch.equal(a, b) for a, b in pairwise(frames))  # shown twice


def test_enhancement_of_a_constant_rate(video: Path) -> None:
    require_equal(EnhancementJob(open_video(video), scene_threshold=0), Sum()(), 7)


def planned(count: int) -> list[PlannedFrame]:
    return [PlannedFrame(Fraction(n), Fraction(n)) for n in range(count)]


def test_piece_has_no_more_than_it_depends_on() -> None:
    pieces = list(cut_schedule(planned(100), Schedule(Fraction(2), Fraction(1)), 10))
    assert [(piece.first, piece.stop) for piece in pieces] == [
        (n, n + 10) for n in range(0, 200, 10)
    ]
    assert max(len(piece.frames) for piece in pieces) == 7  # 5 pairs, and one that makes it certain


def test_piece_is_known_before_the_clip_ends() -> None:
    read = iter(planned(100))
    first = next(cut_schedule(read, Schedule(Fraction(2), Fraction(1)), 10))
    assert (first.first, first.stop) == (0, 10)
    assert next(read).time < 10


@pytest.mark.parametrize(
    ("cut", "found"),
    [
        (lambda frames: cut_schedule(frames, Schedule(Fraction(2), Fraction(1)), 4), []),
        (lambda frames: cut_frames(frames, 4), []),
    ],
    ids=["schedule", "frames"],
)
def test_nothing_has_no_pieces(cut: Callable[[Sequence[PlannedFrame]], Any], found: Any) -> None:
    assert list(cut([])) == found


@pytest.mark.parametrize("number", [0, 1, 11, 12, 13, 39])
def test_video_is_entered_at_any_frame(video: Path, number: int) -> None:
    clip = open_video(video)
    expected = list(clip.frames())[number:]
    found = list(clip.frames_from(expected[0].time))
    assert [frame.time for frame in found] == [frame.time for frame in expected]
    assert all(torch.equal(a.pixels, b.pixels) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("kind", [InterpolationJob, EnhancementJob])
def test_looking_at_a_clip_can_be_ended_between_two_frames(video: Path, kind: type[Any]) -> None:
    job = interpolation(open_video(video)) if kind is InterpolationJob else kind(open_video(video))
    num_looks = 0

    def check() -> None:
        nonlocal num_looks
        num_looks += 1
        if num_looks == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(job.pieces(lambda _: None, length=1000, check=check))
    assert num_looks == 3
