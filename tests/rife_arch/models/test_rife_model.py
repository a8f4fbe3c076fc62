from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from rife_arch import FLOW_SCALES, SCALES, RifeModel, parse_scale, scale_name
from rife_arch.errors import CheckpointError
from rife_arch.models.bisection import nearest_dyadic
from rife_arch.networks.build import set_precision
from rife_arch.networks.config import PRESETS, Preset
from rife_arch.networks.pair import Pair
from tests.helpers.networks import narrow, preset_config, random_image, random_model

# Without the adaptive networks: after adapting, their first block is not averaged.
SYMMETRIC = [
    preset.versions[-1]
    for preset in PRESETS
    if preset.config.supports_ensemble and not preset.config.adaptive
]


@pytest.mark.parametrize("size", [(64, 64), (1, 1), (37, 81), (130, 3)])
@pytest.mark.parametrize("scale", FLOW_SCALES)
def test_any_size_at_any_scale_keeps_its_size_and_range(
    size: tuple[int, int], scale: float
) -> None:
    img0, img1 = random_image(1, *size), random_image(2, *size)
    out = random_model()(img0, img1, 0.3, scale=scale)
    assert out.shape == (1, 3, *size)
    assert out.min() >= 0
    assert out.max() <= 1


@pytest.mark.parametrize("scale", FLOW_SCALES)
@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.versions[-1])
def test_every_network_takes_odd_sizes_at_every_scale(preset: Preset, scale: float) -> None:
    model = random_model(narrow(preset.config))
    out = model(random_image(1, 37, 81), random_image(2, 37, 81), 0.5, scale=scale)
    assert out.shape == (1, 3, 37, 81)
    assert torch.isfinite(out).all()


def test_padding_is_right_and_below_and_taken_off_again() -> None:
    model, images = random_model(), (random_image(1, 37, 81), random_image(2, 37, 81))
    padded = [F.pad(image, (0, 128 - 81, 0, 64 - 37), mode="replicate") for image in images]
    assert model.config.pad_multiple(1.0) == 64
    assert torch.equal(model(*images), model(*padded)[..., :37, :81])


@pytest.mark.parametrize("grey", [0.0, 0.5, 1.0])
def test_flat_colour_stays_exactly_flat(grey: float) -> None:
    flat = torch.full((1, 3, 50, 70), grey)
    out = random_model()(flat, flat, 0.5)
    assert (out - grey).abs().max() < 1e-6


def test_features_of_a_frame_serve_both_its_pairs() -> None:
    model = random_model()
    images = [random_image(seed, 64, 96) for seed in range(3)]
    features = [model.encode(image) for image in images]
    for first in (0, 1):
        streamed = model.interpolate(features[first], features[first + 1], 0.25)
        assert torch.equal(streamed, model(images[first], images[first + 1], 0.25))


@pytest.mark.parametrize("version", ["4.25.lite", "4.22.lite", "4.6", "4.1"])
def test_batch_of_two_equals_two_singles(version: str) -> None:
    model = random_model(preset_config(version))
    img0 = torch.cat((random_image(1, 128, 128), random_image(3, 128, 128)))
    img1 = torch.cat((random_image(2, 128, 128), random_image(3, 128, 128)))
    batch = model(img0, img1, torch.tensor([0.25, 0.75]))
    singles = [model(img0[i : i + 1], img1[i : i + 1], t) for i, t in enumerate((0.25, 0.75))]
    torch.testing.assert_close(batch, torch.cat(singles), atol=2e-4, rtol=0)


def test_inputs_are_clamped_and_left_alone() -> None:
    model = random_model()
    img0, img1 = random_image(1, 64, 64) * 3 - 1, random_image(2, 64, 64)
    before = img0.clone()
    out = model(img0, img1, 0.5)
    assert torch.equal(img0, before)
    assert torch.equal(out, model(img0.clamp(0, 1), img1, 0.5))


@pytest.mark.parametrize("version", SYMMETRIC)
def test_ensemble_of_a_pair_and_its_reverse_agree(version: str) -> None:
    model = random_model(preset_config(version))
    img0, img1 = random_image(1, 64, 64), random_image(2, 64, 64)
    forwards = model(img0, img1, 0.5, ensemble=True)
    torch.testing.assert_close(forwards, model(img1, img0, 0.5, ensemble=True), atol=1e-4, rtol=0)


def test_ensemble_is_refused_where_the_network_has_none() -> None:
    with pytest.raises(ValueError, match="has no ensemble"):
        random_model()(random_image(1), random_image(2), 0.5, ensemble=True)


@pytest.mark.parametrize("timestep", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_timestep_outside_the_pair_is_refused(timestep: float) -> None:
    with pytest.raises(ValueError, match=r"timestep must lie in \(0, 1\)"):
        random_model()(random_image(1), random_image(2), timestep)


def test_wrong_number_of_timesteps_is_refused() -> None:
    with pytest.raises(ValueError, match="a tensor of 1 values"):
        random_model()(random_image(1), random_image(2), torch.tensor([0.3, 0.6]))


@pytest.mark.parametrize(
    "img", [torch.zeros(3, 64, 64), torch.zeros(1, 5, 64, 64), torch.zeros(1, 3, 8, 8).byte()]
)
def test_wrong_image_is_refused_with_its_shape(img: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"\[B, 3 or 4, H, W\], got (float32|uint8) \["):
        random_model().encode(img)


def test_unknown_scale_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"one of 0\.25, 0\.5, 1, 2, 4, auto, got 3"):
        random_model().encode(random_image(1), scale=3)


def test_frames_of_different_size_are_refused_with_both_sizes() -> None:
    with pytest.raises(ValueError, match=r"64x64.*80x64"):
        random_model()(random_image(1, 64, 64), random_image(2, 64, 80))


def test_middle_only_network_reaches_quarters_by_middles_of_middles() -> None:
    model = random_model(preset_config("3.6"))
    img0, img1 = random_image(1, 64, 64), random_image(2, 64, 64)
    middle = model(img0, img1, 0.5)
    torch.testing.assert_close(model(img0, img1, 0.25), model(img0, middle, 0.5))
    torch.testing.assert_close(model(img0, img1, 0.75), model(middle, img1, 0.5))


def test_middle_only_network_serves_each_item_of_a_batch() -> None:
    model = random_model(preset_config("3.8"))
    images = torch.cat([random_image(seed, 64, 64) for seed in (1, 2)])
    others = torch.cat([random_image(seed, 64, 64) for seed in (3, 4)])
    batch = model(images, others, torch.tensor([0.5, 0.25]))
    singles = [model(images[i : i + 1], others[i : i + 1], t) for i, t in enumerate((0.5, 0.25))]
    torch.testing.assert_close(batch, torch.cat(singles), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("timestep", "served"), [(1 / 3, "5/16"), (0.375, "3/8"), (1 / 64, "1/64"), (0.001, "1/16")]
)
def test_moment_is_the_exact_dyadic_or_the_nearest_sixteenth(timestep: float, served: str) -> None:
    assert str(nearest_dyadic(timestep)) == served


QUALITY_VERSIONS = ["4.25", "4.6", "3.8", "3.1"]  # 3.6 always averages both directions


@pytest.mark.parametrize("version", QUALITY_VERSIONS)
def test_better_does_not_depend_on_the_direction_of_time(version: str) -> None:
    model = random_model(preset_config(version))
    img0, img1 = random_image(1, 64, 64), random_image(2, 64, 64)
    forwards = model(img0, img1, 0.25, quality="better")
    backwards = model(img1, img0, 0.75, quality="better")
    torch.testing.assert_close(forwards, backwards, atol=1e-4, rtol=0)
    assert not torch.allclose(forwards, model(img0, img1, 0.25), atol=1e-3)


@pytest.mark.parametrize("version", QUALITY_VERSIONS)
def test_best_does_not_depend_on_left_and_right_either(version: str) -> None:
    model = random_model(preset_config(version))
    img0, img1 = random_image(1, 64, 64), random_image(2, 64, 64)
    plain = model(img0, img1, 0.25, quality="best")
    flipped = model(img1.flip(3), img0.flip(3), 0.75, quality="best").flip(3)
    torch.testing.assert_close(plain, flipped, atol=1e-4, rtol=0)
    assert not torch.allclose(plain, model(img0, img1, 0.25, quality="better"), atol=1e-3)


def test_unknown_quality_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"\('fast', 'better', 'best', 'ultra'\), got 'super'"):
        random_model()(random_image(1), random_image(2), 0.5, quality="super")  # pyright: ignore


class LimitedMemory:
    """A model whose network runs out of memory with more than ``room`` frames at a time."""

    def __init__(self, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
        network = random_model(preset_config("4.25")).network
        self.batches: list[int] = []
        self.model = RifeModel(network, "4.25", evaluation="plain", batch_size=8)
        forward = network.forward

        def limited(pair: Pair, timestep: Tensor, *options: object) -> Tensor:
            self.batches.append(len(timestep))
            if len(timestep) > room:
                raise torch.OutOfMemoryError("out of memory")
            return forward(pair, timestep, *options)

        monkeypatch.setattr(network, "forward", limited)

    def interpolate(self, num_timesteps: int) -> list[Tensor]:
        features = [self.model.encode(random_image(seed, 64, 64)) for seed in (1, 2)]
        times = [(index + 1) / (num_timesteps + 1) for index in range(num_timesteps)]
        return list(self.model.interpolate_each(*features, times))


def test_timesteps_made_together_equal_those_made_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    roomy = LimitedMemory(8, monkeypatch)
    together = roomy.interpolate(7)
    assert roomy.batches == [7]
    for frame, expected in zip(together, LimitedMemory(1, monkeypatch).interpolate(7), strict=True):
        torch.testing.assert_close(frame, expected, atol=1e-5, rtol=0)


def test_batches_stay_smaller_where_memory_ran_out(monkeypatch: pytest.MonkeyPatch) -> None:
    limited = LimitedMemory(2, monkeypatch)
    assert len(limited.interpolate(7)) == 7
    assert limited.batches == [7, 3, 1, 1, 1, 1, 1, 1, 1]
    limited.batches.clear()
    limited.interpolate(3)
    assert limited.batches == [1, 1, 1]


def test_out_of_memory_for_a_single_frame_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(torch.OutOfMemoryError):
        LimitedMemory(0, monkeypatch).interpolate(3)


def test_a_cpu_makes_one_frame_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    limited = LimitedMemory(8, monkeypatch)
    limited.model = RifeModel(limited.model.network, "4.25", evaluation="plain")
    limited.interpolate(3)
    assert limited.batches == [1, 1, 1]


def overflowing() -> tuple[RifeModel, RifeModel]:
    """A model in half precision that passes its range inside, and the same in float32."""
    model = random_model(preset_config("4.25"))
    units = model.network.flow_blocks()[0].convblock
    for unit in (units[2], units[3]):  # their output passes 65504, the largest float16
        unit.layer.weight.mul_(1000)
    for unit in (units[4], units[5]):
        unit.layer.weight.div_(1000)
    set_precision(model.network, torch.float16)
    return model, RifeModel(deepcopy(model.network).float(), model.name)


def test_overflow_of_half_precision_is_computed_again_in_float32(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model, precise = overflowing()
    images = random_image(1, 64, 64), random_image(2, 64, 64)
    for quality in ("fast", "best"):
        expected = precise(*images, 0.3, quality=quality)
        torch.testing.assert_close(
            model(*images, 0.3, quality=quality), expected, atol=1e-4, rtol=0
        )
    assert [record.getMessage()[:41] for record in caplog.records] == [
        "RIFE random in fp16 gave NaN or infinity;"
    ]


def test_motion_that_half_precision_cannot_hold_is_found_again_in_float32() -> None:
    found, expected = (
        one.motion(*(one.encode(random_image(seed, 64, 64)) for seed in (1, 2)), 0.5)
        for one in overflowing()
    )
    torch.testing.assert_close(found.flow, expected.flow, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_weights_that_give_no_numbers_are_named(dtype: torch.dtype) -> None:
    model = random_model(preset_config("4.25"))
    next(model.network.parameters()).fill_(float("nan"))
    set_precision(model.network, dtype)
    img0, img1 = random_image(1, 64, 64), random_image(2, 64, 64)
    for use in (model, lambda *images: model.motion(*map(model.encode, images), 0.5)):
        with pytest.raises(CheckpointError, match="random: the network gave NaN or infinity"):
            use(img0, img1)


def test_a_compiler_that_fails_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_run: object) -> Callable[..., Tensor]:
        def fail(*_args: object) -> Tensor:
            raise RuntimeError("no C++ compiler found\nlong story")

        return fail

    monkeypatch.setattr(torch, "compile", broken)
    network = random_model(preset_config("4.25")).network
    images = random_image(1, 64, 64), random_image(2, 64, 64)
    compiled = RifeModel(network, "4.25", torch_compile=True)
    expected = RifeModel(network, "4.25", evaluation="exact")(*images, 0.5)
    for _ in range(2):
        assert compiled(*images, 0.5).equal(expected)
    assert [record.getMessage() for record in caplog.records] == [
        "torch.compile failed, going on without it: no C++ compiler found"
    ]


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.versions[-1])
def test_auto_averages_the_last_step_with_that_of_the_swapped_pair(preset: Preset) -> None:
    model = random_model(narrow(preset.config))
    img0, img1 = random_image(1, 64, 128), random_image(2, 64, 128)
    pair = Pair(model.encode(img0).padded, model.encode(img1).padded)
    half = torch.full((1, 1, 1, 1), 0.5)
    expected = model.network(pair, half, 1.0, "last")[..., :64, :128]
    torch.testing.assert_close(model(img0, img1, scale="auto"), expected, atol=2e-5, rtol=0)


def test_auto_changes_the_result_where_a_step_is_left_to_average() -> None:
    img0, img1 = random_image(1, 64, 64), random_image(2, 64, 64)
    for version, is_changed in (("4.26", True), ("4.0", True), ("3.8", True), ("3.6", False)):
        model = random_model(preset_config(version))
        plain, auto = model(img0, img1), model(img0, img1, scale="auto")
        assert torch.equal(plain, auto) is not is_changed, version


@pytest.mark.parametrize("version", ["4.26", "3.6"])
def test_ultra_does_not_depend_on_left_and_right(version: str) -> None:
    model = random_model(preset_config(version))
    img0, img1 = random_image(1, 64, 64), random_image(2, 64, 64)
    plain = model(img0, img1, 0.5, quality="ultra")
    flipped = model(img0.flip(3), img1.flip(3), 0.5, quality="ultra").flip(3)
    torch.testing.assert_close(plain, flipped, atol=1e-4, rtol=0)
    assert not torch.allclose(plain, model(img0, img1, 0.5, quality="best"), atol=1e-3)


def test_ultra_averages_two_scales_the_finer_one_a_little_more() -> None:
    model = random_model(preset_config("4.26"))
    img0, img1 = random_image(1, 64, 64), random_image(2, 64, 64)

    def estimate(scale: float) -> Tensor:
        views = (img0, img1), (img0.flip(3), img1.flip(3))
        half, encode = torch.full((1, 1, 1, 1), 0.5), model.network.encode_frame
        frames = [
            model.network(Pair(encode(first), encode(second)), half, scale, "last")
            for first, second in views
        ]
        return (frames[0] + frames[1].flip(3)) / 2

    expected = 0.4 * estimate(1.0) + 0.6 * estimate(2.0)
    ultra = model(img0, img1, quality="ultra")
    torch.testing.assert_close(ultra, expected, atol=2e-5, rtol=0)


def test_ultra_at_scale_2_is_ultra_at_scale_1() -> None:
    model = random_model()
    img0, img1 = torch.rand(1, 4, 37, 81), torch.rand(1, 4, 37, 81)
    coarse, fine = (model(img0, img1, 0.3, scale=s, quality="ultra") for s in (1.0, 2.0))
    assert torch.equal(coarse, fine)


def test_ultra_blends_alpha_and_leaves_colours_as_without() -> None:
    model = random_model()
    rgba0, rgba1 = (torch.rand(1, 4, 64, 64) for _ in range(2))
    made = model(rgba0, rgba1, 0.4, quality="ultra")
    assert made.shape == (1, 4, 64, 64)
    opaque = model(rgba0[:, :3], rgba1[:, :3], 0.4, quality="ultra")
    torch.testing.assert_close(made[:, :3], opaque, atol=1e-5, rtol=0)


@pytest.mark.parametrize("text", ["3", "x", "", "nan"])
def test_a_scale_that_is_none_lists_those_there_are(text: str) -> None:
    with pytest.raises(ValueError, match=r"one of 0\.25, 0\.5, 1, 2, 4, auto, got"):
        parse_scale(text)


def test_scales_are_read_by_their_names() -> None:
    assert [parse_scale(scale_name(scale)) for scale in SCALES] == list(SCALES)
