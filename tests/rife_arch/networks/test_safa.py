"""SAFA: the network against reference outputs, and the enhancer around it."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from rife_arch import (
    CheckpointError,
    CheckpointMismatchError,
    DownloadError,
    Enhancer,
    SafaConfig,
    UnsupportedCheckpointError,
    load_checkpoint,
    load_enhancer,
    load_rife,
)
from rife_arch.catalog.download import choose_checkpoint
from rife_arch.catalog.index import catalog_rows, load_enhancers
from rife_arch.catalog.verify import record_path
from rife_arch.models.enhancer import reflect_padded
from rife_arch.networks.blocks import resize
from rife_arch.networks.build import build_enhancer, expected_shapes, set_precision
from rife_arch.networks.safa import SAFA, scales_of
from rife_arch.networks.warp import backward_warp
from tests.helpers.networks import (
    TINY_CONFIG,
    TINY_SAFA,
    psnr,
    random_enhancer,
    random_image,
    random_weights,
    safa_weights,
    save_enhancer,
)

DATA = Path(__file__).parents[1] / "data"
QUICK = (7000, 7001, 7002)  # a half, both, a quarter; the others repeat these


def reference(seed: int) -> list[Tensor]:
    """Both enhanced frames at every eighth pixel, [3, 16, 24]."""
    with np.load(DATA / "safa_golden.npz") as archive:
        entries = dict(zip(archive["names"].tolist(), archive["outputs"], strict=True))
    found = [value for name, value in entries.items() if f"seed={seed}|" in name]
    return [torch.from_numpy(output.astype(np.float32)) for output in found]


def picture(seed: int) -> Tensor:
    values = np.random.RandomState(seed).rand(1, 3, 16, 24).astype(np.float32)
    size = (128, 192)
    image = F.interpolate(torch.from_numpy(values), size, mode="bicubic", align_corners=False)
    return image.clamp(0, 1)


def assert_reference(enhancer: Enhancer, seed: int) -> None:
    found = enhancer(picture(seed + 1000), picture(seed + 2000))
    for out, expected in zip(found, reference(seed), strict=True):
        difference = (out[0, :, ::8, ::8] - expected).abs()
        assert difference.mean() < 2e-4
        assert difference.max() < 1e-2


@pytest.mark.parametrize(
    "seed",
    [pytest.param(s, marks=[] if s in QUICK else pytest.mark.slow) for s in range(7000, 7008)],
)
def test_network_on_random_weights_gives_the_reference_output(seed: int) -> None:
    assert_reference(random_enhancer(SafaConfig(), seed), seed)


def test_steps_at_the_whole_scale_give_the_reference_output() -> None:
    weights = safa_weights(SafaConfig(), 7100)
    weights["block.getscale.4.bias"] += 100
    assert_reference(Enhancer(build_enhancer(SafaConfig(), weights), "whole"), 7100)


def test_network_has_the_published_number_of_weights() -> None:
    shapes = expected_shapes(SafaConfig()).values()
    assert len(shapes) == 112
    assert sum(int(np.prod(shape)) for shape in shapes) == 9_852_902


# --- frames --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(64, 64), (1, 1), (37, 81), (130, 3)])
def test_any_size_keeps_its_size_and_range(size: tuple[int, int]) -> None:
    for out in random_enhancer()(random_image(1, *size), random_image(2, *size)):
        assert out.shape == (1, 3, *size)
        assert 0 <= out.min() <= out.max() <= 1


def test_padding_is_taken_off_again_right_and_below() -> None:
    enhancer = random_enhancer()
    images = random_image(1, 37, 81), random_image(2, 37, 81)
    padded = [reflect_padded(image, enhancer.config.pad_multiple) for image in images]
    assert padded[0].shape[2:] != (37, 81)
    for part, whole in zip(enhancer(*images), enhancer(*padded), strict=True):
        assert torch.equal(part, whole[..., :37, :81])


def test_padding_is_the_reflection_that_upstream_pads_with() -> None:
    img = random_image(1, 70, 100)
    assert torch.equal(reflect_padded(img, 64), F.pad(img, (0, 28, 0, 58), mode="reflect"))


def test_frame_smaller_than_its_padding_is_reflected_again() -> None:
    row = torch.tensor([1.0, 2.0, 3.0]).view(1, 1, 1, 3)
    assert reflect_padded(row, 8)[0, 0, 0].tolist() == [1, 2, 3, 2, 1, 2, 3, 2]


def test_each_frame_is_enhanced_with_the_other() -> None:
    enhancer, images = random_enhancer(), (random_image(1, 64, 64), random_image(2, 64, 64))
    forwards, backwards = enhancer(*images), enhancer(*reversed(images))
    assert torch.equal(forwards[0], backwards[1])
    assert torch.equal(forwards[1], backwards[0])
    assert not torch.equal(forwards[0], enhancer(images[0], images[0])[0])


def test_encoded_frame_serves_itself_and_its_neighbours() -> None:
    enhancer = random_enhancer()
    images = [random_image(seed, 64, 96) for seed in range(3)]
    encoded = [enhancer.encode(image) for image in images]
    for index, other in ((0, 1), (1, 0), (1, 2), (2, 1)):
        out = enhancer.enhance(encoded[index], encoded[other])
        assert torch.equal(out, enhancer(images[index], images[other])[0])


def test_inputs_are_clamped_and_left_alone() -> None:
    enhancer, other = random_enhancer(), random_image(2, 64, 64)
    img = random_image(1, 64, 64) * 3 - 1
    before = img.clone()
    out, _ = enhancer(img, other)
    assert torch.equal(img, before)
    assert torch.equal(out, enhancer(img.clamp(0, 1), other)[0])


@pytest.mark.parametrize(
    "img", [torch.zeros(3, 64, 64), torch.zeros(1, 4, 64, 64), torch.zeros(1, 3, 8, 8).byte()]
)
def test_wrong_image_is_refused_with_its_shape(img: Tensor) -> None:
    with pytest.raises(ValueError, match=r"\[B, 3, H, W\], got (float32|uint8) \["):
        random_enhancer().encode(img)


def test_frames_of_different_size_are_refused_with_both_sizes() -> None:
    with pytest.raises(ValueError, match=r"64x64 and 80x64"):
        random_enhancer()(random_image(1, 64, 64), random_image(2, 64, 80))


# --- scales --------------------------------------------------------------------------------------


def test_scale_is_the_whole_a_half_or_a_quarter() -> None:
    choices = torch.tensor([[True, True], [False, True], [True, False], [False, False]])
    assert scales_of(choices) == [1, 2, 4, 4]


def test_items_of_a_batch_work_each_at_its_own_scale() -> None:
    network = random_enhancer().network
    own, other = torch.randn(2, 3, 8, 32, 32)
    steps = [[[True, True]]] * 4, [[[False, True]]] * 4, [[[False, False]]] * 4
    drawn = iter([choice for choices in steps for choice in choices])
    with torch.inference_mode():
        batch = network(own, other, lambda _: torch.tensor(next(drawn)))
        singles = [
            network(own[i : i + 1], other[i : i + 1], lambda _, i=i: torch.tensor(steps[i][0]))
            for i in range(3)
        ]
    torch.testing.assert_close(batch, torch.cat(singles))


def published_forward(
    network: SAFA, own: Tensor, other: Tensor, scales: list[int]
) -> tuple[Tensor, list[Tensor]]:
    """The forward as published: whole frames are warped, then resized to the scale of a step.

    Returns the frame, and what each step's router is asked.
    """
    block, states, probabilities = network.block, [], []
    state = network.shuffle(torch.cat((own, other), 1))
    flow = own.new_zeros(1, 6, *own.shape[2:])
    for step, scale in zip(block.convblock, scales, strict=True):
        warped = backward_warp(own, flow[:, :2] / 2), backward_warp(other, flow[:, 2:4] / 2)
        x = torch.cat((state, flow, *warped, torch.zeros_like(flow[:, :1])), 1)
        probabilities.append(block.getscale(x[:, :, ::2, ::2]))
        state = step(resize(x, 1 / scale), scale)
        flow = flow + resize(block.convflow(state), 0.5)
        states.append(state)
    x = torch.cat((own, backward_warp(other, flow[:, 2:4] / 2), states[-1], states[-3]), 1)
    return network.lastconv1(torch.cat((network.lastconv0(x), x), 1)), probabilities


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("scales", [[1, 1, 1, 1], [2, 2, 4, 4], [4, 1, 2, 1]])
def test_warping_only_what_is_read_equals_the_published_forward(
    scales: list[int], channels_last: bool
) -> None:
    network = random_enhancer().network
    own, other = torch.randn(1, 8, 32, 48), torch.randn(1, 8, 32, 48)
    if channels_last:
        own, other = (x.contiguous(memory_format=torch.channels_last) for x in (own, other))
    choices = {1: [True, True], 2: [False, True], 4: [False, False]}
    asked: list[Tensor] = []

    def router(probabilities: Tensor) -> Tensor:
        asked.append(probabilities)
        return torch.tensor([choices[scales[len(asked) - 1]]])

    with torch.inference_mode():
        out = network(own, other, router)
        expected, expected_probabilities = published_forward(network, own, other, scales)
    torch.testing.assert_close(out, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(asked, expected_probabilities)


def test_flow_is_the_mean_of_what_the_layer_gives_for_a_frame() -> None:
    block = random_enhancer().network.block
    state = torch.randn(1, 8, 16, 24)
    with torch.inference_mode():
        found, expected = block.flow_update(state), resize(block.convflow(state), 0.5)
    torch.testing.assert_close(found, expected)


def test_batch_of_two_equals_two_singles() -> None:
    enhancer = random_enhancer()
    first, second = (
        torch.cat([random_image(seed, 64, 96) for seed in seeds]) for seeds in ((1, 2), (3, 4))
    )
    for index, single in enumerate(zip(first.split(1), second.split(1), strict=True)):
        for out, expected in zip(enhancer(first, second), enhancer(*single), strict=True):
            torch.testing.assert_close(out[index : index + 1], expected)


def test_likelier_scale_is_taken_in_every_run() -> None:
    images = random_image(1, 64, 64), random_image(2, 64, 64)
    once, again = random_enhancer()(*images), random_enhancer()(*images)
    assert torch.equal(torch.cat(once), torch.cat(again))


def test_scales_drawn_at_random_depend_on_the_seed_alone() -> None:
    enhancer = random_enhancer()
    images = random_image(1, 64, 64), random_image(2, 64, 64)
    outputs = [torch.cat(enhancer(*images, seed=seed)) for seed in range(5)]
    assert torch.equal(outputs[3], torch.cat(enhancer(*images, seed=3)))
    assert len({float(out.double().sum()) for out in outputs}) > 1


# --- precision -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "least"), [(torch.bfloat16, 40), (torch.float16, 55)])
def test_half_precision_stays_close(dtype: torch.dtype, least: float) -> None:
    images = random_image(1, 64, 64), random_image(2, 64, 64)
    expected, _ = random_enhancer()(*images)
    enhancer = random_enhancer()
    set_precision(enhancer.network, dtype)
    out, _ = enhancer(*images)
    assert out.dtype == torch.float32
    assert least < psnr(out, expected) < 100


def test_numbers_beyond_half_precision_are_made_again_in_full(
    caplog: pytest.LogCaptureFixture,
) -> None:
    weights = safa_weights(TINY_SAFA, 0)
    for layer in ("lastconv0.0.0", "lastconv1.0.0"):  # what they make passes 65504, the largest
        weights[f"{layer}.weight"] *= 3000  # float16,
    weights["lastconv1.1.weight"] /= 3000**2  # and comes back into range
    images = random_image(1, 64, 64), random_image(2, 64, 64)
    expected = Enhancer(build_enhancer(TINY_SAFA, dict(weights)), "precise")(*images)
    enhancer = Enhancer(build_enhancer(TINY_SAFA, weights), "random")
    set_precision(enhancer.network, torch.float16)
    torch.testing.assert_close(enhancer(*images), expected, atol=1e-4, rtol=0)
    assert [record.getMessage()[:37] for record in caplog.records] == [
        "random in fp16 gave NaN or infinity; "
    ]


def test_weights_that_give_no_numbers_are_named() -> None:
    enhancer = random_enhancer()
    next(enhancer.network.parameters()).data.fill_(float("nan"))
    with pytest.raises(CheckpointError, match="the network gave NaN or infinity"):
        enhancer(random_image(1, 64, 64), random_image(2, 64, 64))


# --- checkpoints ---------------------------------------------------------------------------------


def save_as_upstream(folder: Path, config: SafaConfig = TINY_SAFA) -> Path:
    """Weights named as by upstream's training, beside its Python files."""
    folder.mkdir(parents=True)
    save_enhancer(folder / "flownet.pkl", config)
    (folder / "model.py").write_text("raise SystemExit('code beside the weights was run')")
    return folder


@pytest.mark.parametrize("form", ["file", "folder", "parent folder", "zip"])
def test_upstream_s_files_become_an_enhancer(tmp_path: Path, form: str) -> None:
    folder = save_as_upstream(tmp_path / "train_log")
    with zipfile.ZipFile(tmp_path / "safa.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"train_log/{file.name}")
    paths = {"file": folder / "flownet.pkl", "folder": folder, "parent folder": tmp_path}
    if form == "parent folder":
        (tmp_path / "safa.zip").unlink()
    enhancer = load_checkpoint(paths.get(form, tmp_path / "safa.zip"))
    assert isinstance(enhancer, Enhancer)
    images = random_image(1, 64, 64), random_image(2, 64, 64)
    torch.testing.assert_close(enhancer(*images), random_enhancer()(*images))


def test_release_is_named_and_its_precision_chosen(tmp_path: Path) -> None:
    enhancer = load_enhancer(save_as_upstream(tmp_path / "a", SafaConfig()), precision="fp16")
    assert (enhancer.name, enhancer.precision) == ("SAFA 0.5", "fp16")
    assert load_enhancer(save_as_upstream(tmp_path / "b")).name == "SAFA, unnamed"


def test_interpolation_points_to_the_enhancer(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedCheckpointError, match=r"this is SAFA.*Load RIFE Enhancer"):
        load_rife(save_as_upstream(tmp_path / "a"))


def test_enhancing_points_to_interpolation(tmp_path: Path) -> None:
    torch.save(random_weights(TINY_CONFIG, 0), tmp_path / "rife.pth")
    with pytest.raises(
        UnsupportedCheckpointError, match=r"rife\.pth: this is a RIFE network.*Load"
    ):
        load_enhancer(tmp_path / "rife.pth")


def test_enhancing_refuses_what_is_neither(tmp_path: Path) -> None:
    torch.save({"conv.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(
        UnsupportedCheckpointError, match=r"it has 1 other weights, such as conv\.w"
    ):
        load_enhancer(tmp_path / "other.pth")


@pytest.mark.parametrize("key", sorted(expected_shapes(TINY_SAFA))[::9])
def test_any_missing_weight_is_refused_by_name(tmp_path: Path, key: str) -> None:
    weights = safa_weights(TINY_SAFA, 0)
    del weights[key]
    torch.save(weights, tmp_path / "safa.pkl")
    with pytest.raises(CheckpointMismatchError, match=f"this looks like SAFA, but.*{key}"):
        load_checkpoint(tmp_path / "safa.pkl")


# --- the catalogue -------------------------------------------------------------------------------


def choose(folder: Path) -> Path:
    """What "SAFA 0.5" stands for."""
    enhancers = load_enhancers()
    return choose_checkpoint("SAFA 0.5", [], folder, notify=lambda _: None, catalog=enhancers)


def save_release(path: Path, seed: int = 0) -> Path:
    torch.save(safa_weights(SafaConfig(), seed), path)
    return path


def test_release_that_is_not_there_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DownloadError) as caught:
        choose(tmp_path)
    (source,) = load_enhancers()[0].sources
    expected = f"open {source} and save the file as {tmp_path / 'safa_v0.5.zip'}. "
    assert str(caught.value).startswith(f"model SAFA 0.5: {expected}")


@pytest.mark.parametrize("name", ["safa_v0.5.pkl", "SAFA0.5.pth", "safa05.pkl", "SAFA-v0.5.pt"])
def test_release_is_found_under_its_usual_names_and_its_hash_is_kept(
    tmp_path: Path, name: str
) -> None:
    path = save_release(tmp_path / name)
    assert choose(tmp_path) == path
    record = json.loads(record_path(path).read_text())
    assert record["source"] == "saved by hand"
    assert record["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert choose(tmp_path) == path


def test_other_weights_under_a_recorded_name_are_refused(tmp_path: Path) -> None:
    path = save_release(tmp_path / "safa_v0.5.pkl")
    choose(tmp_path)
    save_release(path, seed=1)
    with pytest.raises(CheckpointError, match=r"safa_v0\.5\.pkl: these are not the weights first"):
        choose(tmp_path)


@pytest.mark.parametrize(
    ("weights", "found"),
    [
        (random_weights(TINY_CONFIG, 0), "this is a RIFE network"),
        (safa_weights(TINY_SAFA, 0), "but one of other widths"),
    ],
    ids=["RIFE", "narrow"],
)
def test_another_network_under_the_name_of_the_release_is_refused(
    tmp_path: Path, weights: dict[str, Tensor], found: str
) -> None:
    torch.save(weights, tmp_path / "safa_v0.5.pkl")
    with pytest.raises(CheckpointError, match=f"{found}.*save SAFA 0.5 from https://drive"):
        choose(tmp_path)
    assert not record_path(tmp_path / "safa_v0.5.pkl").exists()


def test_folder_that_cannot_be_written_to_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = save_release(tmp_path / "safa_v0.5.pkl")
    monkeypatch.setattr(Path, "write_text", refuse)
    assert choose(tmp_path) == path
    assert "its hash could not be recorded (Permission denied)" in caplog.text


def test_interpolation_is_not_offered_the_enhancer(tmp_path: Path) -> None:
    save_release(tmp_path / "safa_v0.5.pkl")
    assert not any(row.path for row in catalog_rows([tmp_path]))
    (row,) = catalog_rows([tmp_path], load_enhancers())
    assert (row.name, row.how, row.path) == ("SAFA 0.5", "by hand", tmp_path / "safa_v0.5.pkl")
