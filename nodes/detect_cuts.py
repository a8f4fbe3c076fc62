"""DetectCutsRIFE: list the scene cuts of an image batch, and show them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from comfy_api.latest import io
from torch import Tensor

from ..vfi.frames import Frame
from ..vfi.preprocess import DEFAULT_THRESHOLD, mark_cuts
from ..vfi.visualize import MOST_CUTS, ShownCut, draw_sheet, shrink
from .support.checked import checked
from .support.progress import show_text, with_progress
from .support.sockets import INSPECT_CATEGORY, exact_rate, frame_rate_input


class DetectCutsRIFE(io.ComfyNode):
    """Find the scene cuts of an image batch."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node to ComfyUI."""
        return io.Schema(
            node_id="DetectCutsRIFE",
            display_name="Detect Cuts (RIFE)",
            category=INSPECT_CATEGORY,
            description="Find the frames where a new scene begins, and show each scene cut. Use it "
            "to choose a scene_threshold for the other nodes.",
            search_aliases=[
                "scene detection",
                "scene change",
                "shot boundary",
                "cut",
                "split",
            ],
            inputs=[
                io.Image.Input("images", tooltip="Frames in order, RGB or RGBA."),
                io.Float.Input(
                    "scene_threshold",
                    default=DEFAULT_THRESHOLD,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    round=0.001,
                    display_mode=io.NumberDisplay.slider,
                    tooltip="How much a frame must differ from its neighbours to count as a scene "
                    "cut. Lower finds more cuts; 0 turns detection off.",
                ),
                frame_rate_input(
                    "fps",
                    0.0,
                    "Frame rate of the clip, to label the sheet with times. 0: frame numbers only.",
                    least=0.0,
                    optional=True,
                ),
            ],
            outputs=[
                io.String.Output(
                    display_name="cuts",
                    tooltip='Numbers of the first frames of new scenes, from 0, such as "48, 96".',
                ),
                io.Int.Output(display_name="count", tooltip="Number of scene cuts."),
                io.Image.Output(
                    display_name="sheet",
                    tooltip=f"The frames before and after each cut, for the first {MOST_CUTS} cuts.",
                ),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    @checked
    def execute(cls, images: Tensor, scene_threshold: float, fps: float = 0.0) -> io.NodeOutput:
        """Search all frames; keep small copies of those at cuts."""
        numbers: list[int] = []
        on_sheet: list[ShownCut] = []
        for number in with_progress(_find_cuts(images, scene_threshold), len(images)):
            if number is None:
                continue
            numbers.append(number)
            if len(on_sheet) < MOST_CUTS:
                before, after = (shrink(pixels) for pixels in images[number - 1 : number + 1])
                on_sheet.append(ShownCut(before, after, _caption(number, fps)))
        title = _title(len(numbers))
        show_text(cls, title)
        cuts = ", ".join(str(number) for number in numbers)
        return io.NodeOutput(cuts, len(numbers), draw_sheet(on_sheet, title)[None])


def _find_cuts(images: Tensor, threshold: float) -> Iterator[int | None]:
    """Yield a frame's number if a new scene begins there, else None."""
    frames = (Frame(pixels, Fraction(number)) for number, pixels in enumerate(images))
    for number, (_, begins_scene) in enumerate(mark_cuts(frames, threshold)):
        yield number if begins_scene else None


def _caption(number: int, fps: float) -> str:
    """Give the numbers of the two frames at a cut, and the time of the second."""
    time = f", {float(number / exact_rate(fps)):.3f} s" if fps > 0 else ""
    return f"{number - 1} | {number}{time}"


def _title(count: int) -> str:
    if count == 0:
        return "no cuts"
    more = f", the first {MOST_CUTS} shown" if count > MOST_CUTS else ""
    return f"{count} cut{'s' if count > 1 else ''}{more}"
