"""CompareClipsRIFE: the same moment of two clips, behind a slider."""

from __future__ import annotations

from typing import Any

import torch
from comfy_api.latest import io, ui
from torch import Tensor

from ..vfi.alpha import premultiply
from ..vfi.errors import InputError
from ..vfi.visualize import frames_on_screen, mean_difference
from .support.checked import checked
from .support.comparison_inputs import rate_inputs, require_comparable
from .support.progress import show_text, with_progress
from .support.sockets import INSPECT_CATEGORY, exact_rate

_LARGEST_DIFFERENCE, _FRAME = "largest difference", "frame"
_ROW_STEP = 4  # the search compares one row in 4: the average is as telling, and found sooner


class CompareClipsRIFE(io.ComfyNode):
    """Compare a frame of two clips behind a slider."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="CompareClipsRIFE",
            display_name="Compare Clips (RIFE)",
            category=INSPECT_CATEGORY,
            description="Compare a frame of one clip with the frame that the other clip shows at the "
            "same time, behind a slider: before and after, or two checkpoints or settings. Finds the "
            "frame where they differ most, or shows the one you choose.",
            search_aliases=[
                "compare",
                "comparison",
                "before after",
                "slider",
                "difference",
            ],
            inputs=[
                io.Image.Input(
                    "before", tooltip="The original clip, shown to the left of the slider."
                ),
                io.Image.Input(
                    "after",
                    tooltip="The clip to compare it with, of the same size, shown to the right of the "
                    "slider.",
                ),
                *rate_inputs(),
                io.DynamicCombo.Input(
                    "show",
                    options=[
                        io.DynamicCombo.Option(_LARGEST_DIFFERENCE, []),
                        io.DynamicCombo.Option(_FRAME, [_frame_input()]),
                    ],
                    tooltip="Which moment is shown: the one where the clips differ most, or a frame "
                    "that you choose.",
                ),
                io.ImageCompare.Input(
                    "slider",
                    optional=True,  # it only shows the result, so workflows hold no value for it
                    tooltip="Shows before on the left and after on the right. Move the pointer over it.",
                ),
            ],
            outputs=[
                io.Int.Output(display_name="frame", tooltip="Number of the frame shown, from 0."),
            ],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo, io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    @checked
    def execute(
        cls,
        before: Tensor,
        after: Tensor,
        before_fps: float,
        after_fps: float,
        show: dict[str, Any] | None = None,
        slider: object = None,  # noqa: ARG003  ComfyUI passes it
    ) -> io.NodeOutput:
        """Show two frames behind the slider."""
        require_comparable(before, after)
        rates = exact_rate(before_fps), exact_rate(after_fps)
        pairs = frames_on_screen((len(before), len(after)), rates)
        frame = _choose(show or {}, before, after, pairs)
        first, second = pairs[frame]
        show_text(
            cls,
            f"frame {frame} of 0 to {len(pairs) - 1} · {float(frame / max(rates)):.2f} s · "
            f"mean difference {100 * mean_difference(before[first], after[second]):.1f} %",
        )
        return io.NodeOutput(frame, ui=_preview(cls, before[first], after[second]))


def _frame_input() -> io.Input:
    return io.Int.Input(
        "frame",
        default=0,
        min=0,
        max=1_000_000,
        tooltip="Frame number in the clip with the higher frame rate, from 0. The other clip shows the "
        "frame that is on screen at that time.",
    )


def _choose(
    show: dict[str, Any], before: Tensor, after: Tensor, pairs: list[tuple[int, int]]
) -> int:
    """Return the number of the pair to show."""
    name = show.get("show")
    if name == _LARGEST_DIFFERENCE:
        return _most_different(before, after, pairs)
    if name != _FRAME:
        raise InputError(f"show must be {_LARGEST_DIFFERENCE} or {_FRAME}, got {name or 'none'}.")
    frame: int = show["frame"]
    if frame >= len(pairs):
        raise InputError(
            f"Choose a frame from 0 to {len(pairs) - 1}, or show the {_LARGEST_DIFFERENCE}: there is "
            f"no frame {frame}."
        )
    return frame


def _most_different(before: Tensor, after: Tensor, pairs: list[tuple[int, int]]) -> int:
    differences = [
        mean_difference(before[first, ::_ROW_STEP], after[second, ::_ROW_STEP])
        for first, second in with_progress(pairs, len(pairs))
    ]
    return differences.index(max(differences))


def _preview(cls: type[io.ComfyNode], before: Tensor, after: Tensor) -> dict[str, Any]:
    """Save both frames to ComfyUI's temp folder, under the keys that its own compare node uses."""
    # Opaque, or the slider would show one image through the other.
    pair = torch.stack([premultiply(pixels)[..., :3] for pixels in (before, after)])
    first, second = ui.PreviewImage(pair, cls=cls).as_dict()["images"]
    return {"a_images": [first], "b_images": [second]}
