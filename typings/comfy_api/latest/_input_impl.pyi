from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from typing import Any

from torch import Tensor

@dataclass
class VideoComponents:
    images: Tensor
    frame_rate: Fraction
    audio: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    alpha: Tensor | None = None

class VideoInput:
    def get_components(self) -> VideoComponents: ...
    def get_frame_rate(self) -> Fraction: ...
    def get_duration(self) -> float: ...
    def get_active_trim_window(self) -> tuple[float, float]: ...
    def as_trimmed(
        self, start_time: float, duration: float, strict_duration: bool
    ) -> VideoInput | None: ...

class VideoFromComponents(VideoInput):
    def __init__(self, components: VideoComponents) -> None: ...

class VideoFromFile(VideoInput):
    def __init__(self, file: str) -> None: ...
    def get_stream_source(self) -> str | BytesIO: ...
