import struct
import zlib
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from PIL import Image

from vfi.errors import DecodeError, InputError
from vfi.frames import to_uint8, to_uint16
from vfi.read.image_sequence import probe_image_folder, read_image_folder, read_mask

GREY = np.full((4, 6, 3), 128, np.uint8)


def save(path, colour=(10, 20, 30), size=(6, 4), mode="RGB", **options):
    Image.new(mode, size, colour).save(path, **options)
    return path


def read(folder, rate=25):
    return list(read_image_folder(probe_image_folder(folder), Fraction(rate)))


def first_pixel(folder):
    return to_uint8(read(folder)[0].pixels)[0, 0].tolist()


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
    with pytest.raises(InputError, match=r"cover\.png has no number in its name"):
        probe_image_folder(tmp_path)


@pytest.mark.parametrize("names", [("1.jpg", "1.png"), ("a_1.png", "b_1.png"), ("01.png", "1.png")])
def test_number_that_occurs_twice_is_refused(tmp_path, names):
    for name in names:
        save(tmp_path / name)
    with pytest.raises(InputError, match=f"{names[0]} and {names[1]} have the same number"):
        probe_image_folder(tmp_path)


def test_sizes_that_differ_are_named(tmp_path):
    save(tmp_path / "1.png")
    save(tmp_path / "2.png")
    save(tmp_path / "3.png", size=(8, 4))
    with pytest.raises(InputError, match=r"1\.png is 6x4, 3\.png is 8x4"):
        probe_image_folder(tmp_path)


def test_size_is_told(tmp_path):
    save(tmp_path / "1.png")
    info = probe_image_folder(tmp_path)

    assert (info.width, info.height) == (6, 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.touch(), "is a file, not a folder of images"),
        (lambda path: path.mkdir(), r"has no images \(.*\)"),
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

    assert (info.bit_depth > 8, info.has_alpha) == (True, channels in (2, 4))
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

    assert (info.bit_depth > 8, info.has_alpha) == (False, False)
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
    with pytest.raises(DecodeError, match=r"2\.png: this image cannot be decoded"):
        probe_image_folder(tmp_path)


def test_picture_that_was_cut_short_is_named(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "1.png")
    data = (tmp_path / "1.png").read_bytes()
    (tmp_path / "1.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(DecodeError, match=r"1\.png: this image cannot be decoded"):
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
    with pytest.raises(DecodeError, match="is 8x4 now and was 6x4 before"):
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
    with pytest.raises(InputError, match=r"none\.png: there is no such file"):
        read_mask(tmp_path / "none.png")
