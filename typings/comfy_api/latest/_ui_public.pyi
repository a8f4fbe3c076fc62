from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ._io_public import ComfyNode, FolderType, UIOutput

class SavedResult:
    def __init__(self, filename: str, subfolder: str, type: FolderType) -> None: ...  # noqa: A002

class SavedImages(UIOutput):
    def __init__(self, results: Sequence[SavedResult], is_animated: bool = False) -> None: ...

class PreviewVideo(UIOutput):
    def __init__(self, values: Sequence[SavedResult]) -> None: ...

class PreviewImage(UIOutput):
    def __init__(self, image: Tensor, *, cls: type[ComfyNode]) -> None: ...
    def as_dict(self) -> dict[str, Any]: ...
