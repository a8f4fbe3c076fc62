"""How a network is evaluated: compiled loops, the pyramid in torch, or the plain forward."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeVar

import torch
from torch import Tensor

from ..evaluation import Pyramid, supports_pyramid
from ..memory import is_out_of_memory
from ..networks import Averaging, IFNet, Interpolated, Network, Pair
from .base import device_of, lowest_dtype
from .bisection import bisect, nearest_dyadic

if TYPE_CHECKING:
    from ..evaluation.cpu import FusedPyramid

_log = logging.getLogger(__name__)
ResultT = TypeVar("ResultT", Tensor, Interpolated)
Evaluation = Literal["fused", "exact", "plain"]


class Evaluator:
    """Runs one network, by default the fastest way that gives the same result."""

    def __init__(
        self, network: Network, evaluation: Evaluation | Literal["auto"], *, torch_compile: bool
    ) -> None:
        self._network = network
        self._requested = "exact" if torch_compile else evaluation
        self._uses_torch_compile = torch_compile
        self._pyramid = Pyramid(network) if isinstance(network, IFNet) else None

    def evaluation(self, flow_scale: float) -> Evaluation:
        """Choose how frames are computed; see ``RifeModel.evaluation``."""
        if self._requested == "plain" or not supports_pyramid(self._network.config, flow_scale):
            return "plain"
        can_fuse = device_of(self._network).type == "cpu" and lowest_dtype(self._network) in (
            torch.float32,
            torch.bfloat16,
        )
        return "fused" if self._requested != "exact" and can_fuse and self._fused else "exact"

    @cached_property
    def _fused(self) -> FusedPyramid | None:
        """The compiled loops; None without numba, whose import takes a second."""
        if not isinstance(self._network, IFNet):
            return None
        try:
            from ..evaluation.cpu import FusedPyramid

            fused = FusedPyramid(self._network)
            _log.info("compiled loops for the CPU are ready after %.1f s", fused.warm_up())
        except ImportError as error:
            _log.debug("no compiled loops: %s", error)
            return None
        except Exception as error:  # noqa: BLE001  a compiler may fail in any way
            _log.warning("the compiled loops failed, going on without them: %s", error)
            return None
        return fused

    def _pyramid_for(self, flow_scale: float) -> FusedPyramid | Pyramid | None:
        evaluation = self.evaluation(flow_scale)
        if evaluation == "plain":
            return None
        return self._fused if evaluation == "fused" else self._pyramid

    def encode_frame(self, img: Tensor, flow_scale: float) -> Tensor:
        """Attach features to a padded frame, in the layout of the evaluation that will be used."""
        return (self._pyramid_for(flow_scale) or self._network).encode_frame(img)

    def interpolate(
        self, pair: Pair, timesteps: Tensor, flow_scale: float, *, averaging: Averaging
    ) -> Tensor:
        """Interpolate at [B, 1, 1, 1] timesteps: [B, 3 or 4, H, W].

        A network that knows the middle only gives the nearest timestep that halving reaches.
        """
        if self._network.config.supports_any_timestep:
            return self._interpolate(pair, timesteps, flow_scale, averaging=averaging)
        half = timesteps.new_full((1, 1, 1, 1), 0.5)
        items = zip(pair.items(), timesteps.flatten().tolist(), strict=True)
        frames = [
            bisect(
                item,
                nearest_dyadic(timestep),
                interpolate_middle=lambda pair: self._interpolate(
                    pair, half, flow_scale, averaging=averaging
                ),
                encode=self._network.encode_frame,
            )
            for item, timestep in items
        ]
        return torch.cat(frames)

    def _interpolate(
        self, pair: Pair, timesteps: Tensor, flow_scale: float, *, averaging: Averaging
    ) -> Tensor:
        if pair.alphas is not None:  # interpolated by the motion that was found from the colours
            result = self.with_motion(pair, timesteps, flow_scale, averaging=averaging)
            return torch.cat((result.frame, pair.alphas.blended(result.motion)), 1)
        pyramid = self._pyramid_for(flow_scale)
        if pyramid is not None and averaging != "all":
            return self._compiled(pyramid.__call__)(
                pair, timesteps, flow_scale, averaging == "last"
            )
        return self._compiled(self._network.forward)(pair, timesteps, flow_scale, averaging)

    def with_motion(
        self, pair: Pair, timesteps: Tensor, flow_scale: float, *, averaging: Averaging
    ) -> Interpolated:
        """Interpolate the colours, and return the motion as well."""
        pyramid = self._pyramid_for(flow_scale)
        if pyramid is not None and averaging != "all":
            return self._compiled(pyramid.with_motion)(
                pair, timesteps, flow_scale, averaging == "last"
            )
        return self._compiled(self._network.with_motion)(pair, timesteps, flow_scale, averaging)

    def _compiled(self, run: Callable[..., ResultT]) -> Callable[..., ResultT]:
        """Compile ``run`` with torch if that was asked for; if it fails, go on without."""
        if not self._uses_torch_compile:
            return run

        def attempt(*args: object) -> ResultT:
            try:
                return torch.compile(run)(*args)
            except Exception as error:  # a compiler may fail in any way
                if is_out_of_memory(error):
                    raise
                reason = str(error).strip().split("\n", 1)[0]
                _log.warning("torch.compile failed, going on without it: %s", reason)
                self._uses_torch_compile = False
                return run(*args)

        return attempt
