"""Where a network runs: where ComfyUI would, or on a device that the user names.

Names are those of ComfyUI's own device nodes: ``cpu``, and ``gpu:0``, ``gpu:1``, ... where there are
several. torch's names, such as ``cuda:1``, are taken as well. A device decides how long a result takes and
nothing that is seen of it, so a workflow from a machine with more of them runs all the same: on ComfyUI's
own choice, with a note.
"""

from __future__ import annotations

import re

import comfy.model_management
import torch
from comfy_api.latest import io

from .values import describe

AUTO = "auto"
_NAME = re.compile(r"(gpu|cuda|xpu|npu|mlu|mps|privateuseone)(:\d{1,3})?", re.ASCII)


def device_input() -> io.Combo.Input:
    """Describe the input ``device`` for :func:`choose_device`."""
    return io.Combo.Input(
        "device",
        options=list_devices(),
        default=AUTO,
        optional=True,  # appended: workflows saved without it still run
        advanced=True,
        tooltip="Where the network runs. auto is ComfyUI's own choice; cpu leaves the GPU to other models; "
        "with several GPUs each can be chosen. Where a workflow names one that is not there, auto is used.",
    )


def list_devices() -> list[str]:
    """List what can be chosen here; of a single GPU ``auto`` says it already."""
    gpus = _find_gpus()
    numbered = [f"gpu:{number}" for number in range(len(gpus))] if len(gpus) > 1 else []
    return [AUTO, "cpu", *numbered]


def check_device(choice: object) -> bool | str:
    """Say what is wrong with a choice before anything runs; for ``validate_inputs``.

    Naming an input there switches off ComfyUI's own check, which refuses what is not listed.

    Args:
        choice: None for what is linked and not known yet.
    """
    is_name = isinstance(choice, str) and (choice in (AUTO, "cpu") or _NAME.fullmatch(choice))
    if choice is None or is_name:
        return True
    shown = f'"{choice}"' if isinstance(choice, str) else describe(choice)
    return f"choose one of {', '.join(list_devices())}: {shown} is no device."


def choose_device(choice: str) -> tuple[torch.device, str | None]:
    """Find the device of a name that :func:`check_device` accepts.

    Returns:
        The device, and what people should know: the one they chose is not there.
    """
    if choice == "cpu":
        return torch.device("cpu"), None
    for number, device in enumerate(_find_gpus()):
        if choice in (f"gpu:{number}", str(device)):
            return device, None
    own = comfy.model_management.get_torch_device()
    if choice == AUTO:
        return own, None
    there = ", ".join(list_devices())
    return own, f"{choice} is not on this machine, {own} is used. There are: {there}"


def _find_gpus() -> list[torch.device]:
    devices = comfy.model_management.get_all_torch_devices()
    return [device for device in devices if device.type != "cpu"]
