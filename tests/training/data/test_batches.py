"""What is in a batch, and that its number alone decides it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from hashlib import sha256
from itertools import count, islice
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from training.data import AugmentOptions, Batch, Batches, Sample, Timesteps, held_out_batches
from training.data.augment import augment, choose_triplet
from training.data.store import write_frames
from vfi.errors import DecodeError, InputError

PLAIN = AugmentOptions(crop=64, flip=False, rotate=False, reverse=False, resize=False)
VARIED = AugmentOptions(crop=64, channels=True)
EVEN = tuple(Fraction(number, 24) for number in range(5))


def make_sample(
    cache: Path, name: str, motion: float = 1, side: int = 96, *, held_out: bool = False
) -> Sample:
    """Five frames of noise, which depends on the name."""
    generator = torch.Generator().manual_seed(int(sha256(name.encode()).hexdigest()[:8], 16))
    pixels = torch.randint(0, 256, (5, side, side, 3), dtype=torch.uint8, generator=generator)
    size, digest = write_frames(cache / f"{name}.png", pixels)
    return Sample(f"{name}.png", name, EVEN, motion, held_out, side, size, digest)


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    return [make_sample(tmp_path, f"s{number}", 0.5 + number) for number in range(6)]


def equal(one: Batch, other: Batch) -> bool:
    tensors = ("img0", "img1", "truth", "timestep")
    same = all(torch.equal(getattr(one, name), getattr(other, name)) for name in tensors)
    return same and one.clips == other.clips


def part_of(batch: Batch, items: slice) -> Batch:
    return Batch(*(getattr(batch, name)[items] for name in vars(batch)))


# --- the same again ------------------------------------------------------------------------------


def test_batch_has_the_promised_form(tmp_path: Path, samples: list[Sample]) -> None:
    batch = Batches(tmp_path, samples, VARIED, 5, 0).batch(3)
    for images in (batch.img0, batch.img1, batch.truth):
        assert images.shape == (5, 3, 64, 64)
        assert images.dtype == torch.float32
        assert images.is_contiguous()
        assert 0 <= images.min() < images.max() <= 1
    assert batch.timestep.shape == (5, 1, 1, 1)
    assert batch.timestep.dtype == torch.float32
    assert 0 < batch.timestep.min() <= batch.timestep.max() < 1


def test_batch_depends_on_seed_and_step_only(tmp_path: Path, samples: list[Sample]) -> None:
    first = Batches(tmp_path, samples, VARIED, 4, 7)
    batches = [first.batch(step) for step in range(4)]
    resumed = Batches(tmp_path, samples, VARIED, 4, 7)
    assert equal(resumed.batch(3), batches[3])
    assert not equal(batches[2], batches[3])
    assert not equal(Batches(tmp_path, samples, VARIED, 4, 8).batch(3), batches[3])


def test_parts_of_a_batch_are_the_batch_bit_for_bit(tmp_path: Path, samples: list[Sample]) -> None:
    batches = Batches(tmp_path, samples, VARIED, 7, 0)
    for items in (slice(0, 4), slice(4, 7), slice(1, None, 2), slice(-2, None)):
        assert equal(batches.batch(5, items), part_of(batches.batch(5), items))


def test_part_without_items_is_refused(tmp_path: Path, samples: list[Sample]) -> None:
    with pytest.raises(InputError, match=r"items 0 to 3; .* none of them"):
        Batches(tmp_path, samples, VARIED, 4, 0).batch(0, slice(4, 8))


# --- which samples -------------------------------------------------------------------------------


def test_fast_samples_are_drawn_more_often_but_do_not_dominate(tmp_path: Path) -> None:
    sample = make_sample(tmp_path, "a")
    slow = [replace(sample, clip=f"slow {number}", motion=0.5) for number in range(900)]
    fast = [replace(sample, clip=f"fast {number}", motion=20) for number in range(100)]
    batches = Batches(tmp_path, slow + fast, PLAIN, 1, 0)
    rng = Random(0)
    drawn = Counter(batches._draw(rng).clip for _ in range(20_000))
    share = sum(number for clip, number in drawn.items() if clip.startswith("fast")) / 20_000
    assert share == pytest.approx(0.25, abs=0.02)
    assert len(drawn) == 1000


def test_what_is_held_out_is_never_trained_on(tmp_path: Path, samples: list[Sample]) -> None:
    held = [replace(sample, held_out=True) for sample in samples[1:]]
    batches = Batches(tmp_path, [samples[0], *held], PLAIN, 1, 0)
    rng = Random(0)
    assert {batches._draw(rng).clip for _ in range(50)} == {"s0"}
    with pytest.raises(InputError, match="no samples to train on"):
        Batches(tmp_path, held, PLAIN, 1, 0)


# --- which frames --------------------------------------------------------------------------------


def triplets(times: tuple[Fraction, ...], timesteps: Timesteps) -> set[tuple[int, int, int]]:
    rng = Random(0)
    return {choose_triplet(times, timesteps, rng) for _ in range(500)}


def test_any_timestep_takes_all_triplets() -> None:
    found = triplets(EVEN, "any")
    assert len(found) == 10
    assert all(first < middle < last for first, middle, last in found)


def test_middle_takes_symmetric_triplets_only() -> None:
    assert triplets(EVEN, "middle") == {(0, 1, 2), (1, 2, 3), (2, 3, 4), (0, 2, 4)}


def test_quarters_take_quarters() -> None:
    assert triplets(EVEN, "quarters") == {
        *((0, 1, 2), (1, 2, 3), (2, 3, 4), (0, 2, 4), (0, 1, 4), (0, 3, 4))
    }


def test_times_rounded_to_milliseconds_are_symmetric() -> None:
    times = tuple(Fraction(round(1000 * time), 1000) for time in EVEN)
    assert triplets(times, "middle") == triplets(EVEN, "middle")


@pytest.mark.parametrize("timesteps", ["middle", "quarters"])
def test_nearest_to_the_middle_is_taken_where_nothing_else_is(timesteps: Timesteps) -> None:
    times = (Fraction(0), Fraction(1), Fraction(3), Fraction(20))
    assert triplets(times, timesteps) == {(0, 1, 2)}


def test_timestep_is_that_of_the_time(tmp_path: Path) -> None:
    times = (Fraction(0), Fraction(1, 24), Fraction(4, 24))
    pixels = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8)
    size, digest = write_frames(tmp_path / "a.png", pixels)
    sample = Sample("a.png", "a", times, 1, False, 64, size, digest)
    batch = Batches(tmp_path, [sample], PLAIN, 1, 0).batch(0)
    assert batch.timestep.item() == 0.25
    for images, frame in zip((batch.img0, batch.truth, batch.img1), pixels, strict=True):
        assert torch.equal(images[0], frame.permute(2, 0, 1) / 255)


# --- how they are varied -------------------------------------------------------------------------


def variants(pixels: Tensor, options: AugmentOptions) -> Iterator[tuple[Tensor, Fraction]]:
    rng = Random(0)
    return (augment(pixels, Fraction(1, 4), options, rng) for _ in range(40))


def squares() -> Tensor:
    """Three different frames, [3, 64, 64, 3]."""
    return torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8)


def planar(pixels: Tensor) -> Tensor:
    return pixels.permute(0, 3, 1, 2) / 255


def test_nothing_varies_where_nothing_may() -> None:
    pixels = squares()
    for images, timestep in variants(pixels, PLAIN):
        assert torch.equal(images, planar(pixels))
        assert timestep == Fraction(1, 4)


@pytest.mark.parametrize(("name", "number"), [("flip", 4), ("rotate", 2), ("channels", 6)])
def test_switch_varies_all_frames_in_the_same_way(name: str, number: int) -> None:
    pixels = squares()
    pixels[1], pixels[2] = pixels[0], pixels[0]
    found = list(variants(pixels, replace(PLAIN, **{name: True})))
    assert all(torch.equal(images[0], image) for images, _ in found for image in images)
    assert len({images.numpy().tobytes() for images, _ in found}) == number
    values = planar(pixels).sum()
    assert all(images.sum() == pytest.approx(float(values), rel=1e-4) for images, _ in found)


def test_reversed_time_swaps_the_ends_and_the_timestep() -> None:
    pixels = squares()
    forwards = planar(pixels)
    found = list(variants(pixels, replace(PLAIN, reverse=True)))
    for images, timestep in found:
        expected = forwards if timestep == Fraction(1, 4) else forwards.flip(0)
        assert torch.equal(images, expected)
    assert {timestep for _, timestep in found} == {Fraction(1, 4), Fraction(3, 4)}


def test_crop_is_anywhere_and_the_same_in_all_frames() -> None:
    row = torch.arange(96, dtype=torch.uint8)
    pixels = torch.stack([row[:, None].expand(96, 96), row.expand(96, 96), row.expand(96, 96)], -1)
    places = set[tuple[float, float]]()
    for images, _ in variants(pixels.expand(3, 96, 96, 3), PLAIN):
        assert images.shape == (3, 3, 64, 64)
        places |= {(float(image[0, 0, 0]), float(image[1, 0, 0])) for image in images}
    assert len(places) == 40


def slopes(side: int, options: AugmentOptions) -> list[float]:
    """How much a ramp of one code value per px rises per px."""
    ramp = torch.arange(side, dtype=torch.uint8)[None, :, None].expand(side, side, 3)
    found = variants(ramp.expand(3, side, side, 3), options)
    return [float(images[0, 0, 32, 16:48].diff().mean() * 255) for images, _ in found]


def test_resize_enlarges_up_to_twice_and_shrinks_as_far_as_there_is_more() -> None:
    found = slopes(96, replace(PLAIN, resize=True))
    assert 0.49 < min(found) < 0.6
    assert 1.4 < max(found) < 1.52
    assert sum(slope == pytest.approx(1, abs=1e-3) for slope in found) > 10


def test_shrinking_is_antialiased() -> None:
    stripes = (torch.arange(128) % 2 * 255).byte()[None, :, None].expand(128, 128, 3)
    options = replace(PLAIN, resize=True)
    deviations = [
        float(images[..., 16:48].std())
        for images, _ in variants(stripes.expand(3, 128, 128, 3), options)
    ]
    assert min(deviations) < 0.1


def test_crop_smaller_than_the_picture_is_enlarged() -> None:
    assert slopes(64, replace(PLAIN, crop=128)) == [pytest.approx(0.5, abs=0.01)] * 40


@pytest.mark.parametrize(("name", "value"), [("crop", 32), ("timesteps", "thirds")])
def test_impossible_option_is_refused(name: str, value: object) -> None:
    with pytest.raises(InputError, match=f"not '?{value}"):
        AugmentOptions(**{name: value})


# --- ahead of time -------------------------------------------------------------------------------


def own_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("batches")]


def test_prefetch_gives_the_batches_in_order(tmp_path: Path, samples: list[Sample]) -> None:
    batches = Batches(tmp_path, samples, VARIED, 4, 0)
    requests = [(step, items) for step in range(5) for items in (slice(0, 2), slice(2, 4))]
    found = list(batches.prefetch(iter(requests), ahead=3, workers=2))
    expected = [batches.batch(*request) for request in requests]
    assert len(found) == 10
    assert all(map(equal, found, expected))
    assert own_threads() == []


def test_prefetch_asks_for_no_more_than_is_allowed(tmp_path: Path, samples: list[Sample]) -> None:
    asked: list[int] = []

    def requests() -> Iterator[tuple[int, None]]:
        for step in count():
            asked.append(step)
            yield step, None

    ahead = Batches(tmp_path, samples, PLAIN, 1, 0).prefetch(requests(), ahead=3)
    for number, _ in enumerate(islice(ahead, 5)):
        assert len(asked) <= number + 3
    assert own_threads()
    ahead.close()
    assert own_threads() == []


def test_prefetch_of_a_damaged_sample_raises_in_its_place(tmp_path: Path) -> None:
    batches = Batches(tmp_path, [make_sample(tmp_path, "a")], PLAIN, 1, 0)
    ahead = batches.prefetch(((step, None) for step in count()), ahead=2)
    next(ahead)
    (tmp_path / "a.png").unlink()
    with pytest.raises(DecodeError, match=r"a\.png: this sample is damaged"):
        list(ahead)
    assert own_threads() == []


# --- what is measured by -------------------------------------------------------------------------


def test_held_out_batches_are_fixed_and_cut_around_the_middle(tmp_path: Path) -> None:
    held = [make_sample(tmp_path, f"h{n}", side=96, held_out=True) for n in range(3)]
    found = list(held_out_batches(tmp_path, [make_sample(tmp_path, "t"), *held], 2))
    assert [batch.img0.shape for batch in found] == [(2, 3, 64, 64), (1, 3, 64, 64)]
    stored = torch.from_numpy(np.array(Image.open(tmp_path / "h2.png"))).unflatten(0, (5, 96))
    expected = stored[:, 16:80, 16:80].permute(0, 3, 1, 2) / 255
    last = found[1]
    for images, number in ((last.img0, 0), (last.truth, 2), (last.img1, 4)):
        assert torch.equal(images[0], expected[number])
    assert last.timestep.flatten().tolist() == [0.5]
    assert [batch.clips for batch in found] == [("h0", "h1"), ("h2",)]
    assert all(map(equal, found, held_out_batches(tmp_path, held, 2)))


def test_held_out_pictures_of_two_sizes_are_in_batches_of_their_own(tmp_path: Path) -> None:
    sides = [64, 160, 96, 128]
    held = [make_sample(tmp_path, f"h{n}", side=n, held_out=True) for n in sides]
    shapes = [tuple(batch.truth.shape) for batch in held_out_batches(tmp_path, held, 8)]
    assert shapes == [(2, 3, 128, 128), (2, 3, 64, 64)]
