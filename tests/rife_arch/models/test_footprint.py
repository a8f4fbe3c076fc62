"""The memory that a network needs, counted on a device without memory, against what is allocated."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from rife_arch import IFNetConfig, NetworkConfig, Quality, RifeModel, Scale
from rife_arch.evaluation import level
from rife_arch.models.footprint import LiveBytes, count_working_bytes
from rife_arch.networks import build_network
from tests.helpers.networks import TINY_CONFIG, narrow, preset_config, random_image, random_weights

SIZE = 128, 192


def model_of(config: NetworkConfig) -> RifeModel:
    network = build_network(config, random_weights(config, 0))  # pyright: ignore[reportArgumentType]
    evaluation = "exact" if isinstance(config, IFNetConfig) and not config.adaptive else "plain"
    return RifeModel(network, "random", evaluation=evaluation)


def allocated(model: RifeModel, scale: Scale, quality: Quality) -> int:
    """What a real run has alive at most, without the strips that save memory on a CPU."""
    img0, img1 = random_image(0, *SIZE), random_image(1, *SIZE)
    with LiveBytes() as live:
        model(img0, img1, 0.5, scale=scale, quality=quality)
    return live.peak


@pytest.fixture(autouse=True)
def _no_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(level, "_STRIP_PIXELS", 1 << 30)


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0, "auto"])
@pytest.mark.parametrize("version", ["4.2", "4.7", "4.25", "4.0", "3.6"])
def test_count_is_what_a_run_allocates(version: str, scale: Scale) -> None:
    config = narrow(preset_config(version))
    if version == "4.0":  # a run may adapt, which takes less
        config = replace(config, widths=(8, 8, 8, 8))
    model = model_of(config)
    counted = count_working_bytes(model.network, *SIZE, scale=scale)
    assert counted == pytest.approx(allocated(model, scale, "fast"), rel=0.15)


@pytest.mark.parametrize("quality", ["better", "best", "ultra"])
def test_count_covers_the_views_of_a_quality(quality: Quality) -> None:
    model = model_of(TINY_CONFIG)
    counted = count_working_bytes(model.network, *SIZE, quality=quality)
    assert counted == pytest.approx(allocated(model, 1.0, quality), rel=0.2)


def test_count_grows_with_size_and_batch() -> None:
    model = model_of(TINY_CONFIG)

    def count(height: int = 128, batch: int = 1) -> int:
        return count_working_bytes(model.network, height, 192, batch=batch)

    assert count(height=256) == pytest.approx(2 * count(), rel=0.02)
    assert count(batch=4) > 2.5 * count()


def test_sizes_are_padded_as_frames_are() -> None:
    network = model_of(TINY_CONFIG).network
    assert count_working_bytes(network, 65, 129) == count_working_bytes(network, 128, 192)


def test_network_is_left_as_it_was() -> None:
    network = model_of(TINY_CONFIG).network
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    count_working_bytes(network, *SIZE)
    assert network.config == TINY_CONFIG
    assert all(torch.equal(weight, before[name]) for name, weight in network.state_dict().items())


def test_memory_that_is_freed_is_not_counted_twice() -> None:
    with LiveBytes() as live:
        for _ in range(5):
            torch.empty(1000, device="meta")
        kept = [torch.empty(1000, device="meta") for _ in range(2)]
        kept[0].view(10, 100).add_(1)  # neither a view nor what is done in place
    assert live.peak == 8000
