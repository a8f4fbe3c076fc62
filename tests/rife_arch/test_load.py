"""Which release a file is, where its weights alone do not tell."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from rife_arch import CheckpointError, UnsupportedCheckpointError, load, load_checkpoint
from rife_arch.checkpoints import canonical_sha256
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


def test_renamed_38_is_recognised_by_its_hash(
    tmp_path: Path, weights: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rife36.pth"
    torch.save(weights, path)
    monkeypatch.setattr(load, "KNOWN_WEIGHTS", {canonical_sha256(weights): "3.8"})
    model = load_checkpoint(path)
    assert (model.name, model.config) == ("3.8", HDV3["3.8"])


def test_weights_of_others_that_run_in_another_way_are_refused_by_name(tmp_path: Path) -> None:
    torch.save(random_weights(preset_config("4.7"), 0), tmp_path / "rife_Elexor.pth")
    with pytest.raises(UnsupportedCheckpointError, match=r"by its name this is elexor, .* 4\.9;"):
        load_checkpoint(tmp_path / "rife_Elexor.pth")


def test_weights_of_others_that_run_as_a_release_are_named(tmp_path: Path) -> None:
    path = tmp_path / "sudo_rife4_269.662_testV1_scale1.pth"
    torch.save(random_weights(preset_config("4.0"), 0), path)
    assert load_checkpoint(path).name == "sudo_rife4_269.662 (network of 4.0 / 4.1)"


def test_name_of_others_says_nothing_of_another_network(tmp_path: Path) -> None:
    torch.save(random_weights(preset_config("4.6"), 0), tmp_path / "elexor.pth")
    assert load_checkpoint(tmp_path / "elexor.pth").name == "4.6"


def test_user_can_say_that_the_name_of_others_is_wrong(tmp_path: Path) -> None:
    torch.save(random_weights(preset_config("4.7"), 0), tmp_path / "elexor.pth")
    assert load_checkpoint(tmp_path / "elexor.pth", version="4.7").name == "4.7"


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
