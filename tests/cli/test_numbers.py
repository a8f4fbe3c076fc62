"""The same numbers from one run to the next, and however the work is divided."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor

from rife_arch import RifeModel
from rife_arch.models import Evaluation
from tests.helpers.networks import narrow, preset_config, random_image, random_model
from tests.helpers.running import RunCli, snapshot
from vfi.frames import Frame, from_planar
from vfi.synthesis import Interpolator, interpolate_stream
from vfi.timing import Schedule

# Not the presets of x264: with AVX-512 it may decide otherwise from run to run.
OUTPUTS = {
    "pictures": ("--png-only", "--output", "out"),
    "exr": ("--png-only", "--output", "out", "--picture-format", "exr"),
    "lossless": ("--output", "out.mkv", "--preset", "lossless", "--dither"),
    "webm": ("--output", "out.webm", "--preset", "webm"),
    "master": ("--output", "out.mov", "--preset", "master"),
    "gif": ("--output", "out.gif", "--preset", "gif"),
    "webp": ("--output", "out.webp", "--preset", "webp"),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_same_input_and_settings_give_the_same_bytes(
    cli: RunCli, talkie: Path, folder: Path, name: str
) -> None:
    results: list[object] = []
    for _ in range(2):
        ended = cli("--video", talkie, "--multi", 2, "--overwrite", *OUTPUTS[name])
        assert ended.code == 0, ended.err
        results.append({p: data for p, data in snapshot(folder).items() if p != talkie})
    assert results[0]
    assert results[0] == results[1]


def clip_of(count: int) -> list[Tensor]:
    return [random_image(seed, 48, 64) for seed in range(count)]


@pytest.mark.parametrize("version", ["4.26", "4.0"])
def test_stream_equals_the_network_on_the_whole_batch(version: str) -> None:
    model, images = random_model(narrow(preset_config(version))), clip_of(4)
    frames = [Frame(from_planar(img, torch.float32), Fraction(n)) for n, img in enumerate(images)]
    interpolator = Interpolator(
        partial(model.encode, scale=1.0), model.interpolate_each, torch.device("cpu")
    )
    schedule = Schedule(Fraction(2), Fraction(1))
    streamed = torch.stack(list(interpolate_stream(iter(frames), interpolator, schedule)))
    whole = model(torch.cat(images[:-1]), torch.cat(images[1:]), 0.5)
    made = streamed[1:-1:2].movedim(-1, 1)
    torch.testing.assert_close(made, whole, atol=2e-4, rtol=0)


@pytest.mark.parametrize("evaluation", ["plain", "exact", "auto"])
@pytest.mark.parametrize("version", ["4.26", "4.0"])
def test_number_of_threads_changes_no_more_than_the_rounding(
    version: str, evaluation: Evaluation
) -> None:
    network, (img0, img1) = random_model(narrow(preset_config(version))).network, clip_of(2)
    model = RifeModel(network, version, evaluation=evaluation)
    found: list[Tensor] = []
    for num_threads in (1, 2):
        torch.set_num_threads(num_threads)  # set back by the fixture of this folder
        found.append(model(img0, img1, 0.3))
    torch.testing.assert_close(found[0], found[1], atol=1e-4, rtol=0)
