"""The workflows of .github: they parse, pin what they use, and run what .ci/run runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml", reason="needs PyYAML, see requirements-dev.txt")

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))


def triggers(workflow: dict[Any, Any]) -> dict[str, Any]:
    return workflow[True]  # how YAML 1.1 reads the key "on"


def steps(workflow: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for job in workflow["jobs"].values():
        yield from job.get("steps", [])


def commands(script: str) -> list[str]:
    """The Python tools a script calls, without what says where they lie."""
    lines = (
        re.sub(r" --pythonpath \S+|\.venv/bin/", "", line.strip()) for line in script.splitlines()
    )
    return [line for line in lines if re.match(r"(python|ruff|pyright)\b", line)]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_to_a_commit(path: Path) -> None:
    used = [step["uses"] for step in steps(read(path.name)) if "uses" in step]
    assert used
    assert [use for use in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", use)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_may_only_read_the_repository(path: Path) -> None:
    assert read(path.name)["permissions"] == {"contents": "read"}


def test_tests_run_on_every_system_and_python() -> None:
    matrix = read("tests.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert matrix["os"] == ["ubuntu-latest", "windows-latest", "macos-latest"]
    assert matrix["python"] == ["3.10", "3.11", "3.12", "3.13"]


def test_windows_runs_the_commands_of_continuous_integration() -> None:
    job = read("tests.yml")["jobs"]["tests"]
    everywhere, windows = (step["run"] for step in job["steps"] if "run" in step)
    assert everywhere == ".ci/run"
    expected = commands((ROOT / ".ci" / "run").read_text(encoding="utf-8"))
    assert commands(windows) == expected
    assert len(expected) == 6


def test_lowest_pyav_is_the_one_of_the_requirements() -> None:
    job = read("tests.yml")["jobs"]["lowest-pyav"]
    install, test = [step["run"] for step in job["steps"] if "run" in step][-2:]
    assert "s/^av>=/av==/p" in install
    requirements = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert re.search(r"^av>=\d+\.\d+\.\d+$", requirements, re.MULTILINE)
    assert all((ROOT / name).is_dir() for name in test.split() if name.startswith("tests/"))


def test_publishing_waits_for_the_tests_and_a_new_version() -> None:
    workflow = read("publish.yml")
    assert triggers(workflow)["push"] == {"branches": ["main"], "paths": ["pyproject.toml"]}
    assert "workflow_call" in triggers(read("tests.yml"))
    assert workflow["jobs"]["publish"]["needs"] == "tests"
    assert workflow["jobs"]["tests"]["needs"] == "version"


def shell(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"GITHUB_OUTPUT": str(folder / "output")} | environment
    command = ["bash", "-e", "-o", "pipefail", "-c", script]  # as GitHub runs a step
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose remote is itself, with a first version."""
    if not (shutil.which("git") and shutil.which("bash")):
        pytest.skip("needs git and bash")
    (tmp_path / "pyproject.toml").write_text('version = "1.0.0"\nline-length = 100\n')
    made = shell("git init -q && git remote add origin . && git add pyproject.toml", tmp_path)
    assert made.returncode == 0, made.stderr
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "is_new"),
    [('"1.0.0"', '"1.0.1"', True), ("100", "99", False)],
    ids=["version", "something else"],
)
def test_only_a_new_version_is_published(
    repository: Path, old: str, new: str, is_new: bool
) -> None:
    commit = "git -c user.name=n -c user.email=e commit -q -a -m x && git rev-parse HEAD"
    before = shell(commit, repository).stdout.strip()
    settings = repository / "pyproject.toml"
    settings.write_text(settings.read_text().replace(old, new))
    shell(commit, repository)
    (script,) = (step["run"] for step in steps(read("publish.yml")) if step.get("id") == "compare")
    done = shell(script, repository, BEFORE=before)
    assert done.returncode == 0, done.stderr
    assert (repository / "output").exists() is is_new


def test_version_is_published_when_started_by_hand(repository: Path) -> None:
    (script,) = (step["run"] for step in steps(read("publish.yml")) if step.get("id") == "compare")
    assert shell(script, repository, BEFORE="").returncode == 0
    assert (repository / "output").read_text() == "is_new=true\n"


@pytest.mark.parametrize(("owner", "code"), [("OWNER", 1), ("somebody", 0)])
def test_placeholder_is_not_published(repository: Path, owner: str, code: int) -> None:
    (repository / "pyproject.toml").write_text(f'Icon = "https://github.com/{owner}/pack"\n')
    (script,) = (
        step["run"] for step in steps(read("publish.yml")) if "placeholder" in step.get("name", "")
    )
    assert shell(script, repository).returncode == code
