"""Which pictures are opened at all, and how large they may say they are."""

from __future__ import annotations

import struct
import subprocess
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vfi.errors import DecodeError
from vfi.image_files import encode_exr, encode_png, probe_image, read_image

HUGE = 1 << 20  # px
NOTHING_ELSE_IS_READ = {
    "a program in PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nquit\n",
    "a drawing": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "an icon": b"\0\0\1\0\1\0\1\1\0\0\1\0\x20\0\x30\0\0\0\x16\0\0\0" + bytes(48),
    "a bitmap of X": b"#define a_width 8\n#define a_height 1\nstatic char a_bits[] = {\n0x00 };\n",
    "nothing": b"",
}


def read(file: Path) -> None:
    read_image(file, bit_depth=16, alpha=True)


def png(width: int, height: int) -> bytes:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    header = struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return b"\x89PNG\r\n\x1a\n" + header + b"\0\0\0\0IEND\xaeB`\x82"


def bmp(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IIIIiiHHIIIIII", 54, 0, 54, 40, width, height, 1, 24, *[0] * 6)


def gif(width: int, height: int) -> bytes:
    block = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\0;"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0) + block


def exr(width: int, height: int) -> bytes:
    small = encode_exr(np.zeros((2, 3, 3), np.float32))
    return small.replace(
        struct.pack("<4i", 0, 0, 2, 1), struct.pack("<4i", 0, 0, width - 1, height - 1)
    )


@pytest.mark.parametrize("content", NOTHING_ELSE_IS_READ.values(), ids=NOTHING_ELSE_IS_READ)
def test_other_kinds_are_refused_and_call_no_program(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object, **__: object) -> None:
        pytest.fail("a program was called")

    monkeypatch.setattr(subprocess, "Popen", forbidden)
    file = tmp_path / "1.png"
    file.write_bytes(content)
    for look in (probe_image, read):
        with pytest.raises(
            DecodeError, match=r"1\.png: this image cannot be decoded \(.+\)\. Export"
        ):
            look(file)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("1.png", png(HUGE, HUGE)),
        ("1.bmp", bmp(HUGE, HUGE)),
        ("1.gif", gif(65535, 65535)),
        ("1.exr", exr(HUGE, HUGE)),
    ],
    ids=["png", "bmp", "gif", "exr"],
)
def test_absurd_size_is_refused_by_its_header(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    for look in (probe_image, read):
        with pytest.raises(DecodeError, match=r"1\.\w+: .*\b\d+( px|x|.*pixels).*178956970"):
            look(tmp_path / name)


def test_size_is_bounded_where_another_package_switched_pillows_own_limit_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    (tmp_path / "1.png").write_bytes(png(HUGE, HUGE))
    with pytest.raises(DecodeError, match="1048576x1048576 px; at most 178956970 are read"):
        probe_image(tmp_path / "1.png")


@pytest.mark.parametrize("bit_depth", [8, 16])
def test_damage_in_the_pixels_of_a_png_is_named(bit_depth: int, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (16, 16, 3)).astype(f"uint{bit_depth}")
    content = bytearray(encode_png(noise, compress_level=0, text={}))
    content[len(content) // 2] ^= 1
    (tmp_path / "1.png").write_bytes(content)
    with pytest.raises(DecodeError, match=r"1\.png: this image cannot be decoded"):
        read_image(tmp_path / "1.png", bit_depth=bit_depth, alpha=False)


def test_name_that_looks_like_a_pattern_is_read_as_the_file_it_is(tmp_path: Path) -> None:
    for name, value in (("%02d_1.png", 7), ("01_1.png", 9)):
        pixels = np.full((2, 2, 3), value, np.uint16)
        (tmp_path / name).write_bytes(encode_png(pixels, compress_level=1, text={}))
    pixels = read_image(tmp_path / "%02d_1.png", bit_depth=16, alpha=False)
    assert np.rint(pixels * 65535).tolist() == [[[7] * 3] * 2] * 2


def test_bitmap_of_five_bits_per_channel_is_an_8_bit_picture(tmp_path: Path) -> None:
    header = b"BM" + struct.pack("<IIIIiiHHIIIIII", 58, 0, 54, 40, 1, 1, 1, 16, *[0] * 6)
    (tmp_path / "1.bmp").write_bytes(header + struct.pack("<HH", 0x7FFF, 0))
    assert probe_image(tmp_path / "1.bmp").bit_depth == 8
    assert read_image(tmp_path / "1.bmp", bit_depth=8, alpha=False).tolist() == [[[255, 255, 255]]]


def test_first_picture_of_an_animation_stands_for_it(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), (value, 0, 0)) for value in (0, 255)]
    for kind in ("GIF", "PNG", "WEBP"):
        stream = BytesIO()
        frames[0].save(stream, kind, save_all=True, append_images=frames[1:], lossless=True)
        (tmp_path / "1.png").write_bytes(stream.getvalue())
        pixels = read_image(tmp_path / "1.png", bit_depth=8, alpha=False)
        assert pixels[0, 0].tolist() == [0, 0, 0]
