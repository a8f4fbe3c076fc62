"""The list of models: what it shows, what it accepts, and what is said of what cannot be had."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rife_arch.checkpoints import Tuning, canonical_bytes
from tests.helpers.comfy_server import Comfy, Workflow
from tests.helpers.contract import options
from tests.helpers.networks import TINY_CONFIG, random_weights
from tests.helpers.workflows import PAIR, complaint, interpolate, node, png
from tests.helpers.workflows import refusal as refused


@pytest.fixture
def folder(comfy: Comfy) -> Iterator[Path]:
    """The folder of checkpoints, where 4.26 lies under one of its usual names."""
    folder = comfy.models / "frame_interpolation"
    copy = folder / "rife426.pth"
    shutil.copy(folder / "rife_tiny.pth", copy)
    yield folder
    copy.unlink()


def model_input(comfy: Comfy) -> dict[str, Any]:
    return options(comfy.get("/object_info/RIFELoadModel")["RIFELoadModel"])["model"]


def loading(model: object) -> dict[str, Any]:
    """A workflow that does no more than load a model."""
    load = {"class_type": "RIFELoadModel", "inputs": {"model": model, "precision": "auto"}}
    shown = {"class_type": "PreviewAny", "inputs": {"source": ["load", 0]}}
    return {"load": load, "shown": shown}


def refusal(comfy: Comfy, model: str) -> str:
    """What the server says of a model as soon as the prompt is queued."""
    answer = comfy.post("/prompt", {"prompt": loading(model)})
    (error,) = answer["node_errors"]["load"]["errors"]
    return error["details"]


def test_file_that_is_a_version_is_listed_as_the_version_only(comfy: Comfy, folder: Path) -> None:
    model = model_input(comfy)
    assert model["options"].count("4.26") == 1
    assert "rife426.pth" not in model["options"]
    assert model["states"]["4.26"] == {"on_disk": True}
    assert model["states"]["rife426.pth"] == {"on_disk": True, "version": "4.26"}


def test_own_files_come_first_and_then_the_recommended_version(comfy: Comfy) -> None:
    model = model_input(comfy)
    first_version = model["options"].index("4.25")
    own = model["options"][:first_version]  # other tests may have left files as well
    assert {"broken.pth", "rife_tiny.pth"} <= set(own)
    assert own == sorted(own)
    assert not set(own) & set(model["states"])
    assert model["states"]["4.25"] == {"recommended": True, "download": 22674688}
    assert "rife_tiny.pth" not in model["states"]


@pytest.fixture
def fine_tuned(folder: Path) -> Iterator[str]:
    """A checkpoint that was trained from 4.26, and is called like 4.26."""
    tuning = Tuning("4.26", "ab" * 32, "cd" * 32, 1500)
    path = folder / "rife_v4.26.safetensors"
    path.write_bytes(canonical_bytes(random_weights(TINY_CONFIG, 0), tuning.as_metadata()))
    yield path.name
    path.unlink()


def test_fine_tuned_checkpoint_is_listed_as_what_it_is(comfy: Comfy, fine_tuned: str) -> None:
    model = model_input(comfy)
    assert fine_tuned in model["options"]
    assert model["states"][fine_tuned] == {"on_disk": True, "tuned_from": "4.26"}
    ended = comfy.run(loading(fine_tuned))
    assert ended.succeeded, ended.messages


@pytest.fixture
def odd_names(folder: Path) -> Iterator[Path]:
    """Files that ComfyUI lists, and others beside them."""
    source = folder / "rife_tiny.pth"
    made = folder / "made"
    (made / "folder.pth").mkdir(parents=True)
    for name in ("mine.pkl", "UPPER.PTH", "mine.ckpt"):
        shutil.copy(source, made / name)
    (made / "._mine.pkl").write_bytes(b"\x00\x05\x16\x07")
    yield made
    shutil.rmtree(made)


def test_files_are_those_that_comfyui_lists(comfy: Comfy, odd_names: Path) -> None:
    theirs = comfy.get("/object_info/FrameInterpolationModelLoader")
    listed = options(theirs["FrameInterpolationModelLoader"])["model_name"]["options"]

    ours = {name for name in model_input(comfy)["options"] if name.startswith("made/")}

    assert ours == {name for name in listed if name.startswith("made/")} - {"made/._mine.pkl"}
    assert ours == {"made/mine.pkl", "made/UPPER.PTH", "made/mine.ckpt"}


@pytest.mark.parametrize("model", ["made/mine.ckpt", "made\\mine.pkl"])
def test_file_in_a_subfolder_loads(comfy: Comfy, odd_names: Path, model: str) -> None:
    ended = comfy.run(loading(model))
    assert ended.succeeded, ended.messages


def test_enhancer_is_no_choice(comfy: Comfy, folder: Path) -> None:
    enhancer = folder / "safa_v0.5.zip"
    enhancer.touch()
    try:
        model = model_input(comfy)
    finally:
        enhancer.unlink()
    assert enhancer.name not in [*model["options"], *model["states"]]


@pytest.mark.parametrize("model", ["rife426.pth", "rife_v4.26.safetensors", "4.26"])
def test_version_loads_under_its_name_and_those_of_its_files(
    comfy: Comfy, folder: Path, model: str
) -> None:
    ended = comfy.run(loading(model))
    assert ended.succeeded, ended.messages


@pytest.mark.parametrize("model", ["nope.pth", "../models/rife_tiny.pth", "/etc/x.pth", "4.99", ""])
def test_unknown_model_is_refused_before_anything_runs(
    comfy: Comfy, folder: Path, model: str
) -> None:
    assert refusal(comfy, model) == (
        f'choose 4.26: there is no version "{model}" and no such file. '
        f"Put a file of your own into {folder} and press R."
    )


def test_evaluation_that_cannot_run_here_fails_at_the_loader(comfy: Comfy) -> None:
    workflow = loading("rife_tiny.pth")
    workflow["load"]["inputs"]["evaluation"] = "triton"
    assert complaint(comfy, workflow).startswith(
        "evaluation triton cannot run here: it needs a GPU with CUDA"
    )
    workflow["load"]["inputs"]["evaluation"] = "plain"
    assert comfy.run(workflow).outputs["shown"]


def on_device(name: object) -> Workflow:
    """A batch that is made smoother on a device, and saved."""
    loader = node("RIFELoadModel", model="rife_tiny.pth", precision="auto", device=name)
    smooth = interpolate(["pair", 0], multi=2)
    return {
        **PAIR,
        "model": loader,
        "smooth": smooth,
        "out": png(f"device_{name}/RIFE".replace(":", "_"), ["smooth", 0]),
    }


def test_network_runs_on_the_cpu_where_that_is_chosen(comfy: Comfy) -> None:
    ended = comfy.run(on_device("cpu"))
    assert ended.succeeded, ended.messages
    assert ended.lines["model"][-1].endswith(" · cpu")
    assert len(list((comfy.output / "device_cpu").rglob("*.png"))) == 3


def test_workflow_with_a_device_that_is_not_here_runs_with_a_note(comfy: Comfy) -> None:
    ended = comfy.run(on_device("gpu:7"))
    assert ended.succeeded, ended.messages
    assert ended.lines["model"][-1].endswith(
        " · cpu · gpu:7 is not on this machine, cpu is used. There are: auto, cpu"
    )
    assert len(list((comfy.output / "device_gpu_7").rglob("*.png"))) == 3


@pytest.mark.parametrize(("name", "shown"), [("banana", '"banana"'), (7, "an object of type int")])
def test_what_is_no_device_is_refused_before_anything_runs(
    comfy: Comfy, name: object, shown: str
) -> None:
    assert refused(comfy, on_device(name), "model").endswith(
        f"choose one of auto, cpu: {shown} is no device."
    )


def test_each_of_several_gpus_can_be_chosen_by_comfyuis_name_or_torchs(comfy: Comfy) -> None:
    devices = node("DevicesOfTwoGpus", model=["load", 0], names="auto cpu gpu:0 gpu:1 cuda:1 gpu:2")
    shown = node("PreviewAny", source=["devices", 0])
    workflow = {"load": loading("rife_tiny.pth")["load"], "devices": devices, "shown": shown}
    ended = comfy.run(workflow)
    assert ended.text("shown") == "auto cpu gpu:0 gpu:1 -> cuda:0 cpu cuda:0 cuda:1 cuda:1 cuda:0"


def test_version_that_only_a_person_can_fetch_is_refused_with_its_address(
    comfy: Comfy, folder: Path
) -> None:
    said = refusal(comfy, "3.9")
    assert said.startswith("choose 4.26, or open https://drive.google.com/")
    assert said.endswith(f" and save the file as {folder / 'rife_v3.9.zip'}.")


def test_failed_download_says_first_which_model_is_on_disk(comfy: Comfy, folder: Path) -> None:
    choice = {"class_type": "Choice", "inputs": {"choice": "3.9"}}
    ended = comfy.run({"choice": choice, **loading(["choice", 0])})
    said = ended.messages["execution_error"]["exception_message"]
    assert said.startswith(
        "model: choose 4.26, which is on disk; 3.9 could not be downloaded. model 3.9: open https://"
    )
