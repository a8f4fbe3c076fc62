"""Data sets that papers on frame interpolation report on, recognised by their files.

Each is read where it lies, as it is distributed. The figures are comparable with those of papers as far as
each layout below says; the metrics are those of this package, on frames rounded to 8 bits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import InputError, quoted
from ..files import list_media
from .groups import Group
from .triplet_files import TripletFiles, group_of, whole

_NUMBERED = re.compile(r"([0-9]+)\Z")


class Layout(NamedTuple):
    """How a data set lies on the disk.

    Attributes:
        is_here: tells whether a folder holds it.
        list_groups: lists its groups, of at most so many triplets each (None: all); reads no picture.
        files: what must be there, for messages.
    """

    is_here: Callable[[Path], bool]
    list_groups: Callable[[Path, int | None], list[Group]]
    files: str


def recognise_layout(folder: Path) -> str | None:
    """Return the name of the data set in a folder, of ``LAYOUTS``; None for none."""
    return next((name for name, layout in LAYOUTS.items() if layout.is_here(folder)), None)


def list_dataset(folder: Path, name: str, at_most: int | None = None) -> list[Group]:
    """List the groups of a data set; no picture is read yet.

    Args:
        folder: where it lies.
        name: of ``LAYOUTS``.
        at_most: so many triplets of each group, spread over it; None for all.

    Raises:
        InputError: it is not there, or a list of it cannot be understood.
    """
    layout = LAYOUTS[name]
    groups = layout.list_groups(folder, at_most)
    if not groups:
        raise InputError(
            f"{folder} does not hold the data set {name}: expected {layout.files}. Name the folder that "
            "holds them, or choose another --layout."
        )
    return groups


# --- Vimeo-90K -----------------------------------------------------------------------------------

_SEQUENCE = re.compile(r"[0-9]+/[0-9]+")
# List -> the three pictures. Of seven the neighbours of the middle one are taken, the two in the middle of
# the four (1, 3, 5, 7) that FLAVR and others who use the seven take (FLAVR, dataset/vimeo90k_septuplet.py).
_VIMEO_LISTS = {"tri_testlist.txt": (1, 2, 3), "sep_testlist.txt": (3, 4, 5)}


def _is_vimeo(folder: Path) -> bool:
    return (folder / "sequences").is_dir() and any(
        (folder / name).is_file() for name in _VIMEO_LISTS
    )


def _list_vimeo(folder: Path, _: int | None) -> list[Group]:
    """Vimeo-90K (Xue et al., "Video Enhancement with Task-Oriented Flow", IJCV 2019).

    The sequences of the test list only: triplets (im1, im3 -> im2), or the middle of septuplets (im3, im5 ->
    im4). Each sequence counts as a clip: which of them come from one video is not said, so intervals are
    somewhat too narrow.
    """
    found = next((name for name in _VIMEO_LISTS if (folder / name).is_file()), None)
    if found is None:
        return []
    numbers = _VIMEO_LISTS[found]
    groups: list[Group] = []
    for line in _lines(folder / found):
        if not _SEQUENCE.fullmatch(line):
            raise InputError(
                f"{folder / found}: expected lines like 00001/0001, got {quoted(line)}."
            )
        before, real, after = (folder / "sequences" / line / f"im{each}.png" for each in numbers)
        groups.append(group_of(line, [TripletFiles(numbers[1], before, real, after)]))
    return groups


# --- UCF101 --------------------------------------------------------------------------------------

_UCF101 = "frame_00.png", "frame_01_gt.png", "frame_02.png"


def _is_ucf101(folder: Path) -> bool:
    return any(True for _ in _ucf101_folders(folder))


def _list_ucf101(folder: Path, _: int | None) -> list[Group]:
    """UCF101 as Liu et al. chose it ("Video Frame Synthesis Using Deep Voxel Flow", ICCV 2017).

    379 triplets of 256x256 px; papers report on all of every frame, without the masks of motion.
    """
    return [
        group_of(each.name, [TripletFiles(1, before, real, after)])
        for each in sorted(_ucf101_folders(folder), key=_in_numbers)
        for before, real, after in [[each / name for name in _UCF101]]
    ]


def _ucf101_folders(folder: Path) -> Iterator[Path]:
    return (each for each in _folders(folder) if (each / _UCF101[1]).is_file())


# --- SNU-FILM ------------------------------------------------------------------------------------

_LEVELS = "easy", "medium", "hard", "extreme"


def _is_snufilm(folder: Path) -> bool:
    return any(path.is_file() for _, path in _snufilm_lists(folder))


def _list_snufilm(folder: Path, at_most: int | None) -> list[Group]:
    """SNU-FILM (Choi et al., "Channel Attention Is All You Need for Video Frame Interpolation", AAAI 2020).

    Each line of a list names the frame before, the one in the middle and the one after. The levels are the
    categories. Groups are the folders of the frames, which occur in every level.
    """
    groups: list[Group] = []
    for level, path in _snufilm_lists(folder):
        lines = _lines(path) if path.is_file() else []
        triplets = [_snufilm_triplet(folder, path, line) for line in lines]
        clips: dict[str, list[TripletFiles]] = {}
        for triplet in triplets:
            clips.setdefault(triplet.real.parent.relative_to(folder).as_posix(), []).append(triplet)
        groups += [group_of(clip, files, level, whole, at_most) for clip, files in clips.items()]
    return groups


def _snufilm_lists(folder: Path) -> Iterator[tuple[str, Path]]:
    within = folder / "eval_modes"
    home = within if within.is_dir() else folder
    return ((level, home / f"test-{level}.txt") for level in _LEVELS)


def _snufilm_triplet(folder: Path, path: Path, line: str) -> TripletFiles:
    names = line.split()
    if len(names) != 3:
        raise InputError(f"{path}: expected three files in each line, got {quoted(line)}.")
    before, real, after = (_below(folder, name, path) for name in names)
    return TripletFiles(_number(real), before, real, after)


def _below(folder: Path, name: str, path: Path) -> Path:
    """Find a file by the longest end of its name that is there: the lists begin with folders of others."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts or not parts:
        raise InputError(f"{path}: expected files below {folder}, got {quoted(name)}.")
    ends = (folder.joinpath(*parts[start:]) for start in range(len(parts)))
    return next((end for end in ends if end.is_file()), folder.joinpath(*parts))


# --- Xiph ----------------------------------------------------------------------------------------

_XIPH_CLIPS = frozenset(
    {
        *("BoxingPractice", "Crosswalk", "DrivingPOV", "FoodMarket", "FoodMarket2"),
        *("RitualDance", "SquareAndTimelapse", "Tango"),
    }
)
_XIPH_NAME = re.compile(r"(.+)-([0-9]+)\.png", re.IGNORECASE)
_XIPH_FRAMES = 100


def _is_xiph(folder: Path) -> bool:
    sequences = _xiph_sequences(folder)
    # One sequence of pictures, whatever it is called, is a clip like any other.
    return len(sequences) > 1 and not _XIPH_CLIPS.isdisjoint(sequences)


def _list_xiph(folder: Path, at_most: int | None) -> list[Group]:
    """Xiph: eight clips of 4096x2160 px by Netflix.

    As in Niklaus & Liu, "Softmax Splatting for Video Frame Interpolation", CVPR 2020, and its
    ``benchmark_xiph.py``.

    Of frames 1 to 100 the even ones from 2 to 98 are made from their neighbours, 49 of each clip. "2K": all
    pictures are reduced by half, each pixel the mean of four. "4K": the middle of the pictures, half as high
    and half as wide, at full resolution. Both have 2048x1080 px. Files are ``Tango-001.png``, or ``001.png`` in
    a folder ``Tango``; with other names the layout must be asked for.
    """
    groups: list[Group] = []
    for category, fit in (("2K", _halved), ("4K", _middle)):
        for clip, files in sorted(_xiph_sequences(folder).items()):
            middles = [
                n for n in range(2, _XIPH_FRAMES - 1, 2) if files.keys() >= {n - 1, n, n + 1}
            ]
            triplets = [TripletFiles(n, files[n - 1], files[n], files[n + 1]) for n in middles]
            if triplets:
                groups.append(group_of(clip, triplets, category, fit, at_most))
    return groups


def _xiph_sequences(folder: Path) -> dict[str, dict[int, Path]]:
    """Find sequences of PNGs: name -> number -> file."""
    sequences: dict[str, dict[int, Path]] = {}
    for path in list_media(folder, {".png"}):
        if match := _XIPH_NAME.fullmatch(path.name):
            sequences.setdefault(match[1], {})[int(match[2])] = path
    for each in _folders(folder):
        files = list_media(each, {".png"})
        if files and all(_NUMBERED.search(path.stem) for path in files):
            sequences[each.name] = {_number(path): path for path in files}
    return sequences


def _halved(pixels: Tensor) -> Tensor:
    """Reduce by half, as OpenCV's INTER_AREA does: the mean of 2x2 px, a half rounded up."""
    height, width, colours = pixels.shape
    even = pixels[: height // 2 * 2, : width // 2 * 2].to(torch.int32)
    sums = even.reshape(height // 2, 2, width // 2, 2, colours).sum((1, 3))
    return ((sums + 2) // 4).to(torch.uint8)


def _middle(pixels: Tensor) -> Tensor:
    """Cut out the middle, half as high and half as wide."""
    height, width, _ = pixels.shape
    top, left = height // 4, width // 4
    return pixels[top : height - top, left : width - left].clone()


# --- X4K1000FPS ----------------------------------------------------------------------------------

_X4K_LAST, _X4K_STEPS = 32, 8


def _is_x4k(folder: Path) -> bool:
    return any(
        (clip / "0000.png").is_file() and (clip / f"{_X4K_LAST:04}.png").is_file()
        for _, clip in _x4k_clips(folder)
    )


def _list_x4k(folder: Path, at_most: int | None) -> list[Group]:
    """X-TEST of X4K1000FPS (Sim et al., "XVFI: eXtreme Video Frame Interpolation", ICCV 2021).

    Eight times the rate: frames 4, 8 to 28 of each clip are made from frames 0 and 32, at 1/8, 2/8 to 7/8, in
    full resolution, 4096x2160 px. The categories are the types of clips. A network that only knows the middle
    is asked for the others through halves of halves, as everywhere here.
    """
    step = _X4K_LAST // _X4K_STEPS
    groups: list[Group] = []
    for kind, clip in _x4k_clips(folder):
        before, after = (clip / f"{number:04}.png" for number in (0, _X4K_LAST))
        triplets = [
            TripletFiles(
                k * step, before, clip / f"{k * step:04}.png", after, Fraction(k, _X4K_STEPS)
            )
            for k in range(1, _X4K_STEPS)
        ]
        groups.append(group_of(f"{kind}/{clip.name}", triplets, kind, whole, at_most))
    return groups


def _x4k_clips(folder: Path) -> Iterator[tuple[str, Path]]:
    test = folder / "test"
    for kind in _folders(test if test.is_dir() else folder):
        if kind.name.startswith("Type"):
            for clip in _folders(kind):
                if clip.name.startswith("TEST"):
                    yield kind.name, clip


# --- what they share -----------------------------------------------------------------------------


def _folders(folder: Path) -> list[Path]:
    return sorted(
        each for each in folder.iterdir() if each.is_dir() and not each.name.startswith(".")
    )


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text. Unpack the data set again.") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _number(path: Path) -> int:
    match = _NUMBERED.search(path.stem)
    return int(match[1]) if match else 0


def _in_numbers(path: Path) -> tuple[int, str]:
    return _number(path), path.name


LAYOUTS: Mapping[str, Layout] = {
    "vimeo": Layout(_is_vimeo, _list_vimeo, "sequences/ and tri_testlist.txt, or sep_testlist.txt"),
    "ucf101": Layout(
        _is_ucf101, _list_ucf101, "folders with frame_00.png, frame_01_gt.png, frame_02.png"
    ),
    "snufilm": Layout(_is_snufilm, _list_snufilm, "test-easy.txt, or another of the four lists"),
    "xiph": Layout(_is_xiph, _list_xiph, "PNGs such as Tango-001.png, or Tango/001.png"),
    "x4k": Layout(_is_x4k, _list_x4k, "test/Type1/TEST01/0000.png to 0032.png"),
}
