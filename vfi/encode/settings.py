"""How a video is encoded, as people choose it, and what that means for one file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from ..color import SDR, Color
from ..errors import InputError
from .containers import find_container
from .encoders import choose_encoder
from .frame_format import FrameFormat
from .presets import DEFAULT_PRESET, PRESETS, Preset, bit_depth_of, find_preset


@dataclass(frozen=True)
class EncodingSettings:
    """How a video is encoded, as people choose it.

    Attributes:
        preset: a name in ``PRESETS``.
        crf: quality, 0 (best) to 51 or 63 (worst), None for the preset's; for H.264, 6 less doubles
            the size, roughly.
        speed: of the encoder, one of ``SPEEDS``; None for the preset's.
        options: of the encoder, from ``parse_encoder_options``; they take precedence.
        dither: where 8 bits are written, spread what lies between two levels over the pixels around.
    """

    preset: str = DEFAULT_PRESET
    crf: int | None = None
    speed: str | None = None
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    dither: bool = False

    @property
    def keeps_alpha(self) -> bool:
        """Whether transparency can be kept."""
        return find_preset(self.preset).has_alpha

    @property
    def keeps_hdr(self) -> bool:
        """Whether HDR can be kept: with 8 bits, its gradients would show bands."""
        preset = find_preset(self.preset)
        chosen = self.options.get("pix_fmt")  # of the user, in place of the preset's
        return preset.keeps_hdr and (chosen is None or bit_depth_of(chosen) > 8)

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Extensions of the files that can be written; the first is the default."""
        return find_preset(self.preset).suffixes

    def resolve(
        self,
        path: Path,
        *,
        width: int,
        height: int,
        rate: Fraction,
        pixel_aspect: Fraction = Fraction(1),
        has_alpha: bool = False,
        color: Color = SDR,
    ) -> FrameFormat:
        """Check the settings against one video, and find an encoder that opens on this machine.

        Takes a moment, as the encoder is tried.

        Args:
            path: the video; its extension, one of ``CONTAINERS``, decides the container.
            width: px. An odd size gets its last column or row twice where the preset needs even ones.
            height: px.
            rate: frames per second; carried exactly as long as both terms are at most 1001000.
            pixel_aspect: width / height of a displayed pixel.
            has_alpha: frames are RGBA. The preset keeps alpha or drops it.
            color: what the values of frames mean; HDR only if :attr:`keeps_hdr`.

        Raises:
            InputError: the settings do not fit the video, or no encoder of the preset opens.
        """
        preset = find_preset(self.preset)
        _require_fitting_suffix(path, preset)
        _require_valid_frames(preset, width, height, rate)
        has_alpha = has_alpha and preset.has_alpha
        encoder = choose_encoder(
            preset,
            crf=self.crf,
            speed=self.speed,
            options=self.options,
            has_alpha=has_alpha,
        )
        bit_depth = preset.frame_bit_depth(dither=self.dither)
        return FrameFormat(width, height, rate, pixel_aspect, has_alpha, bit_depth, encoder, color)


def _require_fitting_suffix(path: Path, preset: Preset) -> None:
    find_container(path)
    suffix = path.suffix.lower()
    if suffix not in preset.suffixes:
        fitting = [other.name for other in PRESETS.values() if suffix in other.suffixes]
        raise InputError(
            f"{path}: preset {preset.name} writes {' or '.join(preset.suffixes)}, not {suffix}. "
            f"Rename the file, or choose a preset that writes {suffix}: {', '.join(fitting)}."
        )


def _require_valid_frames(preset: Preset, width: int, height: int, rate: Fraction) -> None:
    if width < 1 or height < 1:
        raise InputError(f"A video needs at least 1x1 px, got {width}x{height}. Check the input.")
    if rate <= 0:
        raise InputError(f"The frame rate must be above 0, got {rate}. Give frames per second.")
    if rate > preset.max_rate:
        raise InputError(
            f"Preset {preset.name} plays at most {preset.max_rate} frames per second, not "
            f"{float(rate):g}. Choose a lower rate or another preset."
        )
