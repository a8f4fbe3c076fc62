"""Checkpoints of training: the network is found under whatever wraps it."""

from __future__ import annotations

import argparse
import collections
import logging
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from rife_arch import CheckpointError
from rife_arch.checkpoints import canonicalize, read_state_dict, read_weights
from rife_arch.checkpoints.select import select_network
from rife_arch.networks.build import expected_shapes
from tests.helpers.networks import (
    TINY_CONFIG,
    TINY_SAFA,
    as_upstream,
    preset_config,
    random_weights,
    safa_weights,
)

PLAIN = as_upstream(random_weights(TINY_CONFIG, 0), "")
OTHER = as_upstream(random_weights(TINY_CONFIG, 1), "")
PART = st.sampled_from(
    ["module", "_orig_mod", "net", "ema", "averaged_model", "generator", "flownet", "model", "G"]
)


def names_and_prefix(prefix: str, weights: dict[str, Tensor] = PLAIN) -> dict[str, Tensor]:
    return {prefix + key: value for key, value in weights.items()}


def read(content: object, folder: Path, **options: object) -> dict[str, Tensor]:
    torch.save(content, folder / "mine.pth", **options)
    return read_state_dict(folder / "mine.pth")


def same(found: dict[str, Tensor], expected: dict[str, Tensor] = PLAIN) -> bool:
    return found.keys() == expected.keys() and all(
        torch.equal(found[key], expected[key]) for key in expected
    )


@given(st.lists(PART, max_size=4))
def test_any_prefix_is_removed(parts: list[str]) -> None:
    prefix = "".join(f"{part}." for part in parts)
    found, chosen = select_network(names_and_prefix(prefix))
    assert found.keys() == PLAIN.keys()
    assert chosen is None


KINDS = {
    version: list(expected_shapes(preset_config(version)))
    for version in ("3.1", "3.6", "4.2", "4.25", "RIFE_m")
}


@given(st.lists(PART, max_size=3), st.sampled_from(list(KINDS)))
def test_any_prefix_is_removed_from_every_kind_of_network(parts: list[str], version: str) -> None:
    prefix = "".join(f"{part}." for part in parts)
    names = as_upstream(dict.fromkeys(KINDS[version], torch.zeros(1)), "")
    assert select_network(names_and_prefix(prefix, names))[0].keys() == names.keys()


def test_prefix_is_removed_from_an_enhancer() -> None:
    weights = safa_weights(TINY_SAFA, 0)
    found, _ = select_network(names_and_prefix("module.ema_model.", weights))
    assert found.keys() == weights.keys()


@pytest.mark.parametrize("saved_as", ["zip", "chain"])
@pytest.mark.parametrize("wrapper", ["model_state_dict", "net", "ema", "flownet", "params", "xyz"])
def test_network_is_found_in_any_dictionary(tmp_path: Path, wrapper: str, saved_as: str) -> None:
    content = {
        "epoch": 3,
        "step": torch.tensor(7),
        "psnr": np.float64(33.3),
        "args": argparse.Namespace(lr=1e-4, path=Path("/data")),
        wrapper: collections.OrderedDict(PLAIN),
        "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-4}]},
    }
    assert same(read(content, tmp_path, _use_new_zipfile_serialization=saved_as == "zip"))


def test_dictionaries_and_prefixes_nest(tmp_path: Path) -> None:
    assert same(read({"checkpoint": {"state_dict": names_and_prefix("model.net.")}}, tmp_path))


def test_networks_in_a_list_are_found(tmp_path: Path) -> None:
    assert same(read([3, {"nets": (PLAIN, 1)}], tmp_path))


def test_parameters_are_weights(tmp_path: Path) -> None:
    assert same(read({key: nn.Parameter(value) for key, value in PLAIN.items()}, tmp_path))


def test_optimizer_that_knows_its_parameters_by_name_is_no_network(tmp_path: Path) -> None:
    moments = {key: {"exp_avg": torch.zeros_like(value)} for key, value in PLAIN.items()}
    assert same(read({"net": PLAIN, "optimizer": {"state": moments}}, tmp_path))


def test_loss_beside_the_network_is_left_out(tmp_path: Path) -> None:
    loss = {"vgg.block1.conv.weight": torch.zeros(1), "vgg.features.0.weight": torch.zeros(1)}
    assert same(read({"net": PLAIN, "loss": loss}, tmp_path))


@pytest.mark.parametrize("averaged", ["ema", "params_ema", "averaged_model.module", "model_ema"])
def test_average_is_chosen_and_said(
    tmp_path: Path, averaged: str, caplog: pytest.LogCaptureFixture
) -> None:
    content = {**names_and_prefix("model."), **names_and_prefix(f"{averaged}.", OTHER)}
    with caplog.at_level(logging.WARNING):
        assert same(read(content, tmp_path), OTHER)
    assert f"the one under '{averaged}.' is used" in caplog.text


def test_two_networks_of_which_none_is_an_average_are_both_named(tmp_path: Path) -> None:
    content = {"student": PLAIN, "second": OTHER}
    with pytest.raises(CheckpointError, match=r"2 networks, whose names begin with second\., stud"):
        read(content, tmp_path)


def test_counters_of_training_are_dropped_and_listed() -> None:
    counted = {**PLAIN, "n_averaged": torch.tensor(9), "block0.num_batches": torch.tensor(3)}
    assert canonicalize(counted).dropped == ("block0.num_batches", "n_averaged")


def test_parts_beside_the_core_keep_their_names() -> None:
    names = ["module.flownet.block0.conv1.weight", "module.contextnet.conv0.weight"]
    names += ["module.flownet.teacher.block0.x.weight", "elsewhere.unet.down0.weight"]
    found, _ = select_network(dict.fromkeys(names, 0))
    assert list(found) == [
        "block0.conv1.weight",
        "contextnet.conv0.weight",
        "teacher.block0.x.weight",
    ]


def test_parts_without_a_core_lose_common_wrappers() -> None:
    found, _ = select_network({"module.conv0.weight": 0, "module.conv1.weight": 1})
    assert found == {"conv0.weight": 0, "conv1.weight": 1}


def test_tensor_called_like_a_wrapper_is_left_out() -> None:
    found, _ = select_network({"module": 0, "module.net.block0.conv.weight": 1})
    assert found == {"block0.conv.weight": 1}


def test_name_that_ends_in_a_part_is_no_network_of_its_own() -> None:
    names = {"loss.encode": 0, "block0.conv.weight": 1}  # the first is refused as unexpected
    assert select_network(names) == (names, None)


def test_wrapper_that_is_the_whole_name_stays() -> None:
    assert select_network({"model": 0}) == ({"model": 0}, None)


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


class Settings:
    lr = 1


def other_files(folder: Path) -> dict[str, object]:
    """What people have beside weights -> the words by which it is named."""
    torch.save(Model(), folder / "whole.pt")
    torch.save({"net": PLAIN, "settings": Settings()}, folder / "settings.pt")
    torch.save({"net": {k: v.numpy() for k, v in PLAIN.items()}}, folder / "numpy.pt")
    (folder / "numpy.pkl").write_bytes(pickle.dumps({"block0": np.zeros(3)}))
    np.savez(folder / "arrays.npz", **{"block0.x": np.zeros(3)})
    (folder / "a.7z").write_bytes(b"7z\xbc\xaf\x27\x1c")
    (folder / "a.rar").write_bytes(b"Rar!\x1a\x07\x01")
    (folder / "a.gguf").write_bytes(b"GGUF\x03")
    (folder / "a.engine").write_bytes(b"ftrt")
    return {
        "whole.pt": r"is a whole model \(.*Model\)",
        "settings.pt": r"holds more than weights: .*Settings",
        "numpy.pt": "holds NumPy arrays",
        "numpy.pkl": "holds NumPy arrays",
        "arrays.npz": r"holds NumPy arrays \(npz\)",
        "a.7z": "a 7z archive",
        "a.rar": "a RAR archive",
        "a.gguf": "a GGUF file",
        "a.engine": "a TensorRT engine",
    }


def test_what_is_not_weights_is_named(tmp_path: Path) -> None:
    for name, words in other_files(tmp_path).items():
        with pytest.raises(CheckpointError, match=rf"{name}.* {words}"):
            read_weights(tmp_path / name)


SAVED = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.binary(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=25)
@given(SAVED, st.sampled_from([True, False]))
def test_whatever_is_saved_beside_the_weights_they_are_read(
    tmp_path_factory: pytest.TempPathFactory, beside: object, is_zip: bool
) -> None:
    folder = tmp_path_factory.mktemp("saved")
    content = {
        "beside": beside,
        "net": {"block0.conv0.0.0.weight": torch.arange(6.0).reshape(2, 3)},
    }
    found = read(content, folder, _use_new_zipfile_serialization=is_zip)
    assert torch.equal(found["block0.conv0.0.0.weight"], torch.arange(6.0).reshape(2, 3))


@pytest.mark.parametrize(
    "wrapped",
    [
        "block0._fsdp_wrapped_module.conv0.weight",
        "module.block0._checkpoint_wrapped_module.conv0.weight",
        "block0.conv0._orig_mod.weight",
        "teacher.block0.conv0.weight",
    ],
)
def test_wrappers_of_single_modules_are_taken_out(wrapped: str) -> None:
    assert select_network({wrapped: 1}) == ({"block0.conv0.weight": 1}, None)
