"""Write the frames of a job to files, from where an interrupted run of the same job stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy.typing as npt
from torch import Tensor

from .. import __version__
from ..encode import EncodingSettings, FrameFormat
from ..errors import DecodeError, InputError, MissingFramesError
from ..frames import to_bit_depth
from ..preprocess import Cut
from ..read import Clip
from ..tracks import AudioMode, SourceTracks
from ..write import RunStore, RunWriter
from .pieces import Piece

ModelT = TypeVar("ModelT", contravariant=True)


class FrameSink(RunWriter, Protocol):
    """Where frames go: a context manager; its files get their final names when its block ends well.

    Attributes:
        bit_depth: of the frames it takes: 8, 16, or 32 for floating point.
        has_alpha: it takes RGBA.
        num_finished: how many frames an interrupted run of the same job has left; known inside the
            block.
    """

    @property
    def bit_depth(self) -> int: ...  # noqa: D102  the class says it
    @property
    def has_alpha(self) -> bool: ...  # noqa: D102
    @property
    def num_finished(self) -> int: ...  # noqa: D102

    def validate(self) -> None:
        """Refuse what entering the block would refuse."""
        ...

    def can_start_at(self, number: int) -> bool:
        """Tell whether writing can go on at ``number``, at most ``num_finished``; at 0 it can."""
        ...

    def start_at(self, number: int) -> None:
        """Take ``number``, which ``can_start_at``, as the first frame that is written."""
        ...


class FrameSource(Protocol):
    """Makes the frames of a result: a job's ``frames`` with its model."""

    def __call__(self, *, first: int, bit_depth: int) -> Generator[Tensor, None, None]:
        """Yield [H, W, C] from frame number ``first`` on, with more than 8 bits if wanted."""
        ...


class RenderPlan(Protocol):
    """What is known of a result before its first frame is made.

    Attributes:
        clip: the source.
        width: of the result, px.
        height: of the result, px.
        shown_rate: of the result, frames per second.
        num_frames: of the result; an estimate, None if unknown.
        tempo: how many times as fast as the source the result plays; None where that changes.
        dither: dither where 8 bits are written.
    """

    @property
    def clip(self) -> Clip: ...  # noqa: D102  the class says it
    @property
    def width(self) -> int: ...  # noqa: D102
    @property
    def height(self) -> int: ...  # noqa: D102
    @property
    def shown_rate(self) -> Fraction: ...  # noqa: D102
    @property
    def num_frames(self) -> int | None: ...  # noqa: D102
    @property
    def tempo(self) -> Fraction | None: ...  # noqa: D102
    @property
    def dither(self) -> bool: ...  # noqa: D102

    def tracks(self, audio_mode: AudioMode) -> SourceTracks | None:
        """Return what comes along with the result, at the speed of its picture."""
        ...


class RenderJob(RenderPlan, Protocol[ModelT]):
    """What becomes of one clip, without saying where it is written."""

    def resume_key(self, *details: str) -> str | None:
        """Hash everything that decides the pixels; None if the source cannot be identified.

        Args:
            details: what the caller knows: the model and its settings.
        """
        ...

    def frames(
        self,
        model: ModelT,
        on_cut: Callable[[Cut], object],
        /,
        *,
        first: int = 0,
        bit_depth: int = 8,
        check: Callable[[], object] | None = None,
    ) -> Generator[Tensor, None, None]:
        """Read the clip and yield the frames of the result; closing this closes the source.

        Args:
            model: makes the frames.
            on_cut: called with each scene cut, in order.
            first: number of the first frame that is wanted.
            bit_depth: above 8, new frames are made with more than 8 bits whatever the source has.
            check: called before each frame of the source is used, many of which may go by without
                a frame of the result; what it raises ends the work.

        Yields:
            [H, W, C], see ``Frame``.
        """
        ...


class SplitJob(RenderJob[ModelT], Protocol[ModelT]):
    """A job whose result can be made in pieces, by several processes; see ``Piece``."""

    def pieces(
        self,
        on_cut: Callable[[Cut], object],
        *,
        length: int,
        check: Callable[[], object] | None = None,
    ) -> Generator[Piece, None, None]:
        """Look at all frames of the clip, and yield the result in pieces, as soon as each is known.

        Args:
            on_cut: called with each scene cut, in order.
            length: frames in a piece, at least 2; only the last one has fewer.
            check: called before each frame of the source; what it raises ends the work.
        """
        ...

    def frames_of(
        self, model: ModelT, piece: Piece, /, *, bit_depth: int = 8
    ) -> Generator[Tensor, None, None]:
        """Read what a piece is made of, and yield its frames: exactly those of ``frames``."""
        ...


def plan_video(job: RenderPlan, path: Path, encoding: EncodingSettings) -> FrameFormat:
    """Check encoding settings against the result of a job; see ``EncodingSettings.resolve``."""
    return encoding.resolve(
        path,
        width=job.width,
        height=job.height,
        rate=job.shown_rate,
        pixel_aspect=job.clip.pixel_aspect,
        has_alpha=job.clip.has_alpha,
        color=job.clip.color,
    )


def render(
    frames: FrameSource,
    sinks: Sequence[FrameSink],
    *,
    on_frame: Callable[[int, Tensor | None], object],
    dither: bool = False,
) -> int:
    """Write a result, from where an interrupted run of the same job stopped.

    The source is read from its start all the same, since cuts and repeats are found by what was
    before; only the network's work is saved.

    Args:
        frames: makes the frames, such as a job's ``frames`` with its model.
        sinks: where they go; not entered yet.
        on_frame: called with the number of finished frames and the newest of them, after each frame;
            at first with the number that the earlier run has left, 0 for none, and None. What it
            raises ends the job.
        dither: for sinks of 8 bits, have frames made with more and dither them, see
            :func:`to_dithered_uint8`.

    Returns:
        How many frames the result has.

    Raises:
        InputError: there are none; nothing is written.
    """
    bit_depth = 16 if dither else max(sink.bit_depth for sink in sinks)
    with ExitStack() as stack:
        for sink in sinks:
            stack.enter_context(sink)
        number = _start(sinks)
        source = stack.enter_context(closing(frames(first=number, bit_depth=bit_depth)))
        on_frame(number, None)
        for pixels in source:
            for sink in sinks:
                sink.write(_for_sink(pixels, sink, dither=dither))
            number += 1
            on_frame(number, pixels)
        if not number:  # or there would be a file, or a folder, with nothing in it
            raise InputError("There are no frames to write: the source has none. Check the source.")
    return number


def render_piece(
    frames: Callable[[int], Generator[Tensor, None, None]],
    piece: Piece,
    stores: Sequence[RunStore],
    *,
    on_frame: Callable[[], object],
    dither: bool = False,
) -> None:
    """Write a piece of a result to where others write the other pieces.

    Args:
        frames: makes the frames of the piece, with more than 8 bits if wanted.
        piece: the piece.
        stores: where it goes; what is there already is not written again.
        on_frame: called after each frame. What it raises ends the work.
        dither: see :func:`render`.

    Raises:
        DecodeError: the source has fewer frames than when it was looked at.
    """
    run = piece.first, piece.stop
    missing = [store for store in stores if not store.has(*run)]
    if not missing:
        return
    bit_depth = 16 if dither else max(store.bit_depth for store in stores)
    with ExitStack() as stack:
        writers = [store.writer(*run) for store in missing]
        for writer in writers:
            stack.enter_context(writer)
        source = stack.enter_context(closing(frames(bit_depth)))
        count = 0
        for pixels in source:
            count += 1
            for store, writer in zip(missing, writers, strict=True):
                writer.write(_for_sink(pixels, store, dither=dither))
            on_frame()
        if count != piece.num_frames:
            raise DecodeError(
                f"Of the {piece.num_frames} frames from number {piece.first} on {count} were made. Was the "
                "source changed meanwhile? Start again."
            )


def complete(sinks: Sequence[FrameSink], num_frames: int) -> None:
    """Complete a result whose frames are all there, as if a run had been interrupted just then.

    Args:
        sinks: of the result, with the key of those that let others write.
        num_frames: how many there must be.

    Raises:
        MissingFramesError: there are fewer; nothing is changed.
    """
    with ExitStack() as stack:
        for sink in sinks:
            stack.enter_context(sink)
        for sink in sinks:  # looked at before any is started, which removes what has gaps before it
            if sink.num_finished != num_frames or not sink.can_start_at(num_frames):
                raise MissingFramesError(
                    f"{sink.num_finished} of {num_frames} frames are where they were written. Do all "
                    "machines share that folder? Run the same command again to go on."
                )
        for sink in sinks:
            sink.start_at(num_frames)


def _start(sinks: Sequence[FrameSink]) -> int:
    """Start all sinks at the last frame from which each of them can resume."""
    first = min(sink.num_finished for sink in sinks)
    while not all(sink.can_start_at(first) for sink in sinks):
        first -= 1
    for sink in sinks:
        sink.start_at(first)
    return first


def _for_sink(pixels: Tensor, sink: FrameSink | RunStore, *, dither: bool) -> npt.NDArray[Any]:
    kept = pixels if sink.has_alpha else pixels[..., :3]
    return to_bit_depth(kept, sink.bit_depth, dither=dither).cpu().numpy()


def hash_settings(clip: Clip, *settings: str) -> str | None:
    """Hash what decides the pixels; None if the source cannot be identified."""
    if not clip.identity:
        return None
    return hashlib.sha256(json.dumps([__version__, clip.identity, *settings]).encode()).hexdigest()
