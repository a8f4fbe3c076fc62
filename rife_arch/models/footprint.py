"""How much memory a network needs for a frame, counted without computing or allocating anything.

The network runs on torch's meta device, where tensors have a size and no content, and what would be alive at
the same time is added up. What libraries take for themselves, such as cuDNN's workspaces, is not in it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ..evaluation import supports_pyramid
from ..networks import Averaging, HDv3Net, IFNet, Network, Pair
from .evaluator import Evaluator
from .scale import Scale, flow_scale_of
from .views import Quality

# Pairs of encoded frames that the views of a quality mode add to the first one.
_MORE_PAIRS: Mapping[Quality, int] = {"fast": 0, "better": 0, "best": 1, "ultra": 3}
_FLOAT = 4  # bytes


class LiveBytes(TorchDispatchMode):
    """Counts what is alive of the memory that operators allocate while it is entered.

    Attributes:
        peak: the most there was at a time, bytes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._live = 0
        self._known = weakref.WeakSet[torch.UntypedStorage]()

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run an operator, and count what it has allocated."""
        given = {_storage(leaf) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)}
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor) and (storage := _storage(leaf)) not in given:
                self._count(storage)
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        if storage in self._known:
            return
        self._known.add(storage)
        size = storage.nbytes()
        self._live += size
        self.peak = max(self.peak, self._live)
        weakref.finalize(storage, self._free, size)

    def _free(self, size: int) -> None:
        self._live -= size


def _storage(tensor: Tensor) -> torch.UntypedStorage:
    return tensor.untyped_storage()


def count_working_bytes(
    network: Network,
    height: int,
    width: int,
    *,
    scale: Scale = 1.0,
    quality: Quality = "fast",
    batch: int = 1,
    in_strips: bool = False,
) -> int:
    """Count what a network needs besides its weights to interpolate one pair, bytes.

    Args:
        network: with its weights; not modified.
        height: of the frames, px.
        width: of the frames, px.
        scale: see ``RifeModel.encode``.
        quality: see ``RifeModel.interpolate``.
        batch: how many timesteps are computed together.
        in_strips: as where memory has run out; see ``Evaluator.save_memory``.
    """
    meta = _on_meta(network)
    flow_scale = flow_scale_of(scale)
    if quality == "ultra":  # which estimates at this scale, halved above 1, and at twice that
        flow_scale = 2 * (flow_scale if flow_scale <= 1 else flow_scale / 2)
    has_pyramid = supports_pyramid(network.config, flow_scale)
    evaluator = Evaluator(
        meta,
        "exact" if has_pyramid else "plain",
        torch_compile=False,
        saves_memory=in_strips,
    )
    averaging: Averaging = "last" if scale == "auto" or quality == "ultra" else "none"
    multiple = network.config.pad_multiple(flow_scale)
    rows, columns = (-(-side // multiple) * multiple for side in (height, width))
    live = LiveBytes()
    with torch.inference_mode(), live:
        encoded0, encoded1 = (
            evaluator.encode_frame(torch.empty(1, 3, rows, columns, device="meta"), flow_scale)
            for _ in range(2)
        )
        pair = Pair(encoded0, encoded1)
        encoded = pair.frame0.nbytes + pair.frame1.nbytes
        times = torch.empty(batch, 1, 1, 1, device="meta")
        if meta.config.supports_any_timestep:
            evaluator.interpolate(pair.expanded(batch), times, flow_scale, averaging=averaging)
        else:
            meta(pair, times[:1], flow_scale, averaging)
    sums = 0 if quality == "fast" else 2 * batch * 3 * rows * columns * _FLOAT
    return live.peak + _MORE_PAIRS[quality] * encoded + sums


def _on_meta(network: Network) -> Network:
    """Copy a network to where it computes nothing; one that adapts keeps to its own scales there."""
    with torch.device("meta"):
        copy = deepcopy(network, {id(weight): weight.to("meta") for weight in network.parameters()})
    if isinstance(copy, (IFNet, HDv3Net)):
        config = replace(copy.config, adaptive=False)
        copy.config = config  # pyright: ignore[reportAttributeAccessIssue]  of the same class
    return copy
