from pathlib import Path

import pytest

from vfi.errors import InputError
from vfi.files import IMAGE_SUFFIXES, list_media
from vfi.write.image_sequence import ImageSequenceWriter
from vfi.write.segments import SegmentsFolder

BESIDE = ("._b.mp4", "._a.mp4", ".DS_Store", ".hidden.mp4", "notes.txt")


def test_media_are_listed_by_name_without_what_a_system_put_beside_them(tmp_path: Path) -> None:
    for name in ("b.mp4", "a.MP4", *BESIDE):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "c.mp4").mkdir()
    assert [path.name for path in list_media(tmp_path, {".mp4"})] == ["a.MP4", "b.mp4"]


def test_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone cannot be read \(No such file"):
        list_media(tmp_path / "gone", IMAGE_SUFFIXES)


def test_folder_with_nothing_but_files_of_macos_counts_as_empty(tmp_path: Path) -> None:
    for name in (".DS_Store", "._0000000.png"):
        (tmp_path / name).write_bytes(b"x")
    ImageSequenceWriter(tmp_path).validate()


def test_other_hidden_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    with pytest.raises(InputError, match=r"holds \.git beside numbered images"):
        ImageSequenceWriter(tmp_path, overwrite=True).validate()


def test_segments_are_removed_where_a_second_file_goes_with_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = SegmentsFolder(tmp_path / "v.segments", None, 250, "key")  # type: ignore[arg-type]
    folder.begin(0)
    for name in ("a.partial", "._a.partial"):
        (folder.path / name).write_bytes(b"x")
    unlink = Path.unlink

    def unlink_both(path: Path, missing_ok: bool = False) -> None:
        unlink(path, missing_ok)
        for other in (
            path.with_name("._" + path.name),
            path.with_name(path.name.removeprefix("._")),
        ):
            unlink(other, missing_ok=True)

    monkeypatch.setattr(Path, "unlink", unlink_both)
    folder.remove()
    assert not folder.path.exists()
