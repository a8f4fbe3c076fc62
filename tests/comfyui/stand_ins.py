"""Nodes for tests, which ComfyUI loads as a pack of their own.

A video in memory, as nodes that fetch theirs from a service give it; a clip of which nothing is
left; a choice; and networks and pictures
during whose use the user cancels, at a moment that does not depend on how fast the machine is.
"""

from __future__ import annotations

import sys
from copy import deepcopy
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import comfy.model_management
import torch
from comfy_api.latest import InputImpl, Types


class Cancel:
    """Cancels the prompt at a certain use of something, and writes into a file how many there were."""

    def __init__(self, number: int, path: str) -> None:
        self.number = number
        self.path = Path(path)
        self.count = 0

    def __call__(self, uses: int = 1) -> None:
        before, self.count = self.count, self.count + uses
        self.path.write_text(str(self.count))
        if before < self.number <= self.count:
            comfy.model_management.interrupt_current_processing()


class VideoInMemory:
    RETURN_TYPES, FUNCTION, CATEGORY = ("VIDEO",), "run", "tests"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802  ComfyUI calls it
        return {"required": {"path": ("STRING", {})}}

    def run(self, path: str) -> tuple[Any]:
        return (InputImpl.VideoFromFile(BytesIO(Path(path).read_bytes())),)


class HdrImages(InputImpl.VideoFromComponents):
    """What a ComfyUI after 0.25 makes of images that are HDR."""

    def get_color_space(self) -> str:
        return "HDR PQ"


class HdrVideo:
    """A flat grey of 26 cd/m², in PQ."""

    RETURN_TYPES, FUNCTION, CATEGORY = ("VIDEO",), "run", "tests"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        return {"required": {}}

    def run(self) -> tuple[Any]:
        images = torch.full((2, 64, 96, 3), 0.3793)
        return (HdrImages(Types.VideoComponents(images=images, frame_rate=Fraction(24))),)


class NoPictures:
    RETURN_TYPES, FUNCTION, CATEGORY = ("IMAGE",), "run", "tests"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        return {"required": {}}

    def run(self) -> tuple[torch.Tensor]:
        return (torch.zeros(0, 64, 96, 3),)


class Choice:
    """Gives a choice that the server does not know before it runs."""

    RETURN_TYPES, FUNCTION, CATEGORY = ("COMBO",), "run", "tests"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        return {"required": {"choice": ("STRING", {})}}

    def run(self, choice: str) -> tuple[str]:
        return (choice,)


class CancelIn:
    """Passes its input on; the user cancels at the given use of it."""

    FUNCTION, CATEGORY = "run", "tests"
    RETURN_TYPES: tuple[str] = ("",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        kinds = {"used": cls.RETURN_TYPES[0], "number": "INT", "path": "STRING"}
        return {"required": {name: (kind, {}) for name, kind in kinds.items()}}


class CancelInModel(CancelIn):
    """A use is a frame that the network makes."""

    RETURN_TYPES = ("RIFE_MODEL",)

    def run(self, used: Any, number: int, path: str) -> tuple[Any]:
        cancel = Cancel(number, path)
        network = deepcopy(used.rife.network)
        forward = network.forward

        def counted(pair: Any, times: torch.Tensor, *args: Any) -> Any:
            cancel(len(times))
            return forward(pair, times, *args)

        network.forward = counted
        # The plain evaluation is the one that calls it.
        rife = type(used.rife)(network, used.rife.name, evaluation="plain")
        return (replace(used, rife=rife),)


class CancelInEnhancer(CancelIn):
    """A use is a frame that the network makes."""

    RETURN_TYPES = ("SAFA_MODEL",)

    def run(self, used: Any, number: int, path: str) -> tuple[Any]:
        cancel = Cancel(number, path)
        network = deepcopy(used.enhancer.network)
        forward = network.forward

        def counted(features: torch.Tensor, *args: Any) -> Any:
            cancel(len(features))
            return forward(features, *args)

        network.forward = counted
        enhancer = type(used.enhancer)(network, used.enhancer.name)
        return (replace(used, enhancer=enhancer),)


class DevicesOfTwoGpus:
    """What the loader of a model makes of the names of devices, where there are two GPUs."""

    FUNCTION, CATEGORY = "run", "tests"
    RETURN_TYPES = ("STRING",)

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        return {"required": {"model": ("RIFE_MODEL", {}), "names": ("STRING", {})}}

    def run(self, model: Any, names: str) -> tuple[str]:
        devices = sys.modules[type(model).__module__.removesuffix("sockets") + "devices"]
        gpus = [torch.device("cuda", number) for number in range(2)]
        with (
            patch("comfy.model_management.get_all_torch_devices", lambda: gpus),
            patch("comfy.model_management.get_torch_device", lambda: gpus[0]),
        ):
            chosen = [str(devices.choose_device(name)[0]) for name in names.split()]
            return (" ".join([*devices.list_devices(), "->", *chosen]),)


class Watched(torch.Tensor):
    """A batch of pictures that notices when one of them is taken."""

    cancel: Cancel | None = None

    def __getitem__(self, index: Any) -> torch.Tensor:
        if self.cancel and isinstance(index, int):
            self.cancel()
        return self.as_subclass(torch.Tensor)[index]

    def __iter__(self) -> Any:
        return (self[number] for number in range(len(self)))


class CancelInImages(CancelIn):
    """A use is a picture that is taken from the batch."""

    RETURN_TYPES = ("IMAGE",)

    def run(self, used: torch.Tensor, number: int, path: str) -> tuple[Any]:
        watched = used.as_subclass(Watched)
        watched.cancel = Cancel(number, path)
        return (watched,)


NODE_CLASS_MAPPINGS = {
    node.__name__: node
    for node in (
        VideoInMemory,
        HdrVideo,
        NoPictures,
        Choice,
        CancelInModel,
        CancelInEnhancer,
        CancelInImages,
        DevicesOfTwoGpus,
    )
}
