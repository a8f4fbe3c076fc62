"""What is published on the Comfy Registry: the metadata."""

from __future__ import annotations

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
