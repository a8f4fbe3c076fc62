"""What a video is encoded as: presets, encoders, containers, and the conversion of frames for them.

May import the package's root modules only, and no torch.
"""

from .containers import CONTAINERS, Container, find_container
from .convert import PixelConverter
from .encoder_options import parse_encoder_options
from .encoders import available_presets, choose_encoder, opens, set_up_encoder
from .frame_format import FrameFormat
from .presets import DEFAULT_PRESET, PRESETS, SPEEDS, Preset, find_preset
from .settings import EncodingSettings

__all__ = [
    "CONTAINERS",
    "DEFAULT_PRESET",
    "PRESETS",
    "SPEEDS",
    "Container",
    "EncodingSettings",
    "FrameFormat",
    "PixelConverter",
    "Preset",
    "available_presets",
    "choose_encoder",
    "find_container",
    "find_preset",
    "opens",
    "parse_encoder_options",
    "set_up_encoder",
]
