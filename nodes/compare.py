"""RIFECompare: a moment of two clips behind a slider."""

from __future__ import annotations

from typing import Any

import torch
from comfy_api.latest import io, ui
from torch import Tensor

from ..vfi.alpha import premultiply
from ..vfi.errors import InputError
from ..vfi.visualize import frames_on_screen, mean_difference
from .support.comparison_inputs import rate_inputs, require_comparable
from .support.progress import show_text, with_progress
from .support.sockets import CATEGORY, exact_rate, require_frames

_MOST_DIFFERENT = -1  # in place of a frame's number
_EVERY_ROW = 4  # of so many one is looked at in the search: as telling an average, sooner


class RIFECompare(io.ComfyNode):
    """Look at a frame before and after, one behind the other."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="RIFECompare",
            display_name="RIFE Compare",
            category=CATEGORY,
            description="See a frame of one clip and, behind a slider, what the other one shows at "
            "the same moment: before and after, or two checkpoints or settings. It finds the moment "
            "at which they differ most, or takes the one you name. In the classic canvas, which has "
            "no slider, click one of the two pictures and page between them.",
            search_aliases=[
                "rife",
                "compare",
                "comparison",
                "before after",
                "slider",
                "difference",
            ],
            inputs=[
                io.Image.Input("before", tooltip="The clip as it was. At the slider's left."),
                io.Image.Input(
                    "after", tooltip="The clip as it is now, of the same size. At its right."
                ),
                *rate_inputs(),
                io.Int.Input(
                    "frame",
                    default=_MOST_DIFFERENT,
                    min=_MOST_DIFFERENT,
                    max=1_000_000,
                    tooltip="Which frame of the faster clip, from 0; of the other, the one on screen "
                    "at that moment is shown. -1 is where both differ most.",
                ),
                io.ImageCompare.Input(
                    "slider",
                    # What shows the result has no value that a workflow could be without.
                    optional=True,
                    tooltip="Before at the left, after at the right. Move the pointer over it.",
                ),
            ],
            outputs=[
                io.Int.Output(
                    display_name="frame", tooltip="The number of the frame that is shown, from 0."
                ),
            ],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo, io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls,
        before: Tensor,
        after: Tensor,
        before_fps: float,
        after_fps: float,
        frame: int,
        slider: object = None,  # noqa: ARG003  ComfyUI passes it
    ) -> io.NodeOutput:
        """Show two frames, to the slider and to front ends that have none."""
        require_frames(before)
        require_comparable(before, after)
        rates = exact_rate(before_fps), exact_rate(after_fps)
        moments = frames_on_screen((len(before), len(after)), rates)
        if frame == _MOST_DIFFERENT:
            frame = _most_different(before, after, moments)
        elif frame >= len(moments):
            raise InputError(
                f"frame: expected 0 to {len(moments) - 1}, or {_MOST_DIFFERENT} for the one where "
                f"the clips differ most, got {frame}. They last {len(moments)} frames."
            )
        first, second = moments[frame]
        show_text(
            cls,
            f"frame {frame} (0 to {len(moments) - 1}), {float(frame / max(rates)):.2f} s: "
            f"{100 * mean_difference(before[first], after[second]):.1f} % apart on average",
        )
        return io.NodeOutput(frame, ui=_show(cls, before[first], after[second]))


def _most_different(before: Tensor, after: Tensor, moments: list[tuple[int, int]]) -> int:
    apart = [
        mean_difference(before[first, ::_EVERY_ROW], after[second, ::_EVERY_ROW])
        for first, second in with_progress(moments, len(moments))
    ]
    return apart.index(max(apart))


def _show(cls: type[io.ComfyNode], before: Tensor, after: Tensor) -> dict[str, Any]:
    """Write both pictures into ComfyUI's folder for such; name them as its own node does."""
    # Opaque: the slider lays one on the other, and would let that be seen through it.
    pair = torch.stack([premultiply(pixels)[..., :3] for pixels in (before, after)])
    first, second = ui.PreviewImage(pair, cls=cls).as_dict()["images"]
    return {"a_images": [first], "b_images": [second], "images": [first, second]}
