"""What this pack uses of ``comfy_api.latest`` (written for 0.25)."""

from . import _io_public as io
from . import _ui_public as ui
from ._input_impl import VideoFromFile as _VideoFromFile

__all__ = ["ComfyExtension", "InputImpl", "io", "ui"]

class ComfyExtension:
    async def get_node_list(self) -> list[type[io.ComfyNode]]: ...

class InputImpl:
    VideoFromFile = _VideoFromFile
