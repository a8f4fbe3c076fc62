"""What is said where not even one frame fits into a device's memory."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from ..errors import NotEnoughMemoryError
from ..memory import free_bytes, is_out_of_memory
from ..networks import Network
from .base import device_of
from .evaluator import Evaluator
from .features import Features
from .footprint import count_working_bytes
from .scale import FLOW_SCALES, scale_name
from .views import Quality

_GIGABYTE = 1e9


@contextmanager
def shortage_explained(
    evaluator: Evaluator, network: Network, features: Features, quality: Quality
) -> Generator[None, None, None]:
    """Say of memory that ran out how much a frame needs, how much is free, and what would help.

    Errors on a CPU are left as they are: there is nothing to choose between main memory and another.

    Raises:
        NotEnoughMemoryError: in place of what torch raises.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        is_explained = isinstance(error, NotEnoughMemoryError)
        if is_explained or device_of(network).type == "cpu" or not is_out_of_memory(error):
            raise
        message = _explanation(evaluator, network, features, quality)
        raise NotEnoughMemoryError(message) from error


def _explanation(
    evaluator: Evaluator, network: Network, features: Features, quality: Quality
) -> str:
    in_strips = evaluator.saves_memory

    def needed(scale: float) -> int:
        size = features.height, features.width
        return count_working_bytes(
            network, *size, scale=scale, quality=quality, in_strips=in_strips
        )

    device, scale = device_of(network), features.flow_scale
    takes, free = needed(scale), free_bytes(device)
    has = "" if free is None else f", and {free / _GIGABYTE:.1f} GB are free"
    lower = [(less, needed(less)) for less in FLOW_SCALES if less < scale]
    helps = [f"{scale_name(less)}: {n / _GIGABYTE:.1f} GB" for less, n in lower if n < takes]
    advice = f"Lower scale ({', '.join(helps)}), use" if helps else "Use"
    return (
        f"{evaluator.label}: there is not enough memory on {device} for a frame of "
        f"{features.width}x{features.height} at scale {scale_name(scale)}. Beside the weights it takes at least "
        f"{takes / _GIGABYTE:.1f} GB{has}. {advice} smaller frames or a lower precision, or close what else "
        "uses the device."
    )
