"""Still images in files: any kind is read, PNG and OpenEXR are written, with all their bits.

May import the package's root modules only.
"""

from .exr import encode_exr
from .opened import PILLOW_ERRORS, open_image
from .png import ImageInfo, encode_png, is_complete, probe_image, read_image

__all__ = [
    "PILLOW_ERRORS",
    "ImageInfo",
    "encode_exr",
    "encode_png",
    "is_complete",
    "open_image",
    "probe_image",
    "read_image",
]
