"""A line of encoder options, made safe.

Shared workflows carry whatever somebody typed into a text field. So only options that tune the
encoder are allowed, by name: none of them names a file, an input, an output or a filter. Whether an
encoder has them is for ``choose_encoder`` to find out, by opening it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping

from ..errors import InputError, quoted

_RATE = ("b", "bufsize", "cq", "crf", "global_quality", "lossless", "maxrate", "minrate", "q", "qp")
_PICTURES = ("b_ref_mode", "b_strategy", "bf", "g", "keyint_min", "refs", "sc_threshold", "slices")
_EFFORT = ("compression_level", "cpu-used", "deadline", "multipass", "preset", "row-mt", "threads")
_TUNING = (
    *("aq-mode", "aq-strength", "aud", "bits_per_mb", "coder", "context", "deblock", "direct-pred"),
    *("level", "look_ahead", "me_range", "motion-est", "pix_fmt", "profile", "psy-rd", "qcomp"),
    *("qmax", "qmin", "quality", "rc", "rc-lookahead", "slicecrc", "spatial-aq", "subq"),
    *("temporal-aq", "tier", "tile-columns", "tile-rows", "trellis", "tune", "weightb", "weightp"),
)
_PARAMETER_LISTS = ("svtav1-params", "x264-params", "x265-params")
_PIXEL_FORMATS = tuple(f"yuv{chroma}p{bits}" for bits in ("", "10le") for chroma in (420, 422, 444))
ALLOWED = frozenset((*_RATE, *_PICTURES, *_EFFORT, *_TUNING, *_PARAMETER_LISTS))

# Some of the encoders' own parameters write statistics or read tables, so these are named as well.
ALLOWED_PARAMETERS = frozenset(
    (
        *("amp", "aq-mode", "aq-strength", "b-adapt", "bframes", "ctu", "cutree", "deblock"),
        *("enable-overlays", "enable-qm", "enable-variance-boost", "fast-decode", "film-grain"),
        *("film-grain-denoise", "keyint", "lookahead", "me", "merange", "min-keyint", "no-sao"),
        *("psy-rd", "psy-rdoq", "qcomp", "qm-max", "qm-min", "rc-lookahead", "rd", "rdoq-level"),
        *("rect", "ref", "sao", "scd", "scenecut", "sharpness", "subme", "trellis", "tune"),
        *("variance-boost-strength", "variance-octile", "weightb", "weightp"),
    )
)
_LONGEST_LINE = 4000  # characters
_VALUE = re.compile(r"[\w.,:=+-]+", re.ASCII)  # no slash, no backslash: no path


def parse_encoder_options(line: str) -> Mapping[str, str]:
    """Read options: ``tune=film b=4M``, or as one writes them for ffmpeg: ``-tune film -b:v 4M``.

    Args:
        line: quoted as for a shell, but no shell ever sees it. ``-b:v`` and ``b`` are the same.

    Returns:
        Names without dash and ``:v``, and their values; the last of a name counts.

    Raises:
        InputError: something else than options of an encoder.
    """
    if len(line) > _LONGEST_LINE:
        raise InputError(
            f"The ffmpeg options have {len(line)} characters, and at most {_LONGEST_LINE} are read. "
            "Keep those that are needed."
        )
    try:
        words = iter(shlex.split(line))
    except ValueError as error:
        raise InputError(
            f"A quote is not closed in the ffmpeg options {quoted(line)}. Close it."
        ) from error
    return dict(_pairs(words))


def _pairs(words: Iterator[str]) -> Iterator[tuple[str, str]]:
    for word in words:
        given, sign, value = word.partition("=")
        name = given.removeprefix("-").removesuffix(":v")
        is_pair = bool(sign) and not word.startswith("-")
        if name not in ALLOWED or not (is_pair or (word.startswith("-") and not sign)):
            raise InputError(
                f"Write ffmpeg options as preset=slow or -preset slow: {quoted(word)} is not among those that "
                f"may be set. These are: {', '.join(sorted(ALLOWED))}."
            )
        value = value if is_pair else next(words, "")
        _require_harmless(name, value)
        yield name, value


def _require_harmless(name: str, value: str) -> None:
    if not _VALUE.fullmatch(value):
        raise InputError(
            f"The ffmpeg option -{name} needs a value of letters, digits and .,:=+-, got "
            f"{quoted(value or 'nothing')}."
        )
    if name == "pix_fmt" and value not in _PIXEL_FORMATS:
        raise InputError(
            f"-pix_fmt {value} is not among the pixel formats that may be set: "
            f"{', '.join(_PIXEL_FORMATS)}. Choose one of these, or leave it to the preset."
        )
    if name in _PARAMETER_LISTS:
        for parameter in value.split(":"):
            if parameter.split("=")[0] not in ALLOWED_PARAMETERS:
                raise InputError(
                    f"{quoted(parameter)} is not among the parameters that may be set in -{name}. "
                    f"These may: {', '.join(sorted(ALLOWED_PARAMETERS))}."
                )
