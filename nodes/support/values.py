"""What arrives on an input, as the nodes take it: numbers, choices, texts, and objects of other packs.

ComfyUI checks what is typed, and of what is connected only the name of its type. So whatever a node
gets is converted once, here and in ``images``, ``sound`` and ``video_source``; see ``checked``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import isfinite
from typing import Any, TypeVar

import numpy as np
import torch
from comfy.model_management import InterruptProcessingException
from torch import Tensor

from ...vfi.errors import InputError, VfiError
from ...vfi.timing import parse_rate

ResultT = TypeVar("ResultT")

_LONGEST_ERROR = 300  # characters

# Frames per second of a VIDEO; a slide show may have fewer than a typed rate.
_SLOWEST, _FASTEST = Fraction(1, 1000), 10_000
_LONGEST = 1e9  # seconds; no VIDEO is longer, and more digits would fill a message
_MOST_PRECISE = 1_001_000  # terms of a rate; 1001 thousandths are the finest in use


def describe(value: object) -> str:
    """Say what a value is, in the words of a message."""
    if value is None:
        return "nothing (None)"
    if isinstance(value, (str, bytes)):
        return "a text"
    if isinstance(value, Tensor) and not is_plain(value):
        return "a tensor without plain values"
    if isinstance(value, (Tensor, np.ndarray)):
        kind = str(value.dtype).removeprefix("torch.")
        return f"{kind} numbers of shape {list(value.shape)}"
    if isinstance(value, Mapping):
        return "a dictionary"
    if isinstance(value, Sequence):
        return f"a list of {len(value)}"
    return f"an object of type {type(value).__name__}"


def ask(what: str, call: Callable[[], ResultT]) -> ResultT:
    """Call an object of another pack, which may raise anything; that becomes one message.

    Args:
        what: which input, and what is asked for.
        call: asks for it.

    Raises:
        InputError: it fails; or see ``call``.
    """
    try:
        return call()
    except (VfiError, InterruptProcessingException, torch.cuda.OutOfMemoryError):
        raise  # those say all there is to say, or are for ComfyUI
    except Exception as error:
        raise InputError(
            f"{what} ({shown_error(error)}). Check the node that it comes from."
        ) from error


def shown_error(error: BaseException) -> str:
    """Write an error of another program in one line."""
    line = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    return line if len(line) <= _LONGEST_ERROR else f"{line[:_LONGEST_ERROR]}…"


def is_plain(tensor: Tensor) -> bool:
    """Whether it has its values in memory as they are: not sparse, nested, quantised or absent."""
    is_dense = tensor.layout == torch.strided and not tensor.is_nested
    return is_dense and not tensor.is_quantized and not tensor.is_meta


def tensor_of(array: np.ndarray[Any, Any], name: str) -> Tensor:
    """Copy an array of NumPy, which may be read-only, turned, or of another machine's byte order.

    Raises:
        InputError: it holds no numbers that torch knows.
    """
    if array.dtype.kind not in "fiu" or array.dtype.itemsize > 8:
        raise InputError(f"{name} must hold numbers, and {describe(array)} arrived.")
    return torch.from_numpy(np.array(array, dtype=array.dtype.newbyteorder("=")))


def as_number(value: object, name: str) -> float:
    """Convert what stands for a number: of Python, NumPy or torch, or as text.

    Raises:
        InputError: it is none, or not finite.
    """
    try:
        item = getattr(value, "item", None)  # of an array or a tensor with one element
        number = float(item() if callable(item) else value)  # type: ignore[arg-type]
    except Exception as error:  # an object of another pack may raise anything
        raise InputError(
            f"{name} must be a number, and {describe(value)} arrived. Check what is connected to it."
        ) from error
    if not isfinite(number):
        raise InputError(f"{name} must be a number, got {number}. Check what is connected to it.")
    return number


def as_whole_number(value: object, name: str) -> int:
    """Convert what stands for a whole number; see :func:`as_number`."""
    number = as_number(value, name)
    if number != round(number):
        raise InputError(f"{name} must be a whole number, got {number:g}.")
    return round(number)


def require_within(value: float, name: str, least: float | None, most: float | None) -> None:
    """Refuse a number outside the limits of its input; NaN is outside."""
    if not (least is None or value >= least) or not (most is None or value <= most):
        raise InputError(f"{name} must be {least} to {most}, got {value:g}.")


def as_text(value: object, name: str) -> str:
    """Take a text, or write a number as one."""
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        return str(value)
    raise InputError(
        f"{name} must be a text, and {describe(value)} arrived. Check what is connected to it."
    )


def as_video_rate(value: object, name: str) -> Fraction:
    """Convert the frame rate that a VIDEO says it has.

    Raises:
        InputError: it is no number, or none that a video can have.
    """
    number = as_number(value, f"{name}: its frame rate")
    if not _SLOWEST <= number <= _FASTEST:
        raise InputError(
            f"{name}: its frame rate is {number:g}, and must be above 0 and at most "
            f"{_FASTEST}. Make the video anew with Create Video, which asks for the rate."
        )
    is_exact = isinstance(value, (int, Fraction))
    # As people mean it: 29.97 is 30000/1001.
    rate = Fraction(value) if is_exact else parse_rate(f"{number:.6f}")
    if max(rate.numerator, rate.denominator) > _MOST_PRECISE:
        return rate.limit_denominator(1001)
    return rate if is_exact else rate.limit_denominator(1001)


def as_seconds(value: object, name: str) -> Fraction:
    """Convert a time that a VIDEO tells, from 0 on."""
    seconds = as_number(value, name)
    if seconds < 0:
        raise InputError(f"{name} must not be below 0, got {seconds:g}.")
    return Fraction(min(seconds, _LONGEST))
