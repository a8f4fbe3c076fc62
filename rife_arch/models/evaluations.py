"""The ways in which a network can be evaluated, by name, and what all of them do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from ..networks import IFNet, Interpolated, Pair

Evaluation = Literal["auto", "plain", "exact", "fused", "triton", "graph"]
EVALUATIONS: tuple[Evaluation, ...] = ("auto", "plain", "exact", "fused", "triton")
"""What users choose from.

``plain`` is the network as it was published. All others give its result to rounding: ``exact`` is the
algebra of ``Pyramid`` in torch, ``fused`` the same in compiled loops on a CPU, ``triton`` in kernels for a
GPU. ``auto`` is the fastest there is. ``graph``, a CUDA graph of ``exact``, is not for users yet.
"""


class Evaluates(Protocol):
    """One way to evaluate a network: ``Pyramid`` and whatever has its interface."""

    def encode_frame(self, img: Tensor) -> Tensor:
        """Attach its features to a frame; see ``IFNet``."""
        ...

    def __call__(
        self, pair: Pair, timestep: Tensor, flow_scale: float, averages: bool = False
    ) -> Tensor:
        """Interpolate; see ``Pyramid``."""
        ...

    def with_motion(
        self, pair: Pair, timestep: Tensor, flow_scale: float, averages: bool = False
    ) -> Interpolated:
        """Interpolate, and return the motion as well; see ``Pyramid``."""
        ...


class PlainForward:
    """The network as it was published, with the interface of ``Pyramid``."""

    def __init__(self, network: IFNet) -> None:
        self._network = network

    def encode_frame(self, img: Tensor) -> Tensor:
        """Attach its features to a frame; see ``IFNet``."""
        return self._network.encode_frame(img)

    def __call__(
        self, pair: Pair, timestep: Tensor, flow_scale: float, averages: bool = False
    ) -> Tensor:
        """Interpolate; see ``IFNet.forward``."""
        return self._network(pair, timestep, flow_scale, "last" if averages else "none")

    def with_motion(
        self, pair: Pair, timestep: Tensor, flow_scale: float, averages: bool = False
    ) -> Interpolated:
        """Interpolate, and return the motion as well; see ``IFNet.with_motion``."""
        averaging = "last" if averages else "none"
        return self._network.with_motion(pair, timestep, flow_scale, averaging)


class Call(NamedTuple):
    """What an evaluation is asked for.

    Attributes:
        pair: the encoded frames, of the batch size of ``timestep``; what alpha they have is ignored.
        timestep: [B, 1, 1, 1] float32 in (0, 1).
        flow_scale: resolution of flow estimation.
        averages: the last block is averaged with its output for the swapped pair.
        finds_motion: the motion is wanted as well.
    """

    pair: Pair
    timestep: Tensor
    flow_scale: float
    averages: bool
    finds_motion: bool = False

    def made_by(self, evaluation: Evaluates) -> Tensor:
        """Return the frames [B, 3, H, W]; where the motion is wanted, [B, 6, H, W].

        The motion is shown by what it makes of the colours, which is as visible as frames are.
        """
        arguments = self.pair, self.timestep, self.flow_scale, self.averages
        if not self.finds_motion:
            return evaluation(*arguments)
        result = evaluation.with_motion(*arguments)
        return torch.cat((result.frame, self.pair.colours().blended(result.motion)), 1)

    def encoded_by(self, evaluation: Evaluates) -> Call:
        """Encode the colours of both frames anew, in the layout of an evaluation."""
        pair = self.pair.mapped(lambda frame: encoded_anew(frame, evaluation.encode_frame))
        return self._replace(pair=pair)

    def first(self, count: int) -> Call:
        """Keep the first ``count`` of the batch."""
        pair = self.pair.mapped(lambda frame: frame[:count])
        return self._replace(pair=Pair(pair.frame0, pair.frame1), timestep=self.timestep[:count])


def encoded_anew(frame: Tensor, encode: Callable[[Tensor], Tensor]) -> Tensor:
    """Encode the colours of a frame [B, 3 + C, H, W] again, once where the batch repeats one frame."""
    colours = (frame[:1] if frame.stride(0) == 0 else frame)[:, :3]
    return encode(colours).expand(len(frame), -1, -1, -1)
