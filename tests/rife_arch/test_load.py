"""Which release a file is, where its weights alone do not tell."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from rife_arch import CheckpointError, load, load_checkpoint
from tests.helpers.networks import TINY_CONFIG, preset_config, random_weights

HDV3 = {version: preset_config(version) for version in ("3.6", "3.8")}


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    return random_weights(HDV3["3.6"], 0)


@pytest.mark.parametrize("version", ["3.6", "3.8"])
def test_user_can_say_which_of_36_and_38_it_is(
    tmp_path: Path, weights: dict[str, torch.Tensor], version: str
) -> None:
    torch.save(weights, tmp_path / "flownet.pkl")
    model = load_checkpoint(tmp_path / "flownet.pkl", version=version)
    assert (model.name, model.config) == (version, HDV3[version])


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("rife38.pth", "3.8"),
        ("RIFE_v3.8.pkl", "3.8"),
        ("rife3_6.pth", "3.6"),
        ("3.8/flownet.pkl", "3.8"),
    ],
)
def test_name_of_file_or_folder_tells_36_from_38(
    tmp_path: Path, weights: dict[str, torch.Tensor], name: str, version: str
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    torch.save(weights, path)
    assert load_checkpoint(path).name == version


def test_renamed_38_is_recognised_by_the_hash_that_git_gives_it(
    tmp_path: Path, weights: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.pth"
    torch.save(weights, path)
    command = ["git", "hash-object", "--no-filters", str(path)]
    blob = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    monkeypatch.setattr(load, "BLOB_OF_38", blob)
    assert load_checkpoint(path).name == "3.8"


def test_undecided_file_is_taken_for_36_with_a_warning(
    tmp_path: Path, weights: dict[str, torch.Tensor], caplog: pytest.LogCaptureFixture
) -> None:
    torch.save(weights, tmp_path / "mine.pth")
    with caplog.at_level(logging.WARNING):
        assert load_checkpoint(tmp_path / "mine.pth").name == "3.6"
    assert "fit both 3.6 and 3.8" in caplog.text


def test_wrong_version_is_refused_with_the_right_one(tmp_path: Path) -> None:
    torch.save(random_weights(preset_config("4.6"), 0), tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"not RIFE 3\.8 but the network of 4\.6"):
        load_checkpoint(tmp_path / "a.pth", version="3.8")


def test_releases_of_one_network_are_named_together(tmp_path: Path) -> None:
    torch.save(random_weights(preset_config("4.2"), 0), tmp_path / "a.pth")
    assert load_checkpoint(tmp_path / "a.pth").name == "4.2 / 4.3 / 4.4"


def test_unknown_widths_are_named_by_their_structure(tmp_path: Path) -> None:
    torch.save(random_weights(TINY_CONFIG, 0), tmp_path / "a.pth")
    assert load_checkpoint(tmp_path / "a.pth").name == "unnamed, 5 blocks"


def test_refinement_where_there_is_none_is_refused(tmp_path: Path) -> None:
    torch.save(random_weights(preset_config("4.2"), 0), tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="this checkpoint has no refinement network"):
        load_checkpoint(tmp_path / "a.pth", refine=True)


@pytest.mark.weights
def test_released_36_is_named_by_its_hash_whatever_its_file_name(
    checkpoint_file: Callable[[str], Path], tmp_path: Path
) -> None:
    renamed = tmp_path / "rife38.pkl"
    renamed.write_bytes(checkpoint_file("3.6").read_bytes())
    assert load_checkpoint(renamed).name == "3.6"
