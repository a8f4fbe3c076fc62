"""From frames to files: videos in segments, image sequences, a pipe; and the streams beside the picture.

May import the package's root modules, ``image_files``, ``encode`` and ``read``.
"""

from .apart import Apart, RunStore
from .finished import whole_file, write_whole
from .image_sequence import ImageSequenceWriter
from .names import fit_name
from .pipe import PipeWriter
from .video import VideoWriter
from .wav import WavFile, wav_tracks, write_wav

__all__ = [
    "Apart",
    "ImageSequenceWriter",
    "PipeWriter",
    "RunStore",
    "VideoWriter",
    "WavFile",
    "fit_name",
    "wav_tracks",
    "whole_file",
    "write_wav",
    "write_whole",
]
