import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vfi.errors import EncodeError, InputError
from vfi.frames import to_uint8, to_uint16
from vfi.read.image_sequence import probe_image_folder, read_image_folder
from vfi.write import image_sequence, numbered_images
from vfi.write.image_sequence import ImageSequenceWriter

GREY = np.full((4, 6, 3), 128, np.uint8)


def save(path, colour=(10, 20, 30), size=(6, 4), mode="RGB", **options):
    Image.new(mode, size, colour).save(path, **options)
    return path


def read(folder, rate=25):
    return list(read_image_folder(probe_image_folder(folder), Fraction(rate)))


def first_pixel(folder):
    return to_uint8(read(folder)[0].pixels)[0, 0].tolist()


def write(folder, count=3, **options):
    with ImageSequenceWriter(folder, **options) as writer:
        for number in range(count):
            writer.write(np.full((4, 6, 3), number, np.uint8))
    return folder


# --- writing -------------------------------------------------------------------------------------


def test_written_frames_are_numbered_and_come_back(tmp_path):
    folder = write(tmp_path / "out", count=20)
    frames = read(folder)

    assert [file.name for file in probe_image_folder(folder).files][:2] == [
        "0000000.png",
        "0000001.png",
    ]
    assert [frame.pixels.unique().tolist() for frame in frames] == [[k] for k in range(20)]


def test_numbering_can_start_later(tmp_path):
    folder = write(tmp_path / "out", count=2, start=7)

    assert sorted(path.name for path in folder.iterdir()) == ["0000007.png", "0000008.png"]


def test_every_file_has_the_tags(tmp_path):
    tags = {"workflow": "x" * 300_000, "prompt": "é 日本"}
    folder = write(tmp_path / "out", count=2, metadata=tags)

    for path in folder.iterdir():
        with Image.open(path) as image:
            assert image.text == tags


def test_compression_level_reaches_the_file(tmp_path):
    sizes = [
        (write(tmp_path / str(level), count=1, compress_level=level) / "0000000.png").stat().st_size
        for level in (0, 9)
    ]

    assert sizes[0] > sizes[1]


def test_caller_may_reuse_its_array(tmp_path):
    pixels = np.zeros((256, 256, 3), np.uint8)
    with ImageSequenceWriter(tmp_path / "out") as writer:
        for number in range(8):
            pixels[:] = number
            writer.write(pixels)

    frames = read(tmp_path / "out")
    assert [frame.pixels.unique().tolist() for frame in frames] == [[k] for k in range(8)]


def test_folder_appears_only_when_complete(tmp_path):
    with ImageSequenceWriter(tmp_path / "sub" / "out") as writer:
        writer.write(GREY)
        assert {path.name for path in (tmp_path / "sub").iterdir()} == {"out.partial", "out.lock"}

    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["out"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, GeneratorExit])
def test_exception_leaves_nothing(tmp_path, error):
    with pytest.raises(error), ImageSequenceWriter(tmp_path / "out") as writer:  # noqa: PT012
        writer.write(GREY)
        raise error

    assert list(tmp_path.iterdir()) == []


def test_folder_with_files_is_refused(tmp_path):
    save(tmp_path / "1.png")
    with pytest.raises(InputError, match="is not empty: it has 1 entries"):
        ImageSequenceWriter(tmp_path).validate()


def test_empty_folder_is_filled(tmp_path):
    (tmp_path / "out").mkdir()

    assert len(list(write(tmp_path / "out").iterdir())) == 3


def test_overwriting_replaces_an_earlier_run_on_success_only(tmp_path):
    folder = write(tmp_path / "out", count=5)
    with pytest.raises(RuntimeError), ImageSequenceWriter(folder, overwrite=True):
        raise RuntimeError
    assert len(list(folder.iterdir())) == 5

    assert len(list(write(folder, count=2, overwrite=True).iterdir())) == 2


def test_overwriting_never_deletes_other_files(tmp_path):
    (tmp_path / "diary.txt").write_text("dear diary")
    with pytest.raises(InputError, match=r"holds diary\.txt beside numbered images"):
        ImageSequenceWriter(tmp_path, overwrite=True).validate()


def test_old_folder_is_kept_where_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    folder = write(tmp_path / "out", count=2)
    rename = Path.rename

    def refuse_the_new_one(self, target):
        if self.name == "out.partial":
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse_the_new_one)
    with pytest.raises(EncodeError, match=r"rename out\.partial yourself"):
        write(folder, count=5, overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out.partial"]
    assert (len(read(folder)), len(read(tmp_path / "out.partial"))) == (2, 5)


def test_run_that_was_killed_while_folders_were_swapped_goes_on(tmp_path):
    folder = write(tmp_path / "out", count=2)
    folder.rename(tmp_path / "out.replaced")
    folder = write(tmp_path / "out", count=3, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert len(read(folder)) == 3


@pytest.mark.parametrize("call", ["mkdir", "write_text"])
def test_folder_that_cannot_be_made_is_one_clear_error(tmp_path, monkeypatch, call):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    writer = ImageSequenceWriter(tmp_path / "out", resume_key="k")
    with pytest.raises(EncodeError, match=r"written there \(No space left on device\)"), writer:  # noqa: PT012  the block is the subject
        monkeypatch.setattr(Path, call, fail)
        writer.write(GREY)
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


def test_leftover_of_a_killed_run_is_removed(tmp_path):
    write(tmp_path / "out.partial", count=9)

    assert len(list(write(tmp_path / "out").iterdir())) == 3


def test_folder_that_only_looks_like_a_leftover_is_kept(tmp_path):
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial" / "diary.txt").write_text("dear diary")
    with pytest.raises(InputError, match=r"holds diary\.txt"):
        write(tmp_path / "out")


def test_file_as_output_is_refused(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(InputError, match="is a file, not a folder"):
        ImageSequenceWriter(tmp_path / "out").validate()


def test_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        ImageSequenceWriter(tmp_path / "file" / "out").validate()


@pytest.mark.parametrize(
    "option", [{"start": -1}, {"compress_level": 10}, {"compress_level": -1}, {"bit_depth": 10}]
)
def test_wrong_option_is_refused(tmp_path, option):
    with pytest.raises(InputError, match="needs start >= 0, compress_level 0 to 9 and bit depth"):
        ImageSequenceWriter(tmp_path / "out", **option).validate()


def test_wrong_shape_is_refused(tmp_path):
    message = r"\[H, W, 3\] uint8, got \[4, 6\] uint8"
    with pytest.raises(ValueError, match=message), ImageSequenceWriter(tmp_path / "out") as writer:
        writer.write(GREY[..., 0])


@pytest.fixture
def full_disk(monkeypatch):
    def encode(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(numbered_images, "encode_png", encode)


def test_error_in_a_thread_reaches_the_end_of_the_block(tmp_path, full_disk):
    with pytest.raises(
        EncodeError, match=r"0000000\.png could not be written \(No space left on device\)"
    ):
        write(tmp_path / "out", count=1)
    assert list(tmp_path.iterdir()) == []


def test_error_in_a_thread_stops_the_writing(tmp_path, full_disk):
    written = []
    with pytest.raises(EncodeError), ImageSequenceWriter(tmp_path / "out") as writer:  # noqa: PT012
        for number in range(1000):
            writer.write(GREY)
            written.append(number)
    assert len(written) < 100


def test_waiting_frames_are_bounded(tmp_path, monkeypatch):
    gate, accepted = threading.Event(), []

    def encode(*arguments, **options):
        gate.wait(10)
        return b""

    monkeypatch.setattr(numbered_images, "encode_png", encode)
    writer = ImageSequenceWriter(tmp_path / "out").__enter__()

    def feed():
        for number in range(50):
            writer.write(GREY)
            accepted.append(number)

    thread = threading.Thread(target=feed)
    thread.start()
    thread.join(0.3)
    waiting = len(accepted)
    gate.set()
    thread.join()
    writer.__exit__(None, None, None)

    assert waiting <= 8
    assert len(accepted) == 50


# --- more than 8 bits, transparency, texts -------------------------------------------------------


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [3, 4])
def test_every_kind_of_picture_comes_back_bit_for_bit(tmp_path, depth, channels):
    kind = np.dtype(f"uint{depth}")
    noise = np.random.default_rng(0).integers(0, 1 << depth, (5, 48, 63, channels), kind)
    options = {"bit_depth": depth, "has_alpha": channels == 4, "metadata": {"prompt": "é 日本"}}
    with ImageSequenceWriter(tmp_path / "out", **options) as writer:
        for pixels in noise:
            writer.write(pixels)
    info = probe_image_folder(tmp_path / "out")
    frames = list(read_image_folder(info, Fraction(25), alpha=True))

    assert (info.bit_depth > 8, info.has_alpha) == (depth == 16, channels == 4)
    exact = to_uint16 if depth == 16 else to_uint8
    assert np.array_equal(np.stack([exact(frame.pixels).numpy() for frame in frames]), noise)


@pytest.mark.parametrize("depth", [8, 16])
def test_first_file_alone_has_the_tags_on_request(tmp_path, depth):
    tags = {"workflow": "x" * 300_000, "prompt": "é 日本"}
    with ImageSequenceWriter(
        tmp_path, bit_depth=depth, metadata=tags, metadata_in="first", start=3
    ) as writer:
        for _ in range(3):
            writer.write(GREY.astype(f"uint{depth}"))

    texts = []
    for path in sorted(tmp_path.iterdir()):
        with Image.open(path) as image:
            image.load()  # also checks every chunk's checksum
            texts.append(image.text)
    assert texts == [tags, {}, {}]


def test_compression_level_reaches_a_deep_file(tmp_path):
    sizes = []
    for level in (0, 9):
        with ImageSequenceWriter(
            tmp_path / str(level), bit_depth=16, compress_level=level
        ) as writer:
            writer.write(np.zeros((64, 64, 3), np.uint16))
        sizes.append((tmp_path / str(level) / "0000000.png").stat().st_size)

    assert sizes[0] > 10 * sizes[1]


@pytest.mark.parametrize(
    ("options", "pixels"),
    [
        ({}, np.zeros((4, 6, 4), np.uint8)),
        ({"has_alpha": True}, GREY),
        ({"bit_depth": 16}, GREY),
        ({}, GREY.astype(np.uint16)),
    ],
    ids=["alpha", "no alpha", "shallow", "deep"],
)
def test_frames_of_another_kind_are_refused(tmp_path, options, pixels):
    writer = ImageSequenceWriter(tmp_path / "out", **options)
    with pytest.raises(ValueError, match=r"pixels must be \[H, W, .\] uint"), writer:
        writer.write(pixels)


# --- going on ------------------------------------------------------------------------------------


def interrupted(folder, count, **options):
    """Write ``count`` of the frames and fail."""
    writer = ImageSequenceWriter(folder, **options)
    with pytest.raises(KeyboardInterrupt), writer:  # noqa: PT012
        for number in range(count):
            writer.write(np.full((4, 6, 3), number, np.uint8))
        while writer.num_finished < count:
            time.sleep(0.01)
        raise KeyboardInterrupt


def go_on(folder, begin, count, **options):
    with ImageSequenceWriter(folder, **options) as writer:
        writer.start_at(begin)
        for number in range(begin, count):
            writer.write(np.full((4, 6, 3), number, np.uint8))


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("begin", [0, 3, 5])
def test_interrupted_job_goes_on_and_gives_the_same_files(tmp_path, begin):
    options = {"metadata": {"prompt": "p"}, "metadata_in": "first", "start": 2}
    whole = write(tmp_path / "whole", count=8, **options)
    interrupted(tmp_path / "out", 5, resume_key="j", **options)

    assert ImageSequenceWriter(tmp_path / "out", resume_key="j", **options).num_finished == 5
    go_on(tmp_path / "out", begin, 8, resume_key="j", **options)

    assert contents(tmp_path / "out") == contents(whole)
    assert {path.name for path in tmp_path.iterdir()} == {"whole", "out"}


def test_files_from_the_new_begin_on_are_removed(tmp_path):
    interrupted(tmp_path / "out", 5, resume_key="j")
    go_on(tmp_path / "out", 2, 3, resume_key="j")

    assert sorted(contents(tmp_path / "out")) == ["0000000.png", "0000001.png", "0000002.png"]


def test_files_after_a_gap_do_not_count(tmp_path):
    interrupted(tmp_path / "out", 5, resume_key="j")
    (tmp_path / "out.partial" / "0000002.png").rename(tmp_path / "out.partial" / "0000002.png.part")

    assert ImageSequenceWriter(tmp_path / "out", resume_key="j").num_finished == 2
    go_on(tmp_path / "out", 2, 6, resume_key="j")
    assert len(contents(tmp_path / "out")) == 6


@pytest.mark.parametrize("content", ["nothing", "half", "zeros"])
def test_file_that_a_power_cut_has_spoilt_is_made_anew(tmp_path, content):
    write(tmp_path / "whole", count=6)
    interrupted(tmp_path / "out", 5, resume_key="j")
    spoilt = tmp_path / "out.partial" / "0000003.png"
    data = spoilt.read_bytes()
    half = data[: len(data) // 2]
    spoilt.write_bytes(
        {"nothing": b"", "half": half, "zeros": half.ljust(len(data), b"\0")}[content]
    )

    assert ImageSequenceWriter(tmp_path / "out", resume_key="j").num_finished == 3
    go_on(tmp_path / "out", 3, 6, resume_key="j")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.parametrize("key", ["other", None])
def test_leftover_of_another_job_is_replaced(tmp_path, key):
    interrupted(tmp_path / "out", 5, resume_key="j")
    writer = ImageSequenceWriter(tmp_path / "out", resume_key=key)

    assert writer.num_finished == 0
    with writer:
        with pytest.raises(ValueError, match="number must be 0 to 0, got 1"):
            writer.start_at(1)
        writer.write(GREY)
    assert sorted(contents(tmp_path / "out")) == ["0000000.png"]


def test_job_that_fails_before_its_first_file_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), ImageSequenceWriter(tmp_path / "out", resume_key="j"):
        raise RuntimeError

    assert list(tmp_path.iterdir()) == []


def test_file_that_was_not_written_to_its_end_does_not_count(tmp_path, monkeypatch):
    write_whole = Path.write_bytes

    def write_half(path, data):
        if "0000002" not in path.name:
            return write_whole(path, data)
        write_whole(path, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_half)
    with pytest.raises(EncodeError, match=r"0000002\.png"):
        write(tmp_path / "out", resume_key="j")

    assert ImageSequenceWriter(tmp_path / "out", resume_key="j").num_finished == 2


def test_killed_process_leaves_complete_files_only(tmp_path):
    code = (
        "import numpy as np, os, signal, sys, threading\n"
        "from pathlib import Path\n"
        "from vfi.write.image_sequence import ImageSequenceWriter\n"
        "pixels = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)\n"
        "threading.Timer(0.4, os.kill, (os.getpid(), signal.SIGKILL)).start()\n"
        "with ImageSequenceWriter(Path(sys.argv[1]), resume_key='j') as writer:\n"
        "    while True:\n"
        "        writer.write(pixels)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "out")]
    subprocess.run(command, cwd=Path(image_sequence.__file__).parents[2], check=False)
    count = ImageSequenceWriter(tmp_path / "out", resume_key="j").num_finished

    assert count > 0
    for number in range(count):
        with Image.open(tmp_path / "out.partial" / f"{number:07}.png") as image:
            image.load()
