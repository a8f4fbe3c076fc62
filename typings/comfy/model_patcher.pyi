"""What this pack uses of ``comfy.model_patcher``."""

import torch

class ModelPatcher:
    load_device: torch.device
    def __init__(
        self, model: torch.nn.Module, load_device: torch.device, offload_device: torch.device
    ) -> None: ...
