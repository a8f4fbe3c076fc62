"""Tiny data sets for evaluation, in which each picture says by its brightness which it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakValueDictionary

import numpy as np
from PIL import Image
from torch import Tensor

from vfi.measure import Group, Triplet

SIZE = 16, 24  # px


def write_picture(path: Path, value: int, size: tuple[int, int] = SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), value, np.uint8)).save(path)


def values_of(group: Group) -> list[tuple[int, int, int, float]]:
    """The values of the three pictures of each triplet, and its timestep."""
    return [
        (
            *(int(each[0, 0, 0]) for each in (triplet.before, triplet.real, triplet.after)),
            triplet.timestep,
        )
        for triplet in group.read()
    ]


def write_vimeo(folder: Path) -> Path:
    """Two listed triplets of three on the disk; values 11, 12, 13 and 21, 22, 23."""
    for number in (1, 2, 3):
        for picture in (1, 2, 3):
            path = folder / f"sequences/00001/{number:04}/im{picture}.png"
            write_picture(path, 10 * number + picture)
    (folder / "tri_testlist.txt").write_text("00001/0001\n00001/0002\n\n")
    return folder


def write_septuplet(folder: Path) -> Path:
    for picture in range(1, 8):
        write_picture(folder / f"sequences/00003/0009/im{picture}.png", picture)
    (folder / "sep_testlist.txt").write_text("00003/0009\n")
    return folder


def write_ucf101(folder: Path) -> Path:
    """Folders 1 and 10; 10 comes after 2 as a number would."""
    for number in (10, 2):
        for value, name in enumerate(("frame_00", "frame_01_gt", "frame_02")):
            write_picture(folder / f"{number}/{name}.png", 10 * number + value)
    return folder


def write_snufilm(folder: Path) -> Path:
    """Nine frames of a clip; easy has two triplets of neighbours, extreme one of frames 4 apart."""
    for number in range(1, 10):
        write_picture(folder / f"GOPRO_test/G1/{number:06}.png", number)
    prefix = "data/SNU-FILM/test/GOPRO_test/G1"
    for level, lines in (("easy", [(1, 2, 3), (3, 4, 5)]), ("extreme", [(1, 5, 9)])):
        text = "\n".join(" ".join(f"{prefix}/{n:06}.png" for n in line) for line in lines)
        (folder / f"test-{level}.txt").write_text(text)
    return folder


def write_xiph(
    folder: Path, clips: tuple[str, ...] = ("Tango", "BoatNF"), num_frames: int = 6
) -> Path:
    """Frames from 1 on; all of one value, but for the outer quarter, which is white."""
    for clip in clips:
        for number in range(1, num_frames + 1):
            pixels = np.full((32, 64, 3), 255, np.uint8)
            pixels[8:24, 16:48] = number
            folder.mkdir(exist_ok=True)
            Image.fromarray(pixels).save(folder / f"{clip}-{number:03}.png")
    return folder


def write_x4k(folder: Path) -> Path:
    for kind, clip in (("Type1", "TEST01"), ("Type3", "TEST11")):
        for number in range(33):
            write_picture(folder / f"test/{kind}/{clip}/{number:04}.png", number)
    return folder


@contextmanager
def counting(group: Group) -> Iterator[tuple[Group, list[int]]]:
    """A group that counts, at each triplet, how many of its pictures are alive."""
    alive: WeakValueDictionary[int, Tensor] = WeakValueDictionary()
    counts: list[int] = []

    def read() -> Iterator[Triplet]:
        for triplet in group.read():
            for picture in (triplet.before, triplet.real, triplet.after):
                alive[id(picture)] = picture
            counts.append(len(alive))
            yield triplet

    yield Group(group.clip, group.category, group.count, read), counts
