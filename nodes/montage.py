"""RIFEMontage: two image batches in one picture, each at its own rate."""

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
from .support.comparison_inputs import rate_inputs, require_comparable
from .support.sockets import CATEGORY, exact_rate


class RIFEMontage(io.ComfyNode):
    """Show a clip before and after, at the same moments."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="RIFEMontage",
            display_name="RIFE Montage",
            category=CATEGORY,
            description="See what interpolation does: the clip before and after, in one picture and "
            "at the same moments. The slower one shows each frame until its next one is due, the "
            "shorter one its last frame until the end. Also for two checkpoints or settings.",
            search_aliases=[
                "rife",
                "compare",
                "comparison",
                "before after",
                "side by side",
                "split",
            ],
            inputs=[
                io.Image.Input("before", tooltip="The clip as it was."),
                io.Image.Input("after", tooltip="The clip as it is now, of the same size."),
                *rate_inputs(),
                io.Combo.Input(
                    "layout",
                    options=[layout.value for layout in Layout],
                    default=Layout.SIDE_BY_SIDE.value,
                    tooltip="side-by-side is twice as wide, stacked twice as high. split keeps the "
                    "size: a line moves to and fro, before is at its left and after at its right.",
                ),
                *_label_inputs(),
            ],
            outputs=[
                io.Image.Output(display_name="images", tooltip="Both clips, at the higher rate."),
                io.Float.Output(display_name="fps", tooltip="The higher rate, for the export."),
                io.Int.Output(display_name="count", tooltip="How many frames there are now."),
            ],
        )

    @classmethod
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
        moments = frames_on_screen((len(before), len(after)), rates)
        pictures = (
            montage.compose(before[first], after[second], number)
            for number, (first, second) in enumerate(moments)
        )
        like = before.new_empty((1, montage.height, montage.width, channels))
        images = to_batch(pictures, len(moments), like)
        return io.NodeOutput(images, float(max(rates)), len(moments))


def _label_inputs() -> list[io.Input]:
    return [
        io.String.Input(
            f"{clip}_label",
            default=DEFAULT_LABEL,
            optional=True,
            advanced=True,
            tooltip=f"Written into a lower corner of {clip}, in ASCII; fps in braces stands for "
            "its rate. Empty: nothing is written.",
        )
        for clip in ("before", "after")
    ]
