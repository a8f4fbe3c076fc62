"""What is published on the Comfy Registry: the metadata and the files of the archive."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
REPOSITORY: str = PROJECT["project"]["urls"]["Repository"]
# What may lie at the top of the archive. Code, and what ComfyUI looks for by its name:
LOADED = {"__init__.py", "cli", "nodes", "rife_arch", "vfi", "ckpts", "pyproject.toml"}
SHOWN = {"web", "locales", "example_workflows", "subgraphs"}
# What a person reads or calls; a program at the top is for users:
READ = {"README.md", "LICENSE", "CHANGELOG.md", "docs", "requirements.txt", "requirements-dev.txt"}
PROGRAMS = {path.name for path in ROOT.glob("*.py")} | {"migrate"}
HELP_PAGES = sorted((ROOT / "web" / "docs").rglob("*.md"))


def git_files(*options: str) -> set[str]:
    """Tracked files, in the form a/b."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", *options]
    try:
        done = subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs git and a clone of the repository: {error}")
    return set(done.stdout.decode().split("\0")) - {""}


def packed_files() -> set[str]:
    """What `comfy node pack` takes: the files git tracks, less those .comfyignore names."""
    ignored = git_files("--cached", "--ignored", f"--exclude-from={ROOT / '.comfyignore'}")
    return git_files() - ignored


@pytest.fixture(scope="module")
def archive() -> set[str]:
    return packed_files()


def test_archive_holds_what_users_need_and_nothing_else(archive: set[str]) -> None:
    assert {name.split("/")[0] for name in archive} <= LOADED | SHOWN | READ | PROGRAMS


def test_archive_holds_whatever_of_it_there_is(archive: set[str]) -> None:
    wanted = LOADED | SHOWN | READ | PROGRAMS
    there = {name for name in git_files() if name.split("/")[0] in wanted}
    left_out = {name for name in there - archive if not name.endswith(".gitignore")}
    assert {name.split("/")[0] for name in left_out} <= {"docs"}
    assert "ckpts/catalog.json" in archive


def test_archive_holds_users_documents_without_developers(archive: set[str]) -> None:
    documents = {name for name in archive if name.startswith("docs/")}
    for_users = {"checkpoints.md", "enhancement.md", "troubleshooting.md"}
    assert {f"docs/{name}" for name in (*for_users, "images/interpolation.jpg")} <= documents
    for_developers = ("decisions", "architecture", "pyramid", "testing")
    assert not any(word in name for name in documents for word in for_developers)


@pytest.mark.parametrize("page", HELP_PAGES, ids=lambda path: path.stem)
def test_help_page_shows_a_picture_that_is_packed(page: Path, archive: set[str]) -> None:
    links = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    assert links
    # Relative to web/docs, whatever the language of the page: so the front end finds them.
    assert {f"web/docs/{link}" for link in links} <= archive


def test_pictures_of_help_pages_are_small_and_all_shown(archive: set[str]) -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in HELP_PAGES)
    pictures = {name for name in archive if name.startswith("web/docs/images/")}
    assert all(name.removeprefix("web/docs/") in pages for name in pictures)
    sizes = [(ROOT / name).stat().st_size for name in pictures]
    assert max(sizes) <= 120_000
    assert sum(sizes) < 600_000


def test_archive_is_small(archive: set[str]) -> None:
    assert sum((ROOT / name).stat().st_size for name in archive) < 5_000_000


def test_every_address_is_in_the_one_repository() -> None:
    urls = PROJECT["project"]["urls"].values()
    assert all(url.startswith(REPOSITORY) for url in urls)


@pytest.mark.parametrize(("key", "ratio"), [("Icon", (1, 1)), ("Banner", (21, 9))])
def test_picture_of_the_registry_is_in_the_repository(key: str, ratio: tuple[int, int]) -> None:
    raw = REPOSITORY.replace("https://github.com/", "https://raw.githubusercontent.com/")
    name = PROJECT["tool"]["comfy"][key].removeprefix(f"{raw}/main/")
    with Image.open(ROOT / name) as picture:
        width, height = picture.size
    assert width * ratio[1] == height * ratio[0]
    assert key != "Icon" or width <= 400  # the registry's limit
