"""Where ComfyUI users keep RIFE checkpoints, and how a choice becomes a file."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import comfy.model_management
import comfy.utils
import folder_paths

from ...rife_arch.catalog import (
    MODEL_FOLDERS,
    CatalogEntry,
    catalog_rows,
    download,
    files_by_name,
    find_by_file_name,
    find_entry,
    find_on_disk,
    load_catalog,
    load_enhancers,
)
from ...rife_arch.errors import DownloadError

PACK = Path(__file__).resolve().parents[2]
_FOLDER, *_OTHERS = MODEL_FOLDERS
_log = logging.getLogger(__name__)


def search_folders() -> list[Path]:
    """List the folders that may hold checkpoints: ComfyUI's own, this pack's, other packs'."""
    own = [Path(folder) for folder in folder_paths.get_folder_paths(_FOLDER)]
    models = Path(folder_paths.models_dir)
    others = [*(models / name for name in _OTHERS), PACK / "ckpts"]
    peers = [
        Path(folder) / name / "ckpts" / "rife"
        for folder in folder_paths.get_folder_paths("custom_nodes")
        for name in ("ComfyUI-Frame-Interpolation", "comfyui-frame-interpolation")
    ]
    return [folder for folder in (*own, *others, *peers) if folder.is_dir()]


def list_enhancers() -> list[str]:
    """List the choices of the enhancer loader: all releases, then every file found."""
    return [entry.name for entry in load_enhancers()] + _list_files()


def _list_files() -> list[str]:
    return sorted(files_by_name(search_folders()))


def download_folder() -> Path:
    """Return the folder for downloads, which is ComfyUI's own."""
    return Path(folder_paths.get_folder_paths(_FOLDER)[0])


def find_checkpoint(choice: str, catalog: Sequence[CatalogEntry] | None = None) -> Path:
    """Find the file of a choice, or download it to ComfyUI's folder.

    Args:
        choice: a version or a file name.
        catalog: the entries to choose from; None for the shipped catalogue of RIFE versions.
    """
    folders = search_folders()
    # Looked up and never joined to a folder, so no choice leads out of these. Windows has backslashes.
    if (path := files_by_name(folders).get(choice.replace("\\", "/"))) is not None:
        return path
    catalog = load_catalog() if catalog is None else catalog
    # A workflow may name the file of a version that is not here, or is here under another name.
    entry = find_by_file_name(choice, catalog) or find_entry(catalog, choice)
    found = find_on_disk(entry, folders)
    return found or _download(entry, folders, catalog)


def _download(entry: CatalogEntry, folders: list[Path], catalog: Sequence[CatalogEntry]) -> Path:
    target = download_folder()
    _log.info("RIFE %s is not on disk, downloading it to %s", entry.name, target)
    bar = comfy.utils.ProgressBar(1)

    def report(_label: str, done: int, total: int | None) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        bar.update_absolute(done, total or max(done, 1))

    try:
        return download(entry, target, progress=report)
    except DownloadError as error:
        here = [row.name for row in catalog_rows(folders, catalog) if row.path]
        if not here:
            raise
        raise DownloadError(
            f"model: choose {here[0]}, which is on disk; {entry.name} could not be downloaded. {error}"
        ) from error
