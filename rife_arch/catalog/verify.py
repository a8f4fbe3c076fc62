"""Whether a file is what the catalogue says: by a published hash, else by trust on first use.

A download with no published hash, neither of the file nor of its tensors, is trusted once: if it
reads safely, holds the network its entry names, and is no other release that is known by hash. What
was accepted is recorded beside it in ``<file>.sha256.json``. From then on the record takes the
place of the published hash, for a new download and whenever the catalogue resolves a name to the
file. The same holds for a file that only a person can fetch, when it is first chosen by name. Opening a
file by its path checks nothing: the user vouches for it.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TypeAlias

from ..checkpoints import (
    CanonicalWeights,
    canonical_sha256,
    detect,
    detect_enhancer,
    find_preset,
    read_weights,
    sha256_of_file,
)
from ..errors import CheckpointError, DownloadError
from ..networks import KNOWN_WEIGHTS, PRESETS, SAFA_RELEASE, SafaConfig, expected_shapes
from .entries import CatalogEntry, HttpsSource, WheelSource

_Downloadable: TypeAlias = HttpsSource | WheelSource
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Record:
    """What was accepted at first use."""

    canonical_sha256: str
    """Of the tensors; see ``canonicalize.canonical_sha256``."""
    sha256: str
    """Of the file, to recognise it without reading the tensors."""
    source: str
    date: str
    """Day of the download, or of the first use of a file saved by hand, UTC."""


def verify_download(
    partial: Path, target: Path, source: _Downloadable, entry: CatalogEntry
) -> None:
    """Compare a finished download with what is known of it; record it if nothing is.

    Args:
        partial: the file.
        target: its final path; the record goes beside this.
        source: where it came from.
        entry: the version it should be.

    Raises:
        DownloadError: it is another file.
        CheckpointError: it is no checkpoint.
    """
    size = partial.stat().st_size
    if source.size is not None and size != source.size:
        raise DownloadError(f"{source.file} has {size} bytes instead of {source.size}")
    if source.sha256 is not None:
        _require_equal(source, "sha256", source.sha256, sha256_of_file(partial))
        return
    canonical = read_weights(partial)
    found = canonical_sha256(canonical.weights)
    if entry.canonical_sha256 is not None:
        _require_equal(source, "canonical sha256", entry.canonical_sha256, found)
    elif (record := _read_record(target)) is not None:
        if found != record.canonical_sha256:
            raise DownloadError(
                f"{source.file}: {_not_as_recorded(record, found)} "
                f"Delete {record_path(target)} if its publisher replaced it."
            )
    else:
        _require_release(canonical, found, entry)
        _write_record(target, Record(found, sha256_of_file(partial), str(source), _today()), entry)


def check_on_disk(file: Path, entry: CatalogEntry) -> None:
    """Refuse a file that differs from the recorded one; trust one saved by hand at its first use.

    Raises:
        CheckpointError: the weights are not those recorded, or not of the network of the entry.
    """
    if entry.is_by_hand and not record_path(file).exists():
        _trust_first_use(file, entry)
    else:
        check_recorded(file)


def _trust_first_use(file: Path, entry: CatalogEntry) -> None:
    canonical = read_weights(file)
    found = canonical_sha256(canonical.weights)
    try:
        _require_release(canonical, found, entry)
    except (DownloadError, CheckpointError) as error:
        raise CheckpointError(
            f"{file}: {str(error).rstrip('.')}. Give the file another name, and save {entry.name} "
            f"from {entry.sources[0]}."
        ) from error
    try:
        _write_record(file, Record(found, sha256_of_file(file), "saved by hand", _today()), entry)
    except OSError as error:  # such as a shared folder without write access
        _log.warning("%s: its hash could not be recorded (%s)", file, error.strerror or error)


def check_recorded(file: Path) -> None:
    """Refuse a file that was trusted on first use and holds other weights now.

    Costs a hash of the file (about 0.05 s) if it has a record, else nothing.

    Raises:
        CheckpointError: the weights are not those recorded, or the record cannot be read.
    """
    record = _read_record(file)
    if record is None or sha256_of_file(file) == record.sha256:
        return
    found = canonical_sha256(read_weights(file).weights)
    if found != record.canonical_sha256:
        raise CheckpointError(
            f"{file}: {_not_as_recorded(record, found)} Delete the file to download it again, "
            f"or {record_path(file).name} to accept it as it is."
        )


def record_path(file: Path) -> Path:
    """Return where the record of ``file`` is kept."""
    return file.with_name(f"{file.name}.sha256.json")


def _require_equal(source: _Downloadable, kind: str, expected: str, found: str) -> None:
    if found != expected:
        raise DownloadError(f"{source.file} has {kind} {found} instead of {expected}")


def _not_as_recorded(record: Record, found: str) -> str:
    return (
        f"these are not the weights first downloaded on {record.date}. Their canonical sha256 is "
        f"{found} instead of {record.canonical_sha256}."
    )


def _require_release(canonical: CanonicalWeights, digest: str, entry: CatalogEntry) -> None:
    if entry.network == SAFA_RELEASE:
        if detect_enhancer(canonical.weights) != SafaConfig():
            raise DownloadError(
                f"this is not the network of {SAFA_RELEASE} but one of other widths"
            )
        return
    found = find_preset(detect({**canonical.weights, **canonical.refinement}))
    named = next((preset for preset in PRESETS if preset.label == entry.network), None)
    # By shapes and not by label, as 3.6 and 3.8 have the same ones.
    if not (found and named and expected_shapes(found.config) == expected_shapes(named.config)):
        raise DownloadError(
            f"this is not the network of {entry.network} but "
            + (f"that of {found.label}" if found else "one that was never released")
        )
    known = KNOWN_WEIGHTS.get(digest, entry.name)
    if known != entry.name:
        raise DownloadError(f"these are not the weights of {entry.name} but those of {known}")


def _read_record(file: Path) -> Record | None:
    path = record_path(file)
    if not path.exists():
        return None
    try:
        return Record(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise CheckpointError(
            f"{path}: this record of a download cannot be read ({error}). Delete it, and {file.name} "
            "with it if you do not know that file."
        ) from error


def _write_record(file: Path, record: Record, entry: CatalogEntry) -> None:
    path = record_path(file)
    path.write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")
    _log.warning(
        "no published hash is known for model %s; the file was recognised as the network of "
        "%s; its canonical sha256 %s was recorded in %s",
        entry.name,
        entry.network,
        record.canonical_sha256,
        path,
    )


def _today() -> str:
    return datetime.now(timezone.utc).date().isoformat()
