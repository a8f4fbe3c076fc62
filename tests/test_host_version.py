"""What the pack says to a ComfyUI that is too old for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_package import PROJECT

ROOT = Path(__file__).resolve().parents[1]
OLDEST = PROJECT["tool"]["comfy"]["requires-comfyui"].removeprefix(">=")
_LOAD = f"""
import importlib.util, logging, sys
logging.basicConfig(format="%(message)s")
spec = importlib.util.spec_from_file_location("pack", {str(ROOT / "__init__.py")!r})
pack = importlib.util.module_from_spec(spec)
sys.modules["pack"] = pack
spec.loader.exec_module(pack)
print(hasattr(pack, "comfy_entrypoint"), pack.NODE_CLASS_MAPPINGS)
"""


def load_in(folder: Path, version: str | None) -> subprocess.CompletedProcess[str]:
    """Load the pack beside what of a ComfyUI it looks at first, and nothing else of one."""
    (folder / "folder_paths.py").touch()
    if version is not None:
        (folder / "comfyui_version.py").write_text(f'__version__ = "{version}"\n')
    command = [sys.executable, "-c", _LOAD]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("version", "named"),
    [
        ("0.21.9", "0.21.9"),
        ("0.3.64", "0.3.64"),
        ("v0.9.0-rc1", "v0.9.0-rc1"),
        (None, "one that does not tell its version"),
    ],
)
def test_old_comfyui_gets_one_message_and_no_nodes(
    tmp_path: Path, version: str | None, named: str
) -> None:
    loaded = load_in(tmp_path, version)
    assert loaded.stdout == "False {}\n"
    (message,) = loaded.stderr.splitlines()
    assert f"expected ComfyUI {OLDEST} or later, got {named}." in message
    assert "update ComfyUI" in message


@pytest.mark.parametrize("version", [OLDEST, "0.100.0", "1.0.0", "nightly"])
def test_other_comfyui_gets_the_nodes(tmp_path: Path, version: str) -> None:
    loaded = load_in(tmp_path, version)
    assert "No module named 'comfy_api'" in loaded.stderr  # the nodes' first import


def test_readme_names_the_oldest_comfyui() -> None:
    assert f"version {OLDEST} or later" in (ROOT / "README.md").read_text(encoding="utf-8")
