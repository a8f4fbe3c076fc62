"""What an encoder is told of HDR beside its tags: the mastering display and the light level.

x265 and SVT-AV1 write both into each key frame, in whatever container that ends up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..color import PER_CANDELA, PER_XY, Color, MasteringDisplay


def hdr_parameters(encoder: str, color: Color) -> Mapping[str, str]:
    """Return the option of an encoder for this, and its value; empty if there is nothing to tell.

    Args:
        encoder: FFmpeg's name of it.
        color: of the frames.
    """
    if encoder == "libx265":
        # In the units of H.265: https://x265.readthedocs.io/en/master/cli.html
        names, write = ("x265-params", "master-display", "max-cll"), _as_it_is
    elif encoder == "libsvtav1":
        # In x and y of CIE 1931, and cd/m²: SVT-AV1's Docs/Parameters.md
        names, write = ("svtav1-params", "mastering-display", "content-light"), _in_units
    else:
        return {}
    option, display, light = names
    parameters: list[str] = []
    if color.mastering:
        parameters.append(f"{display}={_describe(color.mastering, write)}")
    if color.light_level:
        level = color.light_level
        parameters.append(f"{light}={level.max_content},{level.max_average}")
    return {option: ":".join(parameters)} if parameters else {}


def _as_it_is(value: int, _per_unit: int) -> str:
    return str(value)


def _in_units(value: int, per_unit: int) -> str:
    return f"{value / per_unit:.5f}"


def _describe(display: MasteringDisplay, write: Callable[[int, int], str]) -> str:
    points = {"G": display.green, "B": display.blue, "R": display.red, "WP": display.white}
    low, high = (write(value, PER_CANDELA) for value in display.luminance)
    places = (f"{name}({write(x, PER_XY)},{write(y, PER_XY)})" for name, (x, y) in points.items())
    return f"{''.join(places)}L({high},{low})"
