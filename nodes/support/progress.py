"""What a node shows while it works and when it is done; and how it is cancelled."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from math import inf
from time import monotonic
from typing import TypeVar

import comfy.model_management
import comfy.utils
from comfy_api.latest import io
from PIL import Image
from server import PromptServer
from torch import Tensor

from ...vfi.frames import to_uint8
from ...vfi.preprocess import Cut
from ...vfi.timing import format_rate

_log = logging.getLogger(__name__)
_PREVIEW_EVERY = 0.5  # seconds
_PREVIEW_SIZE = 512  # px, the longer side

ItemT = TypeVar("ItemT")


def check_cancelled() -> None:
    """Raise what ends a node if the user has cancelled it."""
    comfy.model_management.throw_exception_if_processing_interrupted()


def cancellable(items: Iterable[ItemT]) -> Iterator[ItemT]:
    """Pass items on; a cancel ends it before any item."""
    for item in items:
        check_cancelled()
        yield item


class Progress:
    """A node's progress bar, and over it a frame that was just made; a cancel ends the work here."""

    def __init__(self, total: int | None, *, shows_frames: bool = True) -> None:
        """Begin at 0.

        Args:
            total: how many frames there will be; an estimate, None if unknown.
            shows_frames: send small pictures of the frames to the front end.
        """
        self._total = total or 0
        self._bar = comfy.utils.ProgressBar(self._total)
        self._next_preview = 0.0 if shows_frames else inf

    def __call__(self, number: int, pixels: Tensor | None = None) -> None:
        """Say that ``number`` frames are there, the last of which is ``pixels``, [H, W, C]."""
        check_cancelled()
        preview = None
        if pixels is not None and monotonic() >= self._next_preview:
            self._next_preview = monotonic() + _PREVIEW_EVERY
            image = Image.fromarray(to_uint8(pixels[..., :3]).cpu().numpy())
            preview = ("JPEG", image, _PREVIEW_SIZE)
        self._bar.update_absolute(number, max(self._total, number), preview)


def with_progress(items: Iterable[ItemT], total: int) -> Iterator[ItemT]:
    """Pass items on, moving the node's progress bar; a cancel ends it at any item."""
    progress = Progress(total, shows_frames=False)
    for number, item in enumerate(items, 1):
        yield item
        progress(number)


@dataclass(frozen=True)
class Stopwatch:
    """Tells what became of a clip, and how fast."""

    started: float = field(default_factory=monotonic)

    def summary(
        self, counts: tuple[int | None, int], rates: tuple[Fraction, Fraction], model_name: str
    ) -> str:
        """Say it in a line.

        Args:
            counts: frames before and after.
            rates: frames per second before and after.
            model_name: the checkpoint's version.
        """
        seconds = max(monotonic() - self.started, 1e-3)
        before, after = (format_rate(rate) for rate in rates)
        return (
            f"{'?' if counts[0] is None else counts[0]} -> {counts[1]} frames, {before} -> {after} fps, "
            f"{float(counts[1] / rates[1]):.1f} s; RIFE {model_name}, {counts[1] / seconds:.1f} "
            "frames per second"
        )

    def speed(self, count: int, model_name: str) -> str:
        """Say it of a clip that has as many frames as before."""
        seconds = max(monotonic() - self.started, 1e-3)
        return f"{count} frames; {model_name}, {count / seconds:.2f} frames per second"


def log_cut(cut: Cut) -> None:
    """Write a scene cut into ComfyUI's log."""
    _log.info("cut at frame %d, %.2f s", cut.number, cut.time)


def show_text(node: type[io.ComfyNode], text: str) -> None:
    """Show a line in the running node, where there is a front end to show it."""
    server = getattr(PromptServer, "instance", None)
    if server is not None and node.hidden.unique_id:
        server.send_progress_text(text, node.hidden.unique_id)
