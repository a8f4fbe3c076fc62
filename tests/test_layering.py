"""Which package may import which, and what must not happen at import."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STDLIB = sys.stdlib_module_names
ALLOWED = {
    "rife_arch": {"rife_arch", "torch", "einops", "numpy", "numba", "llvmlite", "safetensors"},
    "vfi": {"vfi", "torch", "einops", "numpy", "av", "PIL", "imageio_ffmpeg"},
    "migrate": {"migrate", "rife_arch", "vfi"},
    "cli": {"cli", "rife_arch", "vfi", "torch", "tqdm"},
    "nodes": {
        "nodes",
        "rife_arch",
        "vfi",
        "torch",
        "numpy",
        "PIL",
        "comfy",
        "comfy_api",
        "folder_paths",
        "server",
    },
}
LIBRARIES = ("rife_arch", "vfi", "nodes")  # those ComfyUI imports under another name
MODULES = [path for package in ALLOWED for path in sorted((ROOT / package).rglob("*.py"))]


def imported_packages(path: Path) -> Iterator[str]:
    """Top-level packages a module imports; relative imports resolved against the root."""
    depth = len(path.relative_to(ROOT).parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0:
                assert node.module
                yield node.module.split(".")[0]
            elif node.level < depth:
                yield path.relative_to(ROOT).parts[0]
            else:
                assert node.module
                yield node.module.split(".")[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_imports_only_what_its_layer_may(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    foreign = set(imported_packages(path)) - ALLOWED[package] - STDLIB
    assert not foreign


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if path.relative_to(ROOT).parts[0] in LIBRARIES],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_packages_import_themselves_relatively(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"^\s*(from|import) (rife_arch|vfi|nodes)\b", text, re.MULTILINE)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_touches_devices_or_the_environment_at_import(path: Path) -> None:
    text = path.read_text()
    assert "os.environ" not in text
    assert not re.search(r"^[A-Za-z_]+ *(: *\S+ *)?= *torch\.device", text, re.MULTILINE)


@pytest.mark.parametrize("module", ["vfi.timing.schedule", "vfi.write.video"])
def test_light_modules_do_not_load_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_pack_without_comfyui_imports_nothing() -> None:
    code = (
        "import importlib.util as u; s = u.spec_from_file_location('pack', '__init__.py');"
        "m = u.module_from_spec(s); s.loader.exec_module(m); assert not hasattr(m, 'nodes')"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
