"""The choice by measuring, with a stand-in for the card and evaluations that do as they are told."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from rife_arch.evaluation import Pyramid
from rife_arch.models import comparison
from rife_arch.models.evaluations import Call, Evaluates
from rife_arch.models.selection import Selector
from rife_arch.models.timings import Timings
from rife_arch.networks import IFNet, Interpolated, Pair
from rife_arch.networks.build import set_precision
from tests.helpers.fake_gpu import Change, Clock, FakeGraphs, Recording, StandIn, fake_gpu, lines
from tests.helpers.networks import random_image, random_model

TITLE = "RIFE 4.26 64x64 fp32 on NVIDIA Fake"


def wrong(out: Tensor, _number: int) -> Tensor:
    return out.roll(1, 3)


def wrong_on_the_second_pair(out: Tensor, number: int) -> Tensor:
    return out.roll(1, 3) if number == 2 else out


def failing(_out: Tensor, _number: int) -> Tensor:
    raise RuntimeError("no kernel image\nlong story")


def out_of_memory(_out: Tensor, _number: int) -> Tensor:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.")


def right(out: Tensor, _number: int) -> Tensor:
    return out


class Replayed(FakeGraphs):
    """Graphs whose replay takes some time."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__()
        self._clock = clock
        self._seconds = seconds

    def CUDAGraph(self) -> Recording:  # noqa: N802
        graph, clock = super().CUDAGraph(), self._clock
        replay = graph.replay

        def timed() -> None:
            clock.time += self._seconds
            replay()

        graph.replay = timed
        return graph


class Machine:
    """A network and a card; plain takes 4 s, exact 2 s, triton 1 s, and a graph of any of them 8 s."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        self.network = random_model().network
        self.path = folder / "evaluations.json"
        self.graphs: FakeGraphs = Replayed(self.clock, 8.0)
        self.gpu_name = "NVIDIA Fake"
        self.changes: dict[str, Change] = {"exact": right, "triton": right}
        self.seconds = {"exact": 2.0, "triton": 1.0}
        self.made: dict[str, list[StandIn]] = {}
        with_motion = IFNet.with_motion  # which the forward calls

        def timed(network: IFNet, *args: Any) -> Interpolated:
            self.clock.time += 4.0
            return with_motion(network, *args)

        monkeypatch.setattr(IFNet, "with_motion", timed)

    def select(self, call: Call | None = None) -> str:
        """Choose as a new process does; returns the name of what was chosen."""
        call = call or self.call()
        chosen = self.selector().choose(call, fake_gpu(self.clock, self.graphs, self.gpu_name))
        for name, made in self.made.items():
            if chosen in made:
                return name
        return type(chosen).__name__

    def selector(self) -> Selector:
        makers = {name: self._maker(name) for name in self.changes}
        return Selector(self.network, "RIFE 4.26", makers, Timings(self.path))

    def _maker(self, name: str) -> Callable[[], Evaluates]:
        def make() -> Evaluates:
            if self.changes[name] is None:
                raise ImportError("No module named 'triton'")
            # The stand-ins run the network's own forward, whose time is taken off.
            one = StandIn(self.network, self.clock, self.seconds[name] - 4.0, self.changes[name])
            self.made.setdefault(name, []).append(one)
            return one

        return make

    def call(self, count: int = 1, side: int = 64, *, finds_motion: bool = False) -> Call:
        encode = self.network.encode_frame
        pair = Pair(*(encode(random_image(seed, side, side)) for seed in (1, 2)))
        times = torch.linspace(0.2, 0.8, count).reshape(-1, 1, 1, 1)
        return Call(pair.expanded(count), times, 1.0, False, finds_motion)


@pytest.fixture
def machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Machine:
    # By its own name: a command line that ran in this process may have set another level there.
    caplog.set_level(logging.DEBUG, "rife_arch.models.selection")
    caplog.set_level(logging.DEBUG, "rife_arch")
    return Machine(tmp_path, monkeypatch)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    def taken() -> list[str]:
        found = lines(caplog.records)
        caplog.clear()
        return found

    return taken


Log = Callable[[], list[str]]


def test_fastest_is_used_and_one_line_says_by_how_much(machine: Machine, log: Log) -> None:
    assert machine.select() == "triton"
    assert log() == [
        f"{TITLE}: plain 1.00, exact 2.0x, triton 4.0x, graph of triton 0.5x; triton is used"
    ]


def test_slow_one_is_not_used(machine: Machine, log: Log) -> None:
    machine.seconds |= {"exact": 5.0, "triton": 8.0}
    assert machine.select() == "PlainForward"
    assert log() == [
        f"{TITLE}: plain 1.00, exact 0.8x, triton 0.5x, graph of plain 0.5x; plain is used"
    ]


@pytest.mark.parametrize(
    ("change", "pair"),
    [(wrong, "the first pair"), (wrong_on_the_second_pair, "a second pair")],
)
def test_wrong_one_is_left_out_however_fast(
    machine: Machine, log: Log, change: Change, pair: str
) -> None:
    machine.changes["triton"] = change
    assert machine.select() == "exact"
    warning, result = log()
    assert warning.startswith(f"{TITLE}: triton is left out: its result is ")
    assert warning.endswith(f"for {pair}, and at least 80.0 dB is asked for")
    assert result == f"{TITLE}: plain 1.00, exact 2.0x, graph of exact 0.5x; exact is used"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (failing, "it failed: no kernel image"),
        (out_of_memory, "out of memory (CUDA out of memory. Tried to allocate 9 GiB.)"),
    ],
)
def test_one_that_fails_is_left_out(
    machine: Machine, log: Log, change: Change, reason: str
) -> None:
    machine.changes["triton"] = change
    assert machine.select() == "exact"
    assert log()[0] == f"{TITLE}: triton is left out: {reason}"


def test_failure_is_not_remembered_as_it_may_be_mended(machine: Machine) -> None:
    machine.changes["triton"] = failing
    machine.select()
    machine.changes["triton"] = right
    assert machine.select() == "triton"


def test_no_triton_is_no_candidate_and_no_warning(machine: Machine, log: Log) -> None:
    machine.changes["triton"] = None  # pyright: ignore[reportArgumentType]
    assert machine.select() == "exact"
    assert log() == [
        "there is no evaluation triton: No module named 'triton'",
        f"{TITLE}: plain 1.00, exact 2.0x, graph of exact 0.5x; exact is used",
    ]


def test_black_frames_do_not_hide_wrong_motion(machine: Machine) -> None:
    machine.changes["triton"] = wrong
    black = machine.network.encode_frame(torch.zeros(1, 3, 64, 64))
    call = machine.call()._replace(pair=Pair(black, black))
    assert machine.select(call) == "exact"


def test_wrong_motion_is_noticed_where_the_motion_is_asked_for(machine: Machine) -> None:
    machine.changes["triton"] = wrong
    assert machine.select(machine.call(finds_motion=True)) == "exact"


def test_half_precision_may_be_off_as_far_as_plain_is(machine: Machine) -> None:
    set_precision(machine.network, torch.bfloat16)
    rng = torch.Generator().manual_seed(0)
    samples = comparison.make_samples(machine.network, machine.call())
    least = max(sample.least for sample in samples)

    def rounded(out: Tensor, _number: int) -> Tensor:  # in other places, by no more than plain
        noise = torch.randn(out.shape, generator=rng)
        return out + noise * 10 ** (-(least + 6) / 20)

    machine.changes["triton"] = rounded
    assert 30 < least < 80
    assert machine.select() == "triton"
    machine.changes["triton"] = wrong
    machine.path.unlink(missing_ok=True)
    assert machine.select() == "exact"


def test_choice_is_made_once_for_each_size(machine: Machine, log: Log) -> None:
    selector, gpu = machine.selector(), fake_gpu(machine.clock, machine.graphs)
    first = selector.choose(machine.call(), gpu)
    assert selector.choose(machine.call(), gpu) is first
    assert len(log()) == 1
    selector.choose(machine.call(side=128), gpu)
    assert log() == [
        "RIFE 4.26 128x128 fp32 on NVIDIA Fake: plain 1.00, exact 2.0x, triton 4.0x, graph of triton 0.5x; triton is used"
    ]


def test_measuring_takes_few_runs_where_one_takes_long(machine: Machine) -> None:
    machine.select()
    # Two pairs, and one run that is timed; and the same once more beside its graph.
    assert machine.made["triton"][0].num_calls == 6


def test_remembered_choice_is_compared_and_not_timed(machine: Machine, log: Log) -> None:
    machine.select()
    log()
    machine.made.clear()
    assert machine.select() == "triton"
    assert log() == [
        f"{TITLE}: plain 1.00, exact 2.0x, triton 4.0x, graph of triton 0.5x, measured before; triton is used"
    ]
    assert machine.made["triton"][0].num_calls == 2
    assert machine.made["exact"][0].num_calls == 0


def test_remembered_choice_that_became_wrong_is_not_used(machine: Machine, log: Log) -> None:
    machine.select()
    log()
    machine.changes["triton"] = wrong_on_the_second_pair
    assert machine.select() == "exact"
    warnings = [line for line in log() if "left out" in line]
    assert len(warnings) == 1


def test_other_card_version_or_precision_is_measured_anew(
    machine: Machine, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.select()
    machine.gpu_name = "NVIDIA Other"
    machine.select()
    monkeypatch.setattr("rife_arch.models.selection.software_versions", lambda: "torch 9")
    machine.select()
    set_precision(machine.network, torch.bfloat16)
    machine.select()
    assert not [line for line in log() if "measured before" in line]
    assert len(json.loads(machine.path.read_text())["measured"]) == 4


def test_remembered_choice_that_is_unknown_here_is_measured_anew(
    machine: Machine, log: Log
) -> None:
    machine.select()
    machine.path.write_text(machine.path.read_text().replace('"choice": "triton"', '"choice": "x"'))
    log()
    assert machine.select() == "triton"
    assert log() == [
        f"{TITLE}: plain 1.00, exact 2.0x, triton 4.0x, graph of triton 0.5x; triton is used"
    ]


DAMAGED = [
    "",
    "{",
    "[]",
    "null",
    '{"format": 1}',
    '{"format": 2, "measured": {}}',
    '{"format": 1, "measured": [1]}',
    "[" * 100_000,
    "\x00\xff",
]


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
def test_damaged_file_is_ignored_and_replaced(machine: Machine, log: Log, content: str) -> None:
    machine.path.write_text(content, encoding="latin-1")
    assert machine.select() == "triton"
    log()
    machine.select()
    assert "measured before" in log()[-1]


@pytest.mark.parametrize(
    "entry", ["3", "{}", '{"choice": 3, "speeds": 4}', '{"choice": "exact", "speeds": {"a": "b"}}']
)
def test_damaged_entry_is_ignored(machine: Machine, log: Log, entry: str) -> None:
    machine.select()
    content = json.loads(machine.path.read_text())
    content["measured"] = dict.fromkeys(content["measured"], json.loads(entry))
    machine.path.write_text(json.dumps(content))
    log()
    assert machine.select() == "triton"
    assert "measured before" not in log()[-1]


def test_folder_that_cannot_be_written_means_no_memory_and_one_quiet_line(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    machine.path.parent.joinpath("file").write_text("")
    machine.path = (
        machine.path.parent / "file" / "evaluations.json"
    )  # a file where the folder should be
    assert machine.select() == "triton"
    caplog.clear()
    assert machine.select() == "triton"
    quiet = [record for record in caplog.records if record.levelno == logging.DEBUG]
    assert any("is not remembered" in line for line in lines(quiet))
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


def test_nothing_is_left_beside_the_file(machine: Machine) -> None:
    machine.select()
    assert [path.name for path in machine.path.parent.iterdir()] == ["evaluations.json"]


def test_no_memory_for_plain_leaves_exact(
    machine: Machine, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine.network, "forward", lambda *_: out_of_memory(torch.zeros(1), 1))
    assert machine.select(machine.call(4)) == "exact"
    assert log() == [
        f"{TITLE}: there is not enough memory for the plain forward, which the other ways are compared "
        "with; exact is used unmeasured"
    ]


def test_plain_never_makes_many_frames_at_a_time(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward, sizes = machine.network.forward, list[int]()

    def noted(pair: Pair, timestep: Tensor, *options: object) -> Tensor:
        sizes.append(len(timestep))
        if len(timestep) > 1:
            raise torch.OutOfMemoryError("out of memory")
        return forward(pair, timestep, *options)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(machine.network, "forward", noted)
    exact = StandIn(machine.network, machine.clock, 2.0, inner=Pyramid(machine.network))
    makers = {"exact": lambda: exact}
    selector = Selector(machine.network, "RIFE 4.26", makers, Timings(machine.path))
    assert selector.choose(machine.call(4), fake_gpu(machine.clock)) is exact
    assert sizes[0] == 2
    assert set(sizes[1:]) == {1}


def test_frames_are_encoded_by_what_was_chosen(machine: Machine) -> None:
    selector, gpu, call = machine.selector(), fake_gpu(machine.clock), machine.call()
    img = torch.zeros(1, 3, 64, 64)
    assert type(selector.encoder(img, 1.0)).__name__ == "PlainForward"
    chosen = selector.choose(call, gpu)
    assert selector.encoder(img, 1.0) is chosen
    assert selector.encoder(img, 2.0) is not chosen
    assert selector.encoder(torch.zeros(1, 3, 128, 64), 1.0) is not chosen


def test_wrong_features_are_noticed(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    selector, gpu = machine.selector(), fake_gpu(machine.clock)
    encode = machine.network.encode_frame
    monkeypatch.setattr(
        StandIn,
        "encode_frame",
        lambda _, img: encode(img) * torch.tensor([1, 1, 1, 0, 0, 0, 0]).reshape(1, 7, 1, 1),
    )
    assert type(selector.choose(machine.call(), gpu)).__name__ == "PlainForward"


# --- graphs --------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2])
def test_graph_of_the_best_is_used_where_it_is_faster(
    machine: Machine, log: Log, count: int
) -> None:
    machine.graphs = Replayed(machine.clock, 0.1)
    assert machine.select(machine.call(count)) == "GraphRunner"
    assert log() == [
        f"{TITLE}: plain 1.00, exact 2.0x, triton 4.0x, graph of triton 40.0x; graph of triton is used"
    ]
    assert machine.select(machine.call(count)) == "GraphRunner"
    assert log()[-1].endswith("measured before; graph of triton is used")


def test_graph_that_gains_next_to_nothing_is_not_worth_its_memory(machine: Machine) -> None:
    machine.graphs = Replayed(machine.clock, 0.98)
    assert machine.select() == "triton"


def test_motion_is_found_without_a_graph(machine: Machine) -> None:
    machine.graphs = Replayed(machine.clock, 0.1)
    assert machine.select(machine.call(finds_motion=True)) == "triton"


def test_graph_that_keeps_what_belongs_to_a_pair_is_left_out(machine: Machine, log: Log) -> None:
    machine.graphs = Replayed(machine.clock, 0.1)
    kept: dict[int, Tensor] = {}

    class Freezing(StandIn):
        """Keeps the first result while it is captured, as a cache of features would."""

        def __call__(
            self, pair: Pair, timestep: Tensor, flow_scale: float, averages: bool = False
        ) -> Tensor:
            out = super().__call__(pair, timestep, flow_scale, averages)
            if self is not first[0]:
                return kept.setdefault(0, out)  # no operation depends on the input any more
            return out

    first: list[Freezing] = []

    def make() -> Evaluates:
        one = Freezing(machine.network, machine.clock, -3.0)
        first.append(one)
        return one

    selector = Selector(machine.network, "RIFE 4.26", {"exact": make}, Timings(machine.path))
    gpu = fake_gpu(machine.clock, machine.graphs)
    assert selector.choose(machine.call(2), gpu) is first[0]
    assert "graph of exact is left out: its result is" in log()[0]


def test_graph_that_cannot_be_captured_is_left_out(machine: Machine, log: Log) -> None:
    machine.graphs = FakeGraphs(failing="no graphs today")
    assert machine.select(machine.call(2)) == "triton"
    assert log()[0] == f"{TITLE}: graph of triton is left out: it failed: no graphs today"
