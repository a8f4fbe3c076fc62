"""MontageRIFE: show two image batches in one, each at its own frame rate."""

from __future__ import annotations

from comfy_api.latest import io
from torch import Tensor

from ..vfi.visualize import (
    DEFAULT_LABEL,
    Layout,
    Montage,
    frames_on_screen,
    label_texts,
)
from .support.batch import to_batch
from .support.checked import checked
from .support.comparison_inputs import rate_inputs, require_comparable
from .support.sockets import INSPECT_CATEGORY, exact_rate


class MontageRIFE(io.ComfyNode):
    """Show a clip before and after, in sync."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="MontageRIFE",
            display_name="Montage (RIFE)",
            category=INSPECT_CATEGORY,
            description="See what interpolation does: the clip before and after, in one frame and in "
            "sync. The clip with the lower frame rate holds each frame until its next one is due; the "
            "shorter clip holds its last frame until the end. Also compares two checkpoints or "
            "settings.",
            search_aliases=[
                "compare",
                "comparison",
                "before after",
                "side by side",
                "split",
            ],
            inputs=[
                io.Image.Input("before", tooltip="The original clip."),
                io.Image.Input("after", tooltip="The clip to compare it with, of the same size."),
                *rate_inputs(),
                io.Combo.Input(
                    "layout",
                    options=[layout.value for layout in Layout],
                    default=Layout.SIDE_BY_SIDE.value,
                    tooltip="side-by-side is twice as wide, stacked twice as high. split keeps the "
                    "size: a line moves back and forth, with before on its left and after on its "
                    "right.",
                ),
                *_label_inputs(),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="Both clips in one."),
                io.Float.Output(display_name="fps", tooltip="The higher of both frame rates."),
                io.Int.Output(display_name="count", tooltip="Number of frames."),
            ],
        )

    @classmethod
    @checked
    def execute(
        cls,
        before: Tensor,
        after: Tensor,
        before_fps: float,
        after_fps: float,
        layout: str,
        before_label: str = DEFAULT_LABEL,
        after_label: str = DEFAULT_LABEL,
    ) -> io.NodeOutput:
        """Fill the output batch frame by frame."""
        require_comparable(before, after)
        _, height, width, channels = before.shape
        rates = exact_rate(before_fps), exact_rate(after_fps)
        labels = label_texts((before_label, after_label), rates)
        montage = Montage(Layout(layout), height, width, max(rates), labels)
        pairs = frames_on_screen((len(before), len(after)), rates)
        frames = (
            montage.compose(before[first], after[second], number)
            for number, (first, second) in enumerate(pairs)
        )
        like = before.new_empty((1, montage.height, montage.width, channels))
        images = to_batch(frames, len(pairs), like)
        return io.NodeOutput(images, float(max(rates)), len(pairs))


def _label_inputs() -> list[io.Input]:
    return [
        io.String.Input(
            f"{clip}_label",
            default=DEFAULT_LABEL,
            optional=True,
            advanced=True,
            tooltip=f"Text in a lower corner of {clip}, ASCII only; fps in braces stands for its "
            "frame rate. Empty: no text.",
        )
        for clip in ("before", "after")
    ]
