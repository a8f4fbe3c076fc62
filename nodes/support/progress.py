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
from .output_files import temp_folder

_log = logging.getLogger(__name__)
_PREVIEW_EVERY = 0.5  # seconds
_PREVIEW_SIZE = 512  # px, the longer side
_FIRST_LINE_AFTER = 3.0  # seconds; work that takes less needs no words
_LINE_EVERY = 1.0  # seconds

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
    """A node's progress bar, with a preview of the newest frame; also checks for a cancel.

    Where the work takes more than a few seconds, the node also says how much of it is left.
    """

    def __init__(
        self,
        total: int | None,
        *,
        node: type[io.ComfyNode] | None = None,
        shows_frames: bool = True,
        is_followed_by_player: bool = False,
    ) -> None:
        """Start at 0.

        Args:
            total: estimated number of frames, None if unknown.
            node: where to say what is left; None: nowhere.
            shows_frames: send small previews of the frames to the front end.
            is_followed_by_player: the node shows a file at its end. ComfyUI's own preview would stay
                in place of it, so the pack shows its own (web/result_line.js).
        """
        self._total = total or 0
        self._is_followed_by_player = is_followed_by_player
        self._node = node
        self._bar = comfy.utils.ProgressBar(self._total)
        self._next_preview = 0.0 if shows_frames else inf
        self._first: int | None = None
        self._started = monotonic()
        self._next_line = self._started + _FIRST_LINE_AFTER

    def __call__(self, number: int, pixels: Tensor | None = None) -> None:
        """Report that ``number`` frames are done, the last of which is ``pixels``, [H, W, C].

        The first report says how many frames were there already.
        """
        check_cancelled()
        if self._first is None:
            self._first = number if pixels is None else number - 1
        now = monotonic()
        preview = None
        if pixels is not None and now >= self._next_preview:
            self._next_preview = now + _PREVIEW_EVERY
            preview = _preview(pixels)
            if self._is_followed_by_player and self._node:
                _send_preview(self._node, preview)
                preview = None
        self._bar.update_absolute(number, max(self._total, number), preview)
        if self._node and now >= self._next_line:
            self._next_line = now + _LINE_EVERY
            send_line(self._node, self._line(number, now))

    @property
    def num_resumed(self) -> int:
        """How many frames an interrupted run had left."""
        return self._first or 0

    def _line(self, number: int, now: float) -> str:
        if number > self._total:  # how many there will be is not known
            return f"{number} frames so far"
        made = number - self.num_resumed
        count = f"{number}/{self._total}"
        if not made:
            return count
        left = (self._total - number) * (now - self._started) / made
        return f"{count}, about {_duration(left)} left"


def _preview(pixels: Tensor) -> tuple[str, Image.Image, int]:
    """Return a preview for ComfyUI's progress bar, no larger than the frame.

    It is shrunk here: ComfyUI would shrink a frame of 2000x1 to a picture without a pixel, and the
    error ends the whole server.
    """
    image = Image.fromarray(to_uint8(pixels[..., :3]).cpu().numpy())
    image.thumbnail((_PREVIEW_SIZE, _PREVIEW_SIZE))
    return "JPEG", image, max(image.size)


def _send_preview(node: type[io.ComfyNode], preview: tuple[str, Image.Image, int]) -> None:
    """Show a picture in a node, by way of a file."""
    kind, image, _ = preview
    server = getattr(PromptServer, "instance", None)
    if server is None or not node.hidden.unique_id:
        return
    name = f"rife_live_{node.hidden.unique_id.replace(':', '_')}.jpg"
    folder = temp_folder()
    unfinished = folder / f"{name}.tmp"
    image.save(unfinished, kind, quality=80)
    unfinished.replace(folder / name)
    content = {"node": node.hidden.unique_id, "filename": name, "type": "temp"}
    server.send_sync("practical_rife.preview", content, server.client_id)


def with_progress(items: Iterable[ItemT], total: int) -> Iterator[ItemT]:
    """Pass items on and update the node's progress bar; checks for a cancel after each item."""
    progress = Progress(total, shows_frames=False)
    for number, item in enumerate(items, 1):
        yield item
        progress(number)


@dataclass(frozen=True)
class Stopwatch:
    """Measures a run."""

    started: float = field(default_factory=monotonic)

    @property
    def seconds(self) -> float:
        """Seconds since it was started."""
        return max(monotonic() - self.started, 1e-3)


@dataclass(frozen=True)
class Outcome:
    """What a node has done, for its result line.

    Attributes:
        count: number of frames of the result.
        rate: frames per second of the result; None if it has none.
        seconds: how long it took.
        source_count: number of frames of the source; None if unknown, or the same.
        source_rate: frames per second of the source; None if the same.
        file: of the result, below ComfyUI's output folder.
        model: name of the network.
        num_resumed: how many frames an interrupted run had left.
        num_redrawn: how many repeated frames were redrawn; None: that was not asked for.
    """

    count: int
    rate: Fraction | None
    seconds: float
    source_count: int | None = None
    source_rate: Fraction | None = None
    file: str = ""
    model: str = ""
    num_resumed: int = 0
    num_redrawn: int | None = None

    def phrases(self) -> Iterator[str]:
        """Yield the parts of the line; ``web/phrases.js`` translates each."""
        if self.file:
            yield self.file
        yield f"{_change(self.source_count, self.count)} frame{'' if self.count == 1 else 's'}"
        if self.num_redrawn is not None:
            yield f"{self.num_redrawn} redrawn"
        if self.rate is not None:
            source_rate = None if self.source_rate is None else format_rate(self.source_rate)
            yield f"{_change(source_rate, format_rate(self.rate))} fps"
            yield f"{float(self.count / self.rate):.2f} s of video"
        if self.model:
            yield self.model
            speed = (self.count - self.num_resumed) / self.seconds
            yield f"{speed:.{1 if speed >= 1 else 2}f} frames per second"
        if self.num_resumed:
            yield f"resumed at frame {self.num_resumed}"
        yield f"took {_duration(self.seconds)}"


def _change(before: object, after: object) -> str:
    return str(after) if before is None or before == after else f"{before} → {after}"


def _duration(seconds: float) -> str:
    """Write a duration as people say it: 0.4 s, 12 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 9.5:
        return f"{seconds:.1f} s" if seconds < 0.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def log_cut(cut: Cut) -> None:
    """Log a scene cut."""
    _log.info("scene cut at frame %d, %.2f s", cut.number, cut.time)


def show_outcome(node: type[io.ComfyNode], outcome: Outcome, notes: Sequence[str] = ()) -> None:
    """Show in a node what it has done, then what there is to say of it."""
    show_text(node, " · ".join(outcome.phrases()), notes)


def show_text(node: type[io.ComfyNode], text: str, notes: Sequence[str] = ()) -> None:
    """Show a line of text in the node, if a front end is connected.

    Args:
        node: where to show it.
        text: the line.
        notes: sentences that follow it, and go to the log.
    """
    for note in notes:
        _log.info(note)
    send_line(node, " · ".join((text, *notes)))


def send_line(node: type[io.ComfyNode], text: str) -> None:
    """Send a line of text to the front end, if there is one."""
    server = getattr(PromptServer, "instance", None)
    if server is not None and node.hidden.unique_id:
        server.send_progress_text(text, node.hidden.unique_id)
