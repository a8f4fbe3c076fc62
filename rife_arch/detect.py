"""Canonical weights -> configuration, from names and shapes alone.

Widths, encoder, head, activations and mask mode show in the shapes, so a network of unknown widths
but known structure loads too. What no shape shows:

- ``block_scales``: 8, 4, 2, 1 for four blocks and 16, 8, 4, 2, 1 for five, but 32, 16, 8, 4, 1 for
  4.25.lite, the only one whose last block is 24 wide. Source: HolyWu/vs-rife,
  IFNet_HDv3_v4_25_lite.py; ComfyUI 0.25 runs this network with the scales of 4.25.
- ``adaptive``: four blocks with PReLU, that is 4.0 and 4.1. Source: IFNet_HDv3.py of 4.0.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from .config import PRESETS, EncoderConfig, IFNetConfig, Preset
from .errors import CheckpointMismatchError, UnsupportedCheckpointError
from .ifnet import IFNet

_Shapes = Mapping[str, tuple[int, ...]]
_NUM_LISTED = 4


def detect(weights: Mapping[str, Tensor]) -> IFNetConfig:
    """Read the configuration of a network off its canonical weights.

    Raises:
        UnsupportedCheckpointError: the weights are of no family known here.
        CheckpointMismatchError: the family is known, but keys are missing, unexpected or of
            another shape; the message names them.
    """
    shapes = {key: tuple(value.shape) for key, value in weights.items()}
    try:
        config = _derive(shapes)
    except (KeyError, IndexError, ZeroDivisionError):
        raise _explained(shapes) from None
    if config.block_scales == ():
        raise _explained(shapes)
    if difference := _difference(shapes, expected_shapes(config)):
        raise CheckpointMismatchError(
            f"expected the weights of a RIFE network with {len(config.widths)} blocks, but "
            f"{difference}. The file is damaged or was edited: download it again."
        )
    return config


def find_preset(config: IFNetConfig) -> Preset | None:
    """Return the released network with this configuration, if there is one."""
    return next((preset for preset in PRESETS if preset.config == config), None)


def expected_shapes(config: IFNetConfig) -> dict[str, tuple[int, ...]]:
    """Return name -> shape of every weight of the network, without allocating it."""
    with torch.device("meta"):
        network = IFNet(config)
    return {key: tuple(value.shape) for key, value in network.state_dict().items()}


def _derive(shapes: _Shapes) -> IFNetConfig:
    num_blocks = len({key.split(".")[1] for key in shapes if key.startswith("blocks.")})
    widths = tuple(shapes[f"blocks.{i}.conv0.1.0.weight"][0] for i in range(num_blocks))
    encoder = _derive_encoder(shapes)
    num_features = encoder.features if encoder else 0
    shuffled_head = "blocks.0.lastconv.0.weight" in shapes
    head = shapes["blocks.0.lastconv.0.weight" if shuffled_head else "blocks.0.lastconv.weight"]
    prelu = "blocks.0.conv0.0.1.weight" in shapes
    has_units = "blocks.0.convblock.0.beta" in shapes
    unit = shapes[f"blocks.0.convblock.0.{'conv' if has_units else '0'}.weight"]
    return IFNetConfig(
        widths=widths,
        block_scales=_block_scales(widths),
        encoder=encoder,
        hidden_features=shapes["blocks.1.conv0.0.0.weight"][1] - 12 - 2 * num_features,
        head_channels=head[1],
        shuffled_head=shuffled_head,
        prelu=prelu,
        residual="unit" if has_units else "trunk" if prelu else "none",
        groups=widths[0] // unit[1],
        accumulates_mask=encoder is None,
        adaptive=prelu and num_blocks == 4,
    )


def _derive_encoder(shapes: _Shapes) -> EncoderConfig | None:
    if not any(key.startswith("encode.") for key in shapes):
        return None
    hidden, features = shapes["encode.cnn3.weight"][:2]
    short = not any(key.startswith(("encode.cnn1.", "encode.cnn2.")) for key in shapes)
    return EncoderConfig(hidden, features, short)


def _block_scales(widths: tuple[int, ...]) -> tuple[int, ...]:
    if len(widths) == 4:
        return (8, 4, 2, 1)
    if len(widths) == 5:
        return (32, 16, 8, 4, 1) if widths[-1] == 24 else (16, 8, 4, 2, 1)
    return ()


def _explained(shapes: _Shapes) -> UnsupportedCheckpointError | CheckpointMismatchError:
    """Compare with every released network, and say how far the closest is."""
    expected = {preset.label: expected_shapes(preset.config) for preset in PRESETS}
    label = max(expected, key=lambda name: len(expected[name].items() & shapes.items()))
    num_common = len(expected[label].items() & shapes.items())
    if num_common == 0:
        return UnsupportedCheckpointError(
            f"expected the weights of a RIFE network (blocks.0.conv0…), got {len(shapes)} other "
            f"weights such as {_listed(sorted(shapes))}. Choose a RIFE checkpoint."
        )
    difference = _difference(shapes, expected[label])
    if 2 * num_common > len(expected[label]):
        return CheckpointMismatchError(
            f"expected the weights of RIFE {label}, but {difference}. "
            "The file is damaged or was edited: download it again."
        )
    return UnsupportedCheckpointError(
        f"expected the weights of a known RIFE network; closest is {label}, but {difference}. "
        "Choose another checkpoint.",
        nearest=label,
    )


def _difference(shapes: _Shapes, expected: _Shapes) -> str:
    """Describe how ``shapes`` deviate from ``expected``; empty if they do not."""
    missing = sorted(expected.keys() - shapes.keys())
    unexpected = sorted(shapes.keys() - expected.keys())
    changed = [
        f"{key} {list(shapes[key])} instead of {list(expected[key])}"
        for key in sorted(expected.keys() & shapes.keys())
        if shapes[key] != expected[key]
    ]
    parts = (("missing", missing), ("unexpected", unexpected), ("wrongly shaped", changed))
    return "; ".join(f"{what}: {_listed(names)}" for what, names in parts if names)


def _listed(names: list[str]) -> str:
    rest = len(names) - _NUM_LISTED
    return ", ".join(names[:_NUM_LISTED]) + (f" and {rest} more" if rest > 0 else "")
