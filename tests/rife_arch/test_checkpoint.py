from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch

from rife_arch import CheckpointError, CheckpointMismatchError, load_checkpoint
from rife_arch.canonicalize import canonical_bytes, canonicalize
from rife_arch.checkpoint import read_state_dict
from tests.networks import TINY_CONFIG, as_upstream, random_image, random_model, random_weights

IMAGES = (random_image(1, 64, 64), random_image(2, 64, 64))


def save_zip(weights: dict[str, torch.Tensor], path: Path) -> None:
    torch.save(weights, path)


def save_legacy(weights: dict[str, torch.Tensor], path: Path) -> None:
    torch.save(weights, path, _use_new_zipfile_serialization=False)


@pytest.mark.parametrize("save", [save_zip, save_legacy, safetensors.torch.save_file])
@pytest.mark.parametrize("name", ["flownet.pkl", "rife.pth", "rife.safetensors"])
def test_every_container_gives_the_same_network_whatever_its_extension(
    tmp_path: Path, name: str, save: Callable[[dict[str, torch.Tensor], Path], None]
) -> None:
    weights = random_weights(TINY_CONFIG, 0)
    save(as_upstream(weights), tmp_path / name)
    model = load_checkpoint(tmp_path / name)
    assert model.config == TINY_CONFIG
    torch.testing.assert_close(model(*IMAGES, 0.5), random_model()(*IMAGES, 0.5))


@pytest.mark.parametrize("wrapper", ["state_dict", "model", "params", "params_ema"])
def test_wrapped_state_dicts_are_unwrapped(tmp_path: Path, wrapper: str) -> None:
    torch.save({wrapper: random_weights(TINY_CONFIG, 0), "epoch": 3}, tmp_path / "wrapped.pth")
    assert load_checkpoint(tmp_path / "wrapped.pth").config == TINY_CONFIG


class Exploit:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.marker,))


@pytest.mark.parametrize("save", [torch.save, lambda x, path: path.write_bytes(pickle.dumps(x, 2))])
def test_pickle_that_would_execute_code_is_refused_and_not_run(
    tmp_path: Path, save: Callable[[object, Path], None]
) -> None:
    marker = tmp_path / "code was run"
    save({"blocks": Exploit(marker)}, tmp_path / "evil.pkl")
    with pytest.raises(CheckpointError, match=r"evil\.pkl.*wants to run code.*not run"):
        load_checkpoint(tmp_path / "evil.pkl")
    assert not marker.exists()


@pytest.mark.parametrize("name", ["a.pkl", "a.safetensors"])
@pytest.mark.parametrize("fraction", [0.02, 0.5, 0.99])
def test_truncated_checkpoint_is_named_as_damaged(
    tmp_path: Path, name: str, fraction: float
) -> None:
    path = tmp_path / name
    weights = random_weights(TINY_CONFIG, 0)
    if name.endswith("pkl"):
        torch.save(weights, path)
    else:
        safetensors.torch.save_file(weights, path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * fraction)])
    with pytest.raises(CheckpointError, match=r"a\.(pkl|safetensors): expected.*(damaged|cut-off)"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"just a few words of text", "expected a PyTorch checkpoint"),
    ],
)
def test_files_that_are_no_checkpoint_are_named(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "flownet.pkl").write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"flownet\.pkl: .*{words}"):
        load_checkpoint(tmp_path / "flownet.pkl")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none\.pkl: expected a checkpoint file, found noth"):
        load_checkpoint(tmp_path / "none.pkl")


def test_pickle_without_tensors_is_refused(tmp_path: Path) -> None:
    torch.save([1, 2, 3], tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="got a list without tensors"):
        load_checkpoint(tmp_path / "list.pth")


def test_checkpoint_of_another_network_names_file_and_keys(tmp_path: Path) -> None:
    torch.save({"conv1.weight": torch.zeros(3)}, tmp_path / "upscaler.pth")
    with pytest.raises(CheckpointError, match=r"upscaler\.pth: .*conv1\.weight"):
        load_checkpoint(tmp_path / "upscaler.pth")


def test_missing_weight_is_never_replaced_by_random_values(tmp_path: Path) -> None:
    weights = random_weights(TINY_CONFIG, 0)
    del weights["blocks.3.convblock.4.beta"]
    torch.save(weights, tmp_path / "edited.pth")
    with pytest.raises(
        CheckpointMismatchError, match=r"edited\.pth.*blocks\.3\.convblock\.4\.beta"
    ):
        load_checkpoint(tmp_path / "edited.pth")


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_low_precision_stays_close_to_fp32(tmp_path: Path, precision: str) -> None:
    torch.save(random_weights(TINY_CONFIG, 0), tmp_path / "tiny.pth")
    model = load_checkpoint(tmp_path / "tiny.pth", precision=precision)
    out = model(*IMAGES, 0.5)
    assert out.dtype == torch.float32
    assert (out - random_model()(*IMAGES, 0.5)).abs().mean() < 0.02


def test_auto_precision_on_a_cpu_is_fp32(tmp_path: Path) -> None:
    torch.save(random_weights(TINY_CONFIG, 0), tmp_path / "tiny.pth")
    assert load_checkpoint(tmp_path / "tiny.pth", precision="auto").dtype == torch.float32


@pytest.mark.weights
def test_canonical_form_of_released_426_is_the_published_safetensors_file(
    checkpoint_file: Callable[[str], Path],
) -> None:
    canonical = canonicalize(read_state_dict(checkpoint_file("4.26")))
    assert len(canonical_bytes(canonical.weights)) == 22_674_688
    assert {name.split(".")[0] for name in canonical.dropped} == {"teacher", "caltime"}
    assert load_checkpoint(checkpoint_file("4.26")).name == "4.26"
