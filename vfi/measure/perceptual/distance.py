"""How far two pictures are apart for a network that was trained to see as people do.

Reference: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018,
arXiv:1801.03924; AlexNet, version 0.1, as papers on frame interpolation report it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ...errors import InputError

BACKBONE = "alexnet-owt-7be5be79.pth"
"""The file that torchvision looks for, as it is published by PyTorch."""
_ADDRESS = f"https://download.pytorch.org/models/{BACKBONE}"


def load_lpips(device: torch.device) -> Callable[[Tensor, Tensor], float]:
    """Load the network, of which nothing is downloaded.

    Args:
        device: it runs there.

    Returns:
        Takes two pictures [1, 3, H, W] in [0, 1]; 0 for equal ones.

    Raises:
        InputError: the package, or the weights of AlexNet, are not there; says how to get them.
    """
    try:
        import lpips
    except (ImportError, RuntimeError) as error:  # the second: a torchvision for another torch
        raise InputError(
            f"--lpips needs the package lpips, and the torchvision that goes with this torch ({error}). "
            "Install them as docs/command_line.md says, or leave --lpips out."
        ) from error
    weights = Path(torch.hub.get_dir()) / "checkpoints" / BACKBONE
    if not weights.is_file():
        raise InputError(
            f"--lpips needs the weights of AlexNet, 233 MB, which are not at {weights}. Nothing is downloaded "
            f"here: save {_ADDRESS} there, or leave --lpips out."
        )
    network = lpips.LPIPS(net="alex", verbose=False).to(device)

    @torch.inference_mode()
    def distance(made: Tensor, real: Tensor) -> float:
        return network(made.to(device), real.to(device), normalize=True).item()

    return distance
