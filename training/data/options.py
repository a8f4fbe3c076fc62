"""What a person may choose: how clips are cut, and how samples are varied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from vfi.errors import InputError

Timesteps = Literal["middle", "quarters", "any"]
LEAST_SIDE = 64  # px; the coarsest block of a network sees 1/64 of a frame
SIDE_STEP = 32  # px; sides of stored crops are multiples


@dataclass(frozen=True)
class CutOptions:
    """How clips are cut into samples.

    Attributes:
        size: side of a stored crop, px; it is square.
        span: frames from a sample's first to its last.
        most_per_clip: how many samples of a clip are kept.
        held_out: which share of the clips, or of the time of one or two, is kept from training.
        seed: of what is chosen by chance.
    """

    size: int = 256
    span: int = 4
    most_per_clip: int = 200
    held_out: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be cut."""
        _require(
            self.size >= LEAST_SIDE and self.size % SIDE_STEP == 0,
            f"The size of stored crops must be a multiple of {SIDE_STEP} px, {LEAST_SIDE} or more, not "
            f"{self.size}. 256 is usual.",
        )
        _require(
            self.span >= 2,
            f"The span of a sample must be 2 frames or more, not {self.span}: a frame is made from its "
            "two neighbours. 4 is usual.",
        )
        _require(
            self.most_per_clip >= 1,
            f"At least one sample of a clip must be kept, not {self.most_per_clip}. 200 is usual.",
        )
        _require(
            0 <= self.held_out < 1,
            f"The share that is held out must be at least 0 and below 1, not {self.held_out}. 0.1 is "
            "usual.",
        )


@dataclass(frozen=True)
class AugmentOptions:
    """How samples are varied each time they are drawn.

    Attributes:
        crop: side of a training picture, px; a stored crop that is smaller is enlarged.
        flip: mirror, horizontally and vertically, each half of the time.
        rotate: by a quarter turn, half of the time.
        reverse: run time backwards, half of the time: the ends are swapped, t becomes 1 - t.
        resize: half of the time enlarge, up to twice, or shrink, down to half, as far as the stored crop
            is larger than ``crop``; motion grows and shrinks with it.
        channels: shuffle red, green and blue.
        timesteps: which frames are left out: "middle" for those halfway between two others, "quarters"
            for those at 1/4, 1/2 and 3/4, where there are any; "any" for all.
    """

    crop: int = 224
    flip: bool = True
    rotate: bool = True
    reverse: bool = True
    resize: bool = True
    channels: bool = False
    timesteps: Timesteps = "any"

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        _require(
            self.crop >= LEAST_SIDE,
            f"The crop must be {LEAST_SIDE} px or more, not {self.crop}. 224 is usual.",
        )
        _require(
            self.timesteps in get_args(Timesteps),
            f"The timesteps must be one of {', '.join(get_args(Timesteps))}, not {self.timesteps!r}.",
        )


def _require(is_good: bool, message: str) -> None:
    if not is_good:
        raise InputError(message)
