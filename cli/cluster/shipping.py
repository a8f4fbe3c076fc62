"""Files that travel: sources to machines that share no folder with the driver, and results back.

A file travels in chunks, compressed as it is on the disk; frames never do.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import ray

from vfi.jobs import Piece
from vfi.read import Clip
from vfi.write import RunStore, give_name, unfinished_name

from ..plan import Plan
from .temporary import temporary_folder

_CHUNK = 64 * 2**20  # bytes

Chunks = list[Any]  # references of Ray


@dataclass(frozen=True)
class Shipment:
    """Copies of the files of a source.

    Attributes:
        key: tells it from other shipments.
        files: each file, and its content.
    """

    key: str
    files: Mapping[Path, Chunks]


@dataclass(frozen=True)
class Shipped:
    """A result on its way back.

    Attributes:
        files: for each place that results go to, the names there and the content.
    """

    files: Sequence[Mapping[str, Chunks]]


class Shipper:
    """Hands the files of one source over to the cluster."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self._kept: Shipment | None = None

    def ship(self, piece: Piece | None) -> Shipment:
        """Ship the files that a piece is made of, or all of them.

        A video stays with the cluster until this is gone; images travel with each piece.
        """
        if self._kept is not None:
            return self._kept
        files = dict.fromkeys(self._files(piece))
        shipment = Shipment(uuid.uuid4().hex, {file: _put(file) for file in files})
        if len(files) == 1:
            self._kept = shipment
        return shipment

    def _files(self, piece: Piece | None) -> Iterator[Path]:
        if piece is None:
            yield from self._clip.files(Fraction(0), self._clip.length or Fraction(0))
        else:
            for frame in piece.frames:
                yield from self._clip.files(frame.read_at, frame.read_at)


def unload(shipped: Shipped, folders: Sequence[Path]) -> None:
    """Write results into their folders, each under its name when it is complete."""
    for files, folder in zip(shipped.files, folders, strict=True):
        for name, chunks in files.items():
            unfinished = unfinished_name(folder / name)
            try:
                _get(chunks, unfinished)
                give_name(unfinished, folder / name)
            finally:
                unfinished.unlink(missing_ok=True)


class Workbench:
    """A temporary folder of a worker, with the files of the clip at hand."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._folder: Path | None = None
        self._copies: dict[Path, Path] = {}
        self._key = ""

    def close(self) -> None:
        """Remove the folder; the next source makes another one."""
        self._stack.close()
        self._folder, self._key = None, ""

    def unpack(
        self, shipment: Shipment, job: Any, stores: Iterable[RunStore]
    ) -> tuple[Any, list[RunStore]]:
        """Return a job that reads the copies, and stores in the temporary folder."""
        clip, results = self._lay_out(shipment, job.clip)
        return replace(job, clip=clip), [
            store.at(_made(results / str(number))) for number, store in enumerate(stores)
        ]

    def unpack_plan(self, shipment: Shipment, plan: Plan[Any]) -> Plan[Any]:
        """Return a plan that reads the copies, and whose video goes to the temporary folder."""
        clip, results = self._lay_out(shipment, plan.job.clip)
        assert plan.video
        return replace(
            plan,
            job=replace(plan.job, clip=clip),
            output=replace(plan.output, resume=False),
            video=results / plan.video.name,
        )

    def _lay_out(self, shipment: Shipment, clip: Clip) -> tuple[Clip, Path]:
        if self._folder is None:
            self._folder = self._stack.enter_context(temporary_folder())
        if shipment.key != self._key:
            self._key = ""
            shutil.rmtree(self._folder)
            self._copies = {}
            for number, (file, chunks) in enumerate(shipment.files.items()):
                # Its own name, for readers that look at the extension, in a folder of its own.
                copy = _made(self._folder / "source" / str(number)) / file.name
                _get(chunks, copy)
                self._copies[file] = copy
            self._key = shipment.key
        results = self._folder / "results"
        shutil.rmtree(results, ignore_errors=True)
        return clip.moved(lambda file: self._copies.get(file, file)), _made(results)


def pack(places: Iterable[Iterable[Path]]) -> Shipped:
    """Hand finished files over; for each place the files that go there."""
    return Shipped([{file.name: _put(file) for file in files} for files in places])


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _put(file: Path) -> Chunks:
    return [ray.put(chunk) for chunk in _chunks_of(file)]


def _chunks_of(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            yield chunk


def _get(chunks: Chunks, file: Path) -> None:
    with file.open("wb") as opened:
        for chunk in chunks:
            opened.write(ray.get(chunk))
