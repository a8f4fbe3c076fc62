"""Make interpolation.jpg: two real frames and three made between them.

From the repository's root: ``python -m docs.images.interpolation CHECKPOINT``
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from rife_arch import load_rife

HERE = Path(__file__).parent
PAIR = [HERE.parents[1] / "tests" / "data" / f"pair_{number}.png" for number in (0, 1)]
CROP = (72, 98, 304, 226)  # px: left, top, right, bottom; where the car drives
TIMESTEPS = {"new, 1/4": 0.25, "new, 1/2": 0.5, "new, 3/4": 0.75}
GAP, LABEL_HEIGHT, FONT_SIZE = 4, 26, 17  # px
MADE, GIVEN = "#f0a000", "#dddddd"


def read(path: Path) -> torch.Tensor:
    """Read a picture as [1, 3, H, W] float32 in [0, 1]."""
    pixels = np.array(Image.open(path).convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


def picture(image: torch.Tensor) -> Image.Image:
    """Convert [1, 3, H, W] in [0, 1] to a picture."""
    pixels = image[0].permute(1, 2, 0).mul(255).round().byte()
    return Image.fromarray(pixels.numpy())


def main() -> None:
    """Interpolate, crop, label, and save beside this file."""
    model = load_rife(sys.argv[1])
    img0, img1 = (read(path) for path in PAIR)
    made = {label: model(img0, img1, timestep) for label, timestep in TIMESTEPS.items()}
    panels = {"frame 1": img0, **made, "frame 2": img1}
    width, height = CROP[2] - CROP[0], CROP[3] - CROP[1]
    strip = Image.new("RGB", (len(panels) * (width + GAP) - GAP, height + LABEL_HEIGHT), "#202020")
    draw = ImageDraw.Draw(strip)
    font = ImageFont.load_default(FONT_SIZE)
    for index, (label, image) in enumerate(panels.items()):
        left = index * (width + GAP)
        strip.paste(picture(image).crop(CROP), (left, LABEL_HEIGHT))
        middle = (left + width // 2, LABEL_HEIGHT // 2)
        draw.text(middle, label, MADE if label in made else GIVEN, font, anchor="mm")
    strip.save(HERE / "interpolation.jpg", quality=88, subsampling=0)


if __name__ == "__main__":
    main()
