"""Which evaluation is fastest on the graphics card at hand: measured there, at the first frames of a size.

Candidates must give what the plain forward gives (``comparison``). One that does not, that fails or runs out
of memory is left out, and the log says why. Those left are timed, and the outcome is remembered on disk
(``timings``). A remembered choice is compared again by each process, and not timed.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

from ..memory import is_out_of_memory
from ..networks import IFNet
from .base import precision_name
from .comparison import Sample, make_samples, objection, samples_of
from .evaluations import Call, Evaluates, PlainForward
from .gpu import Gpu, software_versions
from .graph_runner import GraphRunner
from .timings import Measured, Timings

_log = logging.getLogger(__name__)
_GRAPH = "graph of "
_MOST_CHOICES = 16  # sizes and settings whose choices, and graphs, are kept
_FEW = 2  # frames of a batch that candidates are compared with: plain needs the most memory
_SECONDS = 0.12  # spent on timing one candidate, unless a single run takes longer
_MOST_RUNS = 10
_LEAST_GAIN = 1.05  # by a graph, which keeps memory of its own for as long as it is used
_Makers = Mapping[str, Callable[[], Evaluates]]


class Selector:
    """Chooses among the evaluations of one network; keeps the choices."""

    def __init__(self, network: IFNet, label: str, makers: _Makers, timings: Timings) -> None:
        """Prepare; nothing is made or measured yet.

        Args:
            network: whose evaluations they are.
            label: what the log calls it.
            makers: by name, what makes an evaluation: ``exact`` and any others beside the plain forward.
                ImportError means that there is none here.
            timings: what was measured before.
        """
        self._network = network
        self._label = label
        self._makers = {"plain": lambda: PlainForward(network), **makers}
        self._timings = timings
        self._chosen: dict[tuple[object, ...], Evaluates] = {}
        self._encoders: dict[tuple[object, ...], Evaluates] = {}

    def choose(self, call: Call, gpu: Gpu) -> Evaluates:
        """Return the fastest evaluation for calls like this one; measures at the first of them.

        Raises:
            RuntimeError: the plain forward fails, or there is not enough memory for the whole batch.
        """
        key = _kind(call), call.pair.frame0.device, self._network.dtype
        if key not in self._chosen:
            for kept in (self._chosen, self._encoders):
                if len(kept) >= _MOST_CHOICES:
                    del kept[next(iter(kept))]
            self._chosen[key] = self._select(call, gpu)
            self._encoders[_place(call.pair.frame0, call.flow_scale)] = self._chosen[key]
        return self._chosen[key]

    def encoder(self, img: Tensor, flow_scale: float) -> Evaluates:
        """Return what frames of this size are encoded by: the latest that was chosen for them, if any was.

        Args:
            img: [B, 3, H, W].
            flow_scale: resolution of flow estimation.
        """
        return self._encoders.get(_place(img, flow_scale), self._makers["plain"]())

    def _select(self, call: Call, gpu: Gpu) -> Evaluates:
        samples = self._samples(call)
        title = f"{self._label} {_size(call)} {precision_name(self._network.dtype)} on {gpu.name}"
        if samples is None:
            _log.warning(
                "%s: there is not enough memory for the plain forward, which the other ways are "
                "compared with; exact is used unmeasured",
                title,
            )
            return self._makers["exact"]()
        trial = _Trial(self._network, self._makers, call, samples, gpu, title)
        config = hashlib.sha256(repr(self._network.config).encode()).hexdigest()[:16]
        kind = " ".join((config, precision_name(self._network.dtype), *map(str, _kind(call))))
        key = f"{gpu.name}, {software_versions()}, {kind}"
        before = self._timings.find(key)
        chosen = trial.confirmed(before) if before else None
        if chosen is None:
            measured, chosen = trial.measured()
            if not trial.left_out:  # whatever failed may be mended
                self._timings.record(key, measured)
        return chosen

    def _samples(self, call: Call, count: int = _FEW) -> list[Sample] | None:
        """Ask the plain forward; None if there is not enough memory for a single frame."""
        try:
            return make_samples(self._network, call.first(count))
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        return None if count == 1 else self._samples(call, 1)


class _Trial:
    """The comparison of candidates for one kind of call.

    Attributes:
        left_out: names of those that failed, or gave something else.
    """

    def __init__(
        self,
        network: IFNet,
        makers: _Makers,
        call: Call,
        samples: Sequence[Sample],
        gpu: Gpu,
        title: str,
    ) -> None:
        self.left_out: set[str] = set()
        self._network = network
        self._makers = makers
        self._call = call
        self._samples = samples
        self._gpu = gpu
        self._title = title
        self._candidates = {name: made for name in makers if (made := self._make(name)) is not None}

    def confirmed(self, before: Measured) -> Evaluates | None:
        """Return what was chosen before, if it is here and still right."""
        base = before.choice.removeprefix(_GRAPH)
        if base not in self._candidates or not self._is_right(base):
            return None
        chosen = self._candidates[base]
        if base != before.choice:
            graph = self._graph_of(base)
            if graph is None:
                return None
            chosen = graph
        speeds = _listed(before.speeds)
        _log.info("%s: %s, measured before; %s is used", self._title, speeds, before.choice)
        return chosen

    def measured(self) -> tuple[Measured, Evaluates]:
        """Compare and time all candidates; returns the fastest of those that are right."""
        seconds: dict[str, float] = {}
        for name in self._candidates:
            if self._is_right(name):
                self._attempt(name, lambda name=name: seconds.update({name: self._time(name)}))
        best = min(seconds, key=seconds.__getitem__)
        speeds = {name: seconds["plain"] / took for name, took in seconds.items()}
        chosen = self._candidates[best]
        found = self._gain_by_graph(best)
        if found is not None:
            gain, graph = found
            speeds[_GRAPH + best] = speeds[best] * gain
            if gain >= _LEAST_GAIN:
                best, chosen = _GRAPH + best, graph
        _log.info("%s: %s; %s is used", self._title, _listed(speeds), best)
        return Measured(best, speeds), chosen

    def _make(self, name: str) -> Evaluates | None:
        try:
            return self._makers[name]()
        except ImportError as error:
            _log.debug("there is no evaluation %s: %s", name, error)
        except Exception as error:  # noqa: BLE001  a compiler may fail in any way
            self._leave_out(name, error)
        return None

    def _is_right(self, name: str) -> bool:
        """Compare a candidate with the plain forward."""
        if name == "plain":  # it is what the others are compared with
            return True
        return name not in self.left_out and self._agrees(
            name, self._candidates[name], self._samples
        )

    def _agrees(self, name: str, candidate: Evaluates, samples: Sequence[Sample]) -> bool:
        wrong: list[str | None] = []
        if not self._attempt(name, lambda: wrong.append(objection(candidate, samples))):
            return False
        if wrong[0]:
            self._leave_out(name, wrong[0])
        return not wrong[0]

    def _gain_by_graph(self, base: str) -> tuple[float, Evaluates] | None:
        """Tell how many times as fast a graph of a candidate is for the whole batch, and return it.

        Frames are copied for it, which is a part of what is timed.
        """
        if self._call.finds_motion:
            return None
        call = self._call.encoded_by(self._candidates[base])
        without = self._shortest(lambda: call.made_by(self._candidates[base]))
        graph = self._graph_of(base)
        if graph is None:
            return None
        return without / self._shortest(lambda: call.made_by(graph)), graph

    def _graph_of(self, base: str) -> GraphRunner | None:
        """Capture a candidate that is right, and compare the graph with it; None if it is left out."""
        name, candidate = _GRAPH + base, self._candidates[base]
        call = self._call.encoded_by(candidate)  # as frames will be from now on
        graph = GraphRunner(self._network, self._makers[base], candidate, self._gpu.graphs)

        def capture() -> None:
            graph.replay(call.pair, call.timestep, call.flow_scale, call.averages)

        if name in self.left_out or not self._attempt(name, capture):
            return None
        samples = samples_of(self._network, call, candidate)
        return graph if self._agrees(name, graph, samples) else None

    def _attempt(self, name: str, work: Callable[[], object]) -> bool:
        """Do something with a candidate; if it fails, the candidate is left out."""
        try:
            work()
        except Exception as error:  # noqa: BLE001  a compiler or a driver may fail in any way
            self._leave_out(name, error)
            return False
        return True

    def _time(self, name: str) -> float:
        candidate = self._candidates[name]
        call = self._samples[0].call.encoded_by(candidate)
        return self._shortest(lambda: call.made_by(candidate))

    def _shortest(self, work: Callable[[], object]) -> float:
        """Return the shortest of some runs, seconds. The comparison has warmed up whatever it is."""
        runs: list[float] = []
        while not runs or (len(runs) < _MOST_RUNS and sum(runs) + min(runs) <= _SECONDS):
            runs.append(self._gpu.seconds(work))
        return min(runs)

    def _leave_out(self, name: str, reason: Exception | str) -> None:
        self.left_out.add(name)
        if isinstance(reason, Exception):
            said = str(reason).strip().split("\n", 1)[0] or type(reason).__name__
            reason = f"out of memory ({said})" if is_out_of_memory(reason) else f"it failed: {said}"
        _log.warning("%s: %s is left out: %s", self._title, name, reason)


def _kind(call: Call) -> tuple[object, ...]:
    """Return what calls have in common that are alike: they get the same evaluation."""
    return (
        _size(call),
        call.flow_scale,
        "averages" if call.averages else "once",
        "motion" if call.finds_motion else "frame",
        "several" if len(call.timestep) > 1 else "one",
    )


def _place(frame: Tensor, flow_scale: float) -> tuple[object, ...]:
    return frame.shape[2:], flow_scale, frame.device


def _size(call: Call) -> str:
    height, width = call.pair.frame0.shape[2:]
    return f"{width}x{height}"


def _listed(speeds: Mapping[str, float]) -> str:
    """Say how fast each is relative to plain."""
    return ", ".join(
        f"{name} {speed:.2f}" if name == "plain" else f"{name} {speed:.1f}x"
        for name, speed in speeds.items()
    )
