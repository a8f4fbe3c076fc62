"""What is used of lpips, which is an extra and not installed where this is checked."""

from torch import Tensor
from torch.nn import Module

class LPIPS(Module):
    def __init__(self, *, net: str, verbose: bool) -> None: ...
    def forward(self, in0: Tensor, in1: Tensor, *, normalize: bool) -> Tensor: ...
