"""What the values of a picture mean: its primaries and transfer function, and what HDR adds to them.

Primaries, transfer functions and matrices have FFmpeg's names, and the numbers of ITU-T H.273.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PRIMARIES: Mapping[str, int] = {
    "bt709": 1,
    "bt470bg": 5,
    "smpte170m": 6,
    "bt2020": 9,
    "smpte431": 11,
    "smpte432": 12,
}
"""Those that are kept; any others count as BT.709."""

TRANSFERS: Mapping[str, int] = {"bt709": 1, "smpte2084": 16, "arib-std-b67": 18}
"""Those that are kept; any others count as BT.709, which is close to all that are no HDR."""

MATRICES: Mapping[str, int] = {"bt709": 1, "bt2020nc": 9}
"""Those that are written."""

PER_XY, PER_CANDELA = 50_000, 10_000
"""The units of ``MasteringDisplay``: so many to 1 of CIE 1931's x or y, and to 1 cd/m²."""

_HDR_NAMES = {"smpte2084": "PQ", "arib-std-b67": "HLG"}


@dataclass(frozen=True)
class MasteringDisplay:
    """The display on which a film was graded (SMPTE ST 2086), in the units of H.265's message.

    Attributes:
        red: x and y of CIE 1931, in 1/``PER_XY``.
        green: likewise.
        blue: likewise.
        white: likewise.
        luminance: lowest and highest, in 1/``PER_CANDELA`` cd/m².
    """

    red: tuple[int, int]
    green: tuple[int, int]
    blue: tuple[int, int]
    white: tuple[int, int]
    luminance: tuple[int, int]


@dataclass(frozen=True)
class LightLevel:
    """How bright a film gets (CTA-861.3), in cd/m²; 0: unknown.

    Attributes:
        max_content: the brightest pixel, MaxCLL.
        max_average: the highest average of a frame, MaxFALL.
    """

    max_content: int
    max_average: int


@dataclass(frozen=True)
class Color:
    """What the values of a picture mean.

    Attributes:
        primaries: a name in ``PRIMARIES``.
        transfer: a name in ``TRANSFERS``.
        mastering: None if unknown.
        light_level: None if unknown.
    """

    primaries: str = "bt709"
    transfer: str = "bt709"
    mastering: MasteringDisplay | None = None
    light_level: LightLevel | None = None

    @property
    def matrix(self) -> str:
        """The matrix with which it is written as YUV, a name in ``MATRICES``."""
        return "bt2020nc" if self.is_hdr or self.primaries == "bt2020" else "bt709"

    @property
    def is_hdr(self) -> bool:
        """Whether its values reach beyond the white of ordinary displays."""
        return self.transfer in _HDR_NAMES

    @property
    def hdr_name(self) -> str:
        """What people call its transfer function: PQ or HLG; "" if it is no HDR."""
        return _HDR_NAMES.get(self.transfer, "")


SDR = Color()
"""BT.709, which every display shows."""

PQ = Color("bt2020", "smpte2084")
"""HDR as in HDR10 (BT.2100): a value is a luminance up to 10000 cd/m²."""

HLG = Color("bt2020", "arib-std-b67")
"""HDR as phones and broadcasters make it (BT.2100): a value is relative to the display's peak."""
