"""One evaluation as a CUDA graph: its kernels are recorded once, and replayed with one call.

Worth it where starting kernels takes longer than running them, with small frames on a fast card.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..networks import IFNet, Interpolated, Pair
from .evaluations import Evaluates
from .gpu import Graphs

_log = logging.getLogger(__name__)
_WARM_UPS = (
    3  # as PyTorch's documentation of CUDA graphs has it: libraries choose kernels meanwhile
)


class GraphRunner:
    """Replays an evaluation for frames and batches of one size, those of the first call.

    This has not run on a GPU yet: its logic is tested with a stand-in for CUDA only.

    A graph repeats kernels on fixed addresses, and no Python. So:

    - Inputs are copied to the tensors that the kernels read, outputs are copied from those they write.
    - The evaluation must decide nothing by the values of its inputs, and change nothing that Python sees.
      ``Pyramid`` builds tables at the first call for a size, and drops them at a call for another: the runner
      warms up an instance that nobody else calls, so its tables live as long as the graph.
    - When the weights move, as when ComfyUI takes a network off the card and brings it back, the graph is
      captured again.

    Calls of another size, and all calls once anything has failed, go to an evaluation without a graph.
    """

    def __init__(
        self,
        network: IFNet,
        make: Callable[[], Evaluates],
        otherwise: Evaluates,
        graphs: Graphs,
    ) -> None:
        """Prepare; nothing is captured yet.

        Args:
            network: whose weights the evaluation reads.
            make: makes the evaluation to be captured.
            otherwise: takes what does not fit the graph.
            graphs: ``torch.cuda``.
        """
        self._network = network
        self._make = make
        self._otherwise = otherwise
        self._graphs = graphs
        self._captured: _Captured | None = None
        self._weights: tuple[int, ...] = ()
        self._has_failed = False

    def encode_frame(self, img: Tensor) -> Tensor:
        """Attach its features to a frame, without a graph."""
        return self._otherwise.encode_frame(img)

    def with_motion(
        self, pair: Pair, timestep: Tensor, flow_scale: float, averages: bool = False
    ) -> Interpolated:
        """Interpolate, and return the motion as well, without a graph."""
        return self._otherwise.with_motion(pair, timestep, flow_scale, averages)

    def __call__(
        self, pair: Pair, timestep: Tensor, flow_scale: float, averages: bool = False
    ) -> Tensor:
        """Interpolate; see ``Pyramid``."""
        if not self._has_failed:
            try:
                out = self.replay(pair, timestep, flow_scale, averages)
            except Exception as error:  # noqa: BLE001  a driver may fail in any way
                reason = str(error).strip().split("\n", 1)[0]
                _log.warning("the CUDA graph failed, going on without it: %s", reason)
                self._has_failed, self._captured = True, None
            else:
                if out is not None:
                    return out
        return self._otherwise(pair, timestep, flow_scale, averages)

    def replay(
        self, pair: Pair, timestep: Tensor, flow_scale: float, averages: bool = False
    ) -> Tensor | None:
        """Interpolate by the graph, captured first if need be; None if it is for another size.

        Raises:
            Exception: whatever the driver says; ``__call__`` goes on without a graph instead.
        """
        inputs = pair.frame0, pair.frame1, timestep
        key = (*map(_form, inputs), flow_scale, averages)
        weights = tuple(weight.data_ptr() for weight in self._network.parameters())
        if self._captured is not None and self._weights != weights:
            self._captured = None
        with self._graphs.device(timestep.device):
            if self._captured is None:
                evaluation = self._make()

                def run(frame0: Tensor, frame1: Tensor, times: Tensor) -> Tensor:
                    return evaluation(Pair(frame0, frame1), times, flow_scale, averages)

                self._captured, self._weights = _Captured(run, inputs, key, self._graphs), weights
            return self._captured(inputs) if key == self._captured.key else None


class _Captured:
    """A graph, with the tensors that it reads and the one that it writes."""

    def __init__(
        self,
        run: Callable[..., Tensor],
        inputs: tuple[Tensor, ...],
        key: tuple[object, ...],
        graphs: Graphs,
    ) -> None:
        self.key = key
        self._run = run  # the graph reads its tables
        self._buffers = [_unrepeated(given).clone() for given in inputs]
        views = [
            buffer.expand(given.shape) for buffer, given in zip(self._buffers, inputs, strict=True)
        ]
        side = graphs.Stream()
        side.wait_stream(graphs.current_stream())
        with graphs.stream(side):
            for _ in range(_WARM_UPS):
                run(*views)
        graphs.current_stream().wait_stream(side)
        self._graph: Any = graphs.CUDAGraph()
        # By default work of any other thread, such as one that decodes, would break the capture.
        with graphs.graph(self._graph, capture_error_mode="thread_local"):
            self._out = run(*views)

    def __call__(self, inputs: tuple[Tensor, ...]) -> Tensor:
        for buffer, given in zip(self._buffers, inputs, strict=True):
            buffer.copy_(_unrepeated(given))
        self._graph.replay()
        return self._out.clone()


def _unrepeated(x: Tensor) -> Tensor:
    """Return a batch that is one item repeated without copies as that item."""
    return x[:1] if x.stride(0) == 0 else x


def _form(x: Tensor) -> tuple[torch.Size, tuple[int, ...], torch.dtype, torch.device]:
    return x.shape, x.stride(), x.dtype, x.device
