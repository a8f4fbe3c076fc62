"""The frame rate of a film: which of its file's statements its frame times follow, if any."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from .scan import Scan
from .timestamps import is_constant_rate

_NUM_FIRST = 250  # frames that a rate in a header is compared with
_MOST = Fraction(9, 10)  # of the steps that make a rate, where some frames are missing
_FINEST = 1000  # denominator of a mean

_FIELD = Fraction(1001, 60_000)  # seconds of NTSC
_FILM = Fraction(24_000, 1001)
_FEWEST_STEPS = 10  # of pulldown
_FINE = Fraction(1, 500)  # seconds; a coarser clock cannot tell two fields from three
_UNTIMED = "its frames have no timestamps: they are taken as {:g} a second."
_TELECINE = "film with flags for 3:2 pulldown (soft telecine)"


@dataclass(frozen=True)
class Cadence:
    """How regularly frames are shown.

    Attributes:
        rate: frames per second; the mean where it varies.
        is_constant: frames are shown at multiples of ``1 / rate``, as far as the file tells.
        tolerance: seconds by which a frame's time may be off its multiple, and still means it; None:
            the time base.
        note: what people should know of it, a sentence; "": nothing.
    """

    rate: Fraction
    is_constant: bool
    tolerance: Fraction | None = None
    note: str = ""


def find_cadence(
    scan: Scan, told: Sequence[Fraction | None], of_codec: Fraction | None = None
) -> Cadence | None:
    """Find the frame rate; None where neither the times nor the header tell one.

    The average in a header is wrong where the time base is coarse or the last frame is long (a GIF
    of 30 fps has 100/3, an FLV of 24000/1001 has 983/41), and recorders write rates that their
    frames do not have. So that rate is taken which the times follow. Where they follow none, the
    frame rate varies, and its mean is taken.

    Args:
        scan: when frames are shown.
        told: rates in the header: average, guess, base.
        of_codec: the rate that the stream itself tells, whatever it is in.
    """
    rates = list(dict.fromkeys(restore_ntsc(rate) for rate in told if rate and rate > 0))
    if not scan.span:
        return _untimed(scan, told, of_codec)
    if telecine := _soft_telecine(scan):
        return telecine
    ticks, mean = _from_zero(scan.ticks), (len(scan.ticks) - 1) / scan.span
    # An average may fit by chance, so it is tried after the others in the header.
    candidates = [*reversed(rates), *_usual_rates(mean), _rounded(mean)]
    for rate in candidates:
        if is_constant_rate(ticks[:_NUM_FIRST], scan.time_base, rate):
            is_constant = is_constant_rate(ticks, scan.time_base, rate)
            return _regular(scan, rate) if is_constant else _varying(scan, rate)
    prevailing = _prevailing(scan, rates)
    if prevailing:
        return _varying(scan, prevailing)
    is_mean = bool(rates) and abs(rates[0] * scan.span - len(scan.ticks) + 1) <= 1
    return _varying(scan, rates[0] if is_mean else _rounded(mean))


def _regular(scan: Scan, rate: Fraction) -> Cadence:
    return Cadence(rate, is_constant=True, note=_note_on_pulldown(scan))


def _varying(scan: Scan, rate: Fraction) -> Cadence:
    # Where times are counted in frames, they are exact, and each is close to a multiple of any rate.
    tolerance = Fraction(0) if 4 * scan.time_base * rate > 1 else None
    return Cadence(rate, is_constant=False, tolerance=tolerance, note=_note_on_pulldown(scan))


def _untimed(
    scan: Scan, told: Sequence[Fraction | None], of_codec: Fraction | None
) -> Cadence | None:
    """Take the header's word, which for a stream without a container is that of its codec."""
    # Of such a stream FFmpeg's average is 25, whatever its codec says; its guess may be of fields.
    told = told if scan.ticks else [of_codec, *told[1:], *told[:1]]
    rate = next((restore_ntsc(rate) for rate in told if rate and rate > 0), None)
    if rate is None:
        return None
    note = "" if scan.ticks else _UNTIMED.format(float(rate))
    return Cadence(rate, is_constant=True, note=note)


def restore_ntsc(rate: Fraction) -> Fraction:
    """Return N * 1000 / 1001 for what Matroska makes of it, any other rate as it is.

    Matroska stores nanoseconds per frame and FFmpeg makes a fraction with terms up to 30000 of
    them: 60000/1001 becomes 19001/317. That is off by up to 4e-7 (measured from 48 to 120 fps),
    while 2997/125, which ComfyUI writes for 24000/1001 and means, is off by 1e-6.
    """
    ntsc = _nearest_ntsc(rate)
    return ntsc if abs(ntsc - rate) < rate / 2_000_000 else rate


def _nearest_ntsc(rate: Fraction) -> Fraction:
    return Fraction(1000 * round(rate * 1001 / 1000), 1001)


def _usual_rates(mean: Fraction) -> list[Fraction]:
    """Return rates that frames with this mean may have meant, the likeliest first."""
    usual = (Fraction(round(mean)), _nearest_ntsc(mean))
    nearest = sorted(usual, key=lambda rate: abs(rate - mean))
    return [rate for rate in nearest if rate > 0]


def _rounded(mean: Fraction) -> Fraction:
    """Return a mean in terms that every container can hold."""
    return mean.limit_denominator(_FINEST) or Fraction(1, _FINEST)


def _prevailing(scan: Scan, rates: Sequence[Fraction]) -> Fraction | None:
    """Return the rate of nearly all frames, where only some are missing."""
    num_steps = len(scan.ticks) - 1
    middle = sorted(_steps(scan))[num_steps // 2]
    # Both ends of a step are rounded, unless they are counted in frames.
    steps = [step for step in _steps(scan) if abs(step - middle) <= (middle > 1)]
    if not middle or len(steps) < _MOST * num_steps:
        return None
    mean = len(steps) / (sum(steps) * scan.time_base)
    # Of steps in a row only the first and the last end are off.
    within = mean * scan.time_base * Fraction(num_steps - len(steps) + 1, len(steps))
    return min(
        (rate for rate in (*rates, *_usual_rates(mean)) if abs(rate / mean - 1) <= within),
        key=lambda rate: abs(rate - mean),
        default=_rounded(mean),
    )


def _soft_telecine(scan: Scan) -> Cadence | None:
    """Recognise film of 24000/1001 frames that are shown for two and three fields in turn."""
    if not _is_pulldown(scan, all_of_it=True):
        return None
    tolerance = _FIELD + scan.time_base
    if not is_constant_rate(_from_zero(scan.ticks), scan.time_base, _FILM, tolerance):
        return None
    note = f"{_TELECINE} is read as its 24000/1001 frames a second."
    return Cadence(_FILM, is_constant=True, tolerance=tolerance, note=note)


def _note_on_pulldown(scan: Scan) -> str:
    if not _is_pulldown(scan, all_of_it=False):
        return ""
    return (
        f"parts of it are {_TELECINE}: motion is uneven there. Remove the pulldown first, for example "
        "with ffmpeg's filter fps=24000/1001."
    )


def _is_pulldown(scan: Scan, *, all_of_it: bool) -> bool:
    """Tell whether frames are shown for two and for three fields, and both often."""
    num_steps = len(scan.ticks) - 1
    if num_steps < _FEWEST_STEPS or scan.time_base > _FINE:
        return False
    twos, threes = (
        _num_near(_steps(scan), fields * _FIELD / scan.time_base, 1) for fields in (2, 3)
    )
    enough = Fraction(1, 3) if all_of_it else Fraction(1, 10)
    is_both = min(twos, threes) >= enough * num_steps
    return is_both and twos + threes >= (1 if all_of_it else _MOST) * num_steps


def _num_near(steps: Iterable[int], wanted: Fraction, within: int) -> int:
    low, high = wanted - within, wanted + within
    return sum(low <= step <= high for step in steps)


def _steps(scan: Scan) -> Iterator[int]:
    return (later - tick for tick, later in pairwise(scan.ticks))


def _from_zero(ticks: Sequence[int]) -> list[int]:
    return [tick - ticks[0] for tick in ticks]
