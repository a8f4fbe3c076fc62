import struct
import subprocess
import sys
import threading
import time
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from vfi.errors import DecodeError, EncodeError, InputError
from vfi.frames import to_uint8, to_uint16
from vfi.read.image_sequence import probe_image_folder, read_image_folder, read_mask
from vfi.write import image_sequence
from vfi.write.image_sequence import PictureWriter

GREY = np.full((4, 6, 3), 128, np.uint8)


def save(path, colour=(10, 20, 30), size=(6, 4), mode="RGB", **options):
    Image.new(mode, size, colour).save(path, **options)
    return path


def read(folder, rate=25):
    return list(read_image_folder(probe_image_folder(folder), Fraction(rate)))


def first_pixel(folder):
    return to_uint8(read(folder)[0].pixels)[0, 0].tolist()


def write(folder, count=3, **options):
    with PictureWriter(folder, **options) as writer:
        for number in range(count):
            writer.write(np.full((4, 6, 3), number, np.uint8))
    return folder


# --- which files, in which order -----------------------------------------------------------------


@pytest.mark.parametrize(
    "names",
    [
        ["0.png", "2.png", "10.png", "100.png"],
        ["0000001.png", "0000002.png", "0000010.png"],
        ["take2_0001.png", "take2_0002.png", "take2_0010.png"],
        ["1.png", "2.JPG", "3.webp", "4.tiff", "5.bmp"],
    ],
    ids=["plain", "padded", "prefix with a number", "several formats"],
)
def test_files_are_sorted_by_their_last_number(tmp_path, names):
    for name in reversed(names):
        save(tmp_path / name)

    assert [file.name for file in probe_image_folder(tmp_path).files] == names


def test_other_files_are_ignored(tmp_path):
    save(tmp_path / "1.png")
    (tmp_path / "._1.png").write_text("macOS")
    (tmp_path / "notes 1.txt").write_text("text")
    (tmp_path / "2.png").mkdir()

    assert probe_image_folder(tmp_path).files == (tmp_path / "1.png",)


def test_name_without_number_is_refused(tmp_path):
    save(tmp_path / "1.png")
    save(tmp_path / "cover.png")
    with pytest.raises(InputError, match=r"cover\.png: expected a number in the name"):
        probe_image_folder(tmp_path)


@pytest.mark.parametrize("names", [("1.jpg", "1.png"), ("a_1.png", "b_1.png"), ("01.png", "1.png")])
def test_number_that_occurs_twice_is_refused(tmp_path, names):
    for name in names:
        save(tmp_path / name)
    with pytest.raises(InputError, match=f"each number once, got {names[0]} and {names[1]}"):
        probe_image_folder(tmp_path)


def test_sizes_that_differ_are_named(tmp_path):
    save(tmp_path / "1.png")
    save(tmp_path / "2.png")
    save(tmp_path / "3.png", size=(8, 4))
    with pytest.raises(InputError, match=r"got 6x4 in 1\.png and 8x4 in 3\.png"):
        probe_image_folder(tmp_path)


def test_size_is_told(tmp_path):
    save(tmp_path / "1.png")
    info = probe_image_folder(tmp_path)

    assert (info.width, info.height) == (6, 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "got nothing of that name"),
        (lambda path: path.touch(), "got a file"),
        (lambda path: path.mkdir(), "expected pictures .* got none"),
    ],
    ids=["missing", "file", "empty"],
)
def test_what_is_no_folder_of_pictures_is_refused(tmp_path, make, message):
    make(tmp_path / "frames")
    with pytest.raises(InputError, match=message):
        probe_image_folder(tmp_path / "frames")


# --- pixels --------------------------------------------------------------------------------------


def test_frames_come_in_order_with_exact_times(tmp_path):
    for number in (2, 10, 1):
        save(tmp_path / f"{number}.png", (number, 0, 0))
    frames = read(tmp_path, Fraction(24000, 1001))

    assert [frame.pixels[0, 0, 0].item() for frame in frames] == [1, 2, 10]
    assert [frame.time for frame in frames] == [0, Fraction(1001, 24000), Fraction(1001, 12000)]


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("L", 77, [77, 77, 77]),
        ("1", 1, [255, 255, 255]),
        ("LA", (77, 0), [77, 77, 77]),
        ("RGBA", (10, 20, 30, 0), [10, 20, 30]),
        ("I;16", 257 * 5 + 128, [5, 5, 5]),
        ("I;16", 257 * 5 + 129, [6, 6, 6]),
        ("I;16", 65535, [255, 255, 255]),
    ],
)
def test_any_mode_becomes_rgb(tmp_path, mode, colour, expected):
    save(tmp_path / "1.png", colour, mode=mode)

    assert first_pixel(tmp_path) == expected


def test_palette_with_transparency_becomes_rgb(tmp_path):
    picture = Image.new("P", (6, 4), 1)
    picture.putpalette([0, 0, 0, 10, 20, 30])
    picture.save(tmp_path / "1.png", transparency=b"\xff\x80")

    assert first_pixel(tmp_path) == [10, 20, 30]


@pytest.mark.parametrize("layout", ["rgb48be", "rgba64be", "ya16be"])
def test_16_bits_per_channel_are_rounded(tmp_path, layout):
    values = np.array([257 * 5 + 128, 257 * 5 + 129, 65535, 0], np.uint16)
    pixel = {"rgb48be": values[:3], "rgba64be": values, "ya16be": values[[1, 3]]}[layout]
    save_deep(tmp_path / "1.png", np.broadcast_to(pixel, (4, 6, len(pixel))), layout)

    assert first_pixel(tmp_path) == ([6, 6, 6] if layout == "ya16be" else [5, 6, 255])


def save_deep(path, pixels, layout):
    """Write [4, 6, C] uint16 as FFmpeg's encoder does, without a line of ours."""
    frame = av.VideoFrame(6, 4, layout)
    plane = frame.planes[0]
    rows = [row.astype(">u2").tobytes().ljust(plane.line_size, b"\0") for row in pixels]
    plane.update(b"".join(rows))
    codec = av.CodecContext.create("png", "w")
    codec.width, codec.height, codec.pix_fmt, codec.time_base = 6, 4, layout, Fraction(1, 25)
    path.write_bytes(b"".join(map(bytes, codec.encode(frame))))


@pytest.mark.parametrize("layout", ["gray16be", "ya16be", "rgb48be", "rgba64be"])
@pytest.mark.parametrize("alpha", [False, True])
def test_16_bits_come_back_exactly(tmp_path, layout, alpha):
    channels = {"gray16be": 1, "ya16be": 2, "rgb48be": 3, "rgba64be": 4}[layout]
    stored = np.random.default_rng(0).integers(0, 65536, (4, 6, channels), np.uint16)
    save_deep(tmp_path / "1.png", stored, layout)
    info = probe_image_folder(tmp_path)
    pixels = next(read_image_folder(info, Fraction(25), alpha=alpha)).pixels

    assert (info.is_deep, info.has_alpha) == (True, channels in (2, 4))
    assert pixels.dtype == torch.float32
    colour = stored[..., :3] if channels > 2 else np.repeat(stored[..., :1], 3, axis=2)
    expected = [colour, stored[..., -1:]] if alpha and info.has_alpha else [colour]
    assert np.array_equal(to_uint16(pixels).numpy(), np.concatenate(expected, axis=2))


def test_colour_that_a_deep_picture_declares_transparent_is(tmp_path):
    stored = np.random.default_rng(0).integers(0, 65536, (4, 6, 1), np.uint16)
    save_deep(tmp_path / "1.png", stored, "gray16be")
    data, colour = (tmp_path / "1.png").read_bytes(), stored[2, 3].astype(">u2").tobytes()
    chunk = b"tRNS" + colour
    checked = struct.pack(">I", 2) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "1.png").write_bytes(data[:33] + checked + data[33:])
    info = probe_image_folder(tmp_path)
    alpha = next(read_image_folder(info, Fraction(25), alpha=True)).pixels[..., 3]

    assert info.has_alpha
    assert (alpha[2, 3], alpha.sum()) == (0, 4 * 6 - 1)


def test_folder_with_one_deep_picture_is_deep_throughout(tmp_path):
    save(tmp_path / "1.png", (0, 77, 255))
    save_deep(tmp_path / "2.png", np.full((4, 6, 3), 257 * 77 + 1, np.uint16), "rgb48be")
    frames = read(tmp_path)

    assert [to_uint16(frame.pixels)[0, 0, 1].item() for frame in frames] == [257 * 77, 257 * 77 + 1]
    assert frames[0].pixels[0, 0].tolist() == [0, 77 / np.float32(255), 1]


def test_folder_with_one_transparent_picture_is_transparent_throughout(tmp_path):
    save(tmp_path / "1.png", (10, 20, 30))
    save(tmp_path / "2.png", (10, 20, 30, 40), mode="RGBA")
    save(tmp_path / "3.png", (77, 0), mode="LA")
    info = probe_image_folder(tmp_path)
    frames = list(read_image_folder(info, Fraction(25), alpha=True))

    assert [frame.pixels[0, 0].tolist() for frame in frames] == [
        [10, 20, 30, 255],
        [10, 20, 30, 40],
        [77, 77, 77, 0],
    ]


def test_opaque_folder_has_no_alpha_channel(tmp_path):
    save(tmp_path / "1.png")
    info = probe_image_folder(tmp_path)

    assert (info.is_deep, info.has_alpha) == (False, False)
    assert next(read_image_folder(info, Fraction(25), alpha=True)).pixels.shape == (4, 6, 3)


def test_picture_that_changed_its_depth_meanwhile_is_refused(tmp_path):
    info = probe_image_folder(save(tmp_path / "1.png").parent)
    save_deep(tmp_path / "1.png", np.zeros((4, 6, 3), np.uint16), "rgb48be")
    with pytest.raises(DecodeError, match="has more than 8 bits now"):
        list(read_image_folder(info, Fraction(25)))


def test_dropped_transparency_is_noted_once(tmp_path, caplog):
    for number in (1, 2):
        save(tmp_path / f"{number}.png", (10, 20, 30, 40), mode="RGBA")
    with caplog.at_level("INFO"):
        read(tmp_path)

    assert [record.message.split(": ")[1] for record in caplog.records] == [
        "transparency is dropped"
    ]


def test_orientation_is_ignored(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    save(tmp_path / "1.jpg", exif=exif)

    assert read(tmp_path)[0].pixels.shape == (4, 6, 3)


def test_file_that_is_no_picture_is_named(tmp_path):
    save(tmp_path / "1.png")
    (tmp_path / "2.png").write_text("text")
    with pytest.raises(DecodeError, match=r"2\.png: expected a picture"):
        probe_image_folder(tmp_path)


def test_picture_that_was_cut_short_is_named(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "1.png")
    data = (tmp_path / "1.png").read_bytes()
    (tmp_path / "1.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(DecodeError, match=r"1\.png: expected a picture"):
        read(tmp_path)


def test_floating_point_picture_is_refused(tmp_path):
    save(tmp_path / "1.tiff", 0.5, mode="F")
    with pytest.raises(DecodeError, match="floating-point grey is not supported; save it"):
        read(tmp_path)


def test_32_bit_picture_is_refused(tmp_path):
    save(tmp_path / "1.tiff", 70_000, mode="I")
    with pytest.raises(DecodeError, match="values from 70000 to 70000; save it"):
        read(tmp_path)


def test_picture_that_changed_its_size_meanwhile_is_refused(tmp_path):
    info = probe_image_folder(save(tmp_path / "1.png").parent)
    save(tmp_path / "1.png", size=(8, 4))
    with pytest.raises(DecodeError, match="expected 6x4, got 8x4"):
        list(read_image_folder(info, Fraction(25)))


# --- masks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "white"), [("L", 255), ("RGB", (255, 255, 255)), ("1", 1)])
def test_white_of_a_mask_is_one_and_black_is_zero(tmp_path, mode, white):
    image = Image.new(mode, (6, 4))
    image.putpixel((5, 0), white)
    image.save(tmp_path / "mask.png")
    mask = read_mask(tmp_path / "mask.png")
    assert mask.shape == (4, 6)
    assert mask[0, 5] == mask.sum() == 1


def test_missing_mask_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.png: expected a picture, found no such file"):
        read_mask(tmp_path / "none.png")


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
    with PictureWriter(tmp_path / "out") as writer:
        for number in range(8):
            pixels[:] = number
            writer.write(pixels)

    frames = read(tmp_path / "out")
    assert [frame.pixels.unique().tolist() for frame in frames] == [[k] for k in range(8)]


def test_folder_appears_only_when_complete(tmp_path):
    with PictureWriter(tmp_path / "sub" / "out") as writer:
        writer.write(GREY)
        assert {path.name for path in (tmp_path / "sub").iterdir()} == {"out.partial", "out.lock"}

    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["out"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, GeneratorExit])
def test_exception_leaves_nothing(tmp_path, error):
    with pytest.raises(error), PictureWriter(tmp_path / "out") as writer:  # noqa: PT012
        writer.write(GREY)
        raise error

    assert list(tmp_path.iterdir()) == []


def test_folder_with_files_is_refused(tmp_path):
    save(tmp_path / "1.png")
    with pytest.raises(InputError, match="expected a new or empty folder, got 1 entries"):
        PictureWriter(tmp_path)


def test_empty_folder_is_filled(tmp_path):
    (tmp_path / "out").mkdir()

    assert len(list(write(tmp_path / "out").iterdir())) == 3


def test_overwriting_replaces_an_earlier_run_on_success_only(tmp_path):
    folder = write(tmp_path / "out", count=5)
    with pytest.raises(RuntimeError), PictureWriter(folder, overwrite=True):
        raise RuntimeError
    assert len(list(folder.iterdir())) == 5

    assert len(list(write(folder, count=2, overwrite=True).iterdir())) == 2


def test_overwriting_never_deletes_other_files(tmp_path):
    (tmp_path / "diary.txt").write_text("dear diary")
    with pytest.raises(InputError, match=r"expected numbered pictures only, .* got diary\.txt"):
        PictureWriter(tmp_path, overwrite=True)


def test_leftover_of_a_killed_run_is_removed(tmp_path):
    write(tmp_path / "out.partial", count=9)

    assert len(list(write(tmp_path / "out").iterdir())) == 3


def test_folder_that_only_looks_like_a_leftover_is_kept(tmp_path):
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial" / "diary.txt").write_text("dear diary")
    with pytest.raises(InputError, match=r"got diary\.txt"):
        write(tmp_path / "out")


def test_file_as_output_is_refused(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(InputError, match="expected a folder, got a file"):
        PictureWriter(tmp_path / "out")


def test_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="expected a place that can be written to"):
        write(tmp_path / "file" / "out")


@pytest.mark.parametrize(
    "option", [{"start": -1}, {"compress_level": 10}, {"compress_level": -1}, {"depth": 10}]
)
def test_wrong_option_is_refused(tmp_path, option):
    with pytest.raises(InputError, match="expected start >= 0, compress_level 0 to 9 and depth"):
        PictureWriter(tmp_path / "out", **option)


def test_wrong_shape_is_refused(tmp_path):
    message = r"\[H, W, 3\] uint8, got \[4, 6\] uint8"
    with pytest.raises(ValueError, match=message), PictureWriter(tmp_path / "out") as writer:
        writer.write(GREY[..., 0])


@pytest.fixture
def full_disk(monkeypatch):
    def encode(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(image_sequence, "encode_png", encode)


def test_error_in_a_thread_reaches_the_end_of_the_block(tmp_path, full_disk):
    with pytest.raises(EncodeError, match=r"0000000\.png: .* got No space left on device"):
        write(tmp_path / "out", count=1)
    assert list(tmp_path.iterdir()) == []


def test_error_in_a_thread_stops_the_writing(tmp_path, full_disk):
    written = []
    with pytest.raises(EncodeError), PictureWriter(tmp_path / "out") as writer:  # noqa: PT012
        for number in range(1000):
            writer.write(GREY)
            written.append(number)
    assert len(written) < 100


def test_waiting_frames_are_bounded(tmp_path, monkeypatch):
    gate, accepted = threading.Event(), []

    def encode(*arguments, **options):
        gate.wait(10)
        return b""

    monkeypatch.setattr(image_sequence, "encode_png", encode)
    writer = PictureWriter(tmp_path / "out").__enter__()

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
    options = {"depth": depth, "has_alpha": channels == 4, "metadata": {"prompt": "é 日本"}}
    with PictureWriter(tmp_path / "out", **options) as writer:
        for pixels in noise:
            writer.write(pixels)
    info = probe_image_folder(tmp_path / "out")
    frames = list(read_image_folder(info, Fraction(25), alpha=True))

    assert (info.is_deep, info.has_alpha) == (depth == 16, channels == 4)
    exact = to_uint16 if depth == 16 else to_uint8
    assert np.array_equal(np.stack([exact(frame.pixels).numpy() for frame in frames]), noise)


@pytest.mark.parametrize("depth", [8, 16])
def test_first_file_alone_has_the_tags_on_request(tmp_path, depth):
    tags = {"workflow": "x" * 300_000, "prompt": "é 日本"}
    with PictureWriter(
        tmp_path, depth=depth, metadata=tags, metadata_in="first", start=3
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
        with PictureWriter(tmp_path / str(level), depth=16, compress_level=level) as writer:
            writer.write(np.zeros((64, 64, 3), np.uint16))
        sizes.append((tmp_path / str(level) / "0000000.png").stat().st_size)

    assert sizes[0] > 10 * sizes[1]


@pytest.mark.parametrize(
    ("options", "pixels"),
    [
        ({}, np.zeros((4, 6, 4), np.uint8)),
        ({"has_alpha": True}, GREY),
        ({"depth": 16}, GREY),
        ({}, GREY.astype(np.uint16)),
    ],
    ids=["alpha", "no alpha", "shallow", "deep"],
)
def test_frames_of_another_kind_are_refused(tmp_path, options, pixels):
    writer = PictureWriter(tmp_path / "out", **options)
    with pytest.raises(ValueError, match=r"pixels must be \[H, W, .\] uint"), writer:
        writer.write(pixels)


# --- going on ------------------------------------------------------------------------------------


def interrupted(folder, count, **options):
    """Write ``count`` of the frames and fail."""
    writer = PictureWriter(folder, **options)
    with pytest.raises(KeyboardInterrupt), writer:  # noqa: PT012
        for number in range(count):
            writer.write(np.full((4, 6, 3), number, np.uint8))
        while writer.num_finished < count:
            time.sleep(0.01)
        raise KeyboardInterrupt


def go_on(folder, begin, count, **options):
    writer = PictureWriter(folder, **options)
    writer.begin_at(begin)
    with writer:
        for number in range(begin, count):
            writer.write(np.full((4, 6, 3), number, np.uint8))


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("begin", [0, 3, 5])
def test_interrupted_job_goes_on_and_gives_the_same_files(tmp_path, begin):
    options = {"metadata": {"prompt": "p"}, "metadata_in": "first", "start": 2}
    whole = write(tmp_path / "whole", count=8, **options)
    interrupted(tmp_path / "out", 5, job="j", **options)

    assert PictureWriter(tmp_path / "out", job="j", **options).num_finished == 5
    go_on(tmp_path / "out", begin, 8, job="j", **options)

    assert contents(tmp_path / "out") == contents(whole)
    assert {path.name for path in tmp_path.iterdir()} == {"whole", "out"}


def test_files_from_the_new_begin_on_are_removed(tmp_path):
    interrupted(tmp_path / "out", 5, job="j")
    go_on(tmp_path / "out", 2, 3, job="j")

    assert sorted(contents(tmp_path / "out")) == ["0000000.png", "0000001.png", "0000002.png"]


def test_files_after_a_gap_do_not_count(tmp_path):
    interrupted(tmp_path / "out", 5, job="j")
    (tmp_path / "out.partial" / "0000002.png").rename(tmp_path / "out.partial" / "0000002.png.part")

    assert PictureWriter(tmp_path / "out", job="j").num_finished == 2
    go_on(tmp_path / "out", 2, 6, job="j")
    assert len(contents(tmp_path / "out")) == 6


@pytest.mark.parametrize("content", ["nothing", "half", "zeros"])
def test_file_that_a_power_cut_has_spoilt_is_made_anew(tmp_path, content):
    write(tmp_path / "whole", count=6)
    interrupted(tmp_path / "out", 5, job="j")
    spoilt = tmp_path / "out.partial" / "0000003.png"
    data = spoilt.read_bytes()
    half = data[: len(data) // 2]
    spoilt.write_bytes(
        {"nothing": b"", "half": half, "zeros": half.ljust(len(data), b"\0")}[content]
    )

    assert PictureWriter(tmp_path / "out", job="j").num_finished == 3
    go_on(tmp_path / "out", 3, 6, job="j")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.parametrize("job", ["other", None])
def test_leftover_of_another_job_is_replaced(tmp_path, job):
    interrupted(tmp_path / "out", 5, job="j")
    writer = PictureWriter(tmp_path / "out", job=job)

    assert writer.num_finished == 0
    with pytest.raises(ValueError, match="number must be 0 to 0, got 1"):
        writer.begin_at(1)
    with writer:
        writer.write(GREY)
    assert sorted(contents(tmp_path / "out")) == ["0000000.png"]


def test_job_that_fails_before_its_first_file_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), PictureWriter(tmp_path / "out", job="j"):
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
        write(tmp_path / "out", job="j")

    assert PictureWriter(tmp_path / "out", job="j").num_finished == 2


def test_killed_process_leaves_complete_files_only(tmp_path):
    code = (
        "import numpy as np, os, signal, sys, threading\n"
        "from pathlib import Path\n"
        "from vfi.write.image_sequence import PictureWriter\n"
        "pixels = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)\n"
        "threading.Timer(0.4, os.kill, (os.getpid(), signal.SIGKILL)).start()\n"
        "with PictureWriter(Path(sys.argv[1]), job='j') as writer:\n"
        "    while True:\n"
        "        writer.write(pixels)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "out")]
    subprocess.run(command, cwd=Path(image_sequence.__file__).parents[2], check=False)
    count = PictureWriter(tmp_path / "out", job="j").num_finished

    assert count > 0
    for number in range(count):
        with Image.open(tmp_path / "out.partial" / f"{number:07}.png") as image:
            image.load()
