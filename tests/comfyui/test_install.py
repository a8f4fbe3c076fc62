"""The pack as it is installed: under any folder name, from the archive, without what is optional."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.archive import packed_files
from tests.helpers.comfy_server import HostError, find_folder, find_host
from tests.helpers.contract import CONTRACT

ROOT = Path(__file__).resolve().parents[2]
LOAD_PACKS = Path(__file__).with_name("load_packs.py")
COPIES = ("comfyui-practical-rife", "Practical RIFE 1.0 (new)", "rife.v1-2.main")
LINK = "my link to it"
OPTIONAL = "numba,llvmlite,imageio_ffmpeg"

pytestmark = pytest.mark.slow


def load(base: Path, packs: list[Path], hidden: str = "") -> dict[str, Any]:
    """Load packs into one ComfyUI; folder name -> what came of it."""
    try:
        host = find_host()
    except HostError as reason:
        pytest.skip(str(reason))
    for name in ("custom_nodes", "input", "models", "output", "temp"):
        (base / name).mkdir(exist_ok=True)
    command = [host.python, LOAD_PACKS, host.folder, base, hidden, *packs]
    done = subprocess.run(command, cwd=host.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    return {Path(pack).name: result for pack, result in found.items()}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The files of the archive in folders of several names, and a link to a clone."""
    base = tmp_path_factory.mktemp("installed")
    names = packed_files()
    for copy in COPIES:
        for name in names:
            target = base / "custom_nodes" / copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
    (base / "custom_nodes" / LINK).symlink_to(ROOT)
    return load(base, [base / "custom_nodes" / name for name in (*COPIES, LINK)])


@pytest.mark.parametrize("folder", [*COPIES, LINK])
def test_pack_loads_from_a_folder_of_any_name(installed: dict[str, Any], folder: str) -> None:
    assert installed[folder]["loaded"]
    assert installed[folder]["nodes"] == sorted(CONTRACT)


def test_loading_imports_no_package_that_comfyui_has_not(installed: dict[str, Any]) -> None:
    assert installed[COPIES[0]]["packages"] == []


def test_every_requirement_is_one_of_comfyui() -> None:
    try:
        folder = find_folder()
    except HostError as reason:
        pytest.skip(str(reason))
    assert required(ROOT) <= required(folder)


def required(folder: Path) -> set[str]:
    text = (folder / "requirements.txt").read_text(encoding="utf-8")
    return {name.lower() for name in re.findall(r"^[\w.-]+", text, re.MULTILINE)}


def test_loading_starts_no_program_and_opens_no_connection(installed: dict[str, Any]) -> None:
    assert installed[COPIES[0]]["done"] == []


def test_pack_loads_without_the_optional_packages(tmp_path: Path) -> None:
    assert load(tmp_path, [ROOT], OPTIONAL)[ROOT.name]["nodes"] == sorted(CONTRACT)
