"""From frames to files: videos in segments, image sequences, a pipe; and the tracks beside the picture.

May import the package's root modules, ``image_files``, ``encode`` and ``read``.
"""

from .image_sequence import PictureWriter
from .pipe import RawWriter
from .video import VideoWriter
from .wav import write_wav

__all__ = ["PictureWriter", "RawWriter", "VideoWriter", "write_wav"]
