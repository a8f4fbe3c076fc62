"""Make the pictures of the example workflows, of two real frames and what is made between them.

From the repository's root: ``python -m docs.images.thumbnails OLDER_CHECKPOINT CHECKPOINT``
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from rife_arch import RifeModel, load_rife

ROOT = Path(__file__).resolve().parents[2]
PAIR = [ROOT / "tests" / "data" / f"pair_{number}.png" for number in (0, 1)]
SIZE = 480, 270  # px
CROP = (82, 98, 308, 226)  # px: left, top, right, bottom; where the car drives
MADE, GIVEN, PLAIN, BACK = "#f0a000", "#dddddd", "#909090", "#202020"
LINE, MARGIN = 3, 12  # px

# Example -> lines above and below, moments of the frames that are given and of those that come out,
# in intervals between the two real frames.
TIMELINES = {
    "Slow motion from two images": ("two pictures", "a clip", (0, 1), (0, 1 / 4, 1 / 2, 3 / 4, 1)),
    "Wan 16 to 32 fps": ("16 fps", "32 fps", (0, 1), (0, 1 / 2, 1)),
    "Wan 16 to 60 fps": ("16 fps", "60 fps", (0, 1), (0, 4 / 15, 8 / 15, 12 / 15)),
    "LTX and Hunyuan 24 to 60 fps": ("24 fps", "60 fps", (0, 1), (0, 2 / 5, 4 / 5)),
    "Speed ramp": ("normal", "slower in the middle", (0, 1), (0, 0.3, 0.44, 0.5, 0.56, 0.7, 1)),
}


class Painter:
    """Makes frames between the pair, and puts them onto a picture."""

    def __init__(self, model: RifeModel) -> None:
        """Begin with no frame made."""
        self.model = model
        self.pair = [self._read(path) for path in PAIR]
        self.font = ImageFont.load_default(19)

    def frame(self, time: float, model: RifeModel | None = None) -> Image.Image:
        """Return the frame of a moment, 0 and 1 are the real ones."""
        if time in (0, 1):
            image = self.pair[int(time)]
        else:
            image = (model or self.model)(*self.pair, time)
        return Image.fromarray(image[0].permute(1, 2, 0).mul(255).round().byte().numpy())

    def canvas(self) -> Image.Image:
        """Return an empty picture."""
        return Image.new("RGB", SIZE, BACK)

    def paste(
        self, canvas: Image.Image, time: float, box: Sequence[float], colour: str | None = None
    ) -> None:
        """Put a frame into a box (left, top, width); new frames get a frame of their own colour."""
        left, top, width = map(round, box)
        height = round(width * (CROP[3] - CROP[1]) / (CROP[2] - CROP[0]))
        colour = colour or (GIVEN if time in (0, 1) else MADE)
        inner = width - 2 * LINE, height - 2 * LINE
        canvas.paste(Image.new("RGB", (width, height), colour), (left, top))
        small = self.frame(time).crop(CROP).resize(inner, Image.Resampling.LANCZOS)
        canvas.paste(small, (left + LINE, top + LINE))

    def write(
        self, canvas: Image.Image, text: str, position: tuple[float, float], colour: str = PLAIN
    ) -> None:
        """Write a line with its left middle at a position."""
        ImageDraw.Draw(canvas).text(position, text, colour, self.font, anchor="lm")

    @staticmethod
    def _read(path: Path) -> torch.Tensor:
        pixels = np.array(Image.open(path).convert("RGB"))
        return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


def timeline(
    painter: Painter, above: str, below: str, given: Sequence[float], shown: Sequence[float]
) -> Image.Image:
    """Draw the frames before and after, each at its moment."""
    canvas = painter.canvas()
    width = 106.0
    reach = SIZE[0] - 2 * MARGIN - width
    painter.write(canvas, above, (MARGIN, 30))
    painter.write(canvas, below, (MARGIN, 154), MADE)
    for top, times in ((48, given), (172, shown)):
        for time in times:
            painter.paste(canvas, time, (MARGIN + time * reach, top, width))
    return canvas


def long_video(painter: Painter) -> Image.Image:
    """Draw a strip of frames that goes on at both ends."""
    canvas = painter.canvas()
    for row in range(3):
        for column in range(4):
            time = min((4 * row + column) / 10, 1)
            painter.paste(canvas, time, (column * 128 - 16, 14 + row * 82, 122))
    return canvas


def loop(painter: Painter) -> Image.Image:
    """Draw frames in a ring: forth, and back from the last to the first."""
    canvas = painter.canvas()
    for time, left, top in (
        (0, 16, 89),
        (0.5, 168, 8),
        (1, 320, 89),
        (0.5, 168, 178),
    ):
        painter.paste(canvas, time, (left, top, 144))
    draw = ImageDraw.Draw(canvas)
    for box, start, end in (((70, 30, 410, 240), 205, 240), ((70, 30, 410, 240), 25, 60)):
        draw.arc(box, start, end, MADE, LINE)
    return canvas


def joined(painter: Painter) -> Image.Image:
    """Draw two parts that share a frame, and the result."""
    canvas = painter.canvas()
    painter.write(canvas, "part 1", (MARGIN, 24))
    painter.write(canvas, "part 2", (270, 24))
    for left, times in ((MARGIN, (0, 0.4)), (270, (0.4, 1))):
        for index, time in enumerate(times):
            painter.paste(canvas, time, (left + index * 99, 42, 99), GIVEN)
    painter.write(canvas, "one clip", (MARGIN, 138), MADE)
    for index, time in enumerate((0, 0.2, 0.4, 0.7, 1)):
        colour = MADE if time in (0.2, 0.7) else GIVEN
        painter.paste(canvas, time, (MARGIN + index * 91, 160, 91), colour)
    return canvas


def still(painter: Painter) -> Image.Image:
    """Draw a frame with a region in which nothing moves."""
    canvas = painter.frame(0.5).resize(SIZE, Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(canvas)
    box = (24, 24, 216, 70)
    draw.rectangle(box, "#101010", "white", LINE)
    draw.text((120, 47), "LOGO: still", "white", painter.font, anchor="mm")
    return canvas


def enhanced(painter: Painter) -> Image.Image:
    """Write what happens: SAFA's weights cannot be had by a program, so no result is shown."""
    canvas = painter.canvas()
    draw = ImageDraw.Draw(canvas)
    for row, (text, colour) in enumerate(
        (("16 fps", GIVEN), ("RIFE Enhance: cleaner", MADE), ("RIFE Interpolate: 32 fps", MADE))
    ):
        top = 24 + row * 82
        draw.rectangle((90, top, 390, top + 56), BACK, colour, LINE)
        draw.text((240, top + 28), text, colour, painter.font, anchor="mm")
        if row:
            draw.line((240, top - 26, 240, top), colour, LINE)
    return canvas


def comparison(painter: Painter, others: Sequence[RifeModel]) -> Image.Image:
    """Draw what two models make of the same pair."""
    canvas = painter.canvas()
    half = SIZE[0] // 2
    left, top, right, bottom = 110, 98, 246, 226
    for index, model in enumerate(others):
        part = painter.frame(0.5, model).crop((left, top, right, bottom))
        part = part.resize((half - LINE, 226), Image.Resampling.LANCZOS)
        canvas.paste(part, (index * (half + LINE), 0))
        painter.write(canvas, f"{'AB'[index]}: {model.name}", (index * half + MARGIN, 248), MADE)
    return canvas


def main() -> None:
    """Draw all, beside the workflows."""
    models = [load_rife(path) for path in sys.argv[1:3]]
    painter = Painter(models[1])
    pictures = {name: partial(timeline, painter, *how) for name, how in TIMELINES.items()}
    pictures |= {
        "Long video to video": partial(long_video, painter),
        "Seamless loop": partial(loop, painter),
        "Join clips": partial(joined, painter),
        "Keep text and logos still": partial(still, painter),
        "Enhance then interpolate": partial(enhanced, painter),
        "Compare two checkpoints": partial(comparison, painter, models),
    }
    for name, draw in pictures.items():
        draw().save(ROOT / "example_workflows" / f"{name}.jpg", quality=85, optimize=True)


if __name__ == "__main__":
    main()
