"""RIFEJoinClips: several image batches become one."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from comfy_api.latest import io
from torch import Tensor

from ..vfi.frames import Frame
from ..vfi.preprocess import concatenate
from .support.batch import to_batch
from .support.progress import cancellable
from .support.sockets import CATEGORY, require_frames

_MOST_CLIPS = 50
_TICK = Fraction(1)  # a batch has no rate, and joining needs none


class RIFEJoinClips(io.ComfyNode):
    """Put image batches one behind the other."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="RIFEJoinClips",
            display_name="RIFE Join Clips",
            category=CATEGORY,
            description="Put the parts of a long generation one behind the other. Where a part "
            "begins with the last frame of the one before, that frame is dropped once. Interpolate "
            "the result, and the seams are interpolated as well.",
            search_aliases=[
                "rife",
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
                        min=2,
                    ),
                    tooltip="The parts in their order, of one size, all RGB or all RGBA. A free "
                    "socket appears when the last one is connected.",
                ),
                io.Int.Input(
                    "overlap",
                    default=0,
                    min=0,
                    max=100,
                    tooltip="How many frames at the end of a part the next one shows again; they "
                    "are cross-faded. 0: a single repeated frame is recognised and dropped.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="All parts in one batch."),
                io.Int.Output(display_name="count", tooltip="How many frames there are now."),
            ],
        )

    @classmethod
    def execute(cls, clips: dict[str, Tensor], overlap: int) -> io.NodeOutput:
        """Fill the output batch."""
        batches = list(clips.values())
        for batch in batches:
            require_frames(batch)
        # Views of the batches, save those that are cross-faded.
        frames = list(concatenate(map(_frames, batches), _TICK, overlap))
        out = to_batch((frame.pixels for frame in frames), len(frames), batches[0])
        return io.NodeOutput(out, len(out))


def _frames(images: Tensor) -> Iterator[Frame]:
    return (Frame(pixels, index * _TICK) for index, pixels in enumerate(cancellable(images)))
