"""OpenEXR images. That other programs agree was checked by hand with OpenEXR 3.5."""

from __future__ import annotations

import logging
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from vfi.errors import DecodeError, InputError
from vfi.frames import to_bit_depth, to_uint8, to_uint16
from vfi.read.image_sequence import probe_image_folder, read_image_folder, read_mask
from vfi.write.image_sequence import ImageSequenceWriter

Pixels = NDArray[Any]
LEVELS = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)


def write(folder: Path, *images: Pixels) -> Path:
    """Write images with values in [0, 1]."""
    has_alpha = images[0].shape[-1] == 4
    with ImageSequenceWriter(folder, suffix=".exr", bit_depth=32, has_alpha=has_alpha) as writer:
        for pixels in images:
            writer.write(pixels.astype(np.float32))
    return folder


def read(folder: Path, *, alpha: bool = False) -> list[Pixels]:
    info = probe_image_folder(folder)
    return [frame.pixels.numpy() for frame in read_image_folder(info, Fraction(24), alpha=alpha)]


def save(path: Path, planes: list[Pixels], pixel_format: str, **options: str) -> Path:
    """Write light as it is, plane by plane in FFmpeg's order."""
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, pixel_format)
    for plane, values in zip(frame.planes, planes, strict=True):
        rows = np.zeros((height, plane.line_size // 4), np.float32)
        rows[:, :width] = values
        plane.update(rows.tobytes())
    encoder = VideoCodecContext.create("exr", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, pixel_format
    encoder.time_base, encoder.options = Fraction(1), options
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    path.write_bytes(b"".join(bytes(packet) for packet in packets))
    return path


def stored(path: Path) -> list[Pixels]:
    """The planes of an image as they are in the file: G, B, R and maybe A."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        rows = [np.frombuffer(bytes(p), "<f4").reshape(frame.height, -1) for p in frame.planes]
        return [plane[:, : frame.width] for plane in rows]


def test_8_bits_survive_the_way_there_and_back(tmp_path: Path) -> None:
    (pixels,) = read(write(tmp_path / "out", LEVELS / 255))
    assert np.array_equal(to_uint8(torch.from_numpy(pixels)), LEVELS)


def test_16_bits_survive_the_way_there_and_back(tmp_path: Path) -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1).repeat(3, axis=2)
    (pixels,) = read(write(tmp_path / "out", values / 65535))
    assert np.array_equal(to_uint16(torch.from_numpy(pixels)).numpy(), values)


def test_file_holds_linear_light(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", np.full((3, 5, 3), [0.5, 0.02, 1.0]))
    green, blue, red = stored(folder / "0000000.exr")
    assert green == pytest.approx(0.02 / 12.92, rel=1e-5)
    assert blue == pytest.approx(1)
    assert red == pytest.approx(0.21404, rel=1e-4)  # half of sRGB's range is a fifth of its light


def test_file_holds_colours_multiplied_with_alpha_and_frames_do_not(tmp_path: Path) -> None:
    pixels = np.full((3, 5, 4), [0.5, 0.5, 1.0, 0.25])
    folder = write(tmp_path / "out", pixels)
    green, blue, _, opacity = stored(folder / "0000000.exr")
    assert (green[0, 0], blue[0, 0], opacity[0, 0]) == pytest.approx((0.0535, 0.25, 0.25), rel=1e-3)
    assert read(folder, alpha=True)[0] == pytest.approx(pixels, abs=1e-6)
    assert read(folder)[0] == pytest.approx(pixels[..., :3], abs=1e-6)


def test_header_has_what_every_reader_may_ask_for(tmp_path: Path) -> None:
    """What OpenEXR requires of every file."""
    data = (write(tmp_path / "out", LEVELS / 255) / "0000000.exr").read_bytes()
    required = "channels compression dataWindow displayWindow lineOrder pixelAspectRatio "
    for name in (required + "screenWindowCenter screenWindowWidth").split():
        assert f"{name}\0".encode() in data


def test_nothing_is_black_and_transparent(tmp_path: Path) -> None:
    (pixels,) = read(write(tmp_path / "out", np.full((3, 5, 4), [0.5, 0.5, 1.0, 0.0])), alpha=True)
    assert not pixels.any()


@pytest.mark.parametrize("compression", ["none", "rle", "zip1", "zip16"])
@pytest.mark.parametrize("kind", ["half", "float"])
def test_kinds_of_files_are_read(tmp_path: Path, compression: str, kind: str) -> None:
    light = np.linspace(0, 1, 37 * 21).reshape(21, 37)
    path = tmp_path / "1.exr"
    save(path, [light, light / 2, light], "gbrpf32le", compression=compression, format=kind)
    (pixels,) = read(tmp_path)
    assert pixels.shape == (21, 37, 3)
    assert pixels[-1, -1] == pytest.approx([1, 1, 0.73536], abs=1e-3)
    assert (np.diff(pixels[0, :, 0]) > 0).all()


def test_opaque_images_among_transparent_ones_are_opaque(tmp_path: Path) -> None:
    light = np.full((4, 6), 0.5)
    save(tmp_path / "1.exr", [light] * 3, "gbrpf32le")
    save(tmp_path / "2.exr", [light] * 4, "gbrapf32le")
    opacities = [pixels[..., 3].mean() for pixels in read(tmp_path, alpha=True)]
    assert opacities == pytest.approx([1, 0.5])


def test_what_no_frame_can_show_is_changed_and_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bright = np.array([[0.5, 8.0, -1.0, np.nan, np.inf]])
    for number in (1, 2):
        save(tmp_path / f"{number}.exr", [bright] * 3, "gbrpf32le")
    with caplog.at_level(logging.WARNING):
        frames = read(tmp_path)
    assert frames[1][0, :, 0] == pytest.approx([0.73536, 1, 0, 0, 1], abs=1e-4)
    assert [record.message for record in caplog.records if "white are" in record.message] == [
        f"{tmp_path / '1.exr'}: values above white are clipped"
    ]


def test_values_that_are_no_numbers_are_told_of_each_picture(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number, light in enumerate([[0.5, np.nan, np.inf], [0.5, 0.5, 0.5], [-np.inf, 0.5, 0.5]]):
        save(tmp_path / f"{number}.exr", [np.array([light])] * 3, "gbrpf32le")
    assert np.isfinite(read(tmp_path)).all()
    assert [record.message for record in caplog.records if "NaN" in record.message] == [
        f"{tmp_path / '0.exr'}: 6 values are NaN or infinite: made black or white",
        f"{tmp_path / '2.exr'}: 3 values are NaN or infinite: made black or white",
    ]


def test_exr_and_png_may_be_mixed(tmp_path: Path) -> None:
    write(tmp_path / "a", LEVELS / 255)
    with ImageSequenceWriter(tmp_path / "b", start=1) as writer:
        writer.write(LEVELS)
    (tmp_path / "b" / "0000001.png").rename(tmp_path / "a" / "0000001.png")
    first, second = read(tmp_path / "a")
    assert first == pytest.approx(second, abs=1e-6)


def test_mask_may_be_an_exr(tmp_path: Path) -> None:
    bright = np.array([[0.0, 1.0, 3.0]])
    path = save(tmp_path / "1.exr", [bright] * 3, "gbrpf32le")
    assert read_mask(path)[0].tolist() == pytest.approx([0, 1, 1])


def changed(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert data.count(old) == 1
    path.write_bytes(data.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"\x76\x2f\x31\x01", b"GIF8", "not an OpenEXR file"),
        (b"\0R\0\x02", b"\0Q\0\x02", "neither R, G and B channels nor a Y channel, only: B, G, Q"),
        (
            b"compression\0\x01\0\0\0\x03",
            b"compression\0\x01\0\0\0\x08",
            "DWAA compression is not supported; save it with",
        ),
        (b"displayWindow\0", b"displayHinweis\0", "header is incomplete"),
    ],
)
def test_file_that_cannot_be_read_is_named_with_the_reason(
    tmp_path: Path, old: bytes, new: bytes, message: str
) -> None:
    write(tmp_path / "out", LEVELS / 255)
    changed(tmp_path / "out" / "0000000.exr", old, new)
    with pytest.raises(DecodeError, match=f"0000000.exr: this image cannot be decoded.*{message}"):
        read(tmp_path / "out")


@pytest.mark.parametrize("length", [0, 6, 40, 200, 330, 400, -1])
def test_file_that_ends_early_is_refused(tmp_path: Path, length: int) -> None:
    write(tmp_path / "out", np.random.default_rng(0).random((16, 16, 3)))
    path = tmp_path / "out" / "0000000.exr"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(DecodeError, match="this image cannot be decoded"):
        read(tmp_path / "out")


def test_file_whose_rows_were_not_all_written_is_refused(tmp_path: Path) -> None:
    """A program that crashed leaves zeros in the table of offsets."""
    write(tmp_path / "out", np.random.default_rng(0).random((40, 16, 3)))
    path = tmp_path / "out" / "0000000.exr"
    data = path.read_bytes()
    offsets = range(len(data) - 8)
    first = next(i for i in offsets if data[i : i + 8] == (i + 3 * 8).to_bytes(8, "little"))
    path.write_bytes(data[: first + 8] + bytes(8) + data[first + 16 :])
    with pytest.raises(DecodeError, match="ends early"):
        read(tmp_path / "out")


@pytest.mark.parametrize("spoilt", ["not at all", "nothing", "half", "zeros"])
def test_interrupted_job_resumes_after_its_last_complete_image(tmp_path: Path, spoilt: str) -> None:
    random = np.random.default_rng(0)
    images = [random.random((40, 60, 3)).astype(np.float32) for _ in range(4)]
    how: dict[str, Any] = {"suffix": ".exr", "bit_depth": 32, "resume_key": "j"}
    with pytest.raises(RuntimeError), ImageSequenceWriter(tmp_path / "out", **how) as writer:  # noqa: PT012
        for pixels in images[:3]:
            writer.write(pixels)
        while writer.num_finished < 3:
            time.sleep(0.01)
        raise RuntimeError
    path = tmp_path / "out.partial" / "0000001.exr"
    data = path.read_bytes()
    half = data[: len(data) // 2]
    kept = {"nothing": b"", "half": half, "zeros": half.ljust(len(data), b"\0")}
    path.write_bytes(kept.get(spoilt, data))
    writer = ImageSequenceWriter(tmp_path / "out", **how)
    assert writer.num_finished == (3 if spoilt == "not at all" else 1)
    with writer:
        writer.start_at(writer.num_finished)
        for pixels in images[writer.num_finished :]:
            writer.write(pixels)
    assert np.stack(read(tmp_path / "out")) == pytest.approx(np.stack(images), abs=1e-6)


def test_wrong_depth_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"exr needs .* bit depth 32"):
        ImageSequenceWriter(tmp_path / "out", suffix=".exr", bit_depth=16).validate()


def test_frames_of_any_kind_become_floating_point() -> None:
    assert to_bit_depth(
        torch.tensor([0, 51, 255], dtype=torch.uint8), 32
    ).tolist() == pytest.approx([0, 0.2, 1])
    assert to_bit_depth(torch.tensor([-0.1, 0.3, 1.2]), 32).tolist() == pytest.approx([0, 0.3, 1])
