"""Before and after in one picture, at the same moments: beside each other, or behind a moving line.

Each clip shows a frame until its next one is due, so what the eye compares is how it plays.
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
from ..errors import InputError
from ..timing import format_rate

DEFAULT_LABEL = "{fps} fps"

_SWEEP = 4  # seconds in which the dividing line goes to and fro
_LINE = 400  # the line is 1 px wide, and 1 px more for each so many px of picture
_LETTERS = 18  # a letter is 1 / this of the picture's shorter side high, ...
_SMALLEST_LETTERS = 12  # px, ... but can be read
_SHADE = 0.6  # opacity of the black behind the letters


class Layout(str, Enum):
    """How two pictures share one."""

    SIDE_BY_SIDE = "side-by-side"
    """Before at the left, after at the right: twice as wide."""
    STACKED = "stacked"
    """Before above, after below: twice as high."""
    SPLIT = "split"
    """Before at the left of a line that moves to and fro, after at its right: of the same size."""


class Montage:
    """Puts pictures of one size together.

    Attributes:
        height: of a picture with both, px.
        width: px.
        settings: everything that decides its pictures.
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
            layout: how.
            height: of each of the two pictures, px.
            width: px.
            rate: pictures per second, which decides how fast the dividing line moves.
            labels: what is written at the bottom of each, in ASCII; nothing where empty.

        Raises:
            InputError: a label has letters that the font lacks.
        """
        self.settings = (layout.value, height, width, rate, labels)
        self.height = 2 * height if layout is Layout.STACKED else height
        self.width = 2 * width if layout is Layout.SIDE_BY_SIDE else width
        self._layout = layout
        self._rate = rate
        size = max(_SMALLEST_LETTERS, min(height, width) // _LETTERS)
        self._inks = [_draw_label(text, size, height, width) for text in labels]

    def picture(self, before: Tensor, after: Tensor, number: int) -> Tensor:
        """Put two frames together.

        Args:
            before: [H, W, C], RGB or RGBA, uint8 in [0, 255] or floating point in [0, 1].
            after: the same.
            number: of the picture, counted from 0.

        Returns:
            A new frame of ``height`` and ``width``, dtype of the two.
        """
        is_split = self._layout is Layout.SPLIT
        left = _labelled(before, self._inks[0], at_right=False)
        right = _labelled(after, self._inks[1], at_right=is_split)
        if not is_split:
            return torch.cat((left, right), dim=0 if self._layout is Layout.STACKED else 1)
        line = self._line_position(number)
        out = torch.cat((left[:, :line], right[:, line:]), dim=1)
        thickness = 1 + self.width // _LINE
        out[:, max(0, line - thickness // 2) : line + (thickness + 1) // 2] = _peak(out)
        return out

    def _line_position(self, number: int) -> int:
        """Return how many px of the first picture are shown; it begins in the middle."""
        turns = float(number / self._rate / _SWEEP % 1)
        return round(self.width * (1 + sin(2 * pi * turns)) / 2)


def count_pictures(num_frames: int, frame_rate: Fraction, rate: Fraction) -> int:
    """Count the pictures at ``rate`` that last as long as a clip does, to half a picture."""
    return max(1, floor(num_frames * rate / frame_rate + Fraction(1, 2)))


def held_frames(num_frames: int, frame_rate: Fraction, rate: Fraction, count: int) -> Iterator[int]:
    """Yield which frame of a clip is on screen at each of ``count`` pictures; the last one stays."""
    return (min(floor(k * frame_rate / rate), num_frames - 1) for k in range(count))


def same_moments(
    lengths: tuple[int, int], rates: tuple[Fraction, Fraction]
) -> list[tuple[int, int]]:
    """List which frames of two clips are on screen together, picture by picture.

    Args:
        lengths: how many frames each has.
        rates: at which it is shown; the pictures come at the higher of both.

    Returns:
        Numbers from 0 of a frame of each, until the longer clip has ended.
    """
    rate = max(rates)
    clips = list(zip(lengths, rates, strict=True))
    total = max(count_pictures(length, own_rate, rate) for length, own_rate in clips)
    held = (held_frames(length, own_rate, rate, total) for length, own_rate in clips)
    return list(zip(*held, strict=True))


def mean_difference(before: Tensor, after: Tensor) -> float:
    """Tell how far apart what is seen of two frames is on average, as a part of the full range.

    Args:
        before: [H, W, C], RGB or RGBA, uint8 in [0, 255] or floating point in [0, 1].
        after: the same.
    """
    apart = premultiply(before)[..., :3] - premultiply(after)[..., :3]
    return float(apart.abs_().mean()) / _peak(before)


def label_texts(labels: tuple[str, str], rates: tuple[Fraction, Fraction]) -> tuple[str, str]:
    """Write the rates into labels, in place of ``{fps}``."""
    before, after = (
        label.replace("{fps}", format_rate(rate)) for label, rate in zip(labels, rates, strict=True)
    )
    return before, after


def parse_labels(text: str) -> tuple[str, str]:
    """Read two labels with a bar between: ``before | after``.

    Raises:
        InputError: they are not two.
    """
    before, bar, after = (part.strip() for part in text.partition("|"))
    if not bar or "|" in after:
        raise InputError(
            f'labels: expected two with a bar between, such as "before | after", got {text!r}.'
        )
    return before, after


@dataclass(frozen=True, slots=True)
class _Ink:
    """What is put over a part of a picture.

    Attributes:
        grey: [h, w, 1] in [0, 1].
        opacity: [h, w, 1] in [0, 1].
    """

    grey: Tensor
    opacity: Tensor


def _draw_label(text: str, size: int, height: int, width: int) -> _Ink | None:
    """Write white letters on a shade of black, smaller where they would not fit."""
    if not text:
        return None
    if not text.isascii():
        raise InputError(
            f"label: expected letters, digits and signs of ASCII, which Pillow's font has, got "
            f"{text!r}. Write it in these, or leave it empty."
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
    return _Ink(letters / opacity, opacity)


def _labelled(pixels: Tensor, ink: _Ink | None, *, at_right: bool) -> Tensor:
    """Put a label into a lower corner; the frame itself is left as it is."""
    if ink is None:
        return pixels
    height, width, _ = ink.grey.shape
    left = pixels.shape[1] - width if at_right else 0
    out = pixels.clone()
    corner = out[-height:, left : left + width]
    corner.copy_(_covered(corner, ink))
    return out


def _covered(pixels: Tensor, ink: _Ink) -> Tensor:
    """Put ink over pixels whose alpha, if any, is straight; float32, in the range of ``pixels``."""
    peak = _peak(pixels)
    colour = pixels[..., :3].float() / peak
    if pixels.shape[-1] == 3:
        return _levels(torch.lerp(colour, ink.grey.expand_as(colour), ink.opacity), pixels)
    below = pixels[..., 3:].float() / peak * (1 - ink.opacity)
    alpha = below + ink.opacity
    covered = torch.lerp(colour, ink.grey.expand_as(colour), ink.opacity / alpha)
    return _levels(torch.cat((covered, alpha), dim=-1), pixels)


def _levels(values: Tensor, like: Tensor) -> Tensor:
    """Scale [0, 1] to the range of another tensor, rounded where its levels are whole."""
    values = values * _peak(like)
    return values if like.is_floating_point() else values.round_()


def _peak(pixels: Tensor) -> int:
    return 1 if pixels.is_floating_point() else 255
