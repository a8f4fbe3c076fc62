"""Canonical weights -> configuration, from names and shapes alone.

Widths, encoder, head, activations and mask mode show in the shapes, so a network of unknown widths
but known structure loads too. What no shape shows:

- ``block_scales``: 8, 4, 2, 1 for four blocks and 16, 8, 4, 2, 1 for five, but 32, 16, 8, 4, 1 for
  4.25.lite, the only one whose last block is 24 wide. Source: HolyWu/vs-rife,
  IFNet_HDv3_v4_25_lite.py; ComfyUI 0.25 runs this network with the scales of 4.25.
- ``adaptive``: four blocks with PReLU that do not see unwarped frames, that is 4.0 and 4.1.
  Source: IFNet_HDv3.py of 4.0.
- 3.6 and 3.8 have the same shapes; ``detect`` answers 3.6, and ``load`` tells 3.8 by a hash, a name or the
  user's choice.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import lru_cache

from torch import Tensor

from ..errors import CheckpointMismatchError, UnsupportedCheckpointError
from ..networks import (
    PRESETS,
    EncoderConfig,
    HDv3Config,
    IFNetConfig,
    NetworkConfig,
    Preset,
    SafaConfig,
    ThreeFileConfig,
    expected_shapes,
)
from .canonicalize import REFINEMENT
from .stored import shorten

_Shapes = Mapping[str, tuple[int, ...]]
_NUM_LISTED = 4
_MOST_PARTS = 16  # steps, or units in one; SAFA 0.5 has 8
_SAFA = "block.getscale."  # prefix that no other network has


def detect(weights: Mapping[str, Tensor], *, refine: bool = False) -> NetworkConfig:
    """Read the configuration of a network off its canonical weights.

    Args:
        weights: canonical names -> tensors; those of the refinement are looked at only where they
            are part of the network or asked for.
        refine: use the optional refinement (3.9-4.4).

    Raises:
        UnsupportedCheckpointError: the weights are of no family known here.
        CheckpointMismatchError: the family is known, but keys are missing, unexpected or of
            another shape; the message names them.
    """
    shapes = {key: tuple(value.shape) for key, value in weights.items()}
    _refuse_relatives(shapes)
    try:
        config = _derive(shapes)
    except (KeyError, IndexError, ValueError, ZeroDivisionError):
        raise _explained(shapes) from None
    if refine:
        config = _with_refinement(config, shapes)
    expected = _expected_shapes(config)
    if expected is None:
        raise _explained(shapes)
    if _difference(shapes, expected):
        raise _explained(shapes, config)
    return config


def _expected_shapes(config: NetworkConfig | SafaConfig) -> dict[str, tuple[int, ...]] | None:
    """Return what the network of a configuration has; None if there can be no such network."""
    try:
        return expected_shapes(config)
    # Of torch: odd groups, negative sizes, layers of more than 2^63 bytes.
    except (ValueError, RuntimeError, ZeroDivisionError):
        return None


def looks_like_safa(weights: Mapping[str, Tensor]) -> bool:
    """Tell whether canonical weights are of SAFA, complete or not."""
    return any(key.startswith(_SAFA) for key in weights)


def detect_enhancer(weights: Mapping[str, Tensor]) -> SafaConfig:
    """Read the configuration of an enhancer off its canonical weights.

    Raises:
        UnsupportedCheckpointError: the weights are of another network.
        CheckpointMismatchError: keys are missing, unexpected or of another shape.
    """
    shapes = {key: tuple(value.shape) for key, value in weights.items()}
    if not looks_like_safa(weights):
        if any(key.startswith("blocks.") for key in shapes):
            raise UnsupportedCheckpointError(
                "this is a RIFE network, which interpolates; SAFA enhances video. Load it with "
                "Load RIFE Model or inference_video.py; to enhance, choose a SAFA checkpoint."
            )
        raise UnsupportedCheckpointError(
            f"this is not SAFA (block.getscale…): it has {len(shapes)} other weights, such as "
            f"{_listed(sorted(shapes))}. Choose a SAFA checkpoint."
        )
    config = _derive_enhancer(shapes)
    expected = _expected_shapes(config)
    if expected is None:
        config, expected = SafaConfig(), expected_shapes(SafaConfig())
    if difference := _difference(shapes, expected):
        raise CheckpointMismatchError(
            f"this looks like SAFA, but with weights {difference}. "
            "The file is damaged, was edited, or is a release other than 0.5: get SAFA 0.5."
        )
    return config


def _derive_enhancer(shapes: _Shapes) -> SafaConfig:
    """Read off the configuration; that of the release where it does not show."""
    try:
        config = SafaConfig(
            width=shapes["block.convimg.6.weight"][0],
            encoder_width=shapes["block.convimg.0.weight"][0],
            num_steps=_count(shapes, "block.convblock."),
            depth=_count(shapes, "block.convblock.0.conv_backbone."),
            num_final_units=_count(shapes, "lastconv0.") - 1,
        )
    except (KeyError, IndexError):
        return SafaConfig()
    parts = (config.num_steps, config.depth, config.num_final_units)
    return config if max(parts) <= _MOST_PARTS else SafaConfig()


def _count(shapes: _Shapes, prefix: str) -> int:
    """Count the numbered modules behind a prefix."""
    return len({key[len(prefix) :].split(".")[0] for key in shapes if key.startswith(prefix)})


def find_preset(config: NetworkConfig) -> Preset | None:
    """Return the released network with this configuration, refined or not, if there is one."""
    alike = [config]
    if isinstance(config, IFNetConfig) and config.refines:
        alike.append(dataclasses.replace(config, refines=False))
    return next((preset for preset in PRESETS if preset.config in alike), None)


def _refuse_relatives(shapes: _Shapes) -> None:
    """Refuse related networks that are not supported, by name."""
    if "blocks.0.res0.fc1.weight" in shapes:
        raise UnsupportedCheckpointError(
            "this is version 1 of RIFE, and this package runs 2.0 and later. "
            "Choose a later checkpoint; 4.25 is a good one."
        )
    if any(key.startswith(_SAFA) for key in shapes):
        raise UnsupportedCheckpointError(
            "this is SAFA, which enhances video; RIFE networks interpolate. Load it with Load RIFE "
            "Enhancer or inference_video_enhance.py; to interpolate, choose a RIFE checkpoint, such "
            "as 4.25."
        )
    if shapes and all(key.startswith(REFINEMENT) for key in shapes):
        raise UnsupportedCheckpointError(
            "this is a contextnet.pkl or unet.pkl without its flownet.pkl. "
            "Choose the folder that holds all three."
        )


def _derive(shapes: _Shapes) -> NetworkConfig:
    num_blocks = len({key.split(".")[1] for key in shapes if key.startswith("blocks.")})
    widths = tuple(shapes[f"blocks.{i}.conv0.1.0.weight"][0] for i in range(num_blocks))
    if "blocks.0.conv1.weight" in shapes:
        has_skips = "blocks.0.convblock0.0.0.weight" in shapes
        return ThreeFileConfig(widths, _block_scales(widths), has_skips)
    if "blocks.0.conv1.0.weight" in shapes:
        two_step_heads = "blocks.0.conv1.2.weight" in shapes
        return HDv3Config(widths[0], two_step_heads)
    return _derive_ifnet(shapes, widths)


def _derive_ifnet(shapes: _Shapes, widths: tuple[int, ...]) -> IFNetConfig:
    encoder = _derive_encoder(shapes)
    shuffled_head = "blocks.0.lastconv.0.weight" in shapes
    head = shapes["blocks.0.lastconv.0.weight" if shuffled_head else "blocks.0.lastconv.weight"]
    prelu = "blocks.0.conv0.0.1.weight" in shapes
    has_units = "blocks.0.convblock.0.beta" in shapes
    unit = shapes[f"blocks.0.convblock.0.{'conv' if has_units else '0'}.weight"]
    first, later = (shapes[f"blocks.{i}.conv0.0.0.weight"][1] for i in (0, 1))
    keeps_unwarped = encoder is None and later in (17, 18)  # 6 unwarped more than 11 or 12
    is_paper = keeps_unwarped and len(widths) == 3
    return IFNetConfig(
        widths=widths,
        block_scales=_block_scales(widths),
        encoder=encoder,
        hidden_features=0 if keeps_unwarped else later - first - 5,
        head_channels=head[1],
        shuffled_head=shuffled_head,
        prelu=prelu,
        residual="unit" if has_units else "trunk" if prelu else "none",
        groups=max(1, widths[0] // unit[1]),
        accumulates_mask=encoder is None,
        adaptive=prelu and len(widths) == 4 and not keeps_unwarped,
        takes_timestep=first % 2 == 1,  # all other inputs come in pairs
        keeps_unwarped=keeps_unwarped,
        refines=is_paper,
    )


def _with_refinement(config: NetworkConfig, shapes: _Shapes) -> NetworkConfig:
    if config.refines:
        return config
    if not config.may_refine or not any(key.startswith(REFINEMENT) for key in shapes):
        raise UnsupportedCheckpointError(
            "this checkpoint has no refinement network; some of 3.9-4.4 have one. "
            "Load it without refinement."
        )
    assert isinstance(config, IFNetConfig)  # the only family where it is a choice
    return dataclasses.replace(config, refines=True)


def _derive_encoder(shapes: _Shapes) -> EncoderConfig | None:
    if not any(key.startswith("encode.") for key in shapes):
        return None
    hidden, features = shapes["encode.cnn3.weight"][:2]
    short = not any(key.startswith(("encode.cnn1.", "encode.cnn2.")) for key in shapes)
    return EncoderConfig(hidden, features, short)


def _block_scales(widths: tuple[int, ...]) -> tuple[int, ...]:
    """Return the scales of a network with this many blocks; KeyError if none was ever released."""
    if widths[4:] == (24,):
        return (32, 16, 8, 4, 1)
    return {3: (4, 2, 1), 4: (8, 4, 2, 1), 5: (16, 8, 4, 2, 1)}[len(widths)]


def _explained(
    shapes: _Shapes, derived: NetworkConfig | None = None
) -> UnsupportedCheckpointError | CheckpointMismatchError:
    """Name the closest network, released or derived, and what differs."""
    candidates = dict(_released_shapes())
    if derived is not None:
        candidates[f"with {len(derived.widths)} blocks"] = expected_shapes(derived)
    in_common = {label: len(shapes.items() & candidates[label].items()) for label in candidates}
    label = max(in_common, key=lambda name: in_common[name])
    if in_common[label] == 0:
        return UnsupportedCheckpointError(
            f"this is not a RIFE network (blocks.0.conv0…): it has {len(shapes)} other weights, "
            f"such as {_listed(sorted(shapes))}. Choose a RIFE checkpoint."
        )
    name = label if label.startswith("RIFE") else f"RIFE {label}"
    difference = _difference(shapes, candidates[label])
    if 2 * in_common[label] > len(candidates[label]):
        return CheckpointMismatchError(
            f"this looks like {name}, but with weights {difference}. "
            "The file is damaged or was edited: download it again."
        )
    return UnsupportedCheckpointError(
        f"this is not a known RIFE network. Closest is {name}, but with weights {difference}. "
        "Choose another checkpoint.",
        nearest=label,
    )


@lru_cache(maxsize=1)
def _released_shapes() -> Mapping[str, _Shapes]:
    """Label -> shapes of every release: constants, which take 0.3 s to work out."""
    return {preset.label: expected_shapes(preset.config) for preset in PRESETS}


def _difference(shapes: _Shapes, expected: _Shapes) -> str:
    """Describe how ``shapes`` deviate from ``expected``; empty if they do not."""
    missing = sorted(expected.keys() - shapes.keys())
    surplus = sorted(shapes.keys() - expected.keys())
    unexpected = [key for key in surplus if not key.startswith(REFINEMENT)]
    changed = [
        f"{key} {list(shapes[key])} instead of {list(expected[key])}"
        for key in sorted(expected.keys() & shapes.keys())
        if shapes[key] != expected[key]
    ]
    parts = (("missing", missing), ("unexpected", unexpected), ("wrongly shaped", changed))
    return "; ".join(f"{what}: {_listed(names)}" for what, names in parts if names)


def _listed(names: list[str]) -> str:
    rest = len(names) - _NUM_LISTED
    return ", ".join(shorten(name) for name in names[:_NUM_LISTED]) + (
        f" and {rest} more" if rest > 0 else ""
    )
