"""From a file, or a folder of images, to frames with exact timestamps.

May import the package's root modules, ``timing`` and ``image_files``.
"""

from .audio import DecodedAudio, read_audio
from .clip import Clip, open_folder, open_video
from .demux import audio_origin, open_container
from .image_sequence import read_mask
from .video import probe_video, read_video, trim_video

__all__ = [
    "Clip",
    "DecodedAudio",
    "audio_origin",
    "open_container",
    "open_folder",
    "open_video",
    "probe_video",
    "read_audio",
    "read_mask",
    "read_video",
    "trim_video",
]
