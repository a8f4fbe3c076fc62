"""For which networks the pyramid is known to be exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from ..networks import EncoderConfig, IFNetConfig, NetworkConfig

_Handled = Mapping[str, tuple[object, ...] | None]
"""Name of a config's field -> the values that the pyramid handles; None for any value."""

# A field that is not listed must have its default, so a new one falls to the plain forward until
# tests/rife_arch/evaluation shows that the pyramid gives the same result with it.
_NETWORK: _Handled = {
    "widths": None,
    "block_scales": None,  # but see supports_pyramid
    "encoder": None,  # but see _ENCODER
    "hidden_features": None,
    "head_channels": None,
    "shuffled_head": (False, True),
    "prelu": (False, True),
    "residual": ("unit", "trunk", "none"),
    "groups": None,
    "accumulates_mask": (False, True),
}
_ENCODER: _Handled = {"hidden": None, "features": None, "short": (False, True)}


def supports_pyramid(config: NetworkConfig, flow_scale: float) -> bool:
    """Tell whether the pyramid gives the result of the plain forward.

    It must handle everything in ``config``, and reduce each block's input by 1/2 (which enlarges),
    1 or an even number.
    """
    if not isinstance(config, IFNetConfig) or not _is_handled(config, _NETWORK):
        return False
    if config.encoder is not None and not _is_handled(config.encoder, _ENCODER):
        return False
    scales = [scale / flow_scale for scale in config.block_scales]
    return all(scale in (0.5, 1) or scale % 2 == 0 for scale in scales)


def _is_handled(config: IFNetConfig | EncoderConfig, handled: _Handled) -> bool:
    for field in fields(config):
        value = getattr(config, field.name)
        values = handled.get(field.name, (field.default,))
        if values is not None and value not in values:
            return False
    return True
