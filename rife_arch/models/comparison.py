"""Whether an evaluation gives what the plain forward gives, told by the pictures.

The truth is the plain forward in float32, its convolutions without TF32. Rounding alone may take half
precision, or TF32, some way from it; an evaluation may be as far off as the plain forward in the
same precision, and a little further, as it rounds in other places.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.backends import cudnn

from ..networks import IFNet, Pair
from .evaluations import Call, Evaluates, PlainForward, encoded_anew

LEAST_DB = 80.0
"""PSNR from the truth that is enough in any precision: one value in a frame of 8 bits differs in 40 000."""
_MARGIN_DB = 6.0
"""How much further from the truth than the plain forward an evaluation may be: twice the error."""


@dataclass(frozen=True)
class Sample:
    """A call whose result is known.

    Attributes:
        name: of the pair, for messages.
        call: what is asked for.
        truth: the result, [B, 3 or 6, H, W].
        least: PSNR from the truth that is enough, dB.
        is_encoded_anew: an evaluation gets the frames as it encodes them itself, else as the network does. It
            has to take both: frames are encoded before it is chosen.
    """

    name: str
    call: Call
    truth: Tensor
    least: float
    is_encoded_anew: bool


def make_samples(network: IFNet, call: Call) -> list[Sample]:
    """Work out what an evaluation has to give for a call, and for another one of the same size.

    Raises:
        RuntimeError, MemoryError: there is not enough memory for the plain forward.
    """
    exact = network if network.dtype == torch.float32 else deepcopy(network).float()
    samples: list[Sample] = []
    for name, each in both_calls(network, call):
        with without_tf32():
            truth = each.made_by(PlainForward(exact))
        rounded = psnr(each.made_by(PlainForward(network)), truth)
        least = min(LEAST_DB, rounded - _MARGIN_DB)
        samples.append(Sample(name, each, truth, least, is_encoded_anew=each is not call))
    return samples


def samples_of(network: IFNet, call: Call, evaluation: Evaluates) -> list[Sample]:
    """Do the same where the truth is what another evaluation gives."""
    return [
        Sample(name, each, each.made_by(evaluation), LEAST_DB, is_encoded_anew=each is not call)
        for name, each in both_calls(network, call)
    ]


def both_calls(network: IFNet, call: Call) -> list[tuple[str, Call]]:
    """Return a call, and another of the same size whose frames, motion and timesteps differ.

    An evaluation that keeps what belongs to one pair, as a graph does that was captured with its features,
    is right for that pair only. A pattern is mixed into the frames of the other: a clip may begin with black
    frames, which whatever is wrong with the motion leaves black.
    """
    pair = Pair(
        _with_pattern(network, call.pair.frame1, shift=0),
        _with_pattern(network, call.pair.frame0, shift=3),
    )
    other = call._replace(pair=pair, timestep=call.timestep * 0.6 + 0.05)
    return [("the first pair", call), ("a second pair", other)]


def objection(evaluation: Evaluates, samples: Sequence[Sample]) -> str | None:
    """Say what is wrong with the results of an evaluation; None if nothing is."""
    for sample in samples:
        call = sample.call.encoded_by(evaluation) if sample.is_encoded_anew else sample.call
        found = psnr(call.made_by(evaluation), sample.truth)
        if not found >= sample.least:  # NaN is not
            return (
                f"its result is {found:.1f} dB from what it should be for {sample.name}, and at least "
                f"{sample.least:.1f} dB is asked for"
            )
    return None


def psnr(found: Tensor, truth: Tensor) -> float:
    """Return the PSNR between frames in [0, 1], dB; 200 for equal ones. Waits for the device."""
    error = (found.float() - truth).square().mean().item()
    return float(-10 * torch.tensor(error, dtype=torch.float64).clamp(min=1e-20).log10())


def _with_pattern(network: IFNet, frame: Tensor, shift: int) -> Tensor:
    """Encode the colours of a frame [B, 3 + C, H, W] anew, with waves over them that move by px."""
    height, width = frame.shape[2:]
    x = torch.arange(width, device=frame.device) + shift
    y = torch.arange(height, device=frame.device)[:, None] - shift
    phase = torch.arange(3, device=frame.device).reshape(3, 1, 1)
    waves = (0.11 * x + 0.07 * y + phase).sin() * 0.25 + (0.23 * y - 0.05 * x).cos() * 0.25 + 0.5
    return encoded_anew(frame, lambda colours: network.encode_frame((colours + waves) / 2))


@contextmanager
def without_tf32() -> Generator[None, None, None]:
    """Let convolutions in float32 keep all 24 bits of their inputs."""
    with cudnn.flags(
        enabled=cudnn.enabled,
        benchmark=cudnn.benchmark,
        deterministic=cudnn.deterministic,
        allow_tf32=False,
    ):
        yield
