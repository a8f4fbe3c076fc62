"""HDR that is kept where the result can hold it, and converted or refused where it cannot."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from ..encode import PRESETS, EncodingSettings
from ..errors import InputError
from ..read import Clip


class HdrMode(Enum):
    """What becomes of HDR where the result cannot hold it."""

    TONE_MAP = "tonemap"
    """It is converted to SDR."""

    REFUSE = "refuse"
    """Nothing is written."""


def fit_color(
    clip: Clip,
    encoding: EncodingSettings | None,
    mode: HdrMode,
    notify: Callable[[str], object],
) -> Clip:
    """Return the clip with colours that the result can hold, and tell what its file is like.

    Args:
        clip: the source.
        encoding: of the result; None: it has none, such as images.
        mode: what becomes of HDR where the result cannot hold it.
        notify: called with each sentence on the clip, and one if it is converted.

    Raises:
        InputError: it would have to be converted, and that is refused.
    """
    for note in clip.notes:
        notify(note)
    if not clip.color.is_hdr or (encoding and encoding.keeps_hdr):
        return clip
    hdr = f"HDR ({clip.color.hdr_name})"
    limit = f"preset {encoding.preset} has 8 bits" if encoding else "images cannot hold it"
    *keepers, last = [preset.name for preset in PRESETS.values() if preset.keeps_hdr]
    advice = f"To keep HDR, write a video only, with preset {', '.join(keepers)} or {last}"
    if mode is HdrMode.REFUSE:
        raise InputError(
            f"{clip.name} is {hdr}, but {limit}. {advice}. To have it converted to SDR, set hdr to "
            "tonemap."
        )
    notify(f"{hdr} is converted to SDR, because {limit}. {advice}.")
    return clip.tone_mapped()
