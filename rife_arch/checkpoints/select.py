"""Which of the tensors in a file are the network.

Training wraps the weights: in a dictionary beside the optimizer's (``model_state_dict``), and in
modules that put their name in front (``module.``, ``_orig_mod.``, ``ema_model.``). A reader joins
nested dictionaries with dots, so both are prefixes here. What they are called does not matter: the
prefix of a name is what stands before the part that only networks known here have.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

from ..errors import CheckpointError
from .stored import shorten

_Value = TypeVar("_Value")

# The parts of the networks without which they are none; SAFA's last three go with "block".
_CORE = re.compile(r"block\d+|blocks|block|encode|shuffle|lastconv[01]")
# The others. What is called so may also be somebody's wrapper, so these found no group of their own.
_ASIDE = re.compile(r"contextnet|unet|teacher|caltime|block_tea")
# In front of all names of a part, such as contextnet.pkl, which has no core.
_WRAPPERS = ("module", "_orig_mod", "model", "flownet", "state_dict", "teacher")
# Modules that are wrapped one by one, so these stand inside names too.
_INSERTED = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
_FIRST = ("block0.", "blocks.0.", "block.getscale.")  # what every network begins with
_AVERAGED = re.compile(r"(^|[._])(ema|shadow|averaged|swa)[._\d]")
_OPTIMIZER = re.compile(r"(^|\.)\w*optim\w*\.")


def select_network(
    tensors: Mapping[str, _Value],
) -> tuple[dict[str, _Value], str | None]:
    """Find the network among all tensors of a file.

    Args:
        tensors: names, those of nested dictionaries joined by dots -> anything.

    Returns:
        What belongs to the network, without prefix; and the prefix of the copy that was chosen, if
        there are several.

    Raises:
        CheckpointError: there are several networks, and none is the average of another.
    """
    split = {name: _split(name) for name in tensors}
    found = dict.fromkeys(prefix for prefix, _ in split.values() if prefix is not None)
    if not found:
        return _without_wrappers(tensors), None
    # A loss beside the network may have blocks too, but not the first of a RIFE network.
    whole = {prefix for prefix, rest in split.values() if rest.startswith(_FIRST)} - {None}
    prefixes = [prefix for prefix in found if prefix in whole] or list(found)
    chosen = _choose(prefixes)
    network: dict[str, _Value] = {}
    for name, (prefix, rest) in split.items():
        if prefix == chosen:
            network[rest] = tensors[name]
        elif prefix is None and _belongs(name, chosen):
            network[_strip(name, chosen)] = tensors[name]
    return network, chosen if len(prefixes) > 1 else None


def _split(name: str) -> tuple[str | None, str]:
    """Split a name before its first core part; the prefix is None if it has none."""
    parts = name.split(".")
    for index, part in enumerate(parts):
        if _ASIDE.fullmatch(part):
            break
        # "block" alone is SAFA's; elsewhere it is a common word, which says nothing by itself.
        if _CORE.fullmatch(part) and index + 1 < len(parts):
            prefix = "".join(f"{part}." for part in parts[:index])
            rest = ".".join(part for part in parts[index:] if part not in _INSERTED)
            return (None if _OPTIMIZER.search(prefix) else prefix), rest
    return None, name


def _choose(prefixes: list[str]) -> str:
    if len(prefixes) == 1:
        return prefixes[0]
    averaged = [prefix for prefix in prefixes if _AVERAGED.search(prefix)]
    if len(averaged) == 1:
        return averaged[0]
    named = ", ".join(shorten(prefix) or "(no prefix)" for prefix in sorted(prefixes)[:6])
    raise CheckpointError(
        f"it holds {len(prefixes)} networks, whose names begin with {named}. It is not clear which "
        "to load: save the weights of one of them with torch.save."
    )


def _belongs(name: str, chosen: str) -> bool:
    """Whether a name without a core part is the network's: beside its core, or above it."""
    if not chosen:
        return True
    aside = next((i for i, part in enumerate(name.split(".")) if _ASIDE.fullmatch(part)), None)
    if aside is None:
        return False
    return chosen.startswith("".join(f"{part}." for part in name.split(".")[:aside]))


def _strip(name: str, chosen: str) -> str:
    if not chosen:
        return name
    parts = name.split(".")
    return ".".join(parts[next(i for i, part in enumerate(parts) if _ASIDE.fullmatch(part)) :])


def _without_wrappers(tensors: Mapping[str, _Value]) -> dict[str, _Value]:
    stripped = dict(tensors)
    while (first := _shared_part(stripped)) in _WRAPPERS:
        stripped = {name[len(first) + 1 :]: value for name, value in stripped.items()}
    return stripped


def _shared_part(names: Iterable[str]) -> str:
    """Return the first part of all names; empty if they differ."""
    parts = {name.partition(".")[0] if "." in name else "" for name in names}
    return parts.pop() if len(parts) == 1 else ""
