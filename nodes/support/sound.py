"""AUDIO, as the nodes take it.

Other packs give waveforms without a batch or without channels, rates as tensors, and dictionaries that
fetch their sound only when it is looked at, and fail then. A picture is worth more than its sound:
where there simply is none the work goes on without, and says so; what is no sound at all is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...vfi.errors import InputError
from .values import as_number, ask, describe, is_plain, shown_error, tensor_of

_EXPECTED = "an AUDIO: a dictionary with a waveform, [B, C, T], and a sample_rate"
_KEYS = ("waveform", "sample_rate")
_MOST_CHANNELS = 8  # 7.1: what the encoders take
_LOWEST_RATE, _HIGHEST_RATE = 100, 768_000  # samples per second
_NO_AUDIO = (str, bytes, Sequence, Tensor, np.ndarray)  # can be indexed, but not by a name
# Whole numbers of a waveform -> the value of silence, and the largest distance from it.
_CODE_VALUES = {
    torch.uint8: (128, 1 << 7),
    torch.int16: (0, 1 << 15),
    torch.int32: (0, 1 << 31),
}


@dataclass(frozen=True)
class Sound:
    """Sound in memory.

    Attributes:
        waveform: [C, T] floating point, meant to be in [-1, 1], all finite, with at least one
            channel and sample.
        sample_rate: samples per second.
    """

    waveform: Tensor
    sample_rate: int

    def as_audio(self, num_samples: int) -> dict[str, Any]:
        """Return an AUDIO of its first samples."""
        return {"waveform": self.waveform[None, :, :num_samples], "sample_rate": self.sample_rate}


def read_audio_input(audio: object, name: str, notify: Callable[[str], object]) -> Sound | None:
    """Convert what arrives as AUDIO.

    Args:
        audio: anything; None: there is none.
        name: of the input.
        notify: called with a phrase where there is no sound in it, or some of it is lost.

    Raises:
        InputError: it is something else; the message says what.
    """
    if audio is None:
        return None
    found = _fields(audio, name, notify)
    if found is None:
        return None
    waveform, sample_rate = found
    samples = _samples(waveform, name)
    if isinstance(waveform, (Tensor, np.ndarray)) and waveform.ndim == 3 and len(waveform) > 1:
        notify(f"{name} is a batch of {len(waveform)}, of which the first was taken")
    if not samples.numel():
        notify(f"{name} was left out: it has no {'samples' if len(samples) else 'channels'}")
        return None
    _require_few_channels(samples, name)
    return Sound(_repaired(samples, name, notify), _rate(sample_rate, name))


def _fields(audio: Any, name: str, notify: Callable[[str], object]) -> tuple[object, object] | None:
    """Return waveform and rate as they are; None if there is no sound.

    A dictionary may be a program that extracts the sound when it is looked at. Of a file without
    sound it raises whatever it likes.
    """
    _require_dictionary(audio, name)
    if type(audio) is dict and not audio:  # of any other class, it may be there only when asked for
        notify(f"{name} was left out: it is empty")
        return None
    try:
        waveform, rate = ask(f"{name} cannot be read", partial(_values, audio))
    except InputError as error:
        notify(f"{name} was left out: {shown_error(error.__cause__ or error)}")
        return None
    if waveform is None:
        notify(f"{name} was left out: it has no waveform")
        return None
    return waveform, rate


def _values(audio: Any) -> list[Any]:
    return [audio[key] for key in _KEYS]


def _require_dictionary(audio: Any, name: str) -> None:
    if isinstance(audio, _NO_AUDIO) or not hasattr(audio, "__getitem__"):
        raise InputError(
            f"{name} must be {_EXPECTED}, and {describe(audio)} arrived. Connect a node such as Load "
            "Audio, or nothing."
        )
    if type(audio) is dict and audio and not audio.keys() >= set(_KEYS):
        raise InputError(
            f"{name} must be {_EXPECTED}, and a dictionary with {', '.join(map(str, audio))} arrived. "
            "Check the node that it comes from."
        )


def _samples(waveform: Any, name: str) -> Tensor:
    """Return [C, T] floating point, of the first of a batch."""
    if isinstance(waveform, np.ndarray):
        waveform = tensor_of(waveform, f"{name}: its waveform")
    if not isinstance(waveform, Tensor) or not is_plain(waveform) or waveform.ndim not in (1, 2, 3):
        raise InputError(
            f"{name}: its waveform must be numbers of shape [B, C, T], and {describe(waveform)} "
            "arrived. Check the node that it comes from."
        )
    if waveform.ndim == 3:
        waveform = waveform[0] if len(waveform) else waveform.new_empty(1, 0)
    samples = waveform.detach().resolve_neg().cpu()
    samples = samples[None] if samples.ndim == 1 else samples
    if samples.dtype in _CODE_VALUES:
        silence, loudest = _CODE_VALUES[samples.dtype]
        return (samples.float() - silence) / loudest
    if not samples.is_floating_point():
        raise InputError(
            f"{name}: its waveform must be floating point from -1 to 1, and {describe(waveform)} "
            "arrived. Check the node that it comes from."
        )
    return samples


def _require_few_channels(samples: Tensor, name: str) -> None:
    num_channels, num_samples = samples.shape
    if num_channels <= _MOST_CHANNELS:
        return
    if num_samples <= _MOST_CHANNELS:
        raise InputError(
            f"{name}: its waveform is [T, C], {num_channels} samples of {num_samples} channels, and "
            "must be [C, T]. Check the node that it comes from."
        )
    raise InputError(
        f"{name} has {num_channels} channels, and a file can have at most {_MOST_CHANNELS}. Mix it "
        "down to stereo."
    )


def _repaired(samples: Tensor, name: str, notify: Callable[[str], object]) -> Tensor:
    """Put silence where samples are not finite."""
    usable = samples.float().isfinite()
    if num_damaged := int(usable.logical_not().sum()):
        notify(
            f"{name}: {num_damaged} of {samples.numel()} samples are NaN or infinite, and were made "
            "silent"
        )
        return torch.where(usable, samples, torch.zeros_like(samples))
    return samples


def _rate(value: object, name: str) -> int:
    rate = as_number(value, f"{name}: its sample_rate")
    if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        raise InputError(
            f"{name}: its sample_rate must be {_LOWEST_RATE} to {_HIGHEST_RATE}, got {rate:g}. Check "
            "the node that it comes from."
        )
    return round(rate)
