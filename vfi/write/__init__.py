"""From frames to files: videos in segments, image sequences, a pipe; and the streams beside the picture.

May import the package's root modules, ``image_files``, ``encode`` and ``read``.
"""

from .apart import Apart, RunStore, RunWriter
from .finished import give_name, whole_file, write_whole
from .image_sequence import ImageSequenceWriter
from .lock import only_writer
from .names import fit_name, unfinished_name
from .pipe import PipeWriter
from .segments import SEGMENT_LENGTH
from .video import VideoWriter
from .wav import WavFile, wav_tracks, write_wav

__all__ = [
    "SEGMENT_LENGTH",
    "Apart",
    "ImageSequenceWriter",
    "PipeWriter",
    "RunStore",
    "RunWriter",
    "VideoWriter",
    "WavFile",
    "fit_name",
    "give_name",
    "only_writer",
    "unfinished_name",
    "wav_tracks",
    "whole_file",
    "write_wav",
    "write_whole",
]
