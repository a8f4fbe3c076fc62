from __future__ import annotations

import hashlib
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch

from rife_arch import CheckpointError, CheckpointMismatchError, load_checkpoint
from rife_arch.checkpoints import reader
from rife_arch.checkpoints.canonicalize import canonical_bytes, canonicalize
from rife_arch.checkpoints.reader import read_state_dict
from rife_arch.checkpoints.stored import shorten
from tests.helpers.networks import (
    TINY_CONFIG,
    as_upstream,
    preset_config,
    random_image,
    random_model,
    random_weights,
)

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


def save_parts(folder: Path, parts: dict[str, dict[str, torch.Tensor]]) -> None:
    folder.mkdir(parents=True)
    for name, weights in parts.items():
        torch.save(as_upstream(weights), folder / f"{name}.pkl")
    (folder / "RIFE_HDv3.py").write_text("raise SystemExit('code beside the weights was run')")


def three_parts() -> dict[str, dict[str, torch.Tensor]]:
    weights = random_weights(preset_config("3.1"), 0)
    parts: dict[str, dict[str, torch.Tensor]] = {"flownet": {}, "contextnet": {}, "unet": {}}
    for key, value in weights.items():
        part, _, rest = key.partition(".")
        parts[part if part in parts else "flownet"][rest if part in parts else key] = value
    return parts


def archived(folder: Path, inside: str) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, inside + file.name)
        archive.writestr(f"__MACOSX/{inside}._flownet.pkl", b"resource fork")
    return path


@pytest.mark.parametrize("inside", ["", "train_log/", "RIFEv4/train_log/"])
def test_archive_as_upstream_publishes_it_is_read(tmp_path: Path, inside: str) -> None:
    save_parts(tmp_path / "RIFE", {"flownet": random_weights(TINY_CONFIG, 0)})
    assert load_checkpoint(archived(tmp_path / "RIFE", inside)).config == TINY_CONFIG


@pytest.mark.parametrize("inside", ["", "train_log"])
def test_folder_as_upstream_unpacks_is_read(tmp_path: Path, inside: str) -> None:
    save_parts(tmp_path / "RIFE" / inside, {"flownet": random_weights(TINY_CONFIG, 0)})
    assert load_checkpoint(tmp_path / "RIFE").config == TINY_CONFIG


@pytest.mark.parametrize("given", ["folder", "flownet.pkl", "archive"])
def test_three_files_are_joined_whichever_way_they_are_named(tmp_path: Path, given: str) -> None:
    folder = tmp_path / "v3"
    save_parts(folder, three_parts())
    paths = {"folder": folder, "flownet.pkl": folder / "flownet.pkl"}
    model = load_checkpoint(paths.get(given) or archived(folder, "train_log/"))
    assert model.name == "3.0 / 3.1"


def test_flownet_of_three_without_the_others_names_what_is_missing(tmp_path: Path) -> None:
    save_parts(tmp_path / "v3", {"flownet": three_parts()["flownet"]})
    with pytest.raises(CheckpointError, match=r"missing: contextnet\.conv0"):
        load_checkpoint(tmp_path / "v3" / "flownet.pkl")


def test_folder_with_several_checkpoints_asks_for_one(tmp_path: Path) -> None:
    for name in ("a.pth", "b.pth"):
        torch.save(random_weights(TINY_CONFIG, 0), tmp_path / name)
    with pytest.raises(CheckpointError, match=r"flownet: a\.pth, b\.pth\. Choose the file itself"):
        load_checkpoint(tmp_path)


def test_uppermost_of_several_flownets_is_read(tmp_path: Path) -> None:
    upper, older = ({"flownet.bias": torch.full((2,), float(number))} for number in (1, 2))
    for inside, weights in (("", upper), ("old", older), ("old/older", older)):
        (tmp_path / "RIFE" / inside).mkdir(parents=True, exist_ok=True)
        save_zip(weights, tmp_path / "RIFE" / inside / "flownet.pkl")
    found = read_state_dict(tmp_path / "RIFE")
    assert [weight.tolist() for weight in found.values()] == [[1, 1]]


def test_other_parts_are_joined_to_the_one_file_beside_them(tmp_path: Path) -> None:
    save_parts(tmp_path / "v3", three_parts())
    (tmp_path / "v3" / "flownet.pkl").rename(tmp_path / "v3" / "mine.pkl")
    assert load_checkpoint(tmp_path / "v3").name == "3.0 / 3.1"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("é.pth", "é.pth"),
        ("a\n\x1b", r"a\n\x1b"),
        ("a" * 80, "a" * 80),
        ("a" * 81, "a" * 77 + "..."),
    ],
    ids=["letters", "control", "80", "81"],
)
def test_name_in_a_message_is_short_and_printable(name: str, shown: str) -> None:
    assert shorten(name) == shown


def test_archive_without_weights_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        archive.writestr("train_log/RIFE_HDv3.py", "")
    with pytest.raises(CheckpointError, match=r"code\.zip: there is no checkpoint in it"):
        load_checkpoint(tmp_path / "code.zip")


@pytest.mark.parametrize("name", ["../flownet.pkl", "/etc/flownet.pkl", "a\\..\\..\\flownet.pkl"])
def test_archive_with_a_name_that_leads_out_of_it_is_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(CheckpointError, match="leads out of it"):
        load_checkpoint(tmp_path / "evil.zip")


def test_archive_that_unpacks_to_too_much_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_LARGEST", 1 << 20)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("flownet.pkl", bytes(2 << 20))
    monkeypatch.setattr(zipfile.ZipFile, "read", None)
    with pytest.raises(CheckpointError, match="unpacks to more than 1 MiB"):
        load_checkpoint(tmp_path / "bomb.zip")


@pytest.mark.parametrize("wrapper", ["state_dict", "model", "params", "params_ema"])
def test_wrapped_state_dicts_are_unwrapped(tmp_path: Path, wrapper: str) -> None:
    torch.save({wrapper: random_weights(TINY_CONFIG, 0), "epoch": 3}, tmp_path / "wrapped.pth")
    assert load_checkpoint(tmp_path / "wrapped.pth").config == TINY_CONFIG


class Exploit:
    def __init__(self, call: Callable[..., object], *arguments: object) -> None:
        self.call = (call, arguments)

    def __reduce__(self) -> tuple[object, ...]:
        return self.call


@pytest.mark.parametrize("save", [torch.save, lambda x, path: path.write_bytes(pickle.dumps(x, 2))])
@pytest.mark.parametrize("call", [Path.touch, os.mkdir])
def test_pickle_that_would_execute_code_is_refused_and_not_run(
    tmp_path: Path, call: Callable[..., object], save: Callable[[object, Path], None]
) -> None:
    marker = tmp_path / "code was run"
    argument = marker if call is Path.touch else str(marker)
    save({"blocks": Exploit(call, argument)}, tmp_path / "evil.pkl")
    with pytest.raises(CheckpointError, match=r"evil\.pkl.*wants to run code.*not run"):
        load_checkpoint(tmp_path / "evil.pkl")
    assert not marker.exists()


@pytest.mark.parametrize("protocol", [0, 1, 3, 4, 5])
def test_pickle_of_any_protocol_is_refused_without_being_run(tmp_path: Path, protocol: int) -> None:
    marker = tmp_path / "code was run"
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps(Exploit(os.mkdir, str(marker)), protocol))
    with pytest.raises(CheckpointError, match=r"evil\.pkl is (not|a pickle)"):
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
    with pytest.raises(CheckpointError, match=r"a\.(pkl|safetensors) is not a complete"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"\x08\x07\x12\x07pytorch\x1a\x052.1.0", "an ONNX export"),
        (b"\x08\x08\x12\x0bonnx-python", "an ONNX export"),
        (b"7767517\n104 130\n", "an ncnn export"),
        (b"just a few words of text", "is not a complete PyTorch checkpoint"),
    ],
)
def test_files_that_are_no_checkpoint_are_named(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "flownet.pkl").write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"flownet\.pkl .*{words}"):
        load_checkpoint(tmp_path / "flownet.pkl")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none\.pkl: there is no such file or folder"):
        load_checkpoint(tmp_path / "none.pkl")


def test_pickle_without_tensors_is_refused(tmp_path: Path) -> None:
    torch.save([1, 2, 3], tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="holds a list without tensors"):
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


@pytest.mark.parametrize(
    ("capabilities", "version", "expected"),
    [
        ({"amx_bf16": True, "avx512_bf16": True}, "4.15.lite", "bf16"),
        ({"avx512_bf16": True}, "4.15.lite", "fp32"),  # no faster than the compiled loops
        ({}, "4.15.lite", "fp32"),
        ({"amx_bf16": True}, "4.6", "fp32"),  # finds motion without an encoder
    ],
)
def test_auto_precision_on_a_cpu_is_bf16_where_that_is_fast_and_fine(
    capabilities: dict[str, bool],
    version: str,
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    torch.save(random_weights(preset_config(version), 0), tmp_path / "some.pth")
    assert load_checkpoint(tmp_path / "some.pth", precision="auto").precision == expected


def test_half_precision_leaves_encoder_and_heads_alone(tmp_path: Path) -> None:
    torch.save(random_weights(TINY_CONFIG, 0), tmp_path / "tiny.pth")
    network = load_checkpoint(tmp_path / "tiny.pth", precision="fp16").network
    kept = {
        n.split(".")[0 if n.startswith("encode") else 2]
        for n, p in network.named_parameters()
        if p.dtype == torch.float32
    }
    assert kept == {"encode", "lastconv"}


@pytest.mark.weights
def test_canonical_form_of_released_426_is_the_published_safetensors_file(
    checkpoint_file: Callable[[str], Path],
) -> None:
    canonical = canonicalize(read_state_dict(checkpoint_file("4.26")))
    data = canonical_bytes(canonical.weights)
    assert len(data) == 22_674_688
    # What huggingface.co/Comfy-Org/frame_interpolation publishes as rife_v4.26.safetensors.
    published = "151874592c877740e5db11522f4514df569eeafb0a0fcb2696f16e9e8d317c94"
    assert hashlib.sha256(data).hexdigest() == published
    assert {name.split(".")[0] for name in canonical.dropped} == {"teacher", "caltime"}
    assert load_checkpoint(checkpoint_file("4.26")).name == "4.26"
