"""JoinClipsRIFE: join image batches end to end."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import partial
from typing import Any, TypeAlias

from comfy_api.latest import io
from torch import Tensor

from ..vfi.errors import InputError
from ..vfi.frames import Frame
from ..vfi.preprocess import (
    DEFAULT_FADE,
    Edges,
    Match,
    Part,
    Statistics,
    concatenate,
    describe_seams,
    find_seams,
    num_edge_frames,
)
from .support.batch import to_batch
from .support.checked import convert
from .support.images import as_images
from .support.progress import cancellable, show_text
from .support.sockets import CATEGORY

_MOST_CLIPS = 50
_Setting: TypeAlias = io.Int.Input | io.Combo.Input
_FRAME_DURATION = Fraction(1)  # any will do: a batch has no frame rate, and joining needs none


class JoinClipsRIFE(io.ComfyNode):
    """Join image batches end to end."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="JoinClipsRIFE",
            display_name="Join Clips (RIFE)",
            category=CATEGORY,
            description="Join the parts of a long generation end to end. If a part begins with the "
            "last frame of the previous one, that repeated frame is dropped. Interpolate the result "
            "to make the seams smooth as well.",
            search_aliases=[
                "concatenate",
                "append",
                "batch images",
                "extend video",
                "merge",
                "overlap",
                "color match",
                "color drift",
            ],
            inputs=[
                io.Autogrow.Input(
                    "clips",
                    template=io.Autogrow.TemplateNames(
                        io.Image.Input("clip", tooltip="The next part."),
                        names=[f"clip_{number}" for number in range(1, _MOST_CLIPS + 1)],
                        min=1,
                    ),
                    tooltip="The parts in order, all of the same size, all RGB or all RGBA; a list of "
                    "parts, as a loop collects them, is joined in its order. A new socket appears "
                    "when the last one is connected.",
                ),
                *_settings(),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="All parts in one batch."),
                io.Int.Output(display_name="count", tooltip="Number of frames."),
            ],
            hidden=[io.Hidden.unique_id],
            is_input_list=True,
        )

    @classmethod
    def execute(
        cls, clips: Mapping[str, Sequence[object]], **settings: Sequence[object]
    ) -> io.NodeOutput:
        """Fill the output batch; every input is a list, one of a widget has one item."""
        batches = _in_order(clips)
        how = {one.id: _convert(one, settings.get(one.id, ())) for one in _settings()}
        overlap, match = how["overlap"], Match(Statistics(how["match"]), how["match_frames"])
        seams = find_seams([_edges(batch, overlap) for batch in batches], overlap, match)
        parts = [
            Part(partial(_frames, batch), _FRAME_DURATION, seam)
            for batch, seam in zip(batches, seams, strict=True)
        ]
        count = sum(map(len, batches)) - sum(seam.num_repeated for seam in seams)
        frames = (frame.pixels for frame in concatenate(parts, match))
        out = to_batch(frames, count, batches[0])
        show_text(cls, f"{count} frame{'' if count == 1 else 's'}", describe_seams(seams))
        return io.NodeOutput(out, len(out))


def _convert(described: _Setting, given: Sequence[object]) -> Any:
    """Convert what arrived; nothing on an optional input is as good as nothing connected to it."""
    value = given[0] if given else None
    return convert(described, described.default if value is None and described.optional else value)


def _settings() -> list[_Setting]:
    return [
        io.Int.Input(
            "overlap",
            default=0,
            min=0,
            max=100,
            tooltip="How many frames at the end of a part are repeated at the start of the next; they "
            "are cross-faded. 0: a single repeated frame is detected and dropped.",
        ),
        io.Combo.Input(
            "match",
            options=[one.value for one in Statistics],
            default=Statistics.OFF.value,
            optional=True,
            tooltip="Gives each part the colours with which the one before ends, so that brightness and "
            "tint do not jump at the seam. mean and spread undoes a drift of brightness and contrast, "
            "histogram also one of gamma. Exact with repeated frames, else a good guess; parts that "
            "begin with another scene stay as they are.",
        ),
        io.Int.Input(
            "match_frames",
            default=DEFAULT_FADE,
            min=0,
            max=10_000,
            optional=True,
            tooltip="The correction of a part fades out over so many frames, and the rest of it stays as "
            "it is. 0: it holds for the whole part, so that drift does not add up.",
        ),
    ]


def _in_order(clips: Mapping[str, Sequence[object]]) -> list[Tensor]:
    """List the batches of ``clip_1``, then those of ``clip_2``, and so on."""
    sockets = sorted(clips, key=lambda name: int(name.rpartition("_")[2]))
    batches = [
        as_images(batch, name)
        for name in sockets
        for value in clips[name]
        for batch in _each(value)
    ]
    if not batches:
        raise InputError("clips: there is none. Connect a batch of images, or a list of them.")
    return batches


def _each(value: object) -> Iterator[object]:
    """Yield the batches that some packs' loops collect in one value; any other value as it is."""
    is_list = isinstance(value, (list, tuple))
    if is_list and all(getattr(one, "ndim", 0) == 4 for one in value):
        yield from value
    else:
        yield value


def _edges(images: Tensor, overlap: int) -> Edges:
    count = num_edge_frames(overlap)
    return Edges(list(images[:count]), list(images[-count:]), len(images))


def _frames(images: Tensor) -> Generator[Frame, None, None]:
    for index, pixels in enumerate(cancellable(images)):
        yield Frame(pixels, index * _FRAME_DURATION)
