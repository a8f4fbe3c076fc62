"""Fine-tuned checkpoints: what they say of themselves, and who believes it."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
import torch

from rife_arch import CheckpointError
from rife_arch.catalog import catalog_rows, release_of
from rife_arch.catalog.index import load_catalog
from rife_arch.checkpoints import Tuning, canonical_bytes, canonical_sha256, read_named, read_tuning
from rife_arch.load import load_rife, recognise
from tests.helpers.networks import TINY_CONFIG, preset_config, random_weights

TUNING = Tuning("4.26", "ab" * 32, "cd" * 32, 1500, "CC BY-NC 4.0")


def write(path: Path, tuning: Tuning = TUNING, version: str = "") -> Path:
    config = preset_config(version) if version else TINY_CONFIG
    path.write_bytes(canonical_bytes(random_weights(config, 0), tuning.as_metadata()))
    return path


def test_file_tells_what_it_was_made_from(tmp_path: Path) -> None:
    assert read_tuning(write(tmp_path / "mine.safetensors")) == TUNING


def test_metadata_does_not_change_what_the_weights_are(tmp_path: Path) -> None:
    found = recognise(write(tmp_path / "mine.safetensors"))
    assert canonical_sha256(found.canonical.weights) == canonical_sha256(
        random_weights(TINY_CONFIG, 0)
    )


@pytest.mark.slow  # a network of full size
def test_fine_tuned_network_is_called_so(tmp_path: Path) -> None:
    path = write(tmp_path / "anime.safetensors", version="4.26")
    assert load_rife(path).name == "4.26 fine-tuned"
    # of another release than it says: what it says is shown, not believed
    other = write(tmp_path / "other.safetensors", Tuning("4.6", "", "", 1), version="4.26")
    found = recognise(other)
    assert found.name == "4.25 / 4.26"
    assert found.tuning == Tuning("4.6", "", "", 1)


def test_file_that_is_changed_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.safetensors")
    assert read_tuning(path) == TUNING
    write(path, Tuning("4.25", "", "", 12345))
    assert read_tuning(path) == Tuning("4.25", "", "", 12345)


def damaged(path: Path, harm: str) -> Path:
    data = write(path).read_bytes()
    path.write_bytes(
        {
            "empty": b"",
            "short": data[:40],
            "huge header": struct.pack("<Q", 1 << 60) + data[8:],
            "no JSON": data[:8] + b"{" * 5000,
            "deep": struct.pack("<Q", 200_000) + b'{"a":' + b"[" * 199_995,
        }[harm]
    )
    return path


@pytest.mark.parametrize("harm", ["empty", "short", "huge header", "no JSON", "deep"])
def test_damaged_file_is_nothing_special(tmp_path: Path, harm: str) -> None:
    assert read_tuning(damaged(tmp_path / "mine.safetensors", harm)) is None
    assert read_tuning(tmp_path / "missing.safetensors") is None


def test_hostile_metadata_is_cut_to_a_readable_length(tmp_path: Path) -> None:
    hostile = {
        "fine_tuned_from": "4.26\x1b[31m" * 1000,
        "training_steps": "9" * 4000,
        "licence": "\n" * 99,
    }
    path = tmp_path / "mine.safetensors"
    path.write_bytes(canonical_bytes(random_weights(TINY_CONFIG, 0), hostile))
    tuning = read_tuning(path)
    assert tuning is not None
    assert len(tuning.base) <= 80
    assert tuning.base.isprintable()
    assert tuning.licence.isprintable()
    assert tuning.steps == 0


def test_fine_tuned_file_is_no_release_whatever_it_is_called(tmp_path: Path) -> None:
    path = write(tmp_path / "rife_v4.26.safetensors")
    catalog = load_catalog()
    assert release_of(path, catalog) is None
    rows = {row.name: row.path for row in catalog_rows([tmp_path], catalog)}
    assert rows["4.26"] is None
    path.write_bytes(canonical_bytes(random_weights(TINY_CONFIG, 0)))
    release = release_of(path, catalog)
    assert release is not None
    assert release.name == "4.26"


def test_only_what_is_asked_for_is_read_of_a_large_network(tmp_path: Path) -> None:
    weights = {
        "features.0.weight": torch.ones(4, 3),
        "classifier.0.weight": torch.zeros(1 << 20, 65),
    }
    torch.save(weights, tmp_path / "vgg.pth")
    assert list(read_named(tmp_path / "vgg.pth", "features.")) == ["features.0.weight"]
    with pytest.raises(CheckpointError, match="no RIFE network has more than"):
        read_named(tmp_path / "vgg.pth", "")
