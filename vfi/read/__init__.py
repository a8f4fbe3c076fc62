"""From a file, or a folder of images, to frames with exact timestamps.

May import the package's root modules, ``timing`` and ``image_files``.
"""

from .audio import DecodedAudio, read_audio
from .clip import Clip, open_folder, open_video
from .clock import side_packets
from .demux import audio_origin, open_container, seek_before
from .image_sequence import read_mask
from .sound import SoundFormat, read_sound, sound_format
from .video import FrameTime, probe_video, read_times, read_video, trim_video

__all__ = [
    "Clip",
    "DecodedAudio",
    "FrameTime",
    "SoundFormat",
    "audio_origin",
    "open_container",
    "open_folder",
    "open_video",
    "probe_video",
    "read_audio",
    "read_mask",
    "read_sound",
    "read_times",
    "read_video",
    "seek_before",
    "side_packets",
    "sound_format",
    "trim_video",
]
