"""A short look at each target at every run, a long one under the marker ``faults``."""

from __future__ import annotations

import pytest

from .mutate import mutants
from .targets import TARGETS, inputs_of

each_target = pytest.mark.parametrize("name", TARGETS)


@each_target
def test_inputs_in_order_and_those_that_once_failed_are_taken(name: str) -> None:
    for data in inputs_of(name):
        TARGETS[name].run(data)


@each_target
def test_any_damage_ends_in_a_result_or_in_one_error(name: str) -> None:
    for data in mutants(inputs_of(name), seed=0, count=60):
        TARGETS[name].run(data)


@pytest.mark.faults
@each_target
def test_much_damage_ends_in_a_result_or_in_one_error(name: str) -> None:
    for data in mutants(inputs_of(name), seed=1, count=5000):
        TARGETS[name].run(data)
