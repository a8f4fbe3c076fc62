"""Single images in files: PNG and OpenEXR with all their bits, read and written.

May import the package's root modules only.
"""

from .exr import encode_exr
from .png import encode_png, is_whole, probe_picture, read_picture

__all__ = ["encode_exr", "encode_png", "is_whole", "probe_picture", "read_picture"]
