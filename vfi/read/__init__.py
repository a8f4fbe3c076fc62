"""From a file, or a folder of images, to frames with exact timestamps.

May import the package's root modules, ``timing`` and ``image_files``.
"""

from .clip import Clip, open_folder, open_video
from .demux import audio_start_after_seek
from .image_sequence import read_mask

__all__ = ["Clip", "audio_start_after_seek", "open_folder", "open_video", "read_mask"]
