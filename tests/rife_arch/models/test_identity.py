"""What tells that two networks give the same results."""

from __future__ import annotations

import torch

from tests.helpers.networks import random_model


def test_identity_is_that_of_the_device_a_network_will_run_on() -> None:
    model = random_model()
    assert model.identity == model.identity_on(torch.device("cpu"))
    first, second = (model.identity_on(torch.device("cuda", number)) for number in range(2))
    assert first == second  # two GPUs may make one result
    assert first != model.identity
