"""What this pack uses of ``comfy.utils``."""

from PIL.Image import Image

class ProgressBar:
    def __init__(self, total: int) -> None: ...
    def update(self, value: int) -> None: ...
    def update_absolute(
        self, value: int, total: int | None = None, preview: tuple[str, Image, int] | None = None
    ) -> None: ...
