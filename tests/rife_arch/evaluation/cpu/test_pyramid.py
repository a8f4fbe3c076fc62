"""The compiled evaluation against the plain forward, which is the definition."""

from __future__ import annotations

import gc
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from rife_arch import QUALITIES, RifeModel
from rife_arch.errors import CheckpointError
from rife_arch.evaluation import supports_pyramid
from rife_arch.models import Quality
from rife_arch.networks.build import set_precision
from rife_arch.networks.config import PRESETS
from tests.helpers.networks import preset_config, psnr, random_image, random_model, real_pair

# One that needs another NumPy raises ImportError, and is as good as none.
numba = pytest.importorskip(
    "numba",
    reason="the compiled loops need numba (requirements-dev.txt)",
    exc_type=ImportError,
)
# Only then, as the room imports numba.
lanes = pytest.importorskip("rife_arch.evaluation.cpu.simd")
threads_module = pytest.importorskip("rife_arch.evaluation.cpu.threads")
kernels = pytest.importorskip("rife_arch.evaluation.cpu.kernels")

ROOT = Path(__file__).resolve().parents[4]
CASES = [
    (preset.versions[-1], scale)
    for preset in PRESETS
    for scale in (0.25, 0.5, 1.0, 2.0)
    if supports_pyramid(preset.config, scale)
]


def plain(model: RifeModel, img0: Tensor, img1: Tensor, time: float, scale: float = 1) -> Tensor:
    """The plain forward on the same weights."""
    other = RifeModel(model.network, model.name, evaluation="plain")
    return other(img0, img1, time, scale=scale)


def pair(height: int, width: int) -> tuple[Tensor, Tensor]:
    return random_image(1, height, width), random_image(2, height, width)


@pytest.mark.parametrize(("version", "scale"), CASES)
def test_it_equals_the_plain_forward(version: str, scale: float) -> None:
    model = random_model(preset_config(version))
    images = pair(150, 230)
    assert model.evaluation(scale) == "fused"
    assert psnr(model(*images, 0.3, scale=scale), plain(model, *images, 0.3, scale)) > 100


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("strip_bytes", [1, 100_000, 1 << 30])
@pytest.mark.parametrize("num_threads", [1, 2, 3])
def test_strips_and_threads_of_any_number_give_the_same(
    strip_bytes: int, num_threads: int, scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads_module, "_STRIP_BYTES", strip_bytes)
    before = torch.get_num_threads()
    torch.set_num_threads(num_threads)
    try:
        model, images = random_model(preset_config("4.25")), pair(192, 128)
        expected = plain(model, *images, 0.5, scale)
        assert psnr(model(*images, 0.5, scale=scale), expected) > 100
        assert torch.get_num_threads() == num_threads  # as it was
        with ThreadPoolExecutor(1) as pool:  # and for threads to come
            assert pool.submit(torch.get_num_threads).result() == num_threads
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("scale", [1, 2])
def test_batch_has_its_own_timesteps(scale: float) -> None:
    model, (img0, img1) = random_model(preset_config("4.25")), pair(64, 64)
    batch = [img.expand(2, -1, -1, -1) for img in (img0, img1)]
    both = model(*batch, torch.tensor([0.2, 0.9]), scale=scale)
    for out, time in zip(both, (0.2, 0.9), strict=True):
        assert psnr(out, plain(model, img0, img1, time, scale)[0]) > 100


def test_a_change_of_size_or_scale_is_noticed() -> None:
    model = random_model(preset_config("4.25"))
    for height, width, scale in ((64, 128, 1), (128, 64, 1), (128, 64, 2), (64, 128, 0.5)):
        images = pair(height, width)
        assert psnr(model(*images, 0.5, scale=scale), plain(model, *images, 0.5, scale)) > 100


@pytest.mark.parametrize("quality", QUALITIES)
def test_qualities_are_the_same(quality: Quality) -> None:
    model, images = random_model(preset_config("4.25")), pair(70, 100)
    other = RifeModel(model.network, model.name, evaluation="plain")
    assert psnr(model(*images, 0.4, quality=quality), other(*images, 0.4, quality=quality)) > 100


def test_bfloat16_is_rounded_as_torch_does() -> None:
    all_ones = np.array([0x7FFFFFFF], np.uint32).view(np.float32)  # a NaN that rounding could lose
    values = np.random.RandomState(0).standard_normal(13).astype(np.float32)
    ties = np.array([1 + 2**-8, 1 + 3 * 2**-8], np.float32)
    given = np.concatenate((values, ties, all_ones))
    rounded = np.empty(16, np.uint16)
    numba.njit(lambda out, source: lanes.put_rounded(out, 0, source, 0, 16))(rounded, given)
    found = torch.from_numpy(rounded.view(np.int16)).view(torch.bfloat16)
    torch.testing.assert_close(
        found, torch.from_numpy(given).bfloat16(), rtol=0, atol=0, equal_nan=True
    )


def test_nothing_is_left_behind_by_a_frame() -> None:
    model, (img0, img1) = random_model(preset_config("4.25")), pair(64, 64)
    model(img0, img1)
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(10):
        model(img0, img1)
    gc.collect()
    assert len(gc.get_objects()) - before < 10


def test_networks_of_one_layout_share_their_loops() -> None:
    """What LLVM has compiled stays in memory until the process ends."""
    sizes = {"frame": 8, "features": 4, "summed": 4, "carried": 8, "rounds": False}
    assert kernels.make_kernels(**sizes) is kernels.make_kernels(**sizes)


def test_numbers_that_are_none_harm_nothing_and_are_noticed() -> None:
    model, (img0, img1) = random_model(preset_config("4.25")), pair(64, 64)
    features = [model.encode(img) for img in (img0, img1)]
    with torch.inference_mode():
        features[0].padded[:, :, 10, 10] = float("nan")
    with pytest.raises(CheckpointError, match="NaN or infinity"):
        model.interpolate(*features, 0.5)


@pytest.mark.parametrize("evaluation", ["exact", "plain"])
def test_another_evaluation_can_be_asked_for(evaluation: str) -> None:
    model = random_model(preset_config("4.25"))
    assert RifeModel(model.network, model.name, evaluation=evaluation).evaluation(1) == evaluation


def test_without_numba_the_result_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "numba.py").write_text("raise ImportError('Numba needs another NumPy')")
    script = (
        "from tests.helpers.networks import preset_config, psnr, random_image, random_model\n"
        "model = random_model(preset_config('4.25'))\n"
        "out = model(random_image(1, 64, 64), random_image(2, 64, 64))\n"
        "print(model.evaluation(1), out.double().sum().item())\n"
    )
    env = {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True
    )
    name, total = done.stdout.split()
    assert name == "exact"
    expected = random_model(preset_config("4.25"))(*pair(64, 64)).double().sum().item()
    assert abs(float(total) - expected) < 0.1


@pytest.mark.slow  # compiles everything anew
def test_code_kept_on_disk_serves_the_package_under_any_name(tmp_path: Path) -> None:
    """ComfyUI imports a pack under the path of its folder, the command line as it is."""
    copy = shutil.copytree(ROOT / "rife_arch", tmp_path / "a" / "first" / "rife_arch")
    shutil.rmtree(copy / "__pycache__", ignore_errors=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "second").symlink_to(tmp_path / "a" / "first", target_is_directory=True)
    script = (
        "import sys\n"
        "from {folder}.rife_arch import RifeModel, IFNetConfig\n"
        "from {folder}.rife_arch.networks.build import make_network\n"
        "network = make_network(IFNetConfig((16, 16), (2, 1)))\n"
        "network.fold()\n"
        "print(RifeModel(network.requires_grad_(False), 'x').evaluation())\n"
    )
    for place, folder in (("a", "first"), ("a", "first"), ("b", "second")):
        done = subprocess.run(
            [sys.executable, "-c", script.format(folder=folder)],
            cwd=tmp_path / place,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == "fused", done.stderr


def test_importing_the_package_does_not_import_numba() -> None:
    script = "import sys, rife_arch, rife_arch.models.rife_model; print('numba' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


@pytest.mark.weights
@pytest.mark.parametrize(("time", "scale"), [(0.25, 1), (0.5, 1), (0.8, 1), (0.3, 2)])
def test_released_weights_on_real_frames_agree(
    time: float, scale: float, released_model: Callable[[str], RifeModel]
) -> None:
    model, images = released_model("4.26"), real_pair()
    assert psnr(model(*images, time, scale=scale), plain(model, *images, time, scale)) > 110


@pytest.mark.weights
@pytest.mark.parametrize("scale", [1, 2])
def test_convolutions_in_bfloat16_stay_close(
    scale: float, released_model: Callable[[str], RifeModel]
) -> None:
    model, images = released_model("4.26"), real_pair()
    expected = plain(model, *images, 0.5, scale)
    set_precision(model.network, torch.bfloat16)
    assert 55 < psnr(model(*images, 0.5, scale=scale), expected) < 90
