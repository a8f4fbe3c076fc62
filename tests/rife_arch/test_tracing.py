"""The plain network can be given to another engine, which knows torch's own operations only."""

from __future__ import annotations

import pytest
import torch

from benchmarks.network_engines import Interpolation
from rife_arch.networks import IFNet, Pair
from tests.helpers.networks import random_image, random_model


@pytest.mark.filterwarnings("ignore:TF32 acceleration")  # of Intel's GPUs, which flags() sets too
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # sizes are constants there
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_nothing_in_a_trace_is_lost_on_the_way_to_another_engine() -> None:
    network = random_model().network
    assert isinstance(network, IFNet)
    half = torch.full((1, 1, 1, 1), 0.5)
    with torch.no_grad(), torch.backends.mkldnn.flags(enabled=False):
        frames = [network.encode_frame(random_image(seed, 64, 64)) for seed in (1, 2)]
        traced = torch.jit.trace(Interpolation(network).eval(), (*frames, half))
        others = [network.encode_frame(random_image(seed, 64, 64)) for seed in (3, 4)]
        torch.testing.assert_close(traced(*others, half), network(Pair(*others), half))
    operations = {node.kind() for node in traced.inlined_graph.nodes()}
    assert not any(kind.startswith("mkldnn") for kind in operations)
    assert "aten::empty" not in operations  # what is then written into is not followed
