"""Before and after in one frame, at the same time: beside each other, or split by a moving line.

Each clip shows a frame until its next one is due, so the comparison shows how the clips play.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from math import floor, pi, sin

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ..alpha import premultiply
from ..errors import InputError, quoted
from ..timing import format_rate

DEFAULT_LABEL = "{fps} fps"

_SWEEP = 4  # seconds in which the dividing line goes to and fro
_LINE = 400  # the line is 1 px wide, and 1 px more for each so many px of the frame's width
_LETTERS = 18  # a letter is 1 / this of the frame's shorter side high ...
_SMALLEST_LETTERS = 12  # ... but at least this many px, to be readable
_LONGEST_LABEL = 200  # characters
_SHADE = 0.6  # opacity of the black behind the letters


class Layout(str, Enum):
    """How two frames are put into one."""

    SIDE_BY_SIDE = "side-by-side"
    """Before on the left, after on the right: twice as wide."""
    STACKED = "stacked"
    """Before above, after below: twice as high."""
    SPLIT = "split"
    """Before on the left of a line that moves to and fro, after on its right: the same size."""


class Montage:
    """Puts two frames of one size into one.

    Attributes:
        height: of the composed frame, px.
        width: px.
        settings: everything that the composed frames depend on.
    """

    def __init__(
        self,
        layout: Layout,
        height: int,
        width: int,
        rate: Fraction,
        labels: tuple[str, str] = ("", ""),
    ) -> None:
        """Draw the labels.

        Args:
            layout: where each frame goes.
            height: of each of the two frames, px.
            width: px.
            rate: frames per second, which decides how fast the dividing line moves.
            labels: text at the bottom of each, in ASCII; none where empty.

        Raises:
            InputError: a label has characters that the font lacks.
        """
        self.settings = (layout.value, height, width, rate, labels)
        self.height = 2 * height if layout is Layout.STACKED else height
        self.width = 2 * width if layout is Layout.SIDE_BY_SIDE else width
        self._layout = layout
        self._rate = rate
        size = max(_SMALLEST_LETTERS, min(height, width) // _LETTERS)
        self._labels = [_draw_label(text, size, height, width) for text in labels]

    def compose(self, before: Tensor, after: Tensor, number: int) -> Tensor:
        """Put two frames into one.

        Args:
            before: [H, W, C], RGB or RGBA, uint8 in [0, 255] or floating point in [0, 1].
            after: the same.
            number: of the composed frame, from 0.

        Returns:
            A new frame of ``height`` and ``width``, dtype of the two.
        """
        is_split = self._layout is Layout.SPLIT
        left = _with_label(before, self._labels[0], at_right=False)
        right = _with_label(after, self._labels[1], at_right=is_split)
        if not is_split:
            return torch.cat((left, right), dim=0 if self._layout is Layout.STACKED else 1)
        line = self._line_position(number)
        out = torch.cat((left[:, :line], right[:, line:]), dim=1)
        thickness = 1 + self.width // _LINE
        out[:, max(0, line - thickness // 2) : line + (thickness + 1) // 2] = _white(out)
        return out

    def _line_position(self, number: int) -> int:
        """Return how many px of the first frame are shown; the line starts in the middle."""
        turns = float(number / self._rate / _SWEEP % 1)
        return round(self.width * (1 + sin(2 * pi * turns)) / 2)


def resampled_count(num_frames: int, frame_rate: Fraction, rate: Fraction) -> int:
    """Count the frames at ``rate`` that last as long as a clip, to half a frame."""
    return max(1, floor(num_frames * rate / frame_rate + Fraction(1, 2)))


def resampled_frames(
    num_frames: int, frame_rate: Fraction, rate: Fraction, count: int
) -> Iterator[int]:
    """Yield which frame of a clip is on screen at each of ``count`` frames; the last one stays."""
    return (min(floor(k * frame_rate / rate), num_frames - 1) for k in range(count))


def frames_on_screen(
    lengths: tuple[int, int], rates: tuple[Fraction, Fraction]
) -> list[tuple[int, int]]:
    """List which frames of two clips are on screen at the same time.

    Args:
        lengths: how many frames each clip has.
        rates: frames per second of each; the list is at the higher of both.

    Returns:
        For each output frame, the number of a frame of each clip, from 0, until the longer clip has
        ended.
    """
    rate = max(rates)
    clips = list(zip(lengths, rates, strict=True))
    total = max(resampled_count(length, own_rate, rate) for length, own_rate in clips)
    shown = (resampled_frames(length, own_rate, rate, total) for length, own_rate in clips)
    return list(zip(*shown, strict=True))


def mean_difference(before: Tensor, after: Tensor) -> float:
    """Return the mean absolute difference of two frames, premultiplied, relative to full range.

    Args:
        before: [H, W, C], RGB or RGBA, uint8 in [0, 255] or floating point in [0, 1].
        after: the same.
    """
    change = premultiply(before)[..., :3] - premultiply(after)[..., :3]
    return float(change.abs_().mean()) / _white(before)


def label_texts(labels: tuple[str, str], rates: tuple[Fraction, Fraction]) -> tuple[str, str]:
    """Replace ``{fps}`` in each label by its rate."""
    before, after = (
        label.replace("{fps}", format_rate(rate)) for label, rate in zip(labels, rates, strict=True)
    )
    return before, after


def parse_labels(text: str) -> tuple[str, str]:
    """Read two labels, separated by a bar: ``before | after``.

    Raises:
        InputError: not exactly two labels.
    """
    before, bar, after = (part.strip() for part in text.partition("|"))
    if not bar or "|" in after:
        raise InputError(
            f'Labels must be two texts separated by a bar, such as "before | after", not {quoted(text)}.'
        )
    return before, after


@dataclass(frozen=True, slots=True)
class _Label:
    """White letters on a shade of black, to be laid over a corner of a frame.

    Attributes:
        grey: [h, w, 1] in [0, 1].
        opacity: [h, w, 1] in [0, 1].
    """

    grey: Tensor
    opacity: Tensor


def _draw_label(text: str, size: int, height: int, width: int) -> _Label | None:
    """Draw a text, smaller where it would not fit."""
    if not text:
        return None
    if not (text.isascii() and text.isprintable()):
        raise InputError(
            f"The label {quoted(text)} has characters outside ASCII, or control characters, which its "
            "font lacks. Use one line of ASCII only, or leave the label empty."
        )
    if len(text) > _LONGEST_LABEL:
        raise InputError(
            f"The label {quoted(text)} has {len(text)} characters; at most {_LONGEST_LABEL} are drawn. "
            "Shorten it."
        )
    margin = size // 2
    font = ImageFont.load_default(size)
    while font.getlength(text) > width - 2 * margin and size > 1:
        size -= 1
        font = ImageFont.load_default(size)
    right, bottom = font.getbbox(text)[2:]
    sheet = Image.new("L", (round(right) + 2 * margin, round(bottom) + 2 * margin))
    ImageDraw.Draw(sheet).text((margin, margin), text, fill=255, font=font)
    letters = torch.from_numpy(np.array(sheet)[-height:, :width, None]).float() / 255
    opacity = letters.clamp(min=_SHADE)
    return _Label(letters / opacity, opacity)


def _with_label(pixels: Tensor, label: _Label | None, *, at_right: bool) -> Tensor:
    """Return a copy of a frame with a label in a lower corner."""
    if label is None:
        return pixels
    height, width, _ = label.grey.shape
    left = pixels.shape[1] - width if at_right else 0
    out = pixels.clone()
    corner = out[-height:, left : left + width]
    corner.copy_(_composite(corner, label))
    return out


def _composite(pixels: Tensor, label: _Label) -> Tensor:
    """Lay a label over pixels with straight alpha, if any; float32, in the range of ``pixels``."""
    white = _white(pixels)
    colour = pixels[..., :3].float() / white
    if pixels.shape[-1] == 3:
        return _in_range_of(torch.lerp(colour, label.grey.expand_as(colour), label.opacity), pixels)
    below = pixels[..., 3:].float() / white * (1 - label.opacity)
    alpha = below + label.opacity
    covered = torch.lerp(colour, label.grey.expand_as(colour), label.opacity / alpha)
    return _in_range_of(torch.cat((covered, alpha), dim=-1), pixels)


def _in_range_of(values: Tensor, like: Tensor) -> Tensor:
    """Scale [0, 1] to the range of another tensor, rounded to code values where it is uint8."""
    values = values * _white(like)
    return values if like.is_floating_point() else values.round_()


def _white(pixels: Tensor) -> int:
    return 1 if pixels.is_floating_point() else 255
