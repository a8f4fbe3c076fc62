"""Every benchmark finds what it imports from the project."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

BENCHMARKS = sorted(path.stem for path in Path(__file__).parents[2].glob("benchmarks/*.py"))
OWN = ("benchmarks", "cli", "migrate", "rife_arch", "training", "vfi")


@pytest.mark.parametrize("name", BENCHMARKS)
def test_benchmark_can_be_imported(name: str) -> None:
    missing = ""
    try:
        importlib.import_module(f"benchmarks.{name}")
    except ModuleNotFoundError as error:  # some need packages of their own
        missing = error.name or ""
    assert not missing.startswith(OWN)
