"""JoinClipsRIFE: join image batches end to end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from comfy_api.latest import io
from torch import Tensor

from ..vfi.errors import InputError
from ..vfi.frames import Frame
from ..vfi.preprocess import concatenate
from .support.batch import to_batch
from .support.checked import convert
from .support.images import as_images
from .support.progress import cancellable
from .support.sockets import CATEGORY

_MOST_CLIPS = 50
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
                _overlap_input(),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="All parts in one batch."),
                io.Int.Output(display_name="count", tooltip="Number of frames."),
            ],
            is_input_list=True,
        )

    @classmethod
    def execute(
        cls, clips: Mapping[str, Sequence[object]], overlap: Sequence[int]
    ) -> io.NodeOutput:
        """Fill the output batch; every input is a list, one of a widget has one item."""
        batches = _in_order(clips)
        num_repeated = convert(_overlap_input(), overlap[0] if overlap else None)
        # Views of the batches, except for the frames that are cross-faded.
        frames = list(concatenate(map(_frames, batches), _FRAME_DURATION, num_repeated))
        out = to_batch((frame.pixels for frame in frames), len(frames), batches[0])
        return io.NodeOutput(out, len(out))


def _overlap_input() -> io.Input:
    return io.Int.Input(
        "overlap",
        default=0,
        min=0,
        max=100,
        tooltip="How many frames at the end of a part are repeated at the start of the next; they are "
        "cross-faded. 0: a single repeated frame is detected and dropped.",
    )


def _in_order(clips: Mapping[str, Sequence[object]]) -> list[Tensor]:
    """List the batches of ``clip_1``, then those of ``clip_2``, and so on."""
    sockets = sorted(clips, key=lambda name: int(name.rpartition("_")[2]))
    batches = [as_images(batch, name) for name in sockets for batch in clips[name]]
    if not batches:
        raise InputError("clips: there is none. Connect a batch of images, or a list of them.")
    return batches


def _frames(images: Tensor) -> Iterator[Frame]:
    return (
        Frame(pixels, index * _FRAME_DURATION) for index, pixels in enumerate(cancellable(images))
    )
