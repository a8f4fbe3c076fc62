"""Two processes that train one network, started as torchrun starts them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import train
from rife_arch.load import recognise
from tests.training.conftest import QUICK, RunTraining

STEPS = 4


def on_two(checkpoint: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    fixed = ["--model", checkpoint, "--device", "cpu", *QUICK, "--steps", STEPS]
    command = [*launcher, train.__file__, *fixed, *arguments]
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=300, check=False
    )


def steps_of(run: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [row for row in rows if row["kind"] == "step"]


@pytest.mark.slow  # starts two processes, each of which imports torch
@pytest.mark.parametrize("accumulate", [1, 2])
def test_two_processes_learn_what_one_does_with_the_same_batch(
    training: RunTraining, some_clips: Path, tiny_checkpoint: Path, accumulate: int
) -> None:
    alone = training(some_clips, "--output", "one", "--batch", 4, "--steps", STEPS)
    assert alone.code == 0, alone.err
    options = ("--batch", 4, "--accumulate", accumulate, "--output", "two")
    ended = on_two(tiny_checkpoint, some_clips, *options)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("done: two/report.html") == 1
    one, two = steps_of(Path("one")), steps_of(Path("two"))
    assert len(one) == len(two) == STEPS
    for a, b in zip(one, two, strict=True):
        assert b["loss"] == pytest.approx(a["loss"], rel=1e-4)
        assert b["gradient"] == pytest.approx(a["gradient"], rel=1e-2)
    weights = [recognise(next(Path(run).glob("rife*"))).canonical.weights for run in ("one", "two")]
    for name, weight in weights[0].items():
        assert torch.allclose(weights[1][name], weight, atol=2e-5), name


@pytest.mark.slow  # starts two processes
def test_error_of_several_processes_is_one_message(
    training: RunTraining, some_clips: Path, tiny_checkpoint: Path
) -> None:
    ended = on_two(tiny_checkpoint, some_clips, "--batch", 3, "--output", "two")
    assert ended.returncode != 0
    assert "--batch 3 cannot be divided among 2 processes" in ended.stderr
