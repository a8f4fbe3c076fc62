"""CUDA graphs, with a stand-in that repeats recorded operations on the same tensors."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from rife_arch.evaluation import Pyramid
from rife_arch.models.graph_runner import GraphRunner
from rife_arch.networks import Pair
from tests.helpers.fake_gpu import FakeGraphs, lines
from tests.helpers.networks import random_image, random_model


class Scene:
    """A network, a graph of its pyramid, and pairs to put in."""

    def __init__(self, failing: str = "") -> None:
        self.network = random_model().network
        self.pyramid = Pyramid(self.network)
        self.graphs = FakeGraphs(failing)
        make = partial(Pyramid, self.network)
        self.runner = GraphRunner(self.network, make, self.pyramid, self.graphs)

    def arguments(
        self, seed: int, count: int = 2, side: int = 64
    ) -> tuple[Pair, torch.Tensor, float]:
        images = (random_image(seed + index, side, side) for index in range(2))
        pair = Pair(*map(self.network.encode_frame, images)).expanded(count)
        times = torch.linspace(0.1 + seed / 100, 0.8, count).reshape(-1, 1, 1, 1)
        return pair, times, 1.0

    def assert_right(self, seed: int, count: int = 2, side: int = 64) -> None:
        arguments = self.arguments(seed, count, side)
        expected = Pyramid(self.network)(*arguments)
        torch.testing.assert_close(self.runner(*arguments), expected, atol=1e-6, rtol=0)


def test_replay_takes_new_frames_and_timesteps() -> None:
    scene = Scene()
    for seed in (1, 5, 9):
        scene.assert_right(seed)
    (graph,) = scene.graphs.captured
    assert graph.num_replays == 3
    assert scene.graphs.modes == ["thread_local"]


def test_frames_that_were_handed_out_stay_as_they_are() -> None:
    scene = Scene()
    first = scene.runner(*scene.arguments(1))
    before = first.clone()
    scene.runner(*scene.arguments(5))
    assert torch.equal(first, before)


def test_one_pair_repeated_and_different_pairs_are_told_apart(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene()
    scene.assert_right(1)
    (frame0, frame1), times = ((random_image(3), random_image(4)), torch.full((2, 1, 1, 1), 0.3))
    encode = scene.network.encode_frame
    pair = Pair(
        encode(torch.cat((frame0, frame1))[..., :64, :64]),
        encode(torch.cat((frame1, frame0))[..., :64, :64]),
    )
    expected = scene.pyramid(pair, times, 1.0)
    torch.testing.assert_close(scene.runner(pair, times, 1.0), expected, atol=1e-6, rtol=0)
    assert lines(caplog.records) == []  # nothing was given up


def test_other_sizes_do_without_and_leave_the_graph_alone() -> None:
    scene = Scene()
    for count, side in ((2, 64), (1, 64), (2, 128), (2, 64)):
        scene.assert_right(3, count, side)
    (graph,) = scene.graphs.captured
    assert graph.num_replays == 2


def test_weights_that_moved_are_captured_again() -> None:
    scene = Scene()
    scene.assert_right(1)
    for weight in scene.network.parameters():  # as a network that leaves the card and comes back
        weight.data = weight.data.clone() * 1.01
    scene.assert_right(1)
    assert len(scene.graphs.captured) == 2


def test_graph_that_fails_is_given_up_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(failing="operation not permitted\nwhen stream is capturing")
    scene.assert_right(1)
    scene.assert_right(5)
    assert lines(caplog.records) == [
        "the CUDA graph failed, going on without it: operation not permitted"
    ]


def test_replay_that_fails_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    scene.assert_right(1)

    def broken() -> None:
        raise RuntimeError("an illegal memory access was encountered")

    monkeypatch.setattr(scene.graphs.captured[0], "replay", broken)
    scene.assert_right(5)


def test_motion_is_found_without_a_graph() -> None:
    scene = Scene()
    arguments = scene.arguments(1)
    result = scene.runner.with_motion(*arguments)
    assert torch.equal(result.frame, scene.pyramid.with_motion(*arguments).frame)
    assert scene.graphs.captured == []
