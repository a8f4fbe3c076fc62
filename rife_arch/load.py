"""From a checkpoint on disk to a model that runs: read, recognise, build."""

from __future__ import annotations

import logging
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from .checkpoints import (
    CanonicalWeights,
    Tuning,
    canonical_sha256,
    detect,
    detect_enhancer,
    find_preset,
    looks_like_safa,
    read_tuning,
    read_weights,
)
from .errors import CheckpointError, CheckpointMismatchError, UnsupportedCheckpointError
from .models import Enhancer, Evaluation, RifeModel
from .networks import (
    DERIVED,
    KNOWN_WEIGHTS,
    PRESETS,
    SAFA,
    SAFA_RELEASE,
    Derived,
    IFNet,
    IFNetConfig,
    Network,
    NetworkConfig,
    SafaConfig,
    build_enhancer,
    build_network,
    build_trainable,
    set_precision,
)

Precision = Literal["auto", "fp32", "fp16", "bf16"]
PRECISIONS: tuple[Precision, ...] = ("auto", "fp32", "fp16", "bf16")

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
# One structure, two ways to run it: 3.8 with the averaging of 3.6 differs by up to 0.19.
_SAME_SHAPES: Mapping[str, NetworkConfig] = {
    version: preset.config
    for preset in PRESETS
    for version in preset.versions
    if version in ("3.6", "3.8")
}
_VERSION_IN_NAME = re.compile(r"(?<![\d.])3[._]?([68])(?!\d)")
_log = logging.getLogger(__name__)


def load_checkpoint(
    path: Path | str,
    *,
    device: torch.device | str = "cpu",
    precision: Precision = "fp32",
    version: str | None = None,
    refine: bool = False,
    torch_compile: bool = False,
    evaluation: Evaluation = "auto",
) -> RifeModel | Enhancer:
    """Load a network, recognised by its weights, whatever it is for.

    Use ``load_rife`` or ``load_enhancer`` where only one kind will do.

    Args:
        path: a .safetensors, .pkl, .pth or .pt file, a folder or a .zip as upstream publishes them.
        device: where the network runs.
        precision: of the convolutions; flow, warping and blending are always float32. ``auto`` is
            fp16 on GPUs, bf16 on CPUs that have it (4.7 and later), else fp32.
        version: the release; needed only to tell 3.6 from 3.8, whose weights look alike.
        refine: use the refinement network that some checkpoints of 3.9-4.4 carry.
        torch_compile: let torch compile the network for each frame size, which takes a minute;
            without effect where that fails.
        evaluation: how frames are computed, one of ``EVALUATIONS``. All give the same result to rounding. See
            ``RifeModel.require_evaluation`` on what cannot run. An enhancer ignores the last four.

    Raises:
        CheckpointError: it is missing, damaged, not a checkpoint, or of another network.
    """
    canonical = read_weights(path)
    if looks_like_safa(canonical.weights):
        return build_enhancer_model(
            _recognise_enhancer_in(Path(path), canonical), device, precision
        )
    found = _recognise(Path(path), canonical, version, refine=refine)
    return build_model(found, device, precision, torch_compile=torch_compile, evaluation=evaluation)


def load_rife(
    path: Path | str,
    *,
    device: torch.device | str = "cpu",
    precision: Precision = "fp32",
    version: str | None = None,
    refine: bool = False,
    torch_compile: bool = False,
    evaluation: Evaluation = "auto",
) -> RifeModel:
    """Load a RIFE network; see ``load_checkpoint``. An enhancer is refused."""
    found = recognise(path, version=version, refine=refine)
    return build_model(found, device, precision, torch_compile=torch_compile, evaluation=evaluation)


def load_enhancer(
    path: Path | str, *, device: torch.device | str = "cpu", precision: Precision = "fp32"
) -> Enhancer:
    """Load SAFA; see ``load_checkpoint``. A RIFE network is refused."""
    return build_enhancer_model(recognise_enhancer(path), device, precision)


def build_model(
    found: Recognised,
    device: torch.device | str,
    precision: Precision,
    *,
    torch_compile: bool,
    evaluation: Evaluation = "auto",
) -> RifeModel:
    """Build the network of a checkpoint that was recognised; see ``load_rife``."""
    weights = found.canonical.weights
    if found.config.refines:
        weights = found.canonical.everything()
    network = build_network(found.config, weights)
    _place(network, device, precision, found.config)
    return RifeModel(network, found.name, torch_compile=torch_compile, evaluation=evaluation)


def load_trainable(path: Path | str) -> tuple[Recognised, IFNet]:
    """Load a v4 network on the CPU, to go on with its training.

    It is the network as it was published: no convolutions merged, without the refinement that some
    checkpoints of 3.9-4.4 carry.

    Raises:
        CheckpointError: as for ``load_rife``.
        UnsupportedCheckpointError: it finds the middle only, or always refines: most before 4.0.
    """
    found = recognise(path)
    config = found.config
    if not isinstance(config, IFNetConfig) or config.refines or not config.takes_timestep:
        raise UnsupportedCheckpointError(
            f"{path}: RIFE {found.name} cannot be fine-tuned. Choose a checkpoint of 4.x: the losses are made for "
            "networks that make frames at any time, by one pass of their blocks, as those do."
        )
    return found, build_trainable(config, found.canonical.weights)


def build_enhancer_model(
    found: RecognisedEnhancer, device: torch.device | str, precision: Precision
) -> Enhancer:
    """Build the network of a checkpoint that enhances."""
    network = build_enhancer(found.config, found.canonical.weights)
    _place(network, device, precision, found.config)
    return Enhancer(network, found.name)


def _place(
    network: Network | SAFA,
    device: torch.device | str,
    precision: Precision,
    config: NetworkConfig | SafaConfig,
) -> None:
    """Bring a network onto its device and to its precision."""
    device = torch.device(device)
    network.to(device)
    if precision == "auto":
        precision = _choose_precision(device, config)
    set_precision(network, DTYPES[precision])


@dataclass(frozen=True, slots=True)
class Recognised:
    """A checkpoint that was read and understood, before a network is built from it.

    Attributes:
        name: the release, or the releases that share this network.
        config: the network.
        canonical: its weights.
        tuning: what the file says of its training, if it is fine-tuned.
    """

    name: str
    config: NetworkConfig
    canonical: CanonicalWeights
    tuning: Tuning | None = None


@dataclass(frozen=True, slots=True)
class RecognisedEnhancer:
    """The same for a checkpoint that enhances."""

    name: str
    config: SafaConfig
    canonical: CanonicalWeights


def recognise(path: Path | str, *, version: str | None = None, refine: bool = False) -> Recognised:
    """Read a checkpoint and find out what it is; see ``load_rife``."""
    canonical = read_weights(path)
    return _recognise(Path(path), canonical, version, refine=refine)


def recognise_enhancer(path: Path | str) -> RecognisedEnhancer:
    """The same for SAFA; see ``load_enhancer``."""
    return _recognise_enhancer_in(Path(path), read_weights(path))


def _recognise(
    path: Path, canonical: CanonicalWeights, version: str | None, *, refine: bool
) -> Recognised:
    with _named(path):
        config = detect(canonical.everything(), refine=refine)
    if canonical.dropped:
        _log.debug("%s: %d weights not used by inference", path.name, len(canonical.dropped))
    tuning, preset = read_tuning(path), find_preset(config)
    # Anybody can write anything into a file: it is believed where the network is that of the release.
    if tuning and preset and tuning.base in (preset.label, *preset.versions):
        return Recognised(f"{tuning.base} fine-tuned", config, canonical, tuning)
    name, config = _settle_version(path, canonical, config, version)
    return Recognised(name, config, canonical, tuning)


def _recognise_enhancer_in(path: Path, canonical: CanonicalWeights) -> RecognisedEnhancer:
    with _named(path):
        config = detect_enhancer(canonical.weights)
    name = SAFA_RELEASE if config == SafaConfig() else "SAFA, unnamed"
    return RecognisedEnhancer(name, config, canonical)


@contextmanager
def _named(path: Path) -> Generator[None, None, None]:
    """Prefix errors about the weights with the path."""
    try:
        yield
    except CheckpointError as error:
        error.args = (f"{path}: {error}",)
        raise


def _choose_precision(
    device: torch.device, config: NetworkConfig | SafaConfig
) -> Literal["fp32", "fp16", "bf16"]:
    """Choose what is fastest on a device and still at least 55 dB from fp32."""
    if device.type == "cuda":  # earlier ones have half precision, but no speed in it
        return "fp16" if torch.cuda.get_device_capability(device)[0] >= 7 else "fp32"
    if device.type == "cpu":
        # Where a CPU multiplies matrices of bfloat16. AVX-512's instructions for it are no faster than the
        # compiled loops in fp32. Networks that find motion without an encoder, which stays fp32, are 47
        # (4.0) to 54 dB (3.6) off.
        has_encoder = isinstance(config, IFNetConfig) and config.encoder is not None
        capabilities = getattr(torch.cpu, "get_capabilities", dict[str, bool])()
        return "bf16" if capabilities.get("amx_bf16") and has_encoder else "fp32"
    return "fp16" if device.type == "mps" else "fp32"


def _settle_version(
    path: Path, canonical: CanonicalWeights, config: NetworkConfig, version: str | None
) -> tuple[str, NetworkConfig]:
    """Name the release, exactly where that is known, and how it is run."""
    preset = find_preset(config)
    exact = version or KNOWN_WEIGHTS.get(canonical_sha256(canonical.weights))
    if config in _SAME_SHAPES.values():
        if exact is None or exact not in _SAME_SHAPES:
            exact = _guess_same_shapes(path)
        return exact, _SAME_SHAPES[exact]
    if preset is None:
        return f"unnamed, {len(config.widths)} blocks", config
    if version and version not in preset.versions:
        raise CheckpointMismatchError(
            f"{path}: this is not RIFE {version} but the network of {preset.label}. "
            "Choose another file, or leave the version to be recognised."
        )
    derived = None if exact else _find_derived(path, preset.label)
    if derived is None:
        return exact or preset.label, config
    if derived.other_way:
        raise UnsupportedCheckpointError(
            f"{path}: by its name this is {derived.name}, which has the weights of {preset.label} but "
            f"runs in another way that is not supported: {derived.other_way}. Choose "
            f"{preset.versions[-1]}; if the name is wrong, rename the file."
        )
    return f"{derived.name} (network of {preset.label})", config


def _find_derived(path: Path, network: str) -> Derived | None:
    """Tell by its name whether a file has weights that others trained on a released network."""
    name = path.name.lower()
    return next((d for d in DERIVED if d.name in name and d.network == network), None)


def _guess_same_shapes(path: Path) -> str:
    """Tell 3.6 from 3.8 by the file's name, else assume the safer one."""
    named = _VERSION_IN_NAME.search(f"{path.parent.name}/{path.name}")
    if named:
        return f"3.{named[1]}"
    _log.warning(
        "%s: its weights fit both 3.6 and 3.8; assuming 3.6. "
        "If it is 3.8, put 3.8 into its file name, or use --model-version 3.8.",
        path,
    )
    return "3.6"
