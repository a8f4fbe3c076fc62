from fractions import Fraction

import numpy as np
import pytest
import torch

from vfi.errors import InputError
from vfi.frames import (
    Frame,
    count_non_finite,
    finite,
    from_16_bits,
    from_planar,
    non_finite,
    to_bit_depth,
    to_planar,
    to_uint16,
)

CPU = torch.device("cpu")


def test_bytes_become_a_planar_image_between_0_and_1():
    pixels = torch.tensor([[[0, 51, 255], [255, 0, 0]]], dtype=torch.uint8)

    planar = to_planar(pixels, CPU)

    assert planar.shape == (1, 3, 1, 2)
    assert planar.dtype == torch.float32
    assert planar[0, :, 0, 0].tolist() == pytest.approx([0, 0.2, 1])


def test_half_precision_becomes_float32():
    pixels = torch.full((1, 1, 3), 0.5, dtype=torch.float16)

    assert to_planar(pixels, CPU).dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_frame_is_not_modified(dtype):
    pixels = torch.full((2, 2, 3), 1, dtype=dtype)

    to_planar(pixels, CPU).mul_(0)

    assert (pixels == 1).all()


def test_every_grey_survives_the_way_there_and_back():
    greys = torch.arange(256, dtype=torch.uint8).reshape(16, 16, 1).expand(16, 16, 3)

    assert torch.equal(from_planar(to_planar(greys, CPU), torch.uint8), greys)


def test_bytes_are_rounded_not_truncated():
    image = torch.tensor([0.4, 0.6, 254.9]).div(255).reshape(1, 3, 1, 1)

    assert from_planar(image, torch.uint8).flatten().tolist() == [0, 1, 255]


def test_sixteen_bits_are_rounded_and_clamped():
    pixels = torch.tensor([-0.1, 0.4 / 65535, 0.6 / 65535, 0.5, 1, 1.1])

    assert to_uint16(pixels).numpy().tolist() == [0, 0, 1, 32768, 65535, 65535]


def test_every_value_of_16_bits_survives_the_way_there_and_back():
    values = np.arange(65536, dtype=np.uint16)
    pixels = from_16_bits(values)

    assert pixels.dtype == np.float32
    assert (pixels.min(), pixels.max()) == (0, 1)
    assert np.array_equal(to_uint16(torch.from_numpy(pixels)).numpy(), values)


def test_dithering_leaves_every_code_value_alone():
    greys = torch.arange(256, dtype=torch.uint8).reshape(1, 256, 1).expand(11, 256, 4)

    inexact = torch.nextafter(greys / 255, torch.tensor([0.0]))

    assert torch.equal(to_bit_depth(greys / 255, 8, dither=True), greys)
    assert torch.equal(to_bit_depth(inexact, 8, dither=True), greys)
    assert torch.equal(to_bit_depth(greys, 8, dither=True), greys)


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.75])
def test_dithering_keeps_the_average_of_small_blocks(share):
    pixels = torch.full((16, 24, 3), (100 + share) / 255)
    blocks = to_bit_depth(pixels, 8, dither=True).float().unfold(0, 8, 8).unfold(1, 8, 8)

    assert blocks.unique().tolist() == ([100] if share == 0 else [100, 101])
    assert blocks.mean((-1, -2)).sub(100 + share).abs().max() < 1 / 64


def test_dithering_does_not_leave_the_range():
    pixels = torch.tensor([-0.1, 0, 1, 1.1]).reshape(1, 4, 1).expand(8, 4, 3)

    assert to_bit_depth(pixels, 8, dither=True)[:, :, 0].unique(dim=0).tolist() == [
        [0, 0, 255, 255]
    ]


def test_dithering_does_not_change_the_frame():
    pixels = torch.full((8, 8, 3), 0.3)

    to_bit_depth(pixels, 8, dither=True)

    assert (pixels == 0.3).all()


def test_model_output_is_clamped_and_not_modified():
    image = torch.tensor([-0.5, 0.5, 1.5]).reshape(1, 3, 1, 1)

    pixels = from_planar(image, torch.float32)

    assert pixels.flatten().tolist() == [0, 0.5, 1]
    assert image.flatten().tolist() == [-0.5, 0.5, 1.5]


@pytest.mark.parametrize(
    ("values", "count"),
    [
        (torch.tensor([0.5, float("nan"), float("inf"), -float("inf")]), 3),
        (torch.tensor([3e38, 3e38]), 0),  # the sum is infinite, they are not
        (torch.tensor([1e300], dtype=torch.float64), 1),
        (torch.tensor([float("nan"), 1], dtype=torch.float16), 1),
        (torch.full((70_000,), 1.0, dtype=torch.float16), 0),
        (torch.tensor([255], dtype=torch.uint8), 0),
    ],
    ids=["each kind", "large", "beyond float32", "float16", "many", "bytes"],
)
def test_values_that_are_not_finite_are_counted(values, count):
    assert count_non_finite(values) == count


def test_damaged_frame_is_named_when_it_comes():
    good, bad = torch.zeros(2, 2, 3), torch.full((2, 2, 3), float("nan"))
    source = [Frame(pixels, Fraction(number)) for number, pixels in enumerate((good, good, bad))]
    passed = finite(iter(source), "clip")
    assert next(passed) is source[0]
    assert next(passed) is source[1]
    with pytest.raises(InputError, match=r"clip: 1 frame holds .*: frame 2 \(12 values\)\. They"):
        next(passed)


def test_many_damaged_frames_are_counted_and_a_few_named():
    message = str(non_finite("clip", [f"frame {number}" for number in range(9)], 20))
    assert "9 of 20 frames hold" in message
    assert message.count(", frame") == 4
    assert "frame 4 and 4 more." in message
