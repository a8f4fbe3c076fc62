"""RIFEDetectCuts: where an image batch has cuts, as a list and as pictures."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from comfy_api.latest import io
from torch import Tensor

from ..vfi.frames import Frame
from ..vfi.preprocess import DEFAULT_THRESHOLD, mark_cuts
from ..vfi.visualize import MOST_CUTS, ShownCut, draw_sheet, shrink
from .support.progress import show_text, with_progress
from .support.sockets import CATEGORY, exact_rate, require_frames


class RIFEDetectCuts(io.ComfyNode):
    """Find scene cuts and show them."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="RIFEDetectCuts",
            display_name="RIFE Detect Cuts",
            category=CATEGORY,
            description="Find the frames at which a new scene begins, and show each cut: use it to "
            "choose a scene_threshold for the other nodes.",
            search_aliases=[
                "rife",
                "scene detection",
                "scene change",
                "shot boundary",
                "cut",
                "split",
            ],
            inputs=[
                io.Image.Input("images", tooltip="The frames in order."),
                io.Float.Input(
                    "threshold",
                    default=DEFAULT_THRESHOLD,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    round=0.001,
                    display_mode=io.NumberDisplay.slider,
                    tooltip="How much a frame must stand out from its neighbours to be the first of "
                    "a new scene. Lower finds more; 0 finds none.",
                ),
                io.Float.Input(
                    "fps",
                    default=0.0,
                    min=0.0,
                    max=1000.0,
                    step=0.001,
                    round=0.001,
                    optional=True,
                    tooltip="Frames per second, to write times onto the sheet. 0: frame numbers "
                    "only.",
                ),
            ],
            outputs=[
                io.String.Output(
                    display_name="cuts",
                    tooltip='Numbers of the frames that begin a scene, from 0, such as "48, 96".',
                ),
                io.Int.Output(display_name="count", tooltip="How many cuts there are."),
                io.Image.Output(
                    display_name="sheet",
                    tooltip=f"The frames before and after each cut, of {MOST_CUTS} cuts at most.",
                ),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(cls, images: Tensor, threshold: float, fps: float = 0.0) -> io.NodeOutput:
        """Look at all frames, keep small copies of those at cuts."""
        require_frames(images)
        numbers: list[int] = []
        shown: list[ShownCut] = []
        for number in with_progress(_find_cuts(images, threshold), len(images)):
            if number is None:
                continue
            numbers.append(number)
            if len(shown) < MOST_CUTS:
                before, after = (shrink(pixels) for pixels in images[number - 1 : number + 1])
                shown.append(ShownCut(before, after, _caption(number, fps)))
        title = _title(len(numbers))
        show_text(cls, title)
        cuts = ", ".join(str(number) for number in numbers)
        return io.NodeOutput(cuts, len(numbers), draw_sheet(shown, title)[None])


def _find_cuts(images: Tensor, threshold: float) -> Iterator[int | None]:
    """Yield for each frame its number if a scene begins there, else None."""
    frames = (Frame(pixels, Fraction(number)) for number, pixels in enumerate(images))
    for number, (_, begins_scene) in enumerate(mark_cuts(frames, threshold)):
        yield number if begins_scene else None


def _caption(number: int, fps: float) -> str:
    """Name the two frames of a cut, and when the second is shown."""
    time = f", {float(number / exact_rate(fps)):.3f} s" if fps > 0 else ""
    return f"{number - 1} | {number}{time}"


def _title(count: int) -> str:
    if count == 0:
        return "no cuts"
    more = f", the first {MOST_CUTS} shown" if count > MOST_CUTS else ""
    return f"{count} cut{'s' if count > 1 else ''}{more}"
