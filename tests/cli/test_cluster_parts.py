"""What a cluster decides, without one: who gets what, what is refused, what is said at the end."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.helpers.running import RunCli
from vfi.errors import InputError

pytest.importorskip("ray", reason="--ray needs Ray: pip install -r requirements-ray.txt")

from cli.cluster.connection import Share, share_out
from cli.cluster.temporary import temporary_folder
from cli.options import ClusterOptions
from cli.rendering import Rendered
from cli.spread.summary import summarize

CPU4, GPU2, GPU1 = {"CPU": 4.0}, {"CPU": 32.0, "GPU": 2.0}, {"CPU": 8.0, "GPU": 1.0}


def asked(workers: int | None = None, gpus: float | None = None) -> ClusterOptions:
    return ClusterOptions("auto", workers, gpus, ship=False)


@pytest.mark.parametrize(
    ("nodes", "options", "expected"),
    [
        ([GPU2], asked(), (2, Share(1, 1))),
        ([GPU2, GPU1], asked(), (3, Share(1, 1))),
        ([GPU2, CPU4], asked(), (2, Share(1, 1))),
        ([GPU2], asked(gpus=0.5), (4, Share(1, 0.5))),
        ([GPU2, GPU1], asked(gpus=2), (1, Share(1, 2))),
        ([GPU2], asked(workers=1), (1, Share(1, 1))),
        ([GPU2], asked(gpus=0), (8, Share(4, 0))),
        ([CPU4], asked(), (1, Share(4, 0))),
        ([CPU4, {"CPU": 9.0}], asked(), (3, Share(4, 0))),
        ([{"CPU": 2.0}], asked(), (1, Share(2, 0))),
        ([{"CPU": 2.0}], asked(workers=2), (2, Share(1, 0))),
        ([{"CPU": 16.0}, CPU4], asked(workers=5), (5, Share(4, 0))),
        ([{"CPU": 2.0}], asked(workers=8), (8, Share(0.25, 0))),
        ([{"CPU": 0.0}, {}, CPU4], asked(), (1, Share(4, 0))),
    ],
)
def test_cluster_is_shared_out(
    nodes: list[dict[str, float]], options: ClusterOptions, expected: tuple[int, Share]
) -> None:
    assert share_out(nodes, options) == expected


@pytest.mark.parametrize(
    ("nodes", "options", "message"),
    [
        ([GPU2], asked(workers=3), "2 GPUs, room for 2 workers with 1 each; 3 were asked for"),
        ([GPU1, GPU1], asked(gpus=2), "2 GPUs, room for 0 workers with 2 each; at least 1 were"),
        ([CPU4], asked(gpus=0.5), "0 GPUs, room for 0 workers with 0.5 each"),
        ([{"CPU": 0.0}], asked(), "The cluster has no cores"),
    ],
)
def test_more_than_there_is_is_refused(
    nodes: list[dict[str, float]], options: ClusterOptions, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        share_out(nodes, options)


@pytest.mark.parametrize("share", [Share(0.25, 0), Share(1, 1), Share(4, 0)])
def test_worker_computes_with_the_cores_it_has(share: Share) -> None:
    assert share.num_threads == max(1, int(share.cpus))


def test_folder_that_nobody_uses_any_more_is_removed(tmp_path: Path) -> None:
    with temporary_folder(tmp_path) as used:
        (used / "file").touch()
        abandoned = used.with_name("practical-rife-0123")
        abandoned.mkdir()
        (abandoned / "file").touch()
        with temporary_folder(tmp_path) as other:
            assert {used, other} == {path for path in tmp_path.iterdir() if path.is_dir()}
        assert (used / "file").exists()
        abandoned.mkdir()  # once more, by what was dying
    assert list(tmp_path.iterdir()) == []


def test_summary_has_a_row_for_each_clip() -> None:
    done = Rendered(num_frames=300, resumed_at=100, seconds=10.0)
    clips = [
        state_of("broken.mp4", failure=object(), is_over=True),
        state_of("a" * 60 + ".mp4", is_over=True, rendered=done),
        state_of("later.mp4"),
    ]
    text = summarize(cast(Any, clips), ["no_video.txt"])
    rows = {line.split()[0]: line for line in text.splitlines()}
    assert rows[f"{'a' * 39}…"].split()[1:] == ["300", "10.0", "20.0", "out.mp4"]
    assert "not finished; the same command goes on" in rows["later.mp4"]
    assert list(rows)[-3:-1] == ["broken.mp4", "no_video.txt"]
    assert all("failed, see above" in rows[name] for name in ("broken.mp4", "no_video.txt"))
    assert text.splitlines()[-1] == "1 of 4 clips, 300 frames"


def state_of(name: str, **state: Any) -> Any:
    plan = SimpleNamespace(source=Path("clips") / name, describe_targets=lambda: "out.mp4")
    defaults = {"failure": None, "is_over": False, "rendered": Rendered()}
    return SimpleNamespace(plan=plan, **{**defaults, **state})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workers", "2"], "--workers requires --ray"),
        (["--gpus-per-worker", "0.5"], "--gpus-per-worker requires --ray"),
        (["--gpus-per-worker", "0"], "--gpus-per-worker requires --ray"),
        (["--ship"], "--ship requires --ray"),
        (["--ray", "local", "--workers", "0"], "must be a whole number from 1 to 10000, got '0'"),
        (["--ray", "local", "--gpus-per-worker", "1.5"], "a part of a GPU such as 0.5, or a whole"),
        (["--ray", "local", "--gpus-per-worker", "x"], "a part of a GPU such as 0.5, or a whole"),
        (["--ray", "local", "--output", "-"], "--ray cannot be used with --output -: name a file"),
        (["--ray", "here"], "--ray here: this is no address. Give local, auto, or host:port"),
        (["--ray", "127.0.0.1:1"], "--ray 127.0.0.1:1: there is no cluster to connect to"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    cli: RunCli, clip: Path, arguments: list[str], message: str
) -> None:
    ended = cli("--video", clip, *arguments)
    assert (ended.code, message in ended.err) == (2, True), ended.err
    assert [path.name for path in clip.parent.iterdir()] == ["clip.mkv"]


def test_parts_are_joined_first(cli: RunCli, clip: Path) -> None:
    ended = cli("--join", clip, clip, "--ray", "local")
    assert ended.code == 2
    assert "--ray cannot be used with --join. Join the parts first" in ended.err
