"""What travels between the nodes, and what they share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

import comfy.model_management
import comfy.utils
from comfy.model_patcher import ModelPatcher
from comfy_api.latest import io
from server import PromptServer
from torch import Tensor

from ..rife_arch import RifeModel
from ..vfi.errors import InputError
from ..vfi.timing import parse_rate

CATEGORY = "video/RIFE"

RifeModelType = io.Custom("RIFE_MODEL")
ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True)
class ManagedModel:
    """What a RIFE_MODEL socket carries.

    Attributes:
        rife: the model.
        patcher: ComfyUI's handle on its network, which moves it to the GPU and off again.
    """

    rife: RifeModel
    patcher: ModelPatcher

    def load(self, working_bytes: int) -> RifeModel:
        """Bring the network onto its device, with room for ``working_bytes`` beside it."""
        # Full load: the network's plain layers cannot run from a partly loaded state.
        comfy.model_management.load_models_gpu(
            [self.patcher], memory_required=working_bytes, force_full_load=True
        )
        return self.rife


def require_pictures(images: Tensor) -> None:
    """Refuse a batch that is neither [N, H, W, 3] nor [N, H, W, 4]."""
    channels = images.shape[-1]
    if channels not in (3, 4):
        raise InputError(
            f"images: expected RGB or RGBA frames (3 or 4 channels), got {channels}. "
            "Make them RGB, for a mask with Convert Mask to Image."
        )


def require_rgb(images: Tensor) -> None:
    """Refuse a batch that is not [N, H, W, 3]."""
    channels = images.shape[-1]
    if channels != 3:
        raise InputError(
            f"images: expected RGB frames (3 channels), got {channels}. "
            "Take the alpha channel off with Split Image with Alpha."
        )


def exact_rate(fps: float) -> Fraction:
    """Read a rate from a FLOAT socket: 23.976 means 24000/1001."""
    return parse_rate(f"{fps:.3f}".rstrip("0").rstrip("."))


def show_text(node: type[io.ComfyNode], text: str) -> None:
    """Show a line in the running node, where there is a front end to show it."""
    server = getattr(PromptServer, "instance", None)
    if server is not None and node.hidden.unique_id:
        server.send_progress_text(text, node.hidden.unique_id)


def with_progress(items: Iterable[ItemT], total: int) -> Iterator[ItemT]:
    """Pass items on, moving the node's progress bar; a cancel in ComfyUI ends it at any item."""
    bar = comfy.utils.ProgressBar(total)
    for item in items:
        comfy.model_management.throw_exception_if_processing_interrupted()
        yield item
        bar.update(1)
