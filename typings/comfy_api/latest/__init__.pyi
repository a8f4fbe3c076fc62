"""What this pack uses of ``comfy_api.latest`` (written for 0.25)."""

from . import _io_public as io
from . import _ui_public as ui
from ._input_impl import VideoComponents as _VideoComponents
from ._input_impl import VideoFromComponents as _VideoFromComponents
from ._input_impl import VideoFromFile as _VideoFromFile
from ._input_impl import VideoInput as _VideoInput

__all__ = ["ComfyExtension", "Input", "InputImpl", "Types", "io", "ui"]

class ComfyExtension:
    async def get_node_list(self) -> list[type[io.ComfyNode]]: ...

class Input:
    Video = _VideoInput

class InputImpl:
    VideoFromComponents = _VideoFromComponents
    VideoFromFile = _VideoFromFile

class Types:
    VideoComponents = _VideoComponents
