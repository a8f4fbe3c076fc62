"""How a network is evaluated: as asked for, else by compiled loops on a CPU and the fastest way on a GPU."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeVar, cast

import torch
from torch import Tensor

from ..errors import EvaluationError
from ..evaluation import Pyramid, supports_pyramid
from ..memory import is_out_of_memory
from ..networks import Averaging, IFNet, Interpolated, Network, Pair
from .base import device_of, lowest_dtype, precision_name
from .bisection import bisect, nearest_dyadic
from .evaluations import Call, Evaluates, Evaluation
from .gpu import Graphs, find_gpu
from .graph_runner import GraphRunner
from .selection import Selector
from .timesteps import to_device
from .timings import Timings

if TYPE_CHECKING:
    from ..evaluation.cpu import FusedPyramid
    from ..evaluation.gpu import TritonPyramid

_log = logging.getLogger(__name__)
ResultT = TypeVar("ResultT", Tensor, Interpolated)


class Evaluator:
    """Runs one network, by default the fastest way that gives the same result.

    Attributes:
        label: what messages call the network.
        saves_memory: works in strips of rows.
    """

    def __init__(
        self,
        network: Network,
        evaluation: Evaluation,
        *,
        torch_compile: bool,
        label: str = "RIFE",
        measures: bool = True,
        saves_memory: bool = False,
    ) -> None:
        """Choose nothing yet: the network may still move to another device.

        Args:
            network: the network.
            evaluation: see ``EVALUATIONS``.
            torch_compile: compile ``exact`` or ``plain`` with torch.
            label: what the log and messages call the network.
            measures: "auto" on a GPU is measured; else it is ``exact`` where that can be.
            saves_memory: see ``save_memory``.
        """
        self._network = network
        self._requested: Evaluation = evaluation
        self._torch_compile = torch_compile
        self._uses_torch_compile = torch_compile  # until that fails
        self.label = label
        self._measures = measures and not torch_compile
        self.saves_memory = saves_memory
        self._triton_scales: set[float] = set()  # whose kernels are compiled

    def evaluation(self, flow_scale: float, device: torch.device | None = None) -> Evaluation:
        """Tell how frames are computed; see ``RifeModel.evaluation``."""
        wanted, device = self._requested, device or device_of(self._network)
        if wanted in ("triton", "graph"):
            return wanted
        if wanted == "plain" or not supports_pyramid(self._network.config, flow_scale):
            return "plain"
        if wanted == "exact" or self._torch_compile:
            return "exact"
        if wanted == "auto" and self._measures and find_gpu(device):
            return "auto"
        return "fused" if self._why_not_fused(device) is None else "exact"

    def save_memory(self) -> bool:
        """Work in strips of rows from now on, which takes less memory and more time.

        Returns False where it does so already, or cannot: the way was chosen, or the network has no other.
        """
        can_save = self._requested in ("auto", "exact") and supports_pyramid(
            self._network.config, 1
        )
        if self.saves_memory or not can_save:
            return False
        _log.warning(
            "%s: memory ran out; from now on frames are made in strips of rows, which takes less, and longer",
            self.label,
        )
        self.saves_memory = True
        for name in ("_pyramid", "_selector"):  # a graph keeps its memory
            self.__dict__.pop(name, None)
        return True

    def require(self, device: torch.device, flow_scale: float) -> None:
        """Refuse what was asked for and cannot run; see ``RifeModel.require_evaluation``."""
        why_not = self._why_not(device, flow_scale)
        if why_not:
            raise EvaluationError(
                f"evaluation {self._requested} cannot run here: {why_not}. Choose auto, which is the "
                "fastest there is."
            )

    def _why_not(self, device: torch.device, flow_scale: float) -> str | None:
        wanted = self._requested
        if wanted in ("auto", "plain"):
            return None
        if not supports_pyramid(self._network.config, 1):
            return f"{self.label} can be evaluated as plain only"
        if not supports_pyramid(self._network.config, flow_scale):
            return f"at scale {flow_scale:g} {self.label} can be evaluated as plain only"
        if wanted != "exact" and self._torch_compile:
            return "torch.compile was asked for as well, which compiles exact or plain"
        if wanted == "fused":
            return self._why_not_fused(device)
        if wanted in ("triton", "graph") and device.type != "cuda":
            return f"it needs a GPU with CUDA, and the network runs on {device.type}"
        return self._why_not_triton(flow_scale) if wanted == "triton" else None

    def _why_not_fused(self, device: torch.device) -> str | None:
        if device.type != "cpu":
            return f"it needs a CPU, and the network runs on {device.type}"
        dtype = lowest_dtype(self._network)
        if dtype not in (torch.float32, torch.bfloat16):
            return f"it needs the precision fp32 or bf16, and has {precision_name(dtype)}"
        if self._fused is None:
            return "it needs the package numba, which is missing or failed"
        return None

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

    def _why_not_triton(self, flow_scale: float) -> str | None:
        try:
            triton = self._triton
            if device_of(self._network).type == "cuda" and flow_scale not in self._triton_scales:
                seconds = triton.warm_up(flow_scale)
                self._triton_scales.add(flow_scale)
                _log.info("Triton's kernels are ready after %.1f s", seconds)
        except ImportError as error:
            return str(error)  # says which package is missing
        except Exception as error:  # noqa: BLE001  a compiler may fail in any way
            return f"its kernels cannot be made ({error})"
        return None

    @cached_property
    def _pyramid(self) -> Evaluates:
        return Pyramid(cast("IFNet", self._network), saves_memory=self.saves_memory)

    @cached_property
    def _triton(self) -> TritonPyramid:
        return make_triton(cast("IFNet", self._network))

    @cached_property
    def _graph(self) -> Evaluates:
        network = cast("IFNet", self._network)
        graphs = cast("Graphs", torch.cuda)
        return GraphRunner(network, partial(Pyramid, network), self._pyramid, graphs)

    @cached_property
    def _selector(self) -> Selector:
        network = cast("IFNet", self._network)
        makers: Mapping[str, Callable[[], Evaluates]] = {
            "exact": partial(Pyramid, network),
            "triton": partial(make_triton, network),
        }
        return Selector(network, self.label, makers, Timings())

    def _for(self, call: Call) -> Evaluates | None:
        """Return what evaluates a call; None for the plain forward."""
        evaluation = self._current(call.flow_scale)
        gpu = find_gpu(call.timestep.device) if evaluation == "auto" else None
        if gpu is not None:
            return self._selector.choose(call, gpu)
        return self._named(evaluation)

    def _current(self, flow_scale: float) -> Evaluation:
        evaluation = self.evaluation(flow_scale)
        return "exact" if evaluation == "auto" and self.saves_memory else evaluation

    def _named(self, evaluation: Evaluation) -> Evaluates | None:
        if evaluation == "fused":
            return self._fused
        if evaluation == "triton":
            return self._triton
        if evaluation == "graph":
            return self._graph
        return self._pyramid if evaluation == "exact" else None

    def encode_frame(self, img: Tensor, flow_scale: float) -> Tensor:
        """Attach features to a padded frame, in the layout of the evaluation that will be used.

        What is measured has to take the layout of the network itself too: frames are encoded before.

        Raises:
            EvaluationError: it is ``triton`` or ``graph``, and cannot run here. Where ``exact`` or ``fused``
                cannot be, the next best is used; ``require`` refuses them.
        """
        if self._requested in ("triton", "graph"):
            self.require(img.device, flow_scale)
        evaluation = self._current(flow_scale)
        if evaluation == "auto":
            return self._selector.encoder(img, flow_scale).encode_frame(img)
        return (self._named(evaluation) or self._network).encode_frame(img)

    def interpolate(
        self, pair: Pair, timesteps: Tensor, flow_scale: float, *, averaging: Averaging
    ) -> Tensor:
        """Interpolate at [B, 1, 1, 1] timesteps, on any device: [B, 3 or 4, H, W].

        A network that knows the middle only gives the nearest timestep that halving reaches.
        """
        if self._network.config.supports_any_timestep:
            times = to_device(timesteps, pair.frame0.device)
            return self._interpolate(pair, times, flow_scale, averaging=averaging)
        half = pair.frame0.new_full((1, 1, 1, 1), 0.5)
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
        chosen = self._choose(Call(pair, timesteps, flow_scale, averaging == "last"), averaging)
        if chosen is not None:
            return self._compiled(chosen.__call__)(pair, timesteps, flow_scale, averaging == "last")
        return self._compiled(self._network.forward)(pair, timesteps, flow_scale, averaging)

    def with_motion(
        self, pair: Pair, timesteps: Tensor, flow_scale: float, *, averaging: Averaging
    ) -> Interpolated:
        """Interpolate the colours, and return the motion as well; see ``interpolate``."""
        timesteps = to_device(timesteps, pair.frame0.device)
        call = Call(pair, timesteps, flow_scale, averaging == "last", finds_motion=True)
        chosen = self._choose(call, averaging)
        if chosen is not None:
            return self._compiled(chosen.with_motion)(
                pair, timesteps, flow_scale, averaging == "last"
            )
        return self._compiled(self._network.with_motion)(pair, timesteps, flow_scale, averaging)

    def _choose(self, call: Call, averaging: Averaging) -> Evaluates | None:
        """Return what evaluates a call; None for the plain forward, which alone averages every step."""
        if averaging != "all":
            return self._for(call)
        if self._requested not in ("auto", "plain"):
            raise EvaluationError(
                f"evaluation {self._requested} cannot average every step, as ensemble does. Choose plain "
                "or auto, or leave out ensemble."
            )
        return None

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


def make_triton(network: IFNet) -> TritonPyramid:
    """Make the evaluation by Triton's kernels.

    Raises:
        ImportError: there is no Triton here.
    """
    from ..evaluation import gpu

    return gpu.TritonPyramid(network)
