from fractions import Fraction
from io import BytesIO
from typing import Any, Protocol

from torch import Tensor

class VideoComponents(Protocol):
    images: Tensor
    alpha: Tensor | None
    audio: dict[str, Any] | None
    frame_rate: Fraction

class VideoInput:
    def get_components(self) -> VideoComponents: ...

class VideoFromFile(VideoInput):
    def __init__(self, file: str) -> None: ...
    def get_stream_source(self) -> str | BytesIO: ...
    def get_active_trim_window(self) -> tuple[float, float]: ...
