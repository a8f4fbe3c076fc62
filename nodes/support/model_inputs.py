"""The input by which a node chooses a RIFE checkpoint, and the check of what was chosen.

A workflow stores a version, or the name of a file of the user's own, which mean the same on every
machine. What is known of a choice on this one, such as whether it is on disk, goes to the front end
as ``states``, and web/model_list.js writes it into the list:

::

    {"4.25": {"recommended": True, "download": 22674688},  # bytes, 0 if unknown
     "4.26": {"on_disk": True},
     "mine.safetensors": {"on_disk": True, "tuned_from": "4.26"},  # what its file says
     "flownet.pkl": {"on_disk": True, "version": "4.26"}}  # not listed, as 4.26 is the same

A file that is a release, by its name or its hash, is listed under the version only. Workflows that
name the file still run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from comfy_api.latest import io

from ...rife_arch.catalog import (
    CatalogEntry,
    catalog_rows,
    files_by_name,
    find_by_file_name,
    how_to_get,
    load_catalog,
    load_enhancers,
    release_of,
)
from ...rife_arch.checkpoints import read_tuning
from .model_paths import download_folder, search_folders
from .values import describe

RECOMMENDED = "4.25"
_State: TypeAlias = dict[str, bool | int | str]


@dataclass(frozen=True)
class _Choices:
    own: dict[str, _State]
    """Files that are no release, and may be networks of the user's own; with what is known of them."""
    released: dict[str, str]
    """Files that are a release, with its version; not listed."""
    versions: dict[str, _State]
    """On disk or for download, best first."""


def checkpoint_input() -> io.Combo.Input:
    """Describe the input ``model`` for :func:`find_checkpoint`."""
    choices = _find_choices()
    hidden: dict[str, _State] = {
        name: {"on_disk": True, "version": version} for name, version in choices.released.items()
    }
    known = {name: state for name, state in choices.own.items() if state}
    return io.Combo.Input(
        "model",
        options=[*choices.own, *choices.versions],
        default=RECOMMENDED,
        tooltip="A version (found on disk, otherwise downloaded once) or a file of your own. 4.25 "
        "suits most clips.",
        extra_dict={"states": {**known, **choices.versions, **hidden}},
    )


def check_checkpoint(choice: object) -> bool | str:
    """Say what is wrong with a choice before anything runs; for ``validate_inputs``.

    Naming an input there switches off ComfyUI's own check, which refuses what is not listed.

    Args:
        choice: None for what is linked and not known yet.
    """
    if choice is None:
        return True
    if not isinstance(choice, str):  # a prompt to the API may hold anything
        return (
            f"choose {RECOMMENDED}: it must be a version or the name of a file, and {describe(choice)} "
            "arrived."
        )
    choices = _find_choices()
    choice = choice.replace("\\", "/")  # of a workflow saved on Windows
    if choice in (*choices.own, *choices.released, *choices.versions):
        return True
    entry = next((entry for entry in load_catalog() if entry.name == choice), None)
    entry = entry or find_by_file_name(choice, load_catalog())
    if entry is not None and entry.name in choices.versions:
        return True  # the file of a version that is here under another name, or can be downloaded
    here = [name for name, state in choices.versions.items() if "on_disk" in state]
    better = next(iter(here), RECOMMENDED)
    if entry is not None:
        return f"choose {better}, or {how_to_get(entry, download_folder())}."
    return (
        f'choose {better}: there is no version "{choice}" and no such file. Put a file of your own '
        f"into {download_folder()} and press R."
    )


def _find_choices() -> _Choices:
    folders = search_folders()
    catalog = load_catalog()
    files = files_by_name(folders)
    releases = _find_releases(files, [*catalog, *load_enhancers()])
    versions: dict[str, _State] = {}
    for row in catalog_rows(folders, catalog):
        if row.path or row.how == "https":
            state: _State = {"on_disk": True} if row.path else {"download": row.size or 0}
            recommended: _State = {"recommended": True} if row.name == RECOMMENDED else {}
            versions[row.name] = {**recommended, **state}
    # What enhances is a release too, but no choice here.
    return _Choices(
        own={name: _state_of(files[name]) for name, entry in releases.items() if entry is None},
        released={
            name: entry.name for name, entry in releases.items() if entry and entry.name in versions
        },
        versions=versions,
    )


def _state_of(path: Path) -> _State:
    """Tell what is known of a file that is no release."""
    tuning = read_tuning(path)
    return {"on_disk": True, "tuned_from": tuning.base} if tuning else {}


def _find_releases(
    files: dict[str, Path], catalog: list[CatalogEntry]
) -> dict[str, CatalogEntry | None]:
    return {name: release_of(files[name], catalog) for name in sorted(files)}
