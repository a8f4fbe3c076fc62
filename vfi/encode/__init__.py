"""What a video is encoded as: presets, encoders, containers, and the ffmpeg that does it.

May import the package's root modules only, and no torch.
"""

from .containers import CONTAINERS, Container, find_container
from .encoder_options import parse_encoder_options
from .encoders import available_presets, choose_encoder
from .ffmpeg import QUIET, RunningFFmpeg, ffmpeg_version, file_url, find_ffmpeg
from .presets import DEFAULT_PRESET, PRESETS, SPEEDS, Preset, find_preset
from .raw_frames import FrameFormat
from .settings import EncodingSettings

__all__ = [
    "CONTAINERS",
    "DEFAULT_PRESET",
    "PRESETS",
    "QUIET",
    "SPEEDS",
    "Container",
    "EncodingSettings",
    "FrameFormat",
    "Preset",
    "RunningFFmpeg",
    "available_presets",
    "choose_encoder",
    "ffmpeg_version",
    "file_url",
    "find_container",
    "find_ffmpeg",
    "find_preset",
    "parse_encoder_options",
]
