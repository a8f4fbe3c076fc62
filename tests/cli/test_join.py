"""Parts of one video on the command line: joined, matched, interpolated, and written as one."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.clips import (
    Picture,
    count_frames,
    moving_pictures,
    read_pictures,
    write_clip,
    write_pictures,
)
from tests.helpers.running import RunCli, same
from vfi.jobs import InterpolationJob
from vfi.read import probe_video

ALL = moving_pictures(12)
LOSSLESS = ("--preset", "lossless", "--scene-threshold", 0)
COPY = ("--target-fps", 24, *LOSSLESS)  # the frames of the source, and no others


def decoded(path: Path) -> list[Picture]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def brighter(pictures: list[Picture], by: int = 12) -> list[Picture]:
    return [np.minimum(picture.astype(int) + by, 255).astype(np.uint8) for picture in pictures]


def calm(count: int) -> list[Picture]:
    """Waves that wander 1 px with each picture, of which none is clipped by 24 levels more."""
    x = (
        np.arange(96)[None, :, None] * np.array([1, 1.3, 0.7]) / 7
        + np.arange(48)[:, None, None] / 9
    )
    return [np.round(110 + 80 * np.sin(x - n / 7)).astype(np.uint8) for n in range(count)]


@pytest.fixture
def parts(folder: Path) -> list[Path]:
    """Three, each of which begins with the last frame of the one before."""
    spans = ((0, 4), (3, 8), (7, 12))
    return [
        write_clip(folder / f"part{n}.mkv", ALL[start:stop])
        for n, (start, stop) in enumerate(spans, 1)
    ]


def test_parts_become_one_video_beside_the_first(cli: RunCli, parts: list[Path]) -> None:
    ended = cli("--join", *parts, "--multi", 2, *LOSSLESS)
    assert ended.code == 0, ended.err
    out = Path("part1_joined_2X_48fps.mkv")
    pictures = decoded(out)
    assert len(pictures) == 24
    assert same(pictures[::2], ALL)
    assert "a frame of the part before is not shown again: parts 2, 3" in ended.out


def test_seam_is_interpolated(cli: RunCli, parts: list[Path]) -> None:
    cli("--join", *parts, "--multi", 2, *LOSSLESS)
    whole = write_clip(Path("whole.mkv"), ALL)
    cli("--video", whole, "--multi", 2, *LOSSLESS)
    joined, expected = (
        decoded(Path("part1_joined_2X_48fps.mkv")),
        decoded(Path("whole_2X_48fps.mkv")),
    )
    assert np.abs(np.stack(joined).astype(int) - np.stack(expected)).max() <= 1


def test_folder_stands_for_its_videos_in_the_order_of_their_numbers(
    cli: RunCli, folder: Path
) -> None:
    (folder / "parts").mkdir()
    for number in (1, 2, 10):
        write_clip(folder / "parts" / f"p{number}.mkv", ALL[number : number + 1] * 2)
    ended = cli("--join", "parts", *COPY, "--output", "out.mkv")
    assert ended.code == 0, ended.err
    assert same(decoded(Path("out.mkv")), [ALL[n] for n in (1, 1, 2, 2, 10, 10)])


def test_overlap_is_cross_faded(cli: RunCli, folder: Path) -> None:
    first, second = write_clip(folder / "a.mkv", ALL[:8]), write_clip(folder / "b.mkv", ALL[4:])
    cli("--join", first, second, "--overlap", 4, *COPY, "--output", "out.mkv")
    assert same(decoded(Path("out.mkv")), ALL)


@pytest.mark.parametrize("match", ["mean-and-spread", "histogram"])
def test_drift_is_removed_and_a_fade_does_not_jump(cli: RunCli, folder: Path, match: str) -> None:
    pictures = calm(24)
    first = write_clip(folder / "a.mkv", pictures[:8])
    second = write_clip(folder / "b.mkv", brighter(pictures[7:]))

    def means(*options: object) -> NDArray[np.float64]:
        run = ("--join", first, second, *options, *COPY, "--overwrite", "--output", "out.mkv")
        ended = cli(*run)
        assert ended.code == 0, ended.err
        found = np.stack(decoded(Path("out.mkv"))).mean((1, 2, 3))
        return found - np.stack(pictures).mean((1, 2, 3))

    assert np.diff(means("--overlap", 1)).max() > 5
    assert np.abs(means("--match", match, "--match-frames", 0)).max() < 0.5
    faded = means("--match", match, "--match-frames", 12)
    assert np.abs(np.diff(faded)).max() < 1.5
    assert faded[-1] == pytest.approx(12)


def samples(path: Path) -> NDArray[np.float32]:
    with av.open(str(path)) as container:
        blocks = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return np.concatenate(blocks, 1)[0].astype(np.float32)


def talking(path: Path, pictures: list[Picture], level: int) -> Path:
    """A clip whose sound says which frame it belongs to: ``level`` + the number of the frame."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("ffv1", rate=24)
        video.width, video.height, video.pix_fmt = 64, 48, "bgr0"
        sound = container.add_stream("pcm_s16le", rate=48000, layout="mono")
        for number, picture in enumerate(pictures):
            values = np.full((1, 2000), 100 * (level + number), np.int16)
            block = av.AudioFrame.from_ndarray(values, format="s16", layout="mono")
            block.sample_rate, block.pts = 48000, 2000 * number
            container.mux(sound.encode(block))
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture).reformat(format="bgr0")))
        container.mux(video.encode(None))
    return path


def test_sound_of_each_part_stays_with_its_frames(cli: RunCli, folder: Path) -> None:
    """To the sample: what belongs to a frame that is not shown again is not heard again."""
    first = talking(folder / "a.mkv", ALL[:4], level=0)
    silent = write_clip(folder / "b.mkv", ALL[3:8])
    last = talking(folder / "c.mkv", ALL[7:], level=50)
    ended = cli("--join", first, silent, last, *COPY, "--output", "out.mkv")
    assert ended.code == 0, ended.err
    expected = [0, 100, 200, 300, 0, 0, 0, 0, 5100, 5200, 5300, 5400]
    heard = samples(Path("out.mkv"))
    assert np.abs(heard - np.repeat(expected, 2000)).max() <= 1


def test_no_sound_is_read_where_none_is_wanted(cli: RunCli, folder: Path) -> None:
    first, last = (talking(folder / name, ALL[:4], 0) for name in ("a.mkv", "b.mkv"))
    cli("--join", first, last, "--audio", "none", *COPY, "--output", "out.mkv")
    with av.open("out.mkv") as container:
        assert not container.streams.audio


def test_report_names_the_parts(cli: RunCli, parts: list[Path]) -> None:
    ended = cli("--join", *parts, *LOSSLESS, "--json")
    (result,) = json.loads(ended.out.splitlines()[-1])["results"]
    assert result["input"] == str(parts[0])
    assert result["parts"] == [str(part) for part in parts]
    assert result["frames"] == 24


def test_pictures_are_written(cli: RunCli, parts: list[Path]) -> None:
    cli("--join", *parts, "--png-only", "--target-fps", 24, "--scene-threshold", 0)
    assert same(read_pictures(Path("vid_out")), ALL)


def test_rate_montage_and_loop_are_those_of_the_whole(cli: RunCli, parts: list[Path]) -> None:
    more = ("--speed", 0.5, "--loop", "--montage", "--output", "out.mp4")
    assert cli("--join", *parts, *more).code == 0
    assert count_frames(Path("out.mp4")) == 48


def test_resumed_run_gives_the_same_and_another_match_starts_over(
    cli: RunCli, parts: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ("--join", *parts, *LOSSLESS, "--output", "out.mkv")
    cli(*run)
    whole = decoded(Path("out.mkv"))
    Path("out.mkv").unlink()
    keys: list[str | None] = []
    key = InterpolationJob.resume_key

    def remember(self: InterpolationJob, *details: str) -> str | None:
        keys.append(key(self, *details))
        return keys[-1]

    monkeypatch.setattr(InterpolationJob, "resume_key", remember)
    for more in ((), (), ("--match", "histogram"), ("--match", "histogram", "--match-frames", 3)):
        cli(*run, *more, "--overwrite")
    assert keys[0] == keys[1]
    assert None not in keys
    assert len(set(keys)) == 3
    cli(*run, "--overwrite")
    assert same(decoded(Path("out.mkv")), whole)


def test_wrong_parts_are_named_with_what_was_found(cli: RunCli, folder: Path) -> None:
    first = write_clip(folder / "a.mkv", ALL[:4])
    small = write_clip(folder / "b.mkv", moving_pictures(4, width=32))
    slow = write_clip(folder / "c.mkv", ALL[4:8], rate="16")
    for other, found in ((small, "32x48 at 24 fps"), (slow, "64x48 at 16 fps")):
        ended = cli("--join", first, other)
        assert ended.code == 2
        expected = f"part 2 is {found}, not 64x48 at 24 fps like the first, {first}"
        assert f"error: {other}: {expected}" in ended.err
    assert sorted(path.name for path in folder.iterdir()) == ["a.mkv", "b.mkv", "c.mkv"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--join", "part1.mkv"), "--join takes two videos or more, and part1.mkv is one"),
        (("--join", "part1.mkv", "gone.mkv"), "gone.mkv: "),
        (("--join", "part1.mkv", "part2.mkv", "--start", 1), "cannot be used with --join"),
        (("--join", "part1.mkv", "part2.mkv", "--end", 1), "cannot be used with --join"),
        (("--join", "part1.mkv", "part2.mkv", "--source-fps", 9), "--source-fps requires --img"),
        (("--join", "part1.mkv", "part2.mkv", "--match-frames", 9), "requires --match"),
        (("--join", "part1.mkv", "part2.mkv", "--overlap", 5), "too short for an overlap of 5"),
        (("--join", "part1.mkv", "part2.mkv", "--overlap", -1), "must be a whole number from 0"),
        (("--join", "part1.mkv", "part2.mkv", "--output", "part2.mkv"), "would replace the input"),
        (("--video", "part1.mkv", "--match", "histogram"), "--match requires --join"),
        (("--video", "part1.mkv", "--overlap", 1), "--overlap requires --join"),
        (("--video", "part1.mkv", "--join", "part1.mkv", "part2.mkv"), "not allowed with"),
    ],
)
def test_what_does_not_go_together_is_refused(
    cli: RunCli, parts: list[Path], arguments: tuple[object, ...], message: str
) -> None:
    ended = cli(*arguments)
    assert ended.code == 2
    assert message in ended.err
    assert sorted(path.name for path in Path().iterdir()) == [part.name for part in parts]


def test_end_rule_holds_for_the_whole(cli: RunCli, parts: list[Path]) -> None:
    cli("--join", *parts, "--end", "last-frame", *LOSSLESS, "--output", "out.mkv")
    assert count_frames(Path("out.mkv")) == 23


def test_rate_of_the_parts_is_kept_exactly(cli: RunCli, folder: Path) -> None:
    first = write_clip(folder / "a.mkv", ALL[:4], rate="30000/1001")
    second = write_clip(folder / "b.mkv", ALL[4:], rate="30000/1001")
    cli("--join", first, second, *LOSSLESS, "--output", "out.mkv")
    assert probe_video(Path("out.mkv")).rate == Fraction(60000, 1001)
    assert count_frames(Path("out.mkv")) == 24


def test_pictures_in_a_folder_are_not_joined(cli: RunCli, folder: Path, parts: list[Path]) -> None:
    write_pictures(folder / "pictures", ALL[:2])
    ended = cli("--join", "pictures", parts[0])
    assert ended.code == 2
    assert "pictures: there is no video in this folder" in ended.err
