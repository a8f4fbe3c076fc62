"""Data sets are recognised by their files, and give the triplets that papers report on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.clips import write_pictures
from tests.helpers.datasets import (
    values_of,
    write_picture,
    write_septuplet,
    write_snufilm,
    write_ucf101,
    write_vimeo,
    write_x4k,
    write_xiph,
)
from vfi.errors import DecodeError, InputError
from vfi.measure import Group, TripletFiles, list_dataset, read_triplets, recognise_layout

WRITERS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "vimeo": ("vimeo", write_vimeo),
    "septuplet": ("vimeo", write_septuplet),
    "ucf101": ("ucf101", write_ucf101),
    "snufilm": ("snufilm", write_snufilm),
    "xiph": ("xiph", write_xiph),
    "x4k": ("x4k", write_x4k),
}


def listed(folder: Path, at_most: int | None = None) -> list[Group]:
    name = recognise_layout(folder)
    assert name
    groups = list_dataset(folder, name, at_most)
    for group in groups:
        assert group.count == len(values_of(group))
    return groups


@pytest.mark.parametrize(("name", "write"), WRITERS.values(), ids=WRITERS)
def test_layout_is_recognised(tmp_path: Path, name: str, write: Callable[[Path], Path]) -> None:
    assert recognise_layout(write(tmp_path / "set")) == name


def test_listed_sequences_of_vimeo_are_read_and_no_others(tmp_path: Path) -> None:
    first, second = listed(write_vimeo(tmp_path))
    assert (first.clip, values_of(first)) == ("00001/0001", [(11, 12, 13, 0.5)])
    assert (second.clip, values_of(second)) == ("00001/0002", [(21, 22, 23, 0.5)])


def test_middle_of_a_septuplet_is_made_from_its_neighbours(tmp_path: Path) -> None:
    (group,) = listed(write_septuplet(tmp_path))
    assert values_of(group) == [(3, 4, 5, 0.5)]


def test_folders_of_ucf101_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    first, second = listed(write_ucf101(tmp_path))
    assert (first.clip, values_of(first)) == ("2", [(20, 21, 22, 0.5)])
    assert (second.clip, values_of(second)) == ("10", [(100, 101, 102, 0.5)])


def test_levels_of_snufilm_are_categories_of_the_same_clip(tmp_path: Path) -> None:
    easy, extreme = listed(write_snufilm(tmp_path))
    assert (easy.clip, easy.category) == ("GOPRO_test/G1", "easy")
    assert values_of(easy) == [(1, 2, 3, 0.5), (3, 4, 5, 0.5)]
    assert (extreme.clip, extreme.category) == ("GOPRO_test/G1", "extreme")
    assert values_of(extreme) == [(1, 5, 9, 0.5)]


def test_longest_end_of_a_path_in_a_list_is_taken(tmp_path: Path) -> None:
    write_snufilm(tmp_path)
    for number in (1, 5, 9):  # nearer to what the list says than GOPRO_test/G1 is
        write_picture(tmp_path / f"test/GOPRO_test/G1/{number:06}.png", 100 + number)
    extreme = listed(tmp_path)[-1]
    assert values_of(extreme) == [(101, 105, 109, 0.5)]


def test_even_frames_of_xiph_are_made_at_two_sizes(tmp_path: Path) -> None:
    groups = listed(write_xiph(tmp_path, num_frames=102))
    assert [(group.clip, group.category) for group in groups] == [
        *(("BoatNF", "2K"), ("Tango", "2K"), ("BoatNF", "4K"), ("Tango", "4K")),
    ]
    middles = [(number - 1, number, number + 1, 0.5) for number in range(2, 99, 2)]
    assert values_of(groups[3]) == middles
    (triplet, *_) = groups[1].read()
    assert triplet.real.shape == (16, 32, 3)
    assert (triplet.real[0, 0, 0], triplet.real[8, 16, 0]) == (255, 2)


def test_half_size_is_the_mean_of_four_rounded_as_opencv_does(tmp_path: Path) -> None:
    write_xiph(tmp_path, num_frames=3)
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[:2, :2, 0] = [[1, 1], [0, 0]]  # 0.5 -> 1
    pixels[2:, 2:, 1] = [[10, 20], [30, 41]]  # 25.25 -> 25
    for number in (1, 2, 3):
        Image.fromarray(pixels).save(tmp_path / f"Tango-{number:03}.png")
    halved = next(
        each for each in listed(tmp_path) if (each.clip, each.category) == ("Tango", "2K")
    )
    (triplet,) = halved.read()
    assert triplet.real.tolist() == [[[1, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 25, 0]]]


def test_xiph_in_folders_is_read_as_well(tmp_path: Path) -> None:
    for clip in ("Tango", "Crosswalk"):
        for number in range(1, 4):
            write_picture(tmp_path / clip / f"{number:03}.png", number)
    groups = listed(tmp_path)
    assert values_of(groups[0]) == [(1, 2, 3, 0.5)]


def test_sequence_of_numbered_pictures_is_no_data_set(tmp_path: Path) -> None:
    write_xiph(tmp_path / "one", ("Tango",))
    assert recognise_layout(tmp_path / "one") is None
    assert len(list_dataset(tmp_path / "one", "xiph")) == 2  # if it is asked for
    assert (
        recognise_layout(write_pictures(tmp_path / "two", [np.zeros((8, 8, 3), np.uint8)] * 3))
        is None
    )


def test_x4k_is_made_at_eight_times_the_rate(tmp_path: Path) -> None:
    first, second = listed(write_x4k(tmp_path))
    assert values_of(first) == [(0, 4 * k, 32, k / 8) for k in range(1, 8)]
    assert (first.clip, first.category) == ("Type1/TEST01", "Type1")
    assert (second.clip, second.category) == ("Type3/TEST11", "Type3")


def test_fewer_triplets_are_spread_over_each_clip(tmp_path: Path) -> None:
    first, _ = listed(write_x4k(tmp_path), at_most=3)
    assert [real for _, real, *_ in values_of(first)] == [8, 16, 24]


# --- what can go wrong ---------------------------------------------------------------------------


def test_layout_that_is_not_there_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"does not hold the data set x4k: expected test/Type1/TEST01"
    ):
        list_dataset(tmp_path, "x4k")


@pytest.mark.parametrize("line", ["../../etc/passwd", "00001", "/00001/0001", "00001/0001/.."])
def test_list_of_vimeo_cannot_lead_elsewhere(tmp_path: Path, line: str) -> None:
    write_vimeo(tmp_path)
    (tmp_path / "tri_testlist.txt").write_text(line)
    with pytest.raises(InputError, match=r"tri_testlist.txt: expected lines like 00001/0001, got"):
        list_dataset(tmp_path, "vimeo")


@pytest.mark.parametrize("line", ["a.png b.png", "../a.png b.png c.png", "a.png b.png c.png d.png"])
def test_list_of_snufilm_that_is_damaged_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "test-hard.txt").write_text(line)
    with pytest.raises(InputError, match=r"test-hard.txt: expected .*, got '"):
        list_dataset(tmp_path, "snufilm")


def test_list_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test-easy.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"test-easy.txt is no text"):
        list_dataset(tmp_path, "snufilm")


def test_missing_picture_is_named_when_it_is_read(tmp_path: Path) -> None:
    write_vimeo(tmp_path)
    (tmp_path / "sequences/00001/0002/im3.png").unlink()
    _, second = list_dataset(tmp_path, "vimeo")
    with pytest.raises(DecodeError, match=r"0002/im3.png: there is no such file"):
        list(second.read())


def test_pictures_of_a_triplet_have_one_size(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path in paths:
        write_picture(path, 0, (8, 9) if path.stem == "2" else (8, 8))
    with pytest.raises(DecodeError, match=r"2.png is 9x8 px, and .*0.png is 8x8"):
        list(read_triplets([TripletFiles(1, *paths)]))
