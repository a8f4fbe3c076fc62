"""Which evaluation a model uses: as asked for, by rule, or measured; and what is refused."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from rife_arch import RifeModel
from rife_arch.errors import EvaluationError
from rife_arch.models import Evaluation
from rife_arch.models import evaluator as evaluator_module
from rife_arch.models.timings import Timings
from rife_arch.networks.build import set_precision
from tests.helpers.fake_gpu import FakeGraphs, lines
from tests.helpers.networks import narrow, preset_config, random_image, random_model

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def refusal(model: RifeModel, device: torch.device = CPU) -> str:
    with pytest.raises(EvaluationError) as caught:
        model.require_evaluation(device)
    return str(caught.value)


def pinned(evaluation: Evaluation, version: str = "4.25") -> RifeModel:
    return RifeModel(
        random_model(narrow(preset_config(version))).network, version, evaluation=evaluation
    )


@pytest.fixture
def measuring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeGraphs:
    """Let the CPU pass for a card without Triton, whose interpreter takes minutes."""
    from rife_arch.models.gpu import Gpu

    def missing(_network: object) -> object:
        raise ImportError("No module named 'triton'")

    graphs = FakeGraphs()
    monkeypatch.setattr(evaluator_module, "make_triton", missing)
    gpu = Gpu("NVIDIA Fake", lambda: None, graphs)
    monkeypatch.setattr(evaluator_module, "find_gpu", lambda _device: gpu)
    path = tmp_path / "evaluations.json"
    monkeypatch.setattr(evaluator_module, "Timings", lambda: Timings(path))
    return graphs


@pytest.mark.parametrize("evaluation", ["triton", "graph"])
def test_ways_of_a_card_are_refused_on_a_cpu(evaluation: Evaluation) -> None:
    expected = (
        f"evaluation {evaluation} cannot run here: it needs a GPU with CUDA, and the network runs on "
        "cpu. Choose auto, which is the fastest there is."
    )
    assert refusal(pinned(evaluation)) == expected
    with pytest.raises(EvaluationError, match="it needs a GPU with CUDA"):
        pinned(evaluation)(random_image(1), random_image(2))


def test_triton_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_network: object) -> object:
        raise ImportError("No module named 'triton'")

    monkeypatch.setattr(evaluator_module, "make_triton", missing)
    assert "cannot run here: No module named 'triton'. Choose auto" in refusal(
        pinned("triton"), CUDA
    )


class Kernels:
    """Those of Triton, compiled for some scales."""

    def __init__(self, error: str = "") -> None:
        self.error = error
        self.scales: list[float] = []

    def warm_up(self, flow_scale: float) -> float:
        self.scales.append(flow_scale)
        if self.error:
            raise RuntimeError(self.error)
        return 1.0


def test_kernels_that_do_not_compile_are_an_error_before_the_first_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernels = Kernels("Failed to find C compiler")
    monkeypatch.setattr(evaluator_module, "make_triton", lambda _network: kernels)
    monkeypatch.setattr(evaluator_module, "device_of", lambda _network: CUDA)
    assert "its kernels cannot be made (Failed to find C compiler). Choose auto" in refusal(
        pinned("triton"), CUDA
    )


def test_kernels_are_compiled_once_for_each_scale_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = Kernels()
    monkeypatch.setattr(evaluator_module, "make_triton", lambda _network: kernels)
    monkeypatch.setattr(evaluator_module, "device_of", lambda _network: CUDA)
    model = pinned("triton")
    for scale in (0.5, 2, 0.5, "auto"):
        model.require_evaluation(CUDA, scale=scale)
    assert kernels.scales == [0.5, 2, 1]


def test_compiled_loops_are_refused_on_a_card_and_in_fp16_and_without_numba(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "it needs a CPU, and the network runs on cuda" in refusal(pinned("fused"), CUDA)
    model = pinned("fused")
    set_precision(model.network, torch.float16)
    assert "it needs the precision fp32 or bf16, and has fp16" in refusal(model)
    monkeypatch.setitem(sys.modules, "rife_arch.evaluation.cpu", None)
    assert "it needs the package numba, which is missing" in refusal(pinned("fused"))


@pytest.mark.parametrize("evaluation", ["exact", "fused", "triton"])
def test_network_that_has_the_plain_way_only_says_so(evaluation: Evaluation) -> None:
    assert "RIFE 3.8 can be evaluated as plain only" in refusal(pinned(evaluation, "3.8"))


def test_scale_that_has_the_plain_way_only_is_refused() -> None:
    with pytest.raises(EvaluationError, match=r"at scale 4 RIFE 4\.25 can be evaluated as plain"):
        pinned("exact").require_evaluation(scale=4)


def test_ensemble_has_the_plain_way_only() -> None:
    model = pinned("exact", "4.6")
    with pytest.raises(EvaluationError, match="cannot average every step, as ensemble does"):
        model(random_image(1), random_image(2), ensemble=True)


def test_torch_compile_goes_with_what_is_written_in_torch() -> None:
    network = random_model(narrow(preset_config("4.25"))).network
    model = RifeModel(network, "4.25", evaluation="fused", torch_compile=True)
    assert "torch.compile was asked for as well" in refusal(model)
    RifeModel(network, "4.25", evaluation="plain", torch_compile=True).require_evaluation()


@pytest.mark.parametrize("evaluation", ["auto", "plain", "exact"])
def test_what_runs_everywhere_is_never_refused(evaluation: Evaluation) -> None:
    for device in (CPU, CUDA, torch.device("mps")):
        pinned(evaluation).require_evaluation(device)


def test_a_cpu_goes_by_the_rule_and_measures_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(*_: object) -> object:
        raise AssertionError("a CPU was measured")

    monkeypatch.setattr(evaluator_module, "Selector", measured)
    model = random_model()
    assert model.evaluation() in ("fused", "exact")
    model(random_image(1, 64, 64), random_image(2, 64, 64))


def test_evaluation_is_told_for_a_device_before_the_network_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(evaluator_module, "find_gpu", lambda device: device.type == "cuda")
    model = random_model()
    assert model.evaluation(device=torch.device("cuda", 1)) == "auto"
    assert model.evaluation() in ("fused", "exact")


def test_a_card_measures_once_and_gives_what_plain_gives(
    measuring: FakeGraphs, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    network = random_model().network
    model = RifeModel(network, "4.26")
    plain = RifeModel(network, "4.26", evaluation="plain")
    assert model.evaluation() == "auto"
    for seed in (1, 2):
        images = random_image(seed, 64, 64), random_image(seed + 1, 64, 64)
        torch.testing.assert_close(model(*images, 0.3), plain(*images, 0.3), atol=1e-4, rtol=0)
    # With Triton there is a line that it is left out: it finds no driver.
    (line,) = [line for line in lines(caplog.records) if "plain 1.00" in line]
    assert line.startswith("RIFE 4.26 64x64 fp32 on NVIDIA Fake: plain 1.00, exact ")


def test_a_card_measures_several_frames_and_alpha_apart(
    measuring: FakeGraphs, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    network = random_model().network
    model = RifeModel(network, "4.26", batch_size=2)
    plain = RifeModel(network, "4.26", evaluation="plain")
    for channels in (3, 4):
        frames = [torch.rand(1, channels, 64, 64) for _ in range(2)]
        made, expected = (
            list(one.interpolate_each(*map(one.encode, frames), [0.2, 0.4, 0.6]))
            for one in (model, plain)
        )
        torch.testing.assert_close(torch.cat(made), torch.cat(expected), atol=1e-4, rtol=0)
    said = [line for line in lines(caplog.records) if "is used" in line]
    assert len(said) == 4  # batches of two and of one, without alpha and with it
    assert sum("graph of" in line for line in said) == 2  # alpha needs the motion, which has none
    assert measuring.captured


def test_pinned_ways_are_not_measured_on_a_card(
    measuring: FakeGraphs, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    network = random_model().network
    made = SimpleNamespace(count=0)

    def make(network: object) -> object:
        made.count += 1
        return evaluator_module.Pyramid(network)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(evaluator_module, "make_triton", make)
    monkeypatch.setattr(evaluator_module.Evaluator, "require", lambda *_: None)
    for evaluation in ("plain", "exact", "triton"):
        model = RifeModel(network, "4.26", evaluation=evaluation)
        model(random_image(1, 64, 64), random_image(2, 64, 64))
        assert model.evaluation() == evaluation
    assert made.count == 1
    assert lines(caplog.records) == []
