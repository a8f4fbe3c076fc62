"""Progress, cancellation, and the result line of a node."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
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
    """Raise ComfyUI's interrupt if the user has cancelled the run."""
    comfy.model_management.throw_exception_if_processing_interrupted()


def cancellable(items: Iterable[ItemT]) -> Iterator[ItemT]:
    """Pass items on, and check for a cancel before each."""
    for item in items:
        check_cancelled()
        yield item


class Progress:
    """A node's progress bar, with a preview of the newest frame; also checks for a cancel."""

    def __init__(self, total: int | None, *, shows_frames: bool = True) -> None:
        """Start at 0.

        Args:
            total: estimated number of frames, None if unknown.
            shows_frames: send small previews of the frames to the front end.
        """
        self._total = total or 0
        self._bar = comfy.utils.ProgressBar(self._total)
        self._next_preview = 0.0 if shows_frames else inf

    def __call__(self, number: int, pixels: Tensor | None = None) -> None:
        """Report that ``number`` frames are done, the last of which is ``pixels``, [H, W, C]."""
        check_cancelled()
        preview = None
        if pixels is not None and monotonic() >= self._next_preview:
            self._next_preview = monotonic() + _PREVIEW_EVERY
            image = Image.fromarray(to_uint8(pixels[..., :3]).cpu().numpy())
            preview = ("JPEG", image, _PREVIEW_SIZE)
        self._bar.update_absolute(number, max(self._total, number), preview)


def with_progress(items: Iterable[ItemT], total: int) -> Iterator[ItemT]:
    """Pass items on and update the node's progress bar; checks for a cancel after each item."""
    progress = Progress(total, shows_frames=False)
    for number, item in enumerate(items, 1):
        yield item
        progress(number)


@dataclass(frozen=True)
class Stopwatch:
    """Measures a run, and writes the node's result line."""

    started: float = field(default_factory=monotonic)

    def summary(
        self, counts: tuple[int | None, int], rates: tuple[Fraction, Fraction], model_name: str
    ) -> str:
        """Return the result line of an interpolation.

        Args:
            counts: number of frames of source and result; None if unknown.
            rates: frame rates of source and result.
            model_name: the checkpoint's version.
        """
        seconds = max(monotonic() - self.started, 1e-3)
        source_rate, rate = (format_rate(rate) for rate in rates)
        return (
            f"{'?' if counts[0] is None else counts[0]} -> {counts[1]} frames, "
            f"{source_rate} -> {rate} fps, {float(counts[1] / rates[1]):.1f} s; "
            f"RIFE {model_name}, {counts[1] / seconds:.1f} frames per second"
        )

    def speed(self, count: int, model_name: str) -> str:
        """Return the result line of a run that keeps the number of frames."""
        seconds = max(monotonic() - self.started, 1e-3)
        return f"{count} frames; {model_name}, {count / seconds:.2f} frames per second"


def log_cut(cut: Cut) -> None:
    """Log a scene cut."""
    _log.info("scene cut at frame %d, %.2f s", cut.number, cut.time)


def show_text(node: type[io.ComfyNode], text: str, notes: Sequence[str] = ()) -> None:
    """Show a line of text in the node, if a front end is connected.

    Args:
        node: where to show it.
        text: the line.
        notes: sentences that follow it, and go to the log.
    """
    for note in notes:
        _log.info(note)
    text = ". ".join((text, *notes))
    server = getattr(PromptServer, "instance", None)
    if server is not None and node.hidden.unique_id:
        server.send_progress_text(text, node.hidden.unique_id)
