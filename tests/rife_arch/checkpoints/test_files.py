"""The one rule of which files are checkpoints."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from rife_arch.checkpoints import files
from rife_arch.checkpoints.files import SUFFIXES, is_checkpoint_name, list_checkpoints


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def listed(folder: Path, **options: bool) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in list_checkpoints(folder, **options)]


@pytest.mark.parametrize("name", ["a.pkl", "UPPER.PTH", "a.Ckpt", "a.bin", "a.sft", "a.b.pt"])
def test_ending_in_any_case_is_a_checkpoint(name: str) -> None:
    assert is_checkpoint_name(name)


@pytest.mark.parametrize(
    "name", ["._x.pkl", "._UPPER.PTH", "a.txt", "pkl", ".pkl", "a.zip", "a.py"]
)
def test_others_are_none(name: str) -> None:
    assert not is_checkpoint_name(name)


def test_subfolders_come_after_the_files_of_a_folder(tmp_path: Path) -> None:
    make(tmp_path, "z.pkl", "a/mine.pth", "a/b/deep.ckpt", "a/._mine.pth", "a/notes.txt")

    assert listed(tmp_path) == ["z.pkl", "a/mine.pth", "a/b/deep.ckpt"]
    assert listed(tmp_path, deep=False) == ["z.pkl"]


def test_folder_named_like_a_file_is_none_but_is_looked_into(tmp_path: Path) -> None:
    make(tmp_path, "folder.pth/inner.pkl")

    assert listed(tmp_path) == ["folder.pth/inner.pkl"]


def test_folders_of_macos_and_git_are_left_out(tmp_path: Path) -> None:
    make(tmp_path, "__MACOSX/a.pkl", ".git/b.pkl", "c.pkl")

    assert listed(tmp_path) == ["c.pkl"]


def test_missing_folder_has_none(tmp_path: Path) -> None:
    assert listed(tmp_path / "none") == []


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_links_are_followed_but_never_in_circles(tmp_path: Path) -> None:
    make(tmp_path, "models/a.pkl", "elsewhere/b.pkl")
    (tmp_path / "models" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "models" / "circle").symlink_to(tmp_path / "models")
    (tmp_path / "models" / "broken.pkl").symlink_to(tmp_path / "nothing")

    assert listed(tmp_path / "models") == ["a.pkl", "linked/b.pkl"]


@pytest.mark.skipif(sys.platform == "win32", reason="has no pipes in folders")
def test_pipe_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.pkl")

    assert listed(tmp_path) == []


def test_search_ends_in_a_tree_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_MOST_FOLDERS", 3)
    make(tmp_path, *(f"{i}/a.pkl" for i in range(9)))

    assert listed(tmp_path) == ["0/a.pkl", "1/a.pkl"]


@pytest.mark.comfyui
def test_endings_are_those_of_comfyui() -> None:
    host = os.environ.get("COMFYUI_PATH")
    if not host:
        pytest.skip("COMFYUI_PATH is not set")
    text = (Path(host).expanduser() / "folder_paths.py").read_text(encoding="utf-8")
    line = next(x for x in text.splitlines() if x.startswith("supported_pt_extensions"))
    assert all(f"'{suffix}'" in line for suffix in SUFFIXES)
    assert line.count("'.") == len(SUFFIXES)
